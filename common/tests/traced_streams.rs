//! A stream that is traced leaves one run, with what came of it, however it ended.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use common::model::{NEW_TOKEN, Run, RunOp, RunStatus};
use common::trace::{
    CHUNK_COUNT, Items, JoinedText, MemorySink, Reduce, TraceStreamExt as _, Tracer, child,
    current, fold, with_run,
};
use futures_util::{FutureExt as _, Stream, StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};

type Item = Result<&'static str, &'static str>;

fn tracer() -> (Arc<MemorySink>, Tracer) {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).build();
    (sink, tracer)
}

fn tokens(items: &[Item]) -> impl Stream<Item = Item> + Unpin + use<> {
    stream::iter(items.to_vec())
}

/// `reduce_fn` of the recorded programs.
fn text_and_count() -> impl Reduce<&'static str> {
    fold(json!({"text": "", "n": 0}), |sum, token: &&str| {
        sum["text"] = format!("{}{token}", sum["text"].as_str().expect("a text")).into();
        sum["n"] = (sum["n"].as_u64().expect("a count") + 1).into();
    })
}

fn only(sink: &MemorySink) -> Run {
    let ends = sink
        .ops()
        .iter()
        .filter(|op| matches!(op, RunOp::Patch(_)))
        .count();
    assert_eq!(ends, 1, "one end");
    let [run]: [Run; 1] = sink.runs().try_into().expect("one run");
    run
}

fn outputs(run: &Run) -> Value {
    run.outputs.clone().map(Value::from).unwrap_or_default()
}

/// The seven streams of vector 06, recorded from the Python SDK 0.15. What differs: the text of an error,
/// and the value that a generator may return, which a stream has not.
#[tokio::test]
async fn streams_leave_the_runs_that_the_python_sdk_leaves() {
    // a-full and d-async
    let (sink, tracer) = tracer();
    let full = tokens(&[Ok("He"), Ok("llo"), Ok("!")]);
    let full = full.traced_by(tracer.run("a-full").run_type("llm"), text_and_count());
    assert_eq!(
        full.try_collect::<Vec<_>>().await,
        Ok(vec!["He", "llo", "!"])
    );
    let run = only(&sink);
    assert_eq!(outputs(&run), json!({"text": "Hello!", "n": 3}));
    assert_eq!((run.status(), run.error), (RunStatus::Success, None));
    let events: Vec<&str> = run.events.iter().map(|event| &*event.name).collect();
    assert_eq!(events, [NEW_TOKEN]);
    assert_eq!(run.events[0].kwargs, None);
    assert_eq!(run.extra.metadata[CHUNK_COUNT], 3);

    // b-early-close, f-abandoned and g-async-aclose
    let (sink, tracer) = self::tracer();
    let early = tokens(&[Ok("one "), Ok("two "), Ok("three ")]);
    let mut early = early.traced_by(
        tracer.run("b-early-close").run_type("llm"),
        text_and_count(),
    );
    early.next().await;
    early.next().await;
    drop(early);
    let run = only(&sink);
    assert_eq!(outputs(&run), json!({"text": "one two ", "n": 2}));
    let error = "Cancelled: the stream was dropped before its end";
    assert_eq!(
        (run.status(), run.error.as_deref()),
        (RunStatus::Error, Some(error))
    );
    assert_eq!(run.events.len(), 1);

    // c-chain-no-reduce
    let (sink, tracer) = self::tracer();
    let chain = stream::iter([1, 2]).traced_values(tracer.run("c-chain-no-reduce"));
    assert_eq!(chain.count().await, 2);
    let run = only(&sink);
    assert_eq!(
        (outputs(&run), run.events.len()),
        (json!({"output": [1, 2]}), 0)
    );

    // e-raises
    let (sink, tracer) = self::tracer();
    let raises = tokens(&[Ok("ok"), Err("mid-stream")]);
    let raises = raises.traced_by(tracer.run("e-raises").run_type("llm"), text_and_count());
    assert_eq!(raises.try_collect::<Vec<_>>().await, Err("mid-stream"));
    let run = only(&sink);
    assert_eq!(outputs(&run), json!({"text": "ok", "n": 1}));
    assert_eq!(
        (run.status(), run.error.as_deref()),
        (RunStatus::Error, Some("mid-stream"))
    );
}

