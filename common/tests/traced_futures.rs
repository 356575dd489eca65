//! A future that is traced leaves one run, ended as it ended.
#![cfg(feature = "client")]

use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use common::model::{Run, RunStatus};
use common::trace::{MemorySink, RunTree, TraceFutureExt as _, Tracer, child, current, with_run};
use futures_util::FutureExt as _;
use serde_json::{Value, json};

fn tracer() -> (Arc<MemorySink>, Tracer) {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).build();
    (sink, tracer)
}

/// Returns the only run: its status, outputs and error.
fn only(sink: &MemorySink) -> (RunStatus, Value, Option<String>) {
    let runs: [Run; 1] = sink.runs().try_into().expect("one run");
    assert_eq!(sink.ops().len(), 2, "a beginning and an end");
    let [run] = runs;
    (
        run.status(),
        run.outputs.map(Value::from).unwrap_or_default(),
        run.error,
    )
}

#[tokio::test]
async fn a_result_ends_its_run_with_the_value_or_with_the_error() {
    let (sink, tracer) = tracer();
    let done = async { Ok::<_, String>(["found"]) }
        .traced(tracer.run("search"))
        .await;
    assert_eq!(done, Ok(["found"]));
    assert_eq!(
        only(&sink),
        (RunStatus::Success, json!({"output": ["found"]}), None)
    );

    let (sink, tracer) = self::tracer();
    let failed = async { Err::<(), _>("no index") }
        .traced(tracer.run("search"))
        .await;
    assert_eq!(failed, Err("no index"));
    assert_eq!(
        only(&sink),
        (
            RunStatus::Error,
            json!({"output": null}),
            Some("no index".into())
        )
    );
}

#[tokio::test]
async fn a_value_ends_its_run_and_so_does_what_is_no_json() {
    let (sink, tracer) = tracer();
    assert_eq!(async { 42 }.traced_value(tracer.run("answer")).await, 42);
    assert_eq!(
        only(&sink),
        (RunStatus::Success, json!({"output": 42}), None)
    );

    struct Unserializable(usize);
    let (sink, tracer) = self::tracer();
    let load = async { Unserializable(7) };
    let end = |run: &RunTree, it: &Unserializable| run.end_with(json!({"bytes": it.0}));
    load.traced_with(tracer.run("load").start(), end).await;
    assert_eq!(only(&sink), (RunStatus::Success, json!({"bytes": 7}), None));

    let (sink, tracer) = self::tracer();
    async {}
        .traced_with(tracer.run("forgotten"), |_, ()| {})
        .await;
    assert_eq!(only(&sink).0, RunStatus::Success);
}

#[tokio::test]
async fn the_run_is_current_in_the_future_and_below_the_one_that_was_current_when_it_was_made() {
    let (sink, tracer) = tracer();
    let root = tracer.run("root").start();
    let work = async {
        tokio::task::yield_now().await;
        assert_eq!(current().map(|run| run.name()).as_deref(), Some("step"));
        child("below").start().end();
    };
    let work = with_run(&root, || work.traced_value(child("step")));
    tokio::spawn(work).await.expect("done");
    let runs = sink.runs();
    let names: Vec<&str> = runs.iter().map(|run| &*run.name).collect();
    assert_eq!(names, ["root", "step", "below"]);
    assert_eq!(runs[1].parent_run_id, root.id());
    assert_eq!(runs[2].parent_run_id, Some(runs[1].id));
}

#[tokio::test]
async fn a_future_that_loses_a_race_is_cancelled_and_what_it_holds_ends_before() {
    let (sink, tracer) = tracer();
    let slow = async {
        let _step = child("step").start();
        pending::<()>().await;
    };
    tokio::select! {
        biased;
        () = slow.traced_value(tracer.run("slow")) => {}
        () = async {} => {}
    }
    let runs = sink.runs();
    let ops = sink.ops();
    let ends: Vec<&str> = ops[2..]
        .iter()
        .filter_map(|op| Some(&*op.run()?.name))
        .collect();
    assert_eq!(ends, ["step", "slow"]);
    let error = "Cancelled: the future was dropped before its end";
    assert_eq!(runs[0].error.as_deref(), Some(error));
    assert_eq!(runs[0].status(), RunStatus::Error);
}

#[tokio::test]
async fn an_aborted_task_is_cancelled() {
    let (sink, tracer) = tracer();
    let task = tokio::spawn(pending::<()>().traced_value(tracer.run("job").start()));
    task.abort();
    assert!(task.await.expect_err("aborted").is_cancelled());
    assert!(only(&sink).2.expect("an error").starts_with("Cancelled: "));
}

