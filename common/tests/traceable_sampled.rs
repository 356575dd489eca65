//! What `#[traceable]` costs where a trace is not in the sample, and what it still passes on.
#![cfg(feature = "macros")]

use std::cell::Cell;
use std::sync::Arc;

use common::model::JsonMap;
use common::trace::{
    MemorySink, RunTree, Sampler, SamplingRate, Scope, Tracer, current, with_run, with_scope,
};
use common::traceable;
use serde::{Serialize, Serializer};
use uuid::Uuid;

thread_local! {
    static LOOKED_AT: Cell<usize> = const { Cell::new(0) };
}

/// Counts how often it is serialized.
struct Big;

impl Serialize for Big {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        LOOKED_AT.set(LOOKED_AT.get() + 1);
        serializer.serialize_str("big")
    }
}

fn hook(payload: JsonMap) -> JsonMap {
    LOOKED_AT.set(LOOKED_AT.get() + 1);
    payload
}

#[traceable(process_inputs = hook, process_outputs = hook)]
fn work(_big: &Big) -> Big {
    assert!(current().is_some_and(|run| run.context().is_some()));
    Big
}

/// Calls `work` below a run of that trace; returns how often a payload was looked at, and the runs sent.
fn looks_below(trace_id: &str) -> (usize, usize) {
    let sink = Arc::new(MemorySink::new());
    let rate = SamplingRate::new(0.5).expect("a rate");
    let tracer = Tracer::builder(sink.clone())
        .sampler(Sampler::TraceIdRatio(rate))
        .build();
    let id: Uuid = trace_id.parse().expect("an id");
    let root: RunTree = tracer.run("root").id(id.into()).start();
    LOOKED_AT.set(0);
    with_run(&root, || work(&Big));
    root.end();
    (LOOKED_AT.get(), sink.runs().len())
}

#[test]
fn payloads_of_a_trace_that_is_not_in_the_sample_are_not_even_looked_at() {
    assert_eq!(looks_below("01990000-0000-7000-8000-000000000000"), (4, 2));
    assert_eq!(looks_below("01990000-0000-7000-8000-000000001111"), (0, 0));
}

#[test]
fn the_result_of_a_root_that_is_not_in_the_sample_is_not_looked_at() {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone())
        .sampler(Sampler::AlwaysOff)
        .build();
    LOOKED_AT.set(0);
    with_scope(&Scope::new().tracer(&tracer), || work(&Big));
    // Its arguments are: the id that decides is made when the run starts.
    assert_eq!(LOOKED_AT.get(), 2);
    assert!(sink.ops().is_empty());
}