#[tokio::test]
async fn a_stream_that_nobody_reads_leaves_no_run_of_a_builder_and_a_cancelled_one_of_a_run() {
    let (sink, tracer) = tracer();
    drop(tokens(&[Ok("a")]).traced(tracer.run("never")));
    assert!(sink.ops().is_empty());
    drop(tokens(&[Ok("a")]).traced(tracer.run("started").start()));
    let run = only(&sink);
    assert_eq!(
        (run.status(), outputs(&run)),
        (RunStatus::Error, json!({"output": []}))
    );
}

#[tokio::test]
async fn the_run_is_current_in_the_stream_wherever_it_is_polled() {
    let (sink, tracer) = tracer();
    let root = tracer.run("root").start();
    let items = stream::unfold(0, |n| async move {
        child(format!("step {n}")).start().end();
        (n < 3).then_some((n, n + 1))
    });
    let items = with_run(&root, || items.traced_values(child("stream")));
    let mut items = Box::pin(items);
    for _ in 0..4 {
        // Each item is asked for by another task, below another run.
        let other = tracer.run("other").start();
        let next = async move {
            items.next().await;
            assert_eq!(current().map(|run| run.name()).as_deref(), Some("other"));
            items
        };
        items = tokio::spawn(common::trace::TraceFutureExt::in_run(next, &other))
            .await
            .expect("read");
    }
    drop(items);
    let runs = sink.runs();
    let stream = runs
        .iter()
        .find(|run| run.name == "stream")
        .expect("the stream's");
    assert_eq!(stream.parent_run_id, root.id());
    let steps: Vec<_> = runs
        .iter()
        .filter(|run| run.name.starts_with("step"))
        .collect();
    assert_eq!(steps.len(), 4);
    assert!(
        steps
            .iter()
            .all(|step| step.parent_run_id == Some(stream.id))
    );
}

#[tokio::test]
async fn items_after_an_error_still_count_and_the_first_error_is_told() {
    let (sink, tracer) = tracer();
    let items = tokens(&[Ok("a"), Err("first"), Ok("b"), Err("second")]);
    assert_eq!(items.traced(tracer.run("stream")).count().await, 4);
    let run = only(&sink);
    assert_eq!(run.error.as_deref(), Some("first"));
    assert_eq!(outputs(&run), json!({"output": ["a", "b"]}));
    assert_eq!(run.extra.metadata[CHUNK_COUNT], 2);
}

#[tokio::test]
async fn a_stream_that_panics_ends_its_run_with_what_came_before() {
    let (sink, tracer) = tracer();
    let items = stream::iter(0..5).map(|n| if n == 2 { panic!("on purpose") } else { n });
    let items = items.traced_values(tracer.run("stream"));
    let mut items = Box::pin(AssertUnwindSafe(items));
    while let Ok(Some(_)) = AssertUnwindSafe(items.next()).catch_unwind().await {}
    let run = only(&sink);
    assert_eq!(
        run.error.as_deref(),
        Some("Panicked: the stream panicked before its end")
    );
    assert_eq!(outputs(&run), json!({"output": [0, 1]}));
}

#[tokio::test]
async fn a_long_stream_is_kept_up_to_a_bound_and_a_marker_says_what_was_left_out() {
    let (sink, tracer) = tracer();
    let words = || stream::iter(["five "; 100]);
    assert_eq!(
        words()
            .traced_values_by(tracer.run("text"), JoinedText::keep(12))
            .count()
            .await,
        100
    );
    let text = "five five fi [left out: 488 more bytes in 98 chunks]";
    assert_eq!(outputs(&only(&sink)), json!({ "output": text }));

    let (sink, tracer) = self::tracer();
    assert_eq!(
        words()
            .traced_values_by(tracer.run("list"), Items::keep(1_000))
            .count()
            .await,
        100
    );
    let run = only(&sink);
    let list = run.outputs.as_ref().expect("outputs")["output"]
        .as_array()
        .expect("a list")
        .clone();
    let (marker, kept) = list.split_last().expect("a marker");
    assert!(kept.iter().all(|word| word == "five ") && !kept.is_empty());
    assert_eq!(
        marker,
        &format!("[left out: {} more chunks]", 100 - kept.len())
    );
    assert_eq!(run.extra.metadata[CHUNK_COUNT], 100);
}

