//! A real Express service with the official JavaScript SDK, in one trace with Rust.
//!
//! Needs Node.js and the packages that `cargo workbook test` installs (`WORKBOOK_JAVASCRIPT`). Without them
//! the test says so and passes on a learner's machine; in CI it fails.
#![cfg(feature = "lab")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]

use common::prelude::*;

#[tokio::test(flavor = "multi_thread")]
async fn rust_calls_express_in_one_trace_without_an_orphan() {
    let required = std::env::var("CI").is_ok_and(|value| value == "true");
    if let Some(why) = NodeService::missing() {
        assert!(!required, "CI needs the Express peer: {why}");
        println!("skipped: {why}");
        return;
    }
    let lesson = Lesson::start("express").await;
    let express = NodeService::start("generator", &lesson.peer_env())
        .await
        .expect("it starts");
    assert!(express.sdk().starts_with("langsmith "), "{}", express.sdk());
    let root = lesson.client("gateway").run("gateway").start();
    let documents = [json!({"page_content": "Send the header.", "metadata": {}})];
    let body = json!({"question": story::QUESTION, "documents": documents});
    let wrote = express
        .call("/write", &body, &root)
        .await
        .expect("an answer");
    assert_eq!(wrote["text"], "Send the header. (1 sources)");
    root.end();
    express.flush().await.expect("flushed");

    let tree = lesson.tree(3).await;
    assert!(tree.is_whole(), "{}", text_tree(&tree));
    let generator = tree.find("generator").expect("the service's run");
    let write = tree.find("write answer").expect("the run below it");
    assert_eq!(generator.parent_run_id, root.id());
    assert_eq!(write.parent_run_id, Some(generator.id));
    assert_eq!(lesson.mock().errors(), []);
}
