//! What the viewer tells of traces: list, tree, run, violations; within bounds, on both mounts.

#![cfg(all(feature = "langsmith_mock", feature = "analysis"))]
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod langsmith_mock_support;
mod pages;

use std::net::SocketAddr;
use std::time::Duration;

use common::langsmith_mock::{Fault, LangSmithMock, Route};
use http::Method;
use langsmith_mock_support::*;
use pages::{get, page};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

const LONG: Duration = Duration::from_secs(30);

fn trace(n: u64) -> String {
    format!("/?trace={}", id(n))
}

fn with_service(mut run: Value, service: &str, sdk: &str) -> Value {
    run["extra"] = json!({"metadata": {"service": service}, "runtime": {"sdk": sdk}});
    run
}

/// A trace of two services with a model in it, a failed one, and one whose root is lost.
fn three_traces() -> LangSmithMock {
    let mock = LangSmithMock::builder().unmounted();
    let root = with_service(post(1, &[]), "gateway", "langsmith-rust");
    let child = with_service(post(2, &[1]), "retriever", "langsmith-py");
    let mut model = with_service(post(3, &[1, 2]), "retriever", "langsmith-py");
    model["run_type"] = json!("llm");
    model["inputs"] = json!({"messages": [{"role": "user", "content": "Why?"}], "n": [1, 2]});
    let mut answered = patch(3, &[1, 2]);
    answered["outputs"] = json!({"usage_metadata": {"input_tokens": 1_200, "output_tokens": 34}});
    answered["run_type"] = json!("llm");
    let mut failed = patch(10, &[]);
    failed["error"] = json!("no answer\n  at line 3");
    let mut elsewhere = post(20, &[19]);
    elsewhere["session_name"] = json!("elsewhere");
    batch(&mock, &[root, child, model, post(10, &[]), elsewhere], &[]);
    batch(
        &mock,
        &[],
        &[patch(1, &[]), patch(2, &[1]), answered, failed],
    );
    mock
}

#[test]
fn an_empty_stand_in_says_how_to_point_an_sdk_at_it() {
    let mock = LangSmithMock::builder().unmounted();
    let text = page(&mock, "/").text;
    assert!(text.contains("No run has arrived yet."));
    assert!(text.contains("export LANGSMITH_ENDPOINT=http://127.0.0.1:1984\n"));
}

#[test]
fn the_list_tells_each_trace_newest_first() {
    let list = page(&three_traces(), "/");
    let rows: Vec<&str> = list
        .all("tr")
        .skip(1)
        .map(|row| row.text.as_str())
        .collect();
    assert_eq!(rows.len(), 3);
    assert!(rows[0].starts_with("run 20") && rows[0].contains("its root has not arrived"));
    assert!(rows[0].contains("elsewhere") && rows[0].contains("pending"));
    assert!(
        rows[1].contains("✗ error") && rows[1].contains("no answer") && !rows[1].contains("line 3")
    );
    for words in [
        "run 1",
        "✓ success",
        "tests",
        "gateway",
        "retriever",
        "1 s",
        "1,234",
        "2026-11-22",
    ] {
        assert!(rows[2].contains(words), "{words}: {}", rows[2]);
    }
    let summary = &list.by_id("summary").text;
    for words in [
        "3 traces",
        "5 runs",
        "1 still running",
        "1 error",
        "1 orphan",
    ] {
        assert!(summary.contains(words), "{words}: {summary}");
    }
    assert!(list.by_id("arrived").text.contains("updates merged4"));
}

#[test]
fn a_filter_finds_by_text_project_and_status() {
    let mock = three_traces();
    let found = |query: &str| {
        let list = page(&mock, &format!("/?{query}"));
        let is_trace = |link: &&pages::Element| {
            let id = link.get("id").unwrap_or_default();
            id.starts_with("trace-")
        };
        let links = list.all("a").filter(is_trace);
        links.map(|link| link.text.clone()).collect::<Vec<_>>()
    };
    assert_eq!(found("q=RETRIEVER"), ["run 1"]);
    assert_eq!(found("q=no+answer"), ["run 10"]);
    assert_eq!(found("project=elsewhere"), ["run 20"]);
    assert_eq!(found("status=error"), ["run 10"]);
    assert_eq!(found("status=orphan"), ["run 20"]);
    assert_eq!(found("status=success&project=tests"), ["run 1"]);
    assert!(found("q=nothing+of+it").is_empty());
    let none = page(&mock, "/?q=nothing+of+it");
    assert_eq!(none.by_id("q").get("value"), Some("nothing of it"));
    assert_eq!(none.links("Show all 3"), ["/"]);
}

