//! The stand-in behind its two servers: the same answers, faults on order, waiting, doors.

#![cfg(feature = "langsmith_mock")]
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod langsmith_mock_support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use common::langsmith_mock::{
    ConnectionFault, Fault, LangSmithMock, MockRequest, Route, ServeError, ServerInfo,
};
use common::model::SteppingClock;
use http::Method;
use langsmith_mock_support::*;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const LONG: Duration = Duration::from_secs(30);
const ANY_PORT: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

/// What came over the wire: status, headers in lower case, body.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    headers: Vec<String>,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let find = |line: &'_ String| line.starts_with(&format!("{name}:"));
        let line = self.headers.iter().find(|line| find(line))?;
        line.split_once(": ").map(|(_, value)| value)
    }
}

/// Sends a request over a connection of its own; what is not HTTP is an error.
async fn send(url: &str, request: MockRequest) -> std::io::Result<Answer> {
    let address: SocketAddr = url.strip_prefix("http://").unwrap().parse().unwrap();
    let mut stream = TcpStream::connect(address).await?;
    let query = if request.query.is_empty() { "" } else { "?" };
    let mut head = format!(
        "{} {}{query}{} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n",
        request.method,
        request.path,
        request.query,
        request.body.len()
    );
    for (name, value) in &request.headers {
        head.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&request.body).await?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    let text = String::from_utf8(bytes).unwrap();
    let broken = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(broken)?;
    let mut lines = head.lines().map(str::to_ascii_lowercase);
    let status = lines.next().unwrap();
    let mut headers: Vec<String> = lines
        .filter(|line| !line.starts_with("date:") && !line.starts_with("connection:"))
        .collect();
    headers.sort();
    let answer = Answer {
        status: status.split(' ').nth(1).unwrap().parse().unwrap(),
        headers,
        body: body.to_owned(),
    };
    let length: usize = answer.header("content-length").unwrap().parse().unwrap();
    if request.method != Method::HEAD && length != body.len() {
        return Err(broken());
    }
    Ok(answer)
}

fn get(target: &str) -> MockRequest {
    request(Method::GET, target, "")
}

