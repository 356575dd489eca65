//! What clients did wrong.

use std::collections::HashSet;

use serde_json::Value;

use super::SHORT;
use super::stored::id_of;
use crate::langsmith_mock::core::State;
use crate::langsmith_mock::decode::OpKind;
use crate::langsmith_mock::store::RejectedOp;
use crate::langsmith_mock::viewer::text::cut;
use crate::langsmith_mock::violation::{Violation, ViolationCode};
use crate::model::{RunId, TraceId, TraceTree};

/// What clients did wrong, each told once.
#[derive(Debug)]
pub(in crate::langsmith_mock::viewer) struct Wrong {
    pub(in crate::langsmith_mock::viewer) dropped: Vec<Dropped>,
    /// Spans that were answered with 200 and dropped.
    pub(in crate::langsmith_mock::viewer) spans: Vec<Violation>,
    pub(in crate::langsmith_mock::viewer) others: Vec<Violation>,
}

/// An operation that was answered with 202 and not stored; without its body, which may be large.
#[derive(Debug)]
pub(in crate::langsmith_mock::viewer) struct Dropped {
    pub(in crate::langsmith_mock::viewer) kind: OpKind,
    pub(in crate::langsmith_mock::viewer) id: String,
    pub(in crate::langsmith_mock::viewer) name: Option<String>,
    pub(in crate::langsmith_mock::viewer) violations: Vec<Violation>,
}

impl Dropped {
    fn read(op: &RejectedOp, state: &State) -> Self {
        let name = op.body.get("name").and_then(Value::as_str);
        Self {
            kind: op.kind,
            id: op.id.clone(),
            name: name.map(|name| state.scrub(cut(name, SHORT).0)),
            violations: op.violations.clone(),
        }
    }
}

/// Gathers the operations and spans that were dropped, and the violations that do not stand there.
pub(in crate::langsmith_mock::viewer) fn all_wrong(state: &State) -> Wrong {
    gather(state, |_| true, |_| true)
}

/// The same for one trace.
pub(in crate::langsmith_mock::viewer) fn wrong(
    state: &State,
    trace: TraceId,
    tree: &TraceTree,
) -> Wrong {
    let runs: HashSet<RunId> = tree.nodes().iter().map(|node| node.run.id).collect();
    let of_trace = |op: &RejectedOp| op.body.get("trace_id").and_then(id_of) == Some(trace.0);
    let of_tree = |v: &Violation| v.run.is_some_and(|run| runs.contains(&run));
    gather(state, of_trace, of_tree)
}

fn gather(
    state: &State,
    is_asked: impl Fn(&RejectedOp) -> bool,
    fits: impl Fn(&Violation) -> bool,
) -> Wrong {
    let dropped = state.store.rejected.iter().filter(|op| is_asked(op));
    let dropped: Vec<Dropped> = dropped.map(|op| Dropped::read(op, state)).collect();
    let key = |v: &Violation| (v.code, v.run, v.message.clone());
    let told: HashSet<_> = dropped
        .iter()
        .flat_map(|op| &op.violations)
        .map(key)
        .collect();
    let violations = state.store.violations.iter();
    let violations = violations.filter(|v| fits(v) && !told.contains(&key(v)));
    let is_span = |v: &Violation| v.code == ViolationCode::SpanOrphan;
    let (spans, others) = violations.cloned().partition(is_span);
    Wrong {
        dropped,
        spans,
        others,
    }
}
