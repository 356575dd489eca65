//! What the stand-in captured, examined: as a value, over its route, and by the program.
#![cfg(all(feature = "analysis", feature = "langsmith_mock"))]

mod langsmith_mock_support;

use common::analysis::doctor::{EvidenceKind, Report, examine};
use common::langsmith_mock::LangSmithMock;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use langsmith_mock_support::{KEY, batch, id, patch, post, request};

fn codes(report: &Report) -> Vec<&'static str> {
    report.counts.keys().copied().collect()
}

fn ended(n: u64, above: &[u64], end: u64) -> Value {
    let mut run = post(n, above);
    run["end_time"] = patch(end, above)["end_time"].clone();
    run["outputs"] = json!({ "n": n });
    run
}

#[test]
fn a_whole_trace_is_clean_and_its_ingest_log_counts_as_given() {
    let mock = LangSmithMock::builder().unmounted();
    batch(&mock, &[ended(1, &[], 5), ended(2, &[1], 4)], &[]);
    let report = examine(&mock.evidence());
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.runs, 2);
    assert_eq!(report.given, [EvidenceKind::Trace, EvidenceKind::IngestLog]);
}

#[test]
fn a_run_that_was_accepted_and_dropped_shows_with_its_rule_and_its_orphaned_child() {
    let mock = LangSmithMock::builder().unmounted();
    let mut wrong = ended(2, &[1], 5);
    wrong["dotted_order"] = post(2, &[])["dotted_order"].clone();
    let child = ended(3, &[1, 2], 4);
    let answer = batch(&mock, &[ended(1, &[], 6), wrong, child], &[]);
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let report = examine(&mock.evidence());
    // Its dotted order begins with itself, so its trace is another one's as well.
    assert_eq!(
        codes(&report),
        ["LT001", "LT018", "LT020", "LT023"],
        "{report}"
    );
    let lost = report.with_code("LT023").next().expect("the loss");
    assert!(lost.words.contains(&id(2)), "{}", lost.words);
}

#[test]
fn a_second_update_and_a_refused_key_show_by_their_answers() {
    let mock = LangSmithMock::builder().unmounted();
    batch(&mock, &[post(1, &[])], &[]);
    batch(&mock, &[], &[patch(1, &[])]);
    let mut again = patch(1, &[]);
    again["outputs"] = json!({ "n": "another" });
    batch(&mock, &[], &[again]);
    let mut nobody = request(Method::POST, "/runs/batch", "{}");
    nobody.headers.remove("x-api-key");
    assert_eq!(mock.handle(nobody).status, StatusCode::UNAUTHORIZED);
    assert_eq!(codes(&examine(&mock.evidence())), ["LT022", "LT030"]);
}

#[test]
fn the_route_gives_the_same_lines_without_a_key_and_to_this_machine_only() {
    let mock = LangSmithMock::builder().unmounted();
    let mut run = ended(1, &[], 2);
    run["inputs"] = json!({ "key": KEY });
    batch(&mock, &[run], &[]);
    let mut asked = request(Method::GET, "/_stand_in/capture", "");
    asked.headers.remove("x-api-key");
    let answer = mock.handle(asked.clone());
    assert_eq!(answer.status, StatusCode::OK);
    let text = String::from_utf8(answer.body.to_vec()).expect("UTF-8");
    assert!(!text.contains(KEY), "the key stands in the capture");
    let without_time = |text: &str| text.split_once('\n').expect("lines").1.to_owned();
    assert_eq!(without_time(&text), without_time(&mock.capture()));
    asked
        .headers
        .insert("host", "evil.example".parse().expect("a header"));
    assert_eq!(mock.handle(asked).status, StatusCode::FORBIDDEN);
}

#[cfg(all(feature = "client", feature = "doctor"))]
#[tokio::test(flavor = "multi_thread")]
async fn the_program_examines_a_stand_in_by_its_url() {
    let mock = LangSmithMock::builder()
        .serve(([127, 0, 0, 1], 0).into())
        .await
        .expect("a port");
    batch(&mock, &[ended(2, &[1], 4)], &[]);
    let url = mock.url().to_owned();
    let ended = tokio::task::spawn_blocking(move || {
        let program = env!("CARGO_BIN_EXE_trace-doctor");
        std::process::Command::new(program).arg(url).output()
    });
    let output = ended.await.expect("a thread").expect("the program");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.starts_with("LT001 orphan"), "{told}{output:?}");
    assert_eq!(output.status.code(), Some(1));
}

/// A LangSmith that is no stand-in: it gives no capture, and notes which keys came.
#[cfg(all(feature = "client", feature = "doctor"))]
mod live {
    use std::path::Path;
    use std::process::Output;
    use std::sync::{Arc, Mutex};