#[tokio::test]
async fn a_reducer_that_panics_changes_nothing_but_what_the_run_says() {
    let (sink, tracer) = tracer();
    let broken = fold(0, |_, n: &i32| assert!(*n < 2, "on purpose"));
    let items = stream::iter(0..5).traced_values_by(tracer.run("stream"), broken);
    assert_eq!(items.collect::<Vec<_>>().await, [0, 1, 2, 3, 4]);
    let run = only(&sink);
    assert_eq!(
        outputs(&run),
        json!({"ls_error": "Reducing failed; outputs dropped"})
    );
    assert_eq!(
        (run.status(), &run.extra.metadata[CHUNK_COUNT]),
        (RunStatus::Success, &json!(5))
    );
}

#[tokio::test]
async fn where_nothing_is_recorded_no_chunk_is_looked_at() {
    let off = Tracer::never();
    let broken = fold(0, |_, _: &i32| panic!("nobody asked"));
    let items = stream::iter(0..3).traced_values_by(off.run("stream"), broken);
    assert_eq!(items.size_hint(), (3, Some(3)));
    assert_eq!(items.count().await, 3);
}

#[tokio::test]
async fn nothing_below_a_stream_inherits_what_is_said_of_it_alone() {
    let (sink, tracer) = tracer();
    let run = tracer.run("stream").start();
    assert_eq!(stream::iter([1]).traced_values(&run).count().await, 1);
    run.child("afterwards").start().end();
    let runs = sink.runs();
    assert!(runs[0].extra.metadata.contains_key(CHUNK_COUNT));
    assert!(!runs[1].extra.metadata.contains_key(CHUNK_COUNT));
}

/// Panics when somebody asks whether it is whole.
struct Doubtful;

impl<T> Reduce<T> for Doubtful {
    fn take(&mut self, _chunk: &T) {}

    fn outputs(&self) -> Value {
        "some".into()
    }

    fn is_whole(&self) -> bool {
        panic!("on purpose")
    }
}

#[tokio::test]
async fn dropping_a_stream_never_panics_though_its_reducer_does() {
    let (sink, tracer) = tracer();
    let run = tracer.run("stream").start();
    let mut items = stream::iter(0..3).traced_values_by(&run, Doubtful);
    assert_eq!(items.next().await, Some(0));
    drop(items);
    let run = only(&sink);
    assert!(
        run.error
            .as_deref()
            .is_some_and(|it| it.starts_with("Cancelled: "))
    );
    assert_eq!(outputs(&run), json!({"output": "some"}));
}

#[tokio::test]
async fn an_item_that_is_an_error_without_a_text_fails_the_run_and_keeps_the_chunks() {
    struct Mute;
    impl std::fmt::Display for Mute {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("on purpose");
        }
    }
    let (sink, tracer) = tracer();
    let items = stream::iter([Ok("a"), Err(Mute), Ok("b")]);
    assert_eq!(items.traced(tracer.run("stream")).count().await, 3);
    let run = only(&sink);
    assert_eq!(
        (run.status(), run.error.as_deref()),
        (
            RunStatus::Error,
            Some("Error: its text could not be written")
        )
    );
    assert_eq!(outputs(&run), json!({"output": ["a", "b"]}));
    assert_eq!(run.extra.metadata[CHUNK_COUNT], 2);
}

#[tokio::test]
async fn a_stream_that_panics_while_it_is_dropped_ends_its_run_with_what_came_before() {
    struct Fragile;
    impl Drop for Fragile {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }
    let (sink, tracer) = tracer();
    let run = tracer.run("stream").start();
    let fragile = Fragile;
    let items = stream::iter(0..3).map(move |n| {
        let _ = &fragile;
        n
    });
    let mut items = items.traced_values(&run);
    assert_eq!(items.next().await, Some(0));
    let dropped = std::panic::catch_unwind(AssertUnwindSafe(|| drop(items)));
    assert!(dropped.is_err(), "its own panic goes on");
    let run = only(&sink);
    let error = "Panicked: the stream was dropped by a panic before its end";
    assert_eq!(run.error.as_deref(), Some(error));
    assert_eq!(outputs(&run), json!({"output": [0]}));
}
