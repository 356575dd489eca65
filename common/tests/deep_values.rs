//! A value that is nested deeper than a stack can hold is cut where it enters, whoever brings it.
#![cfg(feature = "client")]

mod exporting;
mod peer;

use std::mem;
use std::sync::Arc;

use common::export::{BatchExporter, Destination};
use common::model::{
    Feedback, JsonMap, MAX_VALUE_DEPTH, Run, RunContext, RunId, RunOp, TOO_DEEP, Timestamp,
};
use common::trace::{MemorySink, Redactor, Scope, Tracer, with_scope};
use exporting::{PATIENCE, accept, client_to, fast};
use serde_json::{Value, json};

/// Far more than serde_json can write, copy or drop on the stack of a thread.
const ABYSS: usize = 100_000;

fn nested(levels: usize) -> Value {
    (0..levels).fold(json!("canary"), |inside, level| {
        if level % 2 == 0 {
            Value::Array(vec![inside])
        } else {
            Value::Object(JsonMap::from_iter([("k".to_owned(), inside)]))
        }
    })
}

/// Returns what stands at the bottom, and how deep that is.
fn bottom(mut value: &Value) -> (usize, &Value) {
    for depth in 0.. {
        match value {
            Value::Array(items) if !items.is_empty() => value = &items[0],
            Value::Object(map) if map.contains_key("k") => value = &map["k"],
            other => return (depth, other),
        }
    }
    unreachable!()
}

fn object(value: Value) -> JsonMap {
    JsonMap::from_iter([("k".to_owned(), value)])
}

fn recording() -> (Arc<MemorySink>, Tracer) {
    let sink = Arc::new(MemorySink::new());
    (sink.clone(), Tracer::builder(sink).build())
}

fn is_cut(map: &JsonMap) -> bool {
    bottom(&map["k"]) == (MAX_VALUE_DEPTH - 1, &json!(TOO_DEEP))
}

#[test]
fn every_way_into_a_run_is_cut_at_the_same_depth_and_counted() {
    let (sink, tracer) = recording();
    let run = tracer
        .run("r")
        .inputs(object(nested(ABYSS)))
        .metadata("k", nested(ABYSS))
        .extra("k", nested(ABYSS))
        .start();
    run.add_metadata("later", nested(ABYSS));
    run.record_event("e", nested(ABYSS));
    run.set_outputs(object(nested(ABYSS)));
    run.add_output("later", nested(ABYSS));
    let child = run.child("below").start();
    child.end_with(nested(ABYSS));
    run.end();
    let runs = sink.runs();
    let sent = &runs[0];
    assert!(is_cut(sent.inputs.as_ref().expect("inputs")));
    assert!(is_cut(&sent.extra.metadata));
    assert!(is_cut(&sent.extra.other));
    assert!(is_cut(sent.outputs.as_ref().expect("outputs")));
    assert!(serde_json::to_string(&runs).is_ok());
    assert_eq!(tracer.gate_counts().withheld_too_deep, 8);
}

#[test]
fn a_value_that_is_just_not_too_deep_stays_as_it_is() {
    let (sink, tracer) = recording();
    // The map of the inputs is a level.
    tracer
        .run("r")
        .inputs(object(nested(MAX_VALUE_DEPTH - 1)))
        .start()
        .end();
    let inputs = sink.runs()[0].inputs.clone().expect("inputs");
    assert_eq!(
        bottom(&inputs["k"]),
        (MAX_VALUE_DEPTH - 1, &json!("canary"))
    );
    assert_eq!(tracer.gate_counts().withheld_too_deep, 0);
}

#[test]
fn scopes_contexts_and_functions_that_mask_bring_nothing_deeper_either() {
    let sink = Arc::new(MemorySink::new());
    let redactor = Redactor::new().hide_outputs_with(|_| object(nested(ABYSS)));
    let tracer = Tracer::builder(sink.clone())
        .metadata(object(nested(ABYSS)))
        .redactor(redactor)
        .build();
    let mut context: RunContext = tracer.run("elsewhere").start().context().expect("recorded");
    context.baggage.metadata = Arc::new(object(nested(ABYSS)));
    let scope = Scope::new().metadata("scope", nested(ABYSS));
    let shared = context.clone();
    with_scope(&scope, || {
        let remote = tracer.remote(context.clone());
        remote.child("one").start().end_with(1);
        let two = tracer.run("two").parent(context).start();
        assert!(two.context().is_some());
        two.end();
    });
    for run in sink.runs() {
        assert!(is_cut(&run.extra.metadata), "{}", run.name);
    }
    // It is the test's own, and dropping it is too.
    let mut own = Arc::into_inner(shared.baggage.into_inner().metadata).expect("the last one");
    discard(mem::take(&mut own["k"]));
}

fn discard(value: Value) {
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(map) => open.extend(map.into_iter().map(|(_, value)| value)),
            _ => {}
        }
    }
}

#[test]
fn the_exporter_lives_on_and_delivers_what_comes_with_it_and_after_it() {
    let peer = accept();
    let client = client_to(&peer, fast());
    let run = client.run("deep").inputs(object(nested(ABYSS))).start();
    run.end_with(object(nested(ABYSS)));
    client.run("after").start().end();
    client.flush(PATIENCE).expect("delivered");
    assert_eq!(client.stats().delivered, 4);
}

#[test]
fn operations_that_come_by_no_tracer_are_cut_too() {
    let peer = accept();
    let to = Destination::new(&peer.url).api_key(exporting::KEY);
    let exporter = BatchExporter::start(&to, fast()).expect("an exporter");
    let (sink, tracer) = recording();
    tracer.run("r").start().end();
    let mut run: Run = sink.runs().remove(0);
    run.inputs = Some(object(nested(ABYSS)));
    exporter.submit(RunOp::Post(Box::new(run)));
    let id = RunId(uuid::Uuid::from_u128(7));
    let judged = Feedback::on(id, "k", Timestamp::UNIX_EPOCH).value(nested(ABYSS));
    let op = tracer.admit(RunOp::Feedback(Box::new(judged)));
    assert!(op.is_some_and(|op| format!("{op:?}").contains(TOO_DEEP)));
    exporter.flush(PATIENCE).expect("delivered");
}