#[test]
fn a_trace_shows_its_tree_its_times_and_where_a_service_begins() {
    let page = page(&three_traces(), &trace(1));
    let runs = page.by_id("runs");
    assert!(
        runs.text.contains("→ in service retriever"),
        "{}",
        runs.text
    );
    assert_eq!(
        runs.text.matches("in service").count(),
        1,
        "the third run stays in it"
    );
    assert!(runs.text.contains("took 1 s, began after 1 ms"));
    assert!(runs.text.contains("└─"), "the same as text");
    // The first run is looked at, and the tree says which it is.
    let current = page
        .all("a")
        .find(|link| link.get("aria-current") == Some("true"));
    assert_eq!(current.unwrap().text, "run 1");
    assert_eq!(
        page.links("run 3"),
        [format!("/?trace={}&run={}#run", id(1), id(3))]
    );
    assert_eq!(page.all("rect").count(), 3, "a bar for each run");
}

#[test]
fn a_run_shows_what_went_in_and_out_and_who_sent_it() {
    let mock = three_traces();
    let feedback = json!({"run_id": id(3), "key": "helpful", "score": 0.5, "comment": "so so"});
    mock.handle(json_request(Method::POST, "/feedback", &feedback));
    for target in [
        format!("{}&run={}", trace(1), id(3)),
        format!("/?run={}", id(3)),
        format!("/traces/{}?run={}", id(1), id(3)),
    ] {
        let page = page(&mock, &target);
        let run = &page.by_id("run").text;
        for words in [
            "run 3",
            "llm",
            "1,234",
            "retriever",
            "by langsmith-py",
            "userWhy?",
            "usage_metadata",
            "helpful",
            "0.5",
            "so so",
            "(this run)",
            "Raw JSON",
            "\"input_tokens\": 1200",
        ] {
            assert!(run.contains(words), "{target}: {words}: {run}");
        }
        assert_eq!(
            page.by_id("part-place").text.matches("run ").count(),
            4,
            "{run}"
        );
        let raw = page.links("Open it alone");
        assert_eq!(raw, [format!("/viewer/run.json?run={}", id(3))]);
        assert_eq!(get(&mock, raw[0]).status, 200);
    }
}

#[test]
fn what_was_dropped_is_told_where_one_looks_for_it() {
    let mock = three_traces();
    let mut dropped = post(5, &[1]);
    dropped["dotted_order"] = json!("nonsense");
    let answer = batch(&mock, &[dropped], &[]);
    assert_eq!(answer.status, 202);
    let all = page(&mock, "/violations");
    let dropped = &all.by_id("dropped").text;
    for words in [
        "Answered 202 and dropped",
        "create of run 5",
        "dotted_order_malformed",
        "✗ error",
    ] {
        assert!(dropped.contains(words), "{words}: {dropped}");
    }
    assert!(
        page(&mock, "/")
            .text
            .contains("1 operation answered 202 and dropped")
    );
    let wrong = &page(&mock, &trace(1)).by_id("wrong").text.clone();
    assert!(
        wrong.contains("1 operation of this trace answered 202 and dropped"),
        "{wrong}"
    );
    assert!(page(&mock, &trace(10)).by_id("wrong").text.is_empty());
    assert!(all.by_id("to-violations").text.contains('1'));
}

#[test]
fn a_warning_leads_to_its_run() {
    let mock = LangSmithMock::builder().unmounted();
    let mut run = post(1, &[]);
    run["run_type"] = json!("dream");
    batch(&mock, &[run], &[]);
    let all = page(&mock, "/violations");
    assert!(
        all.by_id("others")
            .text
            .contains("! warning run_type_unknown")
    );
    assert_eq!(all.links("its run"), [format!("/?run={}#run", id(1))]);
    assert!(
        page(&mock, &trace(1))
            .by_id("wrong")
            .text
            .contains("1 violation in this trace")
    );
}

#[test]
fn what_is_not_there_is_not_found() {
    let mock = three_traces();
    for target in [
        trace(99),
        format!("/?run={}", id(99)),
        "/?trace=nonsense".to_owned(),
        "/traces/nonsense".to_owned(),
        "/traces/a/b".to_owned(),
        "/viewer".to_owned(),
        "/viewer/passwd".to_owned(),
    ] {
        let page = page(&mock, &target);
        assert!(page.text.contains("Not found"), "{target}");
        assert_eq!(get(&mock, &target).status, 404, "{target}");
    }
    // A run that is not of this trace: the trace is shown, with a run of its own.
    let other = page(&mock, &format!("{}&run={}", trace(1), id(10)));
    assert_eq!(other.by_id("run-title").text, "run 1");
}

