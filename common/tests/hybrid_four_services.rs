//! One trace through four services: runs of Python and Rust, spans of Rust that know their runs, and spans of
//! a Python service that knows OpenTelemetry alone.
//!
//! Needs the workbook's Python environment (`WORKBOOK_PYTHON`, which `cargo workbook test` sets). Without
//! it a test says so and passes on a learner's machine; in CI it fails.
#![cfg(all(feature = "lab", feature = "otel"))]

mod python_here;

use common::lab::FOUR_SERVICES_RUNS;
use common::langsmith_mock::ViolationCode;
use common::prelude::*;
use python_here::python_is_here;

/// One after the other: starting Python is most of the work.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Draws a tree by names, each level by two blanks.
fn drawn(tree: &TraceTree) -> String {
    let line = |at: usize| {
        let node = &tree.nodes()[at];
        format!("{}{}\n", "  ".repeat(node.depth), node.run.name)
    };
    tree.walk().into_iter().map(line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_spans_of_a_service_without_langsmith_are_orphans_and_vanish_after_their_200() {
    if !python_is_here() {
        return;
    }
    let _turn = TURN.lock().await;
    let lesson = Lesson::start("four-services").await;
    let services = FourServices::start(&lesson).await.expect("they start");
    services.ask(story::QUESTION).await.expect("an answer");
    let tree = lesson.tree(FOUR_SERVICES_RUNS - 2).await;
    let picture = "\
gateway
  retrieve
    reranker
      call scorer
";
    assert_eq!(drawn(&tree), picture);
    assert_eq!(lesson.mock().errors(), [], "all were answered with 200");
    assert_eq!(lesson.mock().waiting_spans(), 2);
    assert_eq!(lesson.mock().expire_orphans(), 2);
    let dropped = lesson.mock().errors();
    assert!(
        dropped
            .iter()
            .all(|one| one.code == ViolationCode::SpanOrphan),
        "{dropped:?}"
    );
    assert_eq!(lesson.mock().runs().len(), FOUR_SERVICES_RUNS - 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn through_the_relay_four_services_make_one_whole_tree_without_an_orphan() {
    if !python_is_here() {
        return;
    }
    let _turn = TURN.lock().await;
    let lesson = Lesson::start("four-services-joined").await;
    let relay = lesson.relay();
    let services = FourServices::start_through(&lesson, &relay)
        .await
        .expect("they start");
    services.ask(story::QUESTION).await.expect("an answer");
    let tree = lesson.tree(FOUR_SERVICES_RUNS).await;
    let picture = "\
gateway
  retrieve
    reranker
      call scorer
        POST /score
          score documents
";
    assert_eq!(drawn(&tree), picture);
    assert!(tree.is_whole());
    assert_eq!(tree.trace_ids().len(), 1);
    assert_eq!(lesson.mock().waiting_spans(), 0);
    assert_eq!(lesson.mock().errors(), []);
    let counts = relay.counts();
    assert_eq!(
        (counts.arrived, counts.joined, counts.passed),
        (4, 2, 2),
        "{counts}"
    );
    let project = lesson.project();
    for run in lesson.mock().runs() {
        assert_eq!(run.project.as_deref(), Some(&*project), "{}", run.name);
    }
}
