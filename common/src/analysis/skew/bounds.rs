//! One call → between which two offsets the clocks can be.

use serde_json::Value;

use crate::analysis::critical_path::micros;
use crate::analysis::label;
use crate::analysis::rows::service;
use crate::model::{Run, TraceTree};

/// What a run says by how many milliseconds it was moved to its parent's start; `trace::CLOCK_SKEW`.
const MOVED: &str = "clock_skew_ms";

/// What one call between two hosts says of their clocks, in microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) caller: String,
    pub(super) callee: String,
    /// None if the caller did not wait for the answer: then the end says nothing.
    pub(super) least: Option<i64>,
    pub(super) most: i64,
}

/// Returns the host that a run names: `host.name` or `host` of its metadata, else its service.
pub(super) fn host(run: &Run) -> Option<&str> {
    let metadata = &run.extra.metadata;
    let named = metadata.get("host.name").or(metadata.get("host"));
    let named = named.and_then(Value::as_str);
    let named = named.filter(|name| !label::fit(name, 1).is_empty());
    named.or_else(|| service(run))
}

/// Returns by how many microseconds a run was moved to its parent's start. It says whole milliseconds.
pub(super) fn moved(run: &Run) -> Option<i64> {
    let said = run.extra.metadata.get(MOVED)?;
    // What came as an attribute of a span may be text.
    let moved = said.as_i64().or_else(|| said.as_str()?.parse().ok())?;
    // No clock is off by more than all the time that is told apart.
    (moved > 0).then(|| moved.saturating_mul(1_000).min(i64::MAX / 4))
}

/// Returns the bounds of all calls from one host to another.
pub(super) fn all(tree: &TraceTree) -> Vec<Bounds> {
    let nodes = tree.nodes();
    let calls = nodes.iter().filter_map(|node| {
        let (call, serve) = (&nodes[node.parent?].run, &node.run);
        let (caller, callee) = (host(call)?, host(serve)?);
        (caller != callee).then(|| bounds(call, serve, (caller, callee)))
    });
    calls.collect()
}

fn bounds(call: &Run, serve: &Run, (caller, callee): (&str, &str)) -> Bounds {
    let behind = moved(serve).unwrap_or(0);
    // Nothing is received before it is sent. A start that was moved was read that much earlier.
    let most = (micros(serve.start_time) - micros(call.start_time)).saturating_sub(behind);
    let least = match (call.end_time, serve.end_time) {
        // An end at the very start was moved with it: which time the clock showed is not known.
        (Some(_), Some(end)) if behind > 0 && end <= serve.start_time => None,
        // No answer comes after whoever waits for it has gone on.
        (Some(over), Some(end)) => Some(micros(end) - micros(over)),
        _ => None,
    };
    Bounds {
        caller: caller.to_owned(),
        callee: callee.to_owned(),
        // A callee that worked longer than its caller was not waited for.
        least: least.filter(|least| *least <= most),
        most,
    }
}
