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
use common::trace::{Sampling, SamplingRate, TailPolicy};

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

#[tokio::test]
async fn an_update_says_the_end_alone_so_that_what_came_after_the_plan_stays() {
    let mock = lenient().await;
    let client = client_to(&mock);
    let mut stored = run(1, None, "answer", "chain", 0, 0)
        .service("gateway")
        .pending();
    stored.tags.push("night".to_owned());
    stored.inputs = serde_json::json!({"question": "why"}).as_object().cloned();
    store(&mock, std::slice::from_ref(&stored));
    let before = mock.raw_run(id(1)).expect("stored");
    // The plan was made of an older, poorer capture.
    let plan = close_pending(
        &[run(1, None, "?", "tool", 0, 0).pending()],
        &PendingRule::all(),
    );
    assert_eq!(
        carry_out(&client, &plan).await,
        "0 created, 1 updated, 0 left alone\n"
    );
    let after = mock.raw_run(id(1)).expect("stored");
    let said = |raw: &serde_json::Value| raw.as_object().cloned().expect("an object");
    let (before, after) = (said(&before), said(&after));
    let changed: Vec<&str> = after
        .iter()
        .filter(|(key, value)| before.get(*key) != Some(value))
        .map(|(key, _)| key.as_str())
        .collect();
    assert_eq!(changed, ["end_time", "error"]);
    assert_eq!(mock.errors(), []);
}

#[tokio::test]
async fn what_was_chosen_by_hand_passes_a_sampler_that_keeps_nothing() {
    let mock = lenient().await;
    let never = SamplingRate::new(0.0).expect("a rate");
    let head = || Sampling::new().rate(never);
    let policy = TailPolicy::new().errors(false).slow(PATIENCE);
    let tail = || head().tail(policy.clone());
    for sampling in [head(), tail()] {
        let client = Client::builder().endpoint(mock.url()).api_key(KEY);
        let client = client.sampling(sampling).build().expect("a client");
        client.run("left out").start().end();
        let pending = run(1, None, "answer", "chain", 0, 0).pending();
        store(&mock, &[pending]);
        let plan = close_pending(&mock.runs(), &PendingRule::all());
        assert_eq!(
            carry_out(&client, &plan).await,
            "0 created, 1 updated, 0 left alone\n"
        );
        let plan = replay(&mock.runs(), &ReplayOptions::new());
        assert_eq!(
            carry_out(&client, &plan).await,
            "1 created, 0 updated, 0 left alone\n"
        );
        assert_eq!(mock.runs().len(), 2);
        mock.clear();
    }
}

#[tokio::test]
async fn what_the_queue_does_not_take_in_is_not_created() {
    let mock = lenient().await;
    let client = client_to(&mock);
    client.shutdown_async(PATIENCE).await.expect("nothing held");
    let plan = replay(
        &[run(1, None, "answer", "chain", 0, 1)],
        &ReplayOptions::new(),
    );
    let report = client.carry_out(&plan, Pace::default(), PATIENCE).await;
    assert_eq!((report.created.len(), report.updated.len()), (0, 0));
    assert_eq!(
        report.skipped[0].1,
        "it was not taken in, as the queue is full or closed"
    );
}

#[tokio::test]
async fn an_end_that_the_client_itself_still_holds_leaves_first() {
    let mock = LangSmithMock::start().await;
    let batch = BatchConfig {
        linger: Duration::from_secs(3_600),
        ..BatchConfig::default()
    };
    let client = Client::builder().endpoint(mock.url()).api_key(KEY);
    let client = client.batch(batch).build().expect("a client");
    let answer = client.run("answer").start();
    client.flush_async(PATIENCE).await.expect("delivered");
    let plan = close_pending(&mock.runs(), &PendingRule::all());
    answer.end();
    let report = client.carry_out(&plan, Pace::default(), PATIENCE).await;
    assert_eq!(report.updated, []);
    assert_eq!(report.skipped[0].1, "it has ended by now");
    assert_eq!(mock.runs()[0].status(), RunStatus::Success);
}

