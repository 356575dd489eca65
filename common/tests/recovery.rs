//! From each broken state back to a whole trace, at the stand-in.
#![cfg(all(feature = "client", feature = "langsmith_mock", feature = "analysis"))]

mod captured;

use std::sync::Arc;
use std::time::Duration;

use captured::{Change as _, at, broken, cut_in_two, id, run, whole};
use chrono::TimeDelta;
use common::analysis::text_tree;
use common::client::{
    Client, PLACEHOLDER, Pace, PendingRule, REPLAYED_FROM, RecoveryPlan, ReplayOptions,
    adopt_orphans, close_pending, replay,
};
use common::export::{BatchConfig, FlushError, SpoolConfig};
use common::langsmith_mock::{Fault, LangSmithMock, MockRequest};
use common::model::{Run, RunOp, RunStatus, SeededIds, TraceTree};

const PATIENCE: Duration = Duration::from_secs(30);
const KEY: &str = "a-key-for-tests-only-0001";

fn client_to(mock: &LangSmithMock) -> Client {
    let client = Client::builder().endpoint(mock.url()).api_key(KEY);
    client.build().expect("a client")
}

/// A stand-in in which a run opens although its id was not made of its start, as those of these tests.
async fn lenient() -> LangSmithMock {
    LangSmithMock::builder().lenient().start().await
}

/// Stores runs as their services would have sent them; what has not ended was created alone.
fn store(mock: &LangSmithMock, runs: &[Run]) {
    let body = serde_json::json!({ "post": runs, "patch": [] });
    let mut request = MockRequest::new(http::Method::POST, "/runs/batch", body.to_string());
    for (name, value) in [("x-api-key", KEY), ("content-type", "application/json")] {
        request
            .headers
            .insert(name, value.parse().expect("a value"));
    }
    assert_eq!(mock.handle(request).status, 202);
}

async fn carry_out(client: &Client, plan: &RecoveryPlan) -> String {
    let report = client
        .carry_out(plan, Pace::per_second(1_000_000), PATIENCE)
        .await;
    report.to_string()
}

#[tokio::test]
async fn pending_runs_of_a_dead_process_get_an_end_and_no_end_is_written_over() {
    let mock = lenient().await;
    let client = client_to(&mock);
    let root = run(1, None, "answer", "chain", 0, 0)
        .service("gateway")
        .pending();
    let done = run(2, Some(&root), "search", "tool", 10, 40).service("gateway");
    let hangs = run(3, Some(&root), "model", "llm", 60, 0)
        .service("generator")
        .pending();
    store(&mock, &[root, done, hangs]);
    let rule = PendingRule::all()
        .metadata("service", "gateway")
        .started_before(at(1_000));
    let plan = close_pending(&mock.runs(), &rule);
    assert_eq!(
        plan.to_string(),
        format!(
            "update answer: it has not ended; the last known of it is 60 ms after its start\n\
             leave {}: its service is not gateway\n",
            id(3)
        )
    );
    assert_eq!(
        mock.tree().find("answer").expect("there").status(),
        RunStatus::Pending,
        "a plan sends nothing"
    );
    let plan = close_pending(&mock.runs(), &PendingRule::all());
    assert_eq!(
        carry_out(&client, &plan).await,
        "0 created, 2 updated, 0 left alone\n"
    );
    let tree = mock.tree();
    assert_eq!(
        text_tree(&tree).to_string(),
        "answer     chain  60 ms  ✗ error: the process ended before the run did  (gateway)\n\
         ├─ search  tool   40 ms  ✓  (gateway)\n\
         └─ model   llm     0 ms  ✗ error: the process ended before the run did  (generator)\n"
    );
    // The same plan again: both have ended by now.
    let again = client.carry_out(&plan, Pace::default(), PATIENCE).await;
    assert_eq!((again.updated.len(), again.skipped.len()), (0, 2));
    assert_eq!(again.skipped[0].1, "it has ended by now");
    assert_eq!(mock.tree(), tree);
    assert_eq!(mock.errors(), []);
}

#[tokio::test]
async fn orphans_get_a_placeholder_under_the_id_that_they_name() {
    let mock = lenient().await;
    let client = client_to(&mock);
    // The root and the run below it are lost; two leaves are there.
    let lost: Vec<Run> = whole()
        .into_iter()
        .filter(|run| [4, 5].map(id).contains(&run.id))
        .collect();
    store(&mock, &lost);
    assert_eq!(mock.tree().orphans().len(), 2);
    let plan = adopt_orphans(&mock.runs());
    assert_eq!(plan.steps().len(), 2, "{plan}");
    assert!(TraceTree::build(plan.applied_to(mock.runs())).is_whole());
    assert_eq!(
        carry_out(&client, &plan).await,
        "2 created, 0 updated, 0 left alone\n"
    );
    let tree = mock.tree();
    assert!(tree.is_whole());
    let root = &tree.nodes()[tree.tops()[0]].run;
    assert_eq!(
        (root.id, root.tags.clone()),
        (id(1), vec![PLACEHOLDER.to_owned()])
    );
    assert_eq!(
        root.latency(),
        Some(TimeDelta::milliseconds(178)),
        "to the last end below it"
    );
    assert_eq!(mock.errors(), []);
    let again = carry_out(&client, &plan).await;
    assert!(
        again.starts_with("0 created, 0 updated, 2 left alone\n"),
        "{again}"
    );
}

