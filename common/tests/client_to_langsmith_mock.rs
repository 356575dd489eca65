//! Our client before a strict judge: what it sends breaks no rule, not even one that only warns.
#![cfg(all(feature = "client", feature = "langsmith_mock"))]

use std::time::Duration;

use common::client::Client;
use common::langsmith_mock::{Fault, LangSmithMock, Route, ServerInfo};
use common::model::{Run, RunStatus, TraceTree};
use serde_json::json;

const KEY: &str = "a-key-for-tests-only-0001";
const LONG: Duration = Duration::from_secs(30);

fn client(mock: &LangSmithMock) -> Client {
    Client::builder()
        .endpoint(mock.url())
        .api_key(KEY)
        .project("tests")
        .enabled(true)
        .build()
        .expect("a client")
}

/// One request of the docs assistant: three levels, a tool that fails, awkward text.
fn answer_a_question(client: &Client) {
    let gateway = client
        .run("gateway")
        .inputs(json!({"question": "how?\r\n--boundary-like \u{0}é", "n": 1}))
        .metadata("customer", "c-1")
        .tag("docs")
        .start();
    let retrieve = gateway.child("retrieve").run_type("retriever").start();
    retrieve.add_event("asked the index");
    let rank = retrieve.child("rank").run_type("tool").start();
    rank.fail("no model");
    retrieve.end_with(json!({"documents": []}));
    gateway
        .child("generate")
        .run_type("llm")
        .inputs("a bare text")
        .start()
        .end_with(json!({"role": "assistant", "content": "so"}));
    gateway.end_with(json!({"answer": "so"}));
}

fn judged(mock: &LangSmithMock, runs: &[Run]) {
    assert_eq!(mock.violations(), []);
    assert_eq!(mock.rejected(), []);
    let tree = TraceTree::build(runs.to_vec());
    for trace in tree.trace_ids() {
        assert!(mock.trace(trace).is_whole());
    }
    let rank = tree.find("rank").expect("captured");
    assert_eq!(rank.status(), RunStatus::Error);
    assert!(
        runs.iter()
            .all(|run| run.project.as_deref() == Some("tests"))
    );
    let shown = format!("{:?}{:?}", mock.requests(), mock.ingest_log());
    assert!(!shown.contains(KEY));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_rule_is_broken_whatever_the_server_asks_for() {
    for (multipart, route) in [(true, "/runs/multipart"), (false, "/runs/batch")] {
        let info = ServerInfo {
            multipart,
            ..ServerInfo::default()
        };
        let mock = LangSmithMock::builder().info(info).start().await;
        let client = client(&mock);
        answer_a_question(&client);
        let runs = mock.wait_for_ended(4, LONG).await.expect("four runs");
        judged(&mock, &runs);
        let mut routes: Vec<_> = mock
            .requests()
            .into_iter()
            .filter(|request| request.method == "POST")
            .map(|request| request.path)
            .collect();
        routes.dedup();
        assert_eq!(routes, [route]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_traces_arrive_whole_through_failures() {
    let mock = LangSmithMock::serve(([127, 0, 0, 1], 0).into())
        .await
        .expect("a free port");
    mock.fault(Fault::status(503).on(Route::Multipart).times(2));
    mock.fault(
        Fault::status(504)
            .on(Route::Multipart)
            .after_ingest()
            .times(1),
    );
    let client = client(&mock);
    for _ in 0..100 {
        answer_a_question(&client);
    }
    let runs = mock.wait_for_ended(400, LONG).await.expect("all runs");
    assert_eq!(mock.tree().tops().len(), 100);
    judged(&mock, &runs);
}