/// Everything that can be asked, in an order that gives something to answer.
fn conversation() -> Vec<MockRequest> {
    let name = format!("post.{}", id(1));
    let main = json_part(&name, &post(1, &[]));
    let inputs = json_part(format!("{name}.inputs"), &json!({"q": 1}));
    let query = |body: Value| json_request(Method::POST, "/runs/query", &body);
    vec![
        get("/info"),
        get("/api/v1/info"),
        get("/"),
        multipart_request(multipart(&[main, inputs], Length::InType)),
        json_request(
            Method::POST,
            "/api/v1/runs/batch",
            &json!({"post": [post(2, &[1])]}),
        ),
        json_request(Method::PATCH, &format!("/runs/{}", id(2)), &patch(2, &[1])),
        json_request(Method::POST, "/runs", &post(3, &[1])),
        json_request(Method::POST, "/runs", &json!({"id": "nonsense"})),
        multipart_request("no multipart"),
        get(&format!("/runs/{}", id(2))),
        get(&format!("/runs/{}", id(9))),
        query(json!({"trace": id(1)})),
        query(json!({"is_root": true, "limit": 1})),
        query(json!({"limit": 101})),
        get("/sessions?name=tests&limit=1"),
        get("/sessions?name=no+such%20project"),
        json_request(
            Method::POST,
            "/sessions?upsert=true",
            &json!({"name": "tests"}),
        ),
        json_request(Method::POST, "/sessions", &json!({"name": "tests"})),
        json_request(
            Method::POST,
            "/feedback",
            &json!({"id": id(8), "key": "k", "run_id": id(1), "score": 1,
                "created_at": start(1), "modified_at": start(1)}),
        ),
        get(&format!("/feedback?run={}", id(1))),
        request(Method::DELETE, &format!("/feedback/{}", id(8)), ""),
        request(Method::PUT, &format!("/runs/{}/share", id(1)), "{}"),
        get(&format!("/runs/{}/share", id(1))),
        json_request(Method::POST, "/runs/stats", &json!({})),
        json_request(
            Method::POST,
            "/api/v2/runs/query",
            &json!({"project_ids": [id(7)], "selects": ["NAME"]}),
        ),
        json_request(Method::POST, "/otel/v1/traces", &json!({})),
        json_request(
            Method::POST,
            "/sessions",
            &json!({"name": "gone", "id": id(7)}),
        ),
        request(Method::DELETE, &format!("/sessions/{}", id(7)), ""),
        get("/sessions/nonsense"),
        get("/settings"),
        get("/no/such/route"),
        request(Method::DELETE, "/runs", ""),
        request(Method::OPTIONS, "/runs/multipart", ""),
        request(Method::HEAD, "/info", ""),
        MockRequest::new(Method::POST, "/runs/batch", "{}"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn both_mounts_give_the_same_answers() {
    let builder = || {
        let begin = start(0).parse().unwrap();
        LangSmithMock::builder().clock(SteppingClock::new(begin, Duration::from_secs(1)))
    };
    let wiremock = builder().start().await;
    let axum = builder().serve(ANY_PORT.into()).await.unwrap();
    let direct = builder().unmounted();
    for request in conversation() {
        let what = format!("{} {}", request.method, request.path);
        let one = send(wiremock.url(), request.clone()).await.unwrap();
        let other = send(axum.url(), request.clone()).await.unwrap();
        assert_eq!(one, other, "{what}");
        assert_eq!(one.status, direct.handle(request).status.as_u16(), "{what}");
    }
    assert_eq!(wiremock.runs(), axum.runs());
    assert_eq!(wiremock.runs().len(), 3);
    assert_eq!(wiremock.violations(), axum.violations());
    assert_eq!(wiremock.ingest_log(), axum.ingest_log());
    assert_eq!(wiremock.dump(), axum.dump());
}

#[test]
fn only_loopback_is_served() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for open in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let refused = runtime.block_on(LangSmithMock::serve(open.parse().unwrap()));
        assert!(matches!(refused, Err(ServeError::NotLoopback(_))), "{open}");
    }
}

#[tokio::test]
async fn a_taken_port_is_an_error_and_a_dropped_one_is_free() {
    let first = LangSmithMock::serve(ANY_PORT.into()).await.unwrap();
    let address: SocketAddr = first
        .url()
        .strip_prefix("http://")
        .unwrap()
        .parse()
        .unwrap();
    let taken = LangSmithMock::serve(address).await;
    assert!(matches!(taken, Err(ServeError::Bind { .. })));
    drop(first);
    until_free(address).await;
}

#[tokio::test]
async fn dropping_the_wiremock_mount_frees_its_port() {
    let mock = LangSmithMock::start().await;
    let address: SocketAddr = mock.url().strip_prefix("http://").unwrap().parse().unwrap();
    drop(mock);
    until_free(address).await;
}

/// The server notices its end on another thread; waits until nothing listens any more.
async fn until_free(address: SocketAddr) {
    let free = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, free)
        .await
        .expect("the port is free");
}

#[tokio::test]
async fn statuses_on_order_come_n_times_with_retry_after() {
    let mock = LangSmithMock::start().await;
    mock.fault(
        Fault::status(429)
            .on(Route::Batch)
            .times(2)
            .retry_after("7"),
    );
    let body = json!({"post": [post(1, &[])]});
    let batch = || json_request(Method::POST, "/runs/batch", &body);
    for _ in 0..2 {
        let answer = send(mock.url(), batch()).await.unwrap();
        assert_eq!(answer.status, 429);
        assert_eq!(answer.header("retry-after"), Some("7"));
    }
    assert!(mock.runs().is_empty(), "a failed request stores nothing");
    assert_eq!(send(mock.url(), get("/info")).await.unwrap().status, 200);
    assert_eq!(send(mock.url(), batch()).await.unwrap().status, 202);
    let statuses: Vec<u16> = mock
        .requests()
        .iter()
        .map(|request| request.status)
        .collect();
    assert_eq!(statuses, [429, 429, 200, 202]);
}

#[test]
fn a_share_of_the_requests_fails_evenly() {
    let mock = LangSmithMock::builder()
        .fault(Fault::status(503).percent(25).on(Route::Batch))
        .unmounted();
    let failed = (0..100)
        .filter(|_| batch(&mock, &[], &[]).status == 503)
        .count();
    assert_eq!(failed, 25);
}