#[test]
fn ten_thousand_runs_come_in_pages() {
    let mock = LangSmithMock::builder().unmounted();
    let runs = (2..=10_000).map(|n| {
        // The times of the fixtures end after six seconds.
        let (mut run, time) = (post(n, &[1]), start(n % 5_000 + 2));
        let place = time.replace(['-', ':', '.'], "") + &id(n);
        run["dotted_order"] = json!(format!("{}.{place}", segment(1)));
        run["start_time"] = json!(time);
        run
    });
    let runs: Vec<Value> = runs.collect();
    batch(&mock, &[post(1, &[])], &[]);
    batch(&mock, &runs, &[]);
    assert_eq!(mock.runs().len(), 10_000);
    let first = page(&mock, &trace(1));
    assert!(first.bytes < 1_000_000, "{} bytes", first.bytes);
    assert!(first.text.contains("Page 1 of 40"));
    assert_eq!(first.links("Next →"), [format!("/?trace={}&page=2", id(1))]);
    // A run brings its page with it.
    let late = page(&mock, &format!("{}&run={}", trace(1), id(9_990)));
    assert!(late.text.contains(" of 40") && !late.text.contains("Page 1 of 40"));
    assert_eq!(late.by_id("run-title").text, "run 9990");
    assert!(
        page(&mock, &format!("{}&page=999999", trace(1)))
            .text
            .contains("Page 40 of 40")
    );
}

#[test]
fn a_chain_of_hundreds_of_runs_does_not_nest_hundreds_deep() {
    let mock = LangSmithMock::builder().unmounted();
    for n in 1..=300 {
        let above: Vec<u64> = (1..n).collect();
        batch(&mock, &[post(n, &above)], &[]);
    }
    let page = page(&mock, &trace(1));
    assert_eq!(page.all("ul").count(), 17);
    assert!(page.text.contains("level 250") && page.text.contains("Page 1 of 2"));
}

#[test]
fn a_large_value_is_cut_with_a_link_to_all_of_it() {
    let mock = LangSmithMock::builder().unmounted();
    let mut run = post(1, &[]);
    run["name"] = json!("n".repeat(100_000));
    run["inputs"] = json!({"long": "ä".repeat(3_000_000), "list": vec!["x".repeat(1_000); 3_000]});
    run["outputs"] = (0..5_000).map(|n| (format!("key {n}"), json!(n))).collect();
    run["error"] = json!("e".repeat(1_000_000));
    run["tags"] = json!(vec!["t".repeat(1_000); 1_000]);
    batch(&mock, &[run], &[]);
    let shown = page(&mock, &trace(1));
    assert!(shown.bytes < 300_000, "{} bytes", shown.bytes);
    let raw = format!("/viewer/run.json?run={}", id(1));
    assert!(shown.links("all of it as raw JSON").contains(&raw.as_str()));
    assert!(get(&mock, &raw).body.len() > 9_000_000);
    assert!(page(&mock, "/").bytes < 20_000);
}

