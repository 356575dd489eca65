//! The handle of a run: what children take over, and how a run ends.

use std::sync::Arc;

use common::model::RunStatus;
use common::trace::{MemorySink, Tracer};
use serde_json::{Value, json};

fn tracer() -> (Arc<MemorySink>, Tracer) {
    let sink = Arc::new(MemorySink::new());
    (
        sink.clone(),
        Tracer::builder(sink).project(Some("lesson".into())).build(),
    )
}

#[test]
fn a_child_inherits_metadata_tags_and_project_and_its_own_win() {
    let (sink, tracer) = tracer();
    let root = tracer
        .run("root")
        .metadata("user", "u1")
        .metadata("k", 1)
        .tag("a")
        .start();
    root.child("leaf")
        .metadata("k", 2)
        .tag("b")
        .tag("a")
        .start()
        .end();
    root.end();
    let runs = sink.runs();
    let leaf = &runs[1];
    assert_eq!(
        Value::Object((*leaf.extra.metadata).clone()),
        json!({"user": "u1", "k": 2})
    );
    assert_eq!(leaf.tags, ["a", "b"]);
    assert_eq!(leaf.project.as_deref(), Some("lesson"));
    assert_eq!(leaf.parent_run_id, root.id());
}

#[test]
fn a_service_names_itself_and_does_not_pass_for_its_caller() {
    let sink = Arc::new(MemorySink::new());
    let of = |service: &str| Tracer::builder(sink.clone()).service(service).build();
    let caller = of("gateway").run("call").start();
    of("retriever")
        .run("serve")
        .parent(caller.context())
        .start()
        .child("search")
        .start()
        .end();
    let services: Vec<_> = sink
        .runs()
        .iter()
        .map(|run| run.extra.metadata["service"].clone())
        .collect();
    assert_eq!(services, ["gateway", "retriever", "retriever"]);
}

#[test]
fn the_last_handle_dropped_ends_the_run_with_an_error() {
    let (sink, tracer) = tracer();
    let run = tracer.run("forgotten").start();
    let clone = run.clone();
    drop(run);
    assert_eq!(sink.runs()[0].status(), RunStatus::Pending);
    drop(clone);
    assert!(
        sink.runs()[0]
            .error
            .as_deref()
            .is_some_and(|error| error.starts_with("Cancelled"))
    );
}

#[test]
fn a_panic_ends_the_run_and_says_so() {
    let (sink, tracer) = tracer();
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _run = tracer.run("bad").start();
        panic!("on purpose");
    }));
    assert!(caught.is_err());
    assert!(
        sink.runs()[0]
            .error
            .as_deref()
            .is_some_and(|error| error.starts_with("Panicked"))
    );
}

#[test]
fn only_the_first_end_counts() {
    let (sink, tracer) = tracer();
    let run = tracer.run("once").start();
    run.end_with(json!({"answer": 42}));
    run.fail("too late");
    drop(run);
    assert_eq!(sink.ops().len(), 2);
    assert_eq!(sink.runs()[0].status(), RunStatus::Success);
}

#[test]
fn a_tag_of_a_run_alone_is_handed_down_once_it_is_added_as_any_other() {
    let (sink, tracer) = tracer();
    let run = tracer.run("above").tag("kept");
    let run = run.local_tag("alone").local_tag("both").start();
    run.child("before").start().end();
    run.add_tag("both");
    run.add_tag("both");
    run.child("after").start().end();
    run.end();
    let runs = sink.runs();
    let tags: Vec<_> = runs.iter().map(|run| run.tags.join(" ")).collect();
    assert_eq!(tags, ["alone kept both", "kept", "kept both"]);
}

#[test]
fn switched_off_nothing_is_recorded_and_nothing_crosses() {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).enabled(false).build();
    let run = tracer.run("quiet").start();
    run.child("below").start().end();
    assert!(run.context().is_none());
    drop(run);
    assert!(sink.ops().is_empty());
}

#[test]
fn a_remote_run_has_children_here_and_sends_nothing_itself() {
    let (sink, tracer) = tracer();
    let caller = tracer.run("caller").tag("t").project("theirs").start();
    let sent = sink.ops().len();
    let parent = tracer.remote(caller.context().expect("recorded"));
    parent.add_tag("lost");
    parent.end();
    drop(parent.clone());
    assert_eq!(sink.ops().len(), sent);
    parent.child("here").start().end();
    let runs = sink.runs();
    assert_eq!(runs[1].parent_run_id, caller.id());
    assert_eq!(runs[1].tags, ["t"]);
    assert_eq!(runs[1].project.as_deref(), Some("theirs"));
}

#[test]
fn a_value_that_is_no_object_is_wrapped() {
    let (sink, tracer) = tracer();
    tracer.run("wrap").inputs("text").start().end_with(7);
    let run = &sink.runs()[0];
    assert_eq!(
        run.inputs.clone().map(Value::Object),
        Some(json!({"input": "text"}))
    );
    assert_eq!(
        run.outputs.clone().map(Value::Object),
        Some(json!({"output": 7}))
    );
}
