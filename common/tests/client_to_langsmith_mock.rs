//! Our client before a strict judge: what it sends breaks no rule, not even one that only warns.
#![cfg(all(feature = "client", feature = "langsmith_mock"))]

use std::time::Duration;

use common::client::Client;
use common::export::{BatchConfig, BatchExporter, Destination};
use common::langsmith_mock::{Fault, LangSmithMock, Route, ServerInfo};
use common::model::{
    Attachment, DottedOrder, Feedback, IdGenerator as _, RandomIds, Run, RunOp, RunStatus, Segment,
    TraceTree,
};
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
async fn attachments_and_feedback_break_no_rule_packed_or_not() {
    for zstd in [true, false] {
        let info = ServerInfo {
            zstd,
            ..ServerInfo::default()
        };
        let mock = LangSmithMock::builder().info(info).start().await;
        let to = Destination::new(mock.url()).api_key(KEY);
        let exporter = BatchExporter::start(&to, BatchConfig::default()).expect("an exporter");
        let picture: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        let start = chrono::Utc::now();
        let id = RandomIds.run_id(start);
        let order = DottedOrder::root(Segment { start, id });
        let mut run = Run::begin(order, "draw", "tool".into(), start);
        run.project = Some("tests".to_owned());
        run.attachments = vec![Attachment::new("first", "image/png", picture.clone())];
        exporter.submit(RunOp::Post(Box::new(run.clone())));
        exporter.flush_async(LONG).await.expect("delivered");
        run.end_time = Some(chrono::Utc::now());
        run.attachments = vec![Attachment::new("second", "text/plain", "late")];
        exporter.submit(RunOp::Patch(Box::new(run.clone())));
        let judged = Feedback::on(id, "quality", start).trace_id(run.trace_id);
        exporter.submit(RunOp::Feedback(Box::new(judged.score(0.5))));
        exporter.flush_async(LONG).await.expect("delivered");
        exporter.shutdown_async(LONG).await.expect("nothing left");

        assert_eq!(mock.violations(), []);
        assert_eq!(mock.rejected(), []);
        let attachments = mock.attachments_of(id);
        let named: Vec<_> = attachments
            .iter()
            .map(|a| (&*a.name, a.data.len()))
            .collect();
        assert_eq!(named, [("first", picture.len()), ("second", 4)]);
        assert_eq!(attachments[0].data, picture);
        assert_eq!(mock.feedback()[0]["score"], 0.5);
        let packed = mock
            .requests()
            .into_iter()
            .filter(|request| request.header("content-encoding") == Some("zstd"));
        assert_eq!(packed.count(), if zstd { 2 } else { 0 });
    }
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