#[test]
fn pages_and_their_files_are_guarded_by_headers_and_by_the_name_of_the_host() {
    let mock = three_traces();
    for target in [
        "/",
        "/violations",
        &trace(1),
        "/viewer/viewer.js",
        "/viewer/viewer.css",
    ] {
        let answer = get(&mock, target);
        let header = |wanted: &str| {
            let mut all = answer.headers.iter();
            all.find(|(has, _)| *has == wanted)
                .map_or("", |(_, value)| value.as_str())
        };
        let policy = header("content-security-policy");
        assert!(policy.starts_with("default-src 'none';"), "{target}");
        assert!(
            policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"),
            "{target}"
        );
        assert_eq!(header("x-content-type-options"), "nosniff", "{target}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{target}");
        assert_eq!(
            header("cross-origin-resource-policy"),
            "same-origin",
            "{target}"
        );
    }
    for (host, status) in [
        ("127.0.0.1:1984", 200),
        ("localhost", 200),
        ("LocalHost:80", 200),
        ("[::1]:1984", 200),
        ("evil.example:1984", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost.evil.example:1984", 403),
        ("192.0.2.1", 403),
    ] {
        for target in [
            "/",
            "/violations",
            &trace(1),
            "/viewer/events",
            "/viewer/viewer.js",
        ] {
            let request = with(
                request(Method::GET, target, ""),
                &[("host", host), ("accept", "text/html")],
            );
            assert_eq!(mock.handle(request).status, status, "{host} {target}");
        }
    }
}

#[test]
fn whoever_has_no_browser_gets_a_line_of_text() {
    let answer = three_traces().handle(request(Method::GET, "/", ""));
    assert_eq!(answer.content_type, "text/plain; charset=utf-8");
    assert!(
        answer
            .body
            .starts_with(b"A stand-in for LangSmith: 5 runs, 4")
    );
}

#[test]
fn looking_on_uses_up_no_fault_and_counts_as_no_request() {
    let mock = LangSmithMock::builder().latency(LONG).unmounted();
    mock.fault(Fault::status(503).times(1));
    let answer = get(&mock, "/");
    assert_eq!((answer.status.as_u16(), answer.delay), (200, None));
    assert!(mock.requests().is_empty());
    assert_eq!(batch(&mock, &[], &[]).status, 503);
    mock.fault(Fault::status(500).on(Route::Batch));
    assert_eq!(get(&mock, "/viewer/viewer.js").status, 200);
}

/// Sends a GET over a connection of its own and returns what can be read of the answer.
async fn ask(mock: &LangSmithMock, target: &str) -> BufReader<TcpStream> {
    let address: SocketAddr = mock.url().strip_prefix("http://").unwrap().parse().unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "GET {target} HTTP/1.1\r\nhost: {address}\r\naccept: text/html\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    BufReader::new(stream)
}

/// Reads up to the next event and returns its data.
async fn next_event(stream: &mut BufReader<TcpStream>) -> String {
    let read = async {
        loop {
            let mut line = String::new();
            assert_ne!(
                stream.read_line(&mut line).await.unwrap(),
                0,
                "the stream ended"
            );
            if let Some(data) = line.strip_prefix("data: ") {
                return data.trim().to_owned();
            }
        }
    };
    tokio::time::timeout(LONG, read).await.expect("an event")
}

async fn whole(mut stream: BufReader<TcpStream>) -> String {
    let mut text = String::new();
    let read = stream.read_to_string(&mut text);
    tokio::time::timeout(LONG, read)
        .await
        .expect("an end")
        .unwrap();
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_page_hears_of_a_run_as_it_arrives_and_of_the_end() {
    let mock = LangSmithMock::serve(([127, 0, 0, 1], 0).into())
        .await
        .unwrap();
    let mut news = ask(&mock, "/viewer/events").await;
    let before = next_event(&mut news).await;
    assert_eq!(
        page(&mock, "/").by_id("main").get("data-version"),
        Some(before.as_str())
    );
    batch(&mock, &[post(1, &[])], &[]);
    let after = next_event(&mut news).await;
    assert_ne!(before, after);
    assert_eq!(
        page(&mock, "/").by_id("main").get("data-version"),
        Some(after.as_str())
    );
    mock.clear();
    assert_eq!(next_event(&mut news).await, "0");
    drop(mock);
    whole(news).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mount_that_cannot_stream_tells_the_browser_to_come_back() {
    let mock = LangSmithMock::start().await;
    batch(&mock, &[post(1, &[])], &[]);
    let answer = whole(ask(&mock, "/viewer/events").await).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("text/event-stream"), "{head}");
    assert_eq!(body, "retry: 1000\nevent: change\ndata: 1\n\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_mounts_serve_the_same_pages() {
    let wiremock = LangSmithMock::start().await;
    let axum = LangSmithMock::serve(([127, 0, 0, 1], 0).into())
        .await
        .unwrap();
    for mock in [&wiremock, &axum] {
        batch(mock, &[post(1, &[]), post(2, &[1])], &[patch(1, &[])]);
    }
    for target in ["/", &trace(1), "/violations", "/viewer/viewer.css"] {
        let (one, other) = (ask(&wiremock, target).await, ask(&axum, target).await);
        let (one, other) = (whole(one).await, whole(other).await);
        let body = |answer: &str, mock: &LangSmithMock| {
            let body = answer.split_once("\r\n\r\n").unwrap().1;
            body.replace(mock.url(), "http://here")
        };
        assert!(
            one.starts_with("HTTP/1.1 200") && other.starts_with("HTTP/1.1 200"),
            "{target}"
        );
        assert_eq!(body(&one, &wiremock), body(&other, &axum), "{target}");
    }
}
