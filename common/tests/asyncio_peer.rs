//! A real asyncio service with the official SDK: which ways to start work keep the parent, and which lose it.
//!
//! Needs the workbook's Python environment (`WORKBOOK_PYTHON`, which `cargo workbook test` sets). Without
//! it the test says so and passes on a learner's machine; in CI it fails.
#![cfg(feature = "lab")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]

use common::prelude::*;

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

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_of_threads_loses_the_parent_and_the_sdks_own_keeps_it() {
    if !python_is_here() {
        return;
    }
    let lesson = Lesson::start("asyncio").await;
    let python = PythonService::start("ranker", &lesson.peer_env())
        .await
        .expect("it starts");
    let client = lesson.client("gateway");
    for (way, roots) in [("task", 1), ("executor", 3), ("carried", 1)] {
        lesson.clear();
        let root = client.run("gateway").start();
        let body = json!({"documents": ["two words", "word"], "way": way});
        let ranked = python.call("/rank", &body, &root).await.expect("an answer");
        assert_eq!(ranked["documents"], json!(["word", "two words"]));
        root.end();
        python.flush().await.expect("flushed");
        // The gateway's, that of the ranking, two scores; the middleware makes none.
        let tree = lesson.tree(4).await;
        assert_eq!(tree.tops().len(), roots, "{way}:\n{}", text_tree(&tree));
        assert!(tree.orphans().is_empty(), "{way}:\n{}", text_tree(&tree));
    }
}