#[tokio::test]
async fn nothing_is_updated_while_the_client_holds_what_may_be_the_end() {
    let mock = LangSmithMock::start().await;
    let client = client_to(&mock);
    let answer = client.run("answer").start();
    client.flush_async(PATIENCE).await.expect("delivered");
    let plan = close_pending(&mock.runs(), &PendingRule::all());
    mock.fault(Fault::status(503));
    answer.end();
    let report = client
        .carry_out(&plan, Pace::default(), Duration::ZERO)
        .await;
    assert_eq!(report.updated, []);
    assert_eq!(
        report.skipped[0].1,
        "what this client holds has not left, and may be its end"
    );
    mock.clear_faults();
    client.flush_async(PATIENCE).await.expect("delivered");
    assert_eq!(mock.runs()[0].status(), RunStatus::Success);
}

#[test]
fn one_lost_parent_gets_one_placeholder_wherever_its_children_say_it_stood() {
    let root = run(1, None, "answer", "chain", 0, 100);
    let lost = run(2, Some(&root), "lost", "chain", 10, 80);
    // The same run, as a caller saw it whose clock is 5 ms ahead.
    let elsewhere = run(2, Some(&root), "lost", "chain", 15, 80);
    let first = run(3, Some(&lost), "search", "tool", 20, 10);
    let second = run(4, Some(&elsewhere), "find", "tool", 30, 40);
    let runs = [root, first, second];
    let plan = adopt_orphans(&runs);
    let made: Vec<&Run> = plan
        .steps()
        .iter()
        .filter_map(|step| step.op.run())
        .collect();
    assert_eq!(made.iter().map(|run| run.id).collect::<Vec<_>>(), [id(2)]);
    assert_eq!(
        (made[0].start_time, made[0].end_time),
        (at(10), Some(at(70)))
    );
    assert!(TraceTree::build(plan.applied_to(runs)).is_whole());
}

#[test]
fn what_cannot_have_one_parent_is_left_alone() {
    let (one, two) = (
        run(1, None, "a", "chain", 0, 9),
        run(5, None, "b", "chain", 0, 9),
    );
    let lost = |root: &Run| run(2, Some(root), "lost", "chain", 1, 8);
    let here = run(3, Some(&lost(&one)), "x", "tool", 2, 1);
    let there = run(4, Some(&lost(&two)), "y", "tool", 2, 1);
    // Its way up comes by the same run twice.
    let below = |number: u128, above: &Run| run(number, Some(above), "deeper", "tool", 3, 1);
    let twice = below(6, &below(9, &below(8, &below(9, &one))));
    let plan = adopt_orphans(&[one, two, here, there, twice]);
    assert_eq!(plan.steps().len(), 1, "{plan}");
    let why: Vec<&str> = plan
        .left_alone()
        .iter()
        .map(|(_, why)| why.as_str())
        .collect();
    assert_eq!(why.len(), 2, "{plan}");
    assert!(
        why.iter()
            .any(|why| why.starts_with("its parent is lost in another trace")),
        "{plan}"
    );
}

#[test]
fn a_replay_takes_no_more_memory_than_its_runs_may() {
    let runs: Vec<Run> = (1..=4_000_u128)
        .map(|number| {
            let mut run = run(number, None, "deeper", "chain", 0, 1);
            run.parent_run_id = (number > 1).then(|| id(number - 1));
            run
        })
        .collect();
    let plan = replay(&runs, &ReplayOptions::new());
    let sent = plan.steps().iter().filter_map(|step| step.op.run());
    let places: usize = sent.map(|run| run.dotted_order.as_str().len()).sum();
    assert!(places <= (64 << 20) + 4_000 * (4 << 10), "{places}");
    let (steps, left) = (plan.steps().len(), plan.left_alone());
    assert_eq!(steps + left.len(), 4_000);
    assert!(steps > 1_500, "{steps}");
    assert!(
        left[0].1.starts_with("it is nested so deep"),
        "{}",
        left[0].1
    );
    // As a chain of usual depth.
    let usual = replay(&runs[..500], &ReplayOptions::new());
    assert_eq!(usual.steps().len(), 500);
}