#[tokio::test]
async fn a_trace_in_two_pieces_becomes_one_as_a_replay_with_fresh_ids() {
    let mock = LangSmithMock::start().await;
    let client = client_to(&mock);
    store(&mock, &cut_in_two());
    assert_eq!(mock.tree().tops().len(), 2);
    let options = ReplayOptions::new()
        .put_below(id(3), id(2))
        .project("repaired")
        .ids(Arc::new(SeededIds::new(6)));
    let plan = replay(&mock.runs(), &options);
    assert_eq!(
        carry_out(&client, &plan).await,
        "4 created, 0 updated, 0 left alone\n"
    );
    let copy = plan.steps()[0].op.run().expect("a run").trace_id;
    let tree = mock.trace(copy);
    assert!(tree.is_whole());
    assert_eq!(
        text_tree(&tree).without_times().to_string(),
        "answer               chain      ✓  (gateway)\n\
         └─ call retriever    tool       ✓  (gateway)\n\
         \u{20}\u{20}\u{20}└─ POST /search   chain      ✓  (retriever)\n\
         \u{20}\u{20}\u{20}\u{20}\u{20}\u{20}└─ find pages  retriever  ✓  (retriever)\n"
    );
    assert_eq!(
        tree.nodes()[3].run.extra.metadata[REPLAYED_FROM],
        id(4).to_string()
    );
    assert!(
        tree.nodes()
            .iter()
            .all(|node| node.run.project.as_deref() == Some("repaired"))
    );
    assert_eq!(mock.errors(), []);
    assert_eq!(mock.runs().len(), 8, "what is stored stays as it was");
}

#[tokio::test]
async fn what_was_refused_is_whole_after_a_replay() {
    let mock = LangSmithMock::start().await;
    let client = client_to(&mock);
    // Placed nowhere it could be: child before parent, trace id and dotted order at odds, a lost parent.
    let mut runs = broken();
    runs[1].start_time = at(-5_000);
    runs[2].trace_id = id(77).into();
    let orphans = adopt_orphans(&runs);
    assert_eq!(orphans.left_alone().len(), 1, "{orphans}");
    let runs = orphans.applied_to(runs);
    let search = orphans.steps()[0].op.run().expect("a run").id;
    let options = ReplayOptions::new()
        .put_below(id(4), search)
        .put_below(id(6), id(1))
        .begins_at(at(60_000));
    let plan = replay(&runs, &options);
    carry_out(&client, &plan).await;
    assert_eq!(mock.errors(), []);
    let tree = mock.tree();
    assert!(tree.is_whole());
    assert_eq!(tree.len(), 8);
    let starts = tree.nodes().iter().map(|node| node.run.start_time).min();
    assert_eq!(starts, Some(at(60_000)));
}

#[tokio::test]
async fn a_circle_and_a_false_place_are_left_alone_and_said() {
    let root = run(1, None, "root", "chain", 0, 10);
    let mut a = run(2, Some(&root), "a", "chain", 1, 5);
    let b = run(3, Some(&a), "b", "chain", 2, 2);
    a.parent_run_id = Some(b.id);
    let plan = adopt_orphans(&[root, a, b]);
    assert!(plan.is_empty());
    assert!(plan.to_string().contains("a circle"), "{plan}");
}

#[tokio::test]
async fn what_a_dead_process_left_on_disk_is_sent_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let mock = LangSmithMock::start().await;
    let client = || {
        let batch = BatchConfig {
            spool: Some(SpoolConfig::new(folder.path().join("spool"))),
            ..BatchConfig::default()
        };
        Client::builder()
            .endpoint(mock.url())
            .api_key(KEY)
            .batch(batch)
            .build()
            .expect("a client")
    };
    mock.fault(Fault::status(503));
    let first = client();
    first.run("answer").start().end();
    let end = first.shutdown_async(Duration::from_millis(20)).await;
    assert!(matches!(end, Err(FlushError::Stored { .. })), "{end:?}");
    drop(first);
    assert!(mock.runs().is_empty());
    mock.clear_faults();
    let next = client();
    let report = tokio::task::spawn_blocking(move || next.resend_spooled(PATIENCE))
        .await
        .expect("done");
    assert_eq!((report.left, &report.problem), (0, &None), "{report}");
    assert!(report.recovered > 0, "{report}");
    assert!(mock.tree().is_whole());
    assert_eq!(mock.runs()[0].status(), RunStatus::Success);
}

#[test]
fn a_plan_is_shown_without_what_moves_a_cursor() {
    let plan = replay(
        &[run(1, None, "\u{1b}[31mred\n", "chain", 0, 1)],
        &ReplayOptions::new(),
    );
    let text = plan.to_string();
    assert!(
        text.starts_with("create \\u{1b}[31mred\\n: a copy of"),
        "{text}"
    );
    assert!(matches!(plan.steps()[0].op, RunOp::Post(_)));
}