fn false_here() -> bool {
    false
}

#[tokio::test]
async fn a_panic_ends_the_run_at_once_and_goes_on() {
    let (sink, tracer) = tracer();
    let traced = async { assert!(false_here(), "a secret") }.traced_value(tracer.run("job"));
    let traced = AssertUnwindSafe(traced).catch_unwind();
    let mut traced = Box::pin(traced);
    assert!(traced.as_mut().await.is_err());
    // The future is still there: a runtime may keep it for a while.
    let error = "Panicked: the future panicked before its end";
    assert_eq!(
        only(&sink),
        (
            RunStatus::Error,
            json!({"output": null}),
            Some(error.into())
        )
    );
    drop(traced);
    assert_eq!(sink.ops().len(), 2);
}

#[tokio::test]
async fn what_takes_too_long_says_that_it_timed_out() {
    let (sink, tracer) = tracer();
    let after = Duration::from_millis(5);
    let late = pending::<Result<(), String>>()
        .traced(tracer.run("ask"))
        .timeout(after)
        .await;
    assert_eq!(
        late.expect_err("too late").to_string(),
        "Timeout: not done after 5ms"
    );
    let error = Some("Timeout: not done after 5ms".to_owned());
    assert_eq!(
        only(&sink),
        (RunStatus::Error, json!({"output": null}), error)
    );

    let (sink, tracer) = self::tracer();
    let soon = async { Ok::<_, String>(1) }
        .traced(tracer.run("ask"))
        .timeout(Duration::from_secs(600))
        .await;
    assert_eq!(soon, Ok(Ok(1)));
    assert_eq!(only(&sink).0, RunStatus::Success);
}

#[tokio::test]
async fn a_future_that_nobody_polls_leaves_no_run_of_a_builder() {
    let (sink, tracer) = tracer();
    drop(pending::<()>().traced_value(tracer.run("never")));
    assert!(sink.ops().is_empty());
    drop(pending::<()>().traced_value(tracer.run("started").start()));
    assert_eq!(only(&sink).0, RunStatus::Error);
}

#[tokio::test]
async fn an_end_that_the_work_gave_its_run_itself_counts() {
    let (sink, tracer) = tracer();
    let work = async { current().expect("the run").end_with("mine") };
    work.traced_value(tracer.run("work")).await;
    assert_eq!(
        only(&sink),
        (RunStatus::Success, json!({"output": "mine"}), None)
    );
}

/// Panics when it is dropped.
struct Fragile;

impl Drop for Fragile {
    fn drop(&mut self) {
        assert!(std::thread::panicking() || false_here(), "on purpose");
    }
}

#[tokio::test]
async fn work_that_panics_while_it_is_dropped_ends_its_run_all_the_same() {
    let (sink, tracer) = tracer();
    // Somebody else has a handle too: nothing ends with the last one.
    let run = tracer.run("job").start();
    let fragile = Fragile;
    let work = async move {
        let _fragile = fragile;
        pending::<()>().await;
    };
    let work = work.traced_value(&run);
    let dropped = std::panic::catch_unwind(AssertUnwindSafe(|| drop(work)));
    assert!(dropped.is_err(), "the work's own panic goes on");
    let error = "Panicked: the future was dropped by a panic before its end";
    assert_eq!(only(&sink).2.as_deref(), Some(error));
    assert!(current().is_none());
}

#[tokio::test]
async fn an_error_whose_text_cannot_be_written_comes_back_and_ends_its_run() {
    #[derive(Debug, PartialEq)]
    struct Mute;
    impl std::fmt::Display for Mute {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("on purpose");
        }
    }
    let (sink, tracer) = tracer();
    let run = tracer.run("job").start();
    let failed = async { Err::<(), _>(Mute) }.traced(&run).await;
    assert_eq!(failed, Err(Mute));
    let error = "Panicked: what says how the run ended panicked";
    assert_eq!(only(&sink).2.as_deref(), Some(error));
}

#[tokio::test]
async fn work_that_is_always_ready_runs_out_of_time_too() {
    let (sink, tracer) = tracer();
    // It uses up its task's turn each time, before anybody looks at the clock.
    let busy = async {
        loop {
            tokio::task::consume_budget().await;
        }
    };
    let busy = busy.traced_with(tracer.run("busy"), |_, (): &()| {});
    let late = busy.timeout(Duration::from_millis(5)).await;
    assert!(late.is_err());
    assert!(only(&sink).2.expect("an error").starts_with("Timeout: "));
}