#[test]
fn an_answer_can_be_lost_after_the_runs_were_stored() {
    let mock = LangSmithMock::builder().unmounted();
    mock.fault(Fault::status(504).after_ingest().times(1));
    assert_eq!(batch(&mock, &[post(1, &[])], &[]).status, 504);
    assert_eq!(mock.runs().len(), 1);
    mock.fault(Fault::status(500));
    mock.clear_faults();
    assert_eq!(batch(&mock, &[], &[]).status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_cut_and_trickled_on_axum_only() {
    let mock = LangSmithMock::serve(ANY_PORT.into()).await.unwrap();
    for cut in [
        ConnectionFault::CutBeforeAnswer,
        ConnectionFault::CutInAnswer,
    ] {
        mock.fault(Fault::connection(cut).times(1));
        assert!(send(mock.url(), get("/info")).await.is_err(), "{cut:?}");
    }
    let whole = send(mock.url(), get("/settings")).await.unwrap();
    mock.fault(Fault::connection(ConnectionFault::Trickle(Duration::from_micros(1))).times(1));
    assert_eq!(send(mock.url(), get("/settings")).await.unwrap(), whole);
    let wiremock = LangSmithMock::start().await;
    wiremock.fault(Fault::connection(ConnectionFault::CutInAnswer));
    assert_eq!(
        send(wiremock.url(), get("/info")).await.unwrap().status,
        500
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_the_limit_is_not_read_to_its_end() {
    let limits = common::langsmith_mock::Limits {
        body_bytes: 1_000,
        ..Default::default()
    };
    let builder = LangSmithMock::builder().limits(limits);
    let axum = builder.clone().serve(ANY_PORT.into()).await.unwrap();
    let wiremock = builder.start().await;
    for mock in [&axum, &wiremock] {
        let answer = send(mock.url(), multipart_request(vec![b'x'; 2_000]))
            .await
            .unwrap();
        assert_eq!(answer.status, 413);
        assert_eq!(mock.errors().len(), 1);
    }
}

#[test]
fn a_key_is_asked_for_and_info_is_free() {
    let keyless = |target: &str| MockRequest::new(Method::GET, target, "");
    let mock = LangSmithMock::builder().unmounted();
    assert_eq!(mock.handle(keyless("/info")).status, 200);
    assert_eq!(mock.handle(keyless("/settings")).status, 401);
    assert_eq!(
        mock.handle(with(keyless("/settings"), &[("x-api-key", " ")]))
            .status,
        401
    );
    assert_eq!(
        mock.handle(with(keyless("/settings"), &[("x-api-key", "k")]))
            .status,
        200
    );
    let bearer = with(keyless("/settings"), &[("authorization", "Bearer token")]);
    assert_eq!(mock.handle(bearer).status, 200);
    let choosy = LangSmithMock::builder().keys([KEY]).unmounted();
    assert_eq!(choosy.handle(get("/settings")).status, 200);
    assert_eq!(
        choosy
            .handle(with(keyless("/settings"), &[("x-api-key", "k")]))
            .status,
        401
    );
}

#[test]
fn info_says_what_it_was_told() {
    let info = ServerInfo {
        zstd: false,
        multipart: false,
        size_limit: 7,
        ..ServerInfo::default()
    };
    let mock = LangSmithMock::builder().info(info).unmounted();
    let said = body_json(&mock.handle(get("/info")));
    assert_eq!(said["instance_flags"]["zstd_compression_enabled"], false);
    assert_eq!(said["batch_ingest_config"]["use_multipart_endpoint"], false);
    assert_eq!(said["batch_ingest_config"]["size_limit"], 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_wakes_at_the_arrival() {
    let mock = Arc::new(LangSmithMock::builder().unmounted());
    let task = tokio::spawn({
        let mock = Arc::clone(&mock);
        async move { mock.wait_for_ended(2, LONG).await }
    });
    let thread = std::thread::spawn({
        let mock = Arc::clone(&mock);
        move || mock.wait_until_blocking(|runs| runs.iter().any(|run| run.name == "run 2"), LONG)
    });
    batch(&mock, &[post(1, &[]), post(2, &[1])], &[]);
    batch(&mock, &[], &[patch(2, &[1])]);
    batch(&mock, &[], &[patch(1, &[])]);
    assert_eq!(task.await.unwrap().unwrap().len(), 2);
    assert!(thread.join().unwrap().is_ok());
}

#[tokio::test]
async fn waiting_in_vain_says_what_is_there() {
    let mock = LangSmithMock::builder().unmounted();
    let text = mock
        .wait_for_runs(3, Duration::ZERO)
        .await
        .unwrap_err()
        .to_string();
    assert_eq!(
        text,
        "0 of 3 runs arrived within 0ns; no request arrived at all"
    );
    batch(&mock, &[post(1, &[]), post(2, &[1])], &[patch(1, &[])]);
    let brief = Duration::from_millis(1);
    let error = mock.wait_for_runs(3, brief).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "2 of 3 runs arrived within 1ms: run 1; still running: run 2"
    );
    assert_eq!(error.arrived(), 2);
    let error = mock.wait_for_ended_blocking(2, brief).unwrap_err();
    assert_eq!(
        error.to_string(),
        "1 of 2 runs ended within 1ms: run 1; still running: run 2"
    );
    batch(&mock, &[json!({"id": id(3)})], &[]);
    let text = mock
        .wait_until(|runs| runs.len() == 3, brief)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("1 operation rejected, the last for error field_missing"),
        "{text}"
    );
}

#[test]
fn clearing_forgets_runs_and_requests() {
    let mock = LangSmithMock::builder().unmounted();
    batch(&mock, &[post(1, &[]), json!({})], &[]);
    mock.clear();
    assert!(mock.runs().is_empty() && mock.requests().is_empty());
    assert!(mock.violations().is_empty() && mock.rejected().is_empty());
    batch(&mock, &[post(1, &[])], &[]);
    assert_eq!(mock.runs().len(), 1);
}

#[test]
fn runs_are_found_by_what_they_are() {
    let mock = LangSmithMock::builder().unmounted();
    let mut failed = patch(3, &[1]);
    failed["error"] = json!("no answer");
    failed["run_type"] = json!("tool");
    let elsewhere = {
        let mut run = post(4, &[]);
        run["session_name"] = json!("elsewhere");
        run
    };
    batch(
        &mock,
        &[post(1, &[]), post(2, &[1]), post(3, &[1]), elsewhere],
        &[failed],
    );
    let names = |body: Value| -> Vec<String> {
        let answer = body_json(&mock.handle(json_request(Method::POST, "/runs/query", &body)));
        let runs = answer["runs"].as_array().unwrap().clone();
        runs.iter()
            .map(|run| run["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let project = body_json(&mock.handle(get("/sessions?name=elsewhere")))[0]["id"].clone();
    assert_eq!(names(json!({"session": [project]})), ["run 4"]);
    assert_eq!(names(json!({"trace": id(1)})), ["run 3", "run 2", "run 1"]);
    assert_eq!(
        names(json!({"trace": id(1), "order": "asc"})),
        ["run 1", "run 2", "run 3"]
    );
    assert_eq!(names(json!({"parent_run": id(1)})), ["run 3", "run 2"]);
    assert_eq!(names(json!({"is_root": true})), ["run 4", "run 1"]);
    assert_eq!(names(json!({"run_type": "tool"})), ["run 3"]);
    assert_eq!(names(json!({"error": true})), ["run 3"]);
    assert_eq!(names(json!({"id": [id(2), id(4)]})), ["run 4", "run 2"]);
    assert_eq!(names(json!({"start_time": start(3)})), ["run 4", "run 3"]);
    assert_eq!(
        mock.handle(json_request(
            Method::POST,
            "/runs/query",
            &json!({"filter": "x"})
        ))
        .status,
        400
    );
}

#[test]
fn pages_follow_the_cursor_to_the_last_run() {
    let mock = LangSmithMock::builder().unmounted();
    let posts: Vec<Value> = (1..=250).map(|n| post(n, &[])).collect();
    batch(&mock, &posts, &[]);
    let (mut cursor, mut seen) = (Value::Null, Vec::new());
    loop {
        let body = json!({"limit": 100, "cursor": cursor});
        let page = body_json(&mock.handle(json_request(Method::POST, "/runs/query", &body)));
        let runs = page["runs"].as_array().unwrap();
        assert!(runs.len() <= 100);
        seen.extend(
            runs.iter()
                .map(|run| run["id"].as_str().unwrap().to_owned()),
        );
        cursor = page["cursors"]["next"].clone();
        if cursor.is_null() {
            break;
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 250);
}
