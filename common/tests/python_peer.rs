//! A real FastAPI service with the official SDK, in one trace with Rust on both sides.
//!
//! Needs the workbook's Python environment (`WORKBOOK_PYTHON`, which `cargo workbook test` sets). Without
//! it a test says so and passes on a learner's machine; in CI it fails.
#![cfg(feature = "lab")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]

use common::prelude::*;
use common::trace::SERVICE;

fn python_is_here() -> bool {
    let here = std::env::var_os("WORKBOOK_PYTHON").is_some();
    let required = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(
        here || !required,
        "CI needs the Python peers: WORKBOOK_PYTHON is not set"
    );
    if !here {
        println!("skipped: WORKBOOK_PYTHON is not set; `cargo workbook test` sets it");
    }
    here
}

fn reranker(client: &Client) -> Service {
    let layer = TracingLayer::new(client.tracer())
        .policy(TrustPolicy::Continue)
        .name(|_| "reranker".into());
    let rerank =
        axum::routing::post(|axum::Json(body): axum::Json<Value>| async { axum::Json(body) });
    let router = axum::Router::new().route("/rerank", rerank).layer(layer);
    Service::start("reranker", router)
}

#[tokio::test(flavor = "multi_thread")]
async fn rust_calls_python_and_python_calls_rust_in_one_trace_without_an_orphan() {
    if !python_is_here() {
        return;
    }
    let lesson = Lesson::start("peer").await;
    let service = reranker(&lesson.client("reranker"));
    let python = PythonService::start("retriever", &lesson.peer_env())
        .await
        .expect("it starts");
    assert!(python.sdk().starts_with("langsmith "), "{}", python.sdk());

    let root = lesson
        .client("gateway")
        .run("gateway")
        .metadata("user", "ada")
        .tag("beta")
        .start();
    let body = json!({"question": story::QUESTION, "callback": service.url("/rerank")});
    python
        .call("/retrieve", &body, &root)
        .await
        .expect("an answer");
    root.end();
    python.flush().await.expect("flushed");

    let tree = lesson.tree(3).await;
    assert!(tree.is_whole(), "{}", text_tree(&tree));
    let retrieve = tree.find("retrieve").expect("the Python run");
    let rerank = tree.find("reranker").expect("the Rust run below it");
    assert_eq!(retrieve.parent_run_id, root.id());
    assert_eq!(rerank.parent_run_id, Some(retrieve.id));
    for run in [retrieve, rerank] {
        assert_eq!(run.project.as_deref(), Some("workbook-peer"));
        assert_eq!(run.extra.metadata["user"], "ada");
        assert_eq!(run.tags, ["beta"]);
    }
    assert_ne!(
        retrieve.extra.metadata[SERVICE],
        rerank.extra.metadata[SERVICE]
    );
    assert_eq!(lesson.mock().errors(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_was_killed_is_told_of_in_words_and_nothing_hangs() {
    if !python_is_here() {
        return;
    }
    let lesson = Lesson::start("killed").await;
    let python = PythonService::start("retriever", &lesson.peer_env())
        .await
        .expect("it starts");
    python.kill();
    let run = lesson.client("gateway").run("gateway").start();
    let error = python
        .call("/retrieve", &json!({"question": "?"}), &run)
        .await;
    let words = error.expect_err("it is gone").to_string();
    assert!(
        words.contains("has ended") && words.contains("run the cell"),
        "{words}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_cannot_start_says_its_last_words() {
    if !python_is_here() {
        return;
    }
    match PythonService::start("no-such-peer", &PeerEnv::untraced()).await {
        Err(PeerError::Ended { last_words, .. }) => assert!(last_words.contains("no-such-peer")),
        other => panic!("{other:?}"),
    }
}
