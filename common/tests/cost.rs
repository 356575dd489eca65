//! What tracing takes from the thread that is traced, counted in allocations: times differ from machine to
//! machine, these do not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use allocation_counter::measure;
use common::model::{Place, RunOp, SeededIds, Unwritten};
use common::trace::{MemorySink, NoSink, RunSink, Sampler, Scope, Tracer, with_scope};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

const NAME: &str = "a name that is longer than any text that is kept in place";

/// Says when somebody reads it.
#[derive(Default)]
struct Noticed(AtomicBool);

impl Serialize for Noticed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.store(true, Ordering::Relaxed);
        serializer.serialize_str("read")
    }
}

struct Unwritable;

impl Serialize for Unwritable {
    fn serialize<S: Serializer>(&self, _serializer: S) -> Result<S::Ok, S::Error> {
        panic!("a panic of the program's own");
    }
}

fn tracer() -> Tracer {
    Tracer::builder(Arc::new(NoSink)).build()
}

#[test]
fn nothing_is_allocated_where_tracing_is_off() {
    let off = Tracer::builder(Arc::new(NoSink)).enabled(false).build();
    let all = |tracer: &Tracer| {
        let run = tracer
            .run(NAME)
            .run_type("a type of the program's own")
            .metadata(NAME, NAME)
            .tag(NAME)
            .project(NAME)
            .inputs(7)
            .inputs_of(NAME)
            .start();
        let child = run.child(NAME).inputs_of(NAME).start();
        child.add_event(NAME);
        child.add_metadata(NAME, NAME);
        child.add_tag(NAME);
        child.end_of(NAME);
        run.end_with(7);
    };
    for tracer in [off, Tracer::never()] {
        all(&tracer);
        assert_eq!(measure(|| all(&tracer)).count_total, 0);
    }
}

#[test]
fn a_tracer_that_is_off_still_records_where_a_scope_says_so() {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).enabled(false).build();
    with_scope(&Scope::new().enabled(true), || {
        let run = tracer.run(NAME).inputs_of("given").start();
        run.child("below").start().end();
        run.end_of("made");
    });
    let runs = sink.runs();
    assert_eq!(runs.len(), 2);
    assert_eq!(runs[0].name, NAME);
    assert_eq!(
        runs[0].inputs.clone().map(Value::from),
        Some(json!({"input": "given"}))
    );
    assert_eq!(
        runs[0].outputs.clone().map(Value::from),
        Some(json!({"output": "made"}))
    );
}

#[test]
fn a_payload_is_moved_and_never_copied() {
    let large = || json!({"text": "x".repeat(1 << 20), "more": ["y".repeat(1 << 20)]});
    let tracer = tracer();
    let root = tracer.run("root").start();
    let (inputs, outputs) = (large(), large());
    let taken = measure(|| {
        root.child("child").inputs(inputs).start().end_with(outputs);
    });
    assert!(taken.bytes_total < 16 * 1024, "{}", taken.bytes_total);
    assert!(taken.count_total < 20, "{}", taken.count_total);
}

/// Takes runs as the exporter's queue does, which has them written on a thread of its own.
#[derive(Debug)]
struct WrittenElsewhere;

impl RunSink for WrittenElsewhere {
    fn submit(&self, _op: RunOp) {}

    fn begin(&self, _run: Arc<dyn Unwritten>, _bytes: usize) -> Option<Place> {
        None
    }

    fn end(&self, _run: Arc<dyn Unwritten>, _place: Option<Place>, _bytes: usize) {}
}

#[test]
fn a_run_is_one_piece_of_memory() {
    let tracer = Tracer::builder(Arc::new(WrittenElsewhere)).build();
    let root = tracer.run("root").start();
    // The first one has its parent's place put together.
    root.child("first").start().end();
    let [name, given, made] = ["step", "given", "made"].map(String::from);
    let taken = measure(|| {
        let child = root.child(name).inputs(given).start();
        let handle = child.clone();
        drop(child);
        handle.end_with(made);
    });
    assert_eq!(taken.count_total, 1);
}

#[test]
fn what_was_set_before_the_end_is_moved_too() {
    let tracer = tracer();
    let run = tracer.run("root").start();
    run.set_outputs(json!({"text": "x".repeat(1 << 20)}));
    run.record_event("page", json!({"text": "x".repeat(1 << 20)}));
    let taken = measure(|| run.end());
    assert!(taken.bytes_total < 16 * 1024, "{}", taken.bytes_total);
}

#[test]
fn a_run_that_has_ended_is_still_a_parent() {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone())
        .ids(Arc::new(SeededIds::new(1)))
        .build();
    let run = tracer
        .run("root")
        .metadata("tenant", "t-1")
        .tag("beta")
        .project("p")
        .start();
    run.end();
    run.add_metadata("late", true);
    run.add_tag("late");
    run.child("child").start().end();
    let child = &sink.runs()[1];
    assert_eq!(child.extra.metadata["tenant"], "t-1");
    assert_eq!(
        (child.tags.as_slice(), child.project.as_deref()),
        (&["beta".into()][..], Some("p"))
    );
    assert!(!child.extra.metadata.contains_key("late"));
    assert_eq!(run.name(), "root");
}

#[test]
fn a_value_is_read_only_where_it_is_recorded() {
    let off = Tracer::builder(Arc::new(NoSink)).enabled(false).build();
    let (given, made) = (Noticed::default(), Noticed::default());
    off.run("off").inputs_of(&given).start().end_of(&made);
    let unsampled = Tracer::builder(Arc::new(NoSink))
        .sampler(Sampler::AlwaysOff)
        .build();
    unsampled.run("not in the sample").start().end_of(&made);
    let was_read = |value: &Noticed| value.0.load(Ordering::Relaxed);
    assert!(!was_read(&given) && !was_read(&made));
    tracer().run("on").inputs_of(&given).start().end_of(&made);
    assert!(was_read(&given) && was_read(&made));
}

#[test]
fn a_value_that_panics_leaves_a_marker() {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).build();
    tracer
        .run("root")
        .inputs_of(&Unwritable)
        .start()
        .end_of(&Unwritable);
    let run = &sink.runs()[0];
    let marker = json!("Serialization failed; value dropped");
    assert_eq!(
        run.inputs.as_ref().map(|map| &map["ls_error"]),
        Some(&marker)
    );
    assert_eq!(
        run.outputs.as_ref().map(|map| &map["ls_error"]),
        Some(&marker)
    );
}