    use axum::body::{Body, to_bytes};
    use axum::extract::{Request, State};
    use axum::response::Response;
    use common::langsmith_mock::MockRequest;

    use super::*;

    #[derive(Clone)]
    struct Door {
        mock: Arc<LangSmithMock>,
        keys: Arc<Mutex<Vec<String>>>,
    }

    async fn answer(State(door): State<Door>, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let respond = |status: StatusCode, body: Body| {
            let response = Response::builder().status(status);
            let response = response.header("content-type", "application/json");
            response.body(body).expect("a response")
        };
        let key = parts.headers.get("x-api-key");
        let key = key.map(|key| key.to_str().expect("text").to_owned());
        door.keys.lock().expect("whole").extend(key.clone());
        if parts.uri.path().starts_with("/_stand_in") {
            return respond(StatusCode::NOT_FOUND, Body::empty());
        }
        let body = to_bytes(body, 1 << 20).await.expect("a body");
        let target = parts.uri.path_and_query().expect("a target").as_str();
        let mut asked = MockRequest::new(parts.method, target, body);
        asked.headers = parts.headers;
        let answer = door.mock.handle(asked);
        respond(answer.status, Body::from(answer.body))
    }

    /// Opens the door before a stand-in; returns its address, and the keys that will have come.
    async fn open(mock: LangSmithMock) -> (String, Arc<Mutex<Vec<String>>>) {
        let keys = Arc::<Mutex<Vec<String>>>::default();
        let door = Door {
            mock: Arc::new(mock),
            keys: keys.clone(),
        };
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = listener.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let app = axum::Router::new().fallback(answer).with_state(door);
        tokio::spawn(async move { axum::serve(listener, app).await });
        (url, keys)
    }

    async fn examine(url: &str, endpoint: &str, spool: &Path, more: &[&str]) -> Output {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_trace-doctor"));
        for (name, _) in std::env::vars() {
            if name.starts_with("LANGSMITH_") || name.starts_with("LANGCHAIN_") {
                command.env_remove(name);
            }
        }
        command
            .args([url, "--project", "tests", "--format", "json"])
            .args(more)
            .env("LANGSMITH_API_KEY", KEY)
            .env("LANGSMITH_ENDPOINT", endpoint)
            .env("LANGSMITH_SPOOL_DIR", spool)
            .env("LANGSMITH_SPOOL_MODE", "durable");
        command.output().await.expect("the program")
    }

    fn told(output: &Output) -> Value {
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_key_goes_to_the_address_that_it_is_for_and_a_spool_is_left_alone() {
        let mock = LangSmithMock::builder().unmounted();
        batch(&mock, &[ended(1, &[], 5)], &[]);
        let (url, keys) = open(mock).await;
        let folder = tempfile::tempdir().expect("a folder");
        let spool = folder.path().join("spool");
        let elsewhere = "https://langsmith.invalid";
        let refused = examine(&url, elsewhere, &spool, &[]).await;
        let words = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{words}");
        assert!(
            words.contains("the key is for https://langsmith.invalid, and was not sent"),
            "{words}"
        );
        assert!(keys.lock().expect("whole").is_empty());
        for (endpoint, more) in [(url.as_str(), &[][..]), (elsewhere, &["--send-key"])] {
            let output = examine(&url, endpoint, &spool, more).await;
            assert_eq!(output.status.code(), Some(0), "{output:?}");
            assert_eq!(told(&output)["runs"], 1);
        }
        let came = std::mem::take(&mut *keys.lock().expect("whole"));
        assert!(!came.is_empty() && came.iter().all(|key| key == KEY));
        assert!(!spool.exists(), "a spool was made");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_trace_that_the_limit_cuts_is_read_as_a_whole_and_the_cut_is_told() {
        let mock = LangSmithMock::builder().unmounted();
        let runs = [
            ended(1, &[], 20),
            ended(2, &[1], 19),
            ended(3, &[1, 2], 18),
            ended(4, &[1, 2, 3], 17),
        ];
        batch(&mock, &runs, &[]);
        let (url, _) = open(mock).await;
        let folder = tempfile::tempdir().expect("a folder");
        let spool = folder.path().join("spool");
        let output = examine(&url, &url, &spool, &["--limit", "2"]).await;
        let report = told(&output);
        assert_eq!(report["counts"], json!({}), "{report:#}");
        assert_eq!(report["runs"], 4);
        assert_eq!(
            report["limits"],
            json!(["the 2 newest runs of \"tests\" were read, and no older ones (--limit)"])
        );
    }
}
