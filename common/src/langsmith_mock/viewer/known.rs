//! What the list tells of each trace, kept until the trace changes.
//!
//! ```text
//! Store ──which changed?──► stale ──a few at a time, each under a lock of its own──► Known ──► list
//! ```
//!
//! Reading a hundred thousand runs takes seconds; nobody who sends runs is to wait for a page that
//! somebody looks at. Start at [`traces`].

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use super::facts::{self, TraceFacts};
use crate::langsmith_mock::core::{Core, State};
use crate::model::TraceId;

/// Traces that are read under one lock.
const AT_ONCE: usize = 32;

/// The facts about each trace, with the number of the change that they are from.
#[derive(Debug, Default)]
pub(in crate::langsmith_mock) struct Known {
    of_trace: HashMap<TraceId, (u64, Option<Arc<TraceFacts>>)>,
    // What is said of runs, and which keys are cut out, counts for all traces.
    feedback: u64,
    keys: usize,
}

/// Gathers the traces, the one that began last first.
pub(super) fn traces(core: &Core) -> Vec<Arc<TraceFacts>> {
    // Before the state's lock and never within it: pages wait for one another, arrivals do not.
    let mut known = core.known.lock().unwrap_or_else(PoisonError::into_inner);
    let stale = known.stale(&core.state());
    for some in stale.chunks(AT_ONCE) {
        known.learn(&core.state(), some);
    }
    let facts = known
        .of_trace
        .values()
        .filter_map(|(_, facts)| facts.clone());
    let mut facts: Vec<Arc<TraceFacts>> = facts.collect();
    drop(known);
    facts.sort_unstable_by_key(|facts| Reverse((facts.start, facts.id)));
    facts
}

impl Known {
    /// Forgets what is gone, and returns the traces that have changed.
    fn stale(&mut self, state: &State) -> Vec<TraceId> {
        let store = &state.store;
        let (feedback, keys) = (store.feedback.changes(), state.keys.count());
        if (self.feedback, self.keys) != (feedback, keys) {
            self.of_trace.clear();
            (self.feedback, self.keys) = (feedback, keys);
        }
        self.of_trace
            .retain(|trace, (change, _)| store.changed(*trace) == Some(*change));
        let traces = store.changed_traces().map(|(trace, _)| trace);
        traces
            .filter(|trace| !self.of_trace.contains_key(trace))
            .collect()
    }

    fn learn(&mut self, state: &State, traces: &[TraceId]) {
        for trace in traces {
            if let Some(change) = state.store.changed(*trace) {
                self.of_trace.insert(*trace, (change, None));
            }
        }
        for facts in facts::traces(state, traces) {
            if let Some((_, known)) = self.of_trace.get_mut(&facts.id) {
                *known = Some(Arc::new(facts));
            }
        }
    }
}
