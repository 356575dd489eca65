//! One trace with its runs, and one run whole.

use std::collections::HashMap;

use serde_json::Value;

use super::stored::{id_of, light};
use crate::langsmith_mock::core::State;
use crate::langsmith_mock::decode::Attachment;
use crate::langsmith_mock::feedback;
use crate::langsmith_mock::query::{Scene, Seen};
use crate::langsmith_mock::viewer::derived::Derived;
use crate::model::{JsonMap, Run, RunId, TraceId, TraceTree};

/// The runs of a trace.
#[derive(Debug)]
pub(in crate::langsmith_mock::viewer) struct Traced {
    pub(in crate::langsmith_mock::viewer) tree: TraceTree,
    pub(in crate::langsmith_mock::viewer) whole: Derived,
    each: HashMap<RunId, Derived>,
}

impl Traced {
    pub(in crate::langsmith_mock::viewer) fn derived(&self, run: RunId) -> Option<&Derived> {
        self.each.get(&run)
    }
}

/// One run, whole.
#[derive(Debug)]
pub(in crate::langsmith_mock::viewer) struct RunFacts {
    pub(in crate::langsmith_mock::viewer) run: Run,
    pub(in crate::langsmith_mock::viewer) raw: JsonMap,
    pub(in crate::langsmith_mock::viewer) attachments: Vec<Attachment>,
    pub(in crate::langsmith_mock::viewer) feedback: Vec<Value>,
}

/// Gathers the runs of a trace, without what only the page of one run shows.
pub(in crate::langsmith_mock::viewer) fn tree(state: &State, trace: TraceId) -> Traced {
    let store = &state.store;
    let scene = Scene::of(store, store.stored_of(trace), |stored| light(stored, state));
    let seen: Vec<&Seen<'_>> = scene.seen.iter().collect();
    let whole = Derived::of_trace(&seen, state);
    let each = |seen: &&Seen<'_>| (seen.run.id, Derived::of_run(seen, state));
    Traced {
        whole,
        each: seen.iter().map(each).collect(),
        tree: TraceTree::build(scene.seen.into_iter().map(|seen| seen.run)),
    }
}

/// Finds the trace of a run.
pub(in crate::langsmith_mock::viewer) fn trace_of(state: &State, run: RunId) -> Option<TraceId> {
    let stored = state.store.get(run.0)?;
    stored.field("trace_id").and_then(id_of).map(TraceId)
}

pub(in crate::langsmith_mock::viewer) fn run(state: &State, id: RunId) -> Option<RunFacts> {
    let stored = state.store.get(id.0)?;
    let is_of_run = |entry: &&Value| feedback::run_of(entry) == Some(id.0);
    let feedback = state.store.feedback.iter().filter(is_of_run);
    Some(RunFacts {
        run: stored.run()?,
        raw: stored.merged(),
        attachments: stored.attachments().to_vec(),
        feedback: feedback.cloned().collect(),
    })
}

/// Returns who sent a run: the service that it names, or else its SDK.
pub(in crate::langsmith_mock::viewer) fn sender(run: &Run) -> Option<&str> {
    let service = run.extra.metadata.get("service").and_then(Value::as_str);
    let sdk = || run.extra.runtime.as_ref()?.get("sdk")?.as_str();
    service.or_else(sdk)
}
