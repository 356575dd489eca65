//! What arrived, in numbers.

use crate::langsmith_mock::core::{Core, State};
use crate::langsmith_mock::store::IngestOutcome;
use crate::langsmith_mock::violation::{Violation, ViolationCode};

/// What arrived, in numbers.
#[derive(Debug, Default)]
pub(in crate::langsmith_mock::viewer) struct Counts {
    pub(in crate::langsmith_mock::viewer) runs: usize,
    pub(in crate::langsmith_mock::viewer) ended: usize,
    pub(in crate::langsmith_mock::viewer) errors: usize,
    pub(in crate::langsmith_mock::viewer) warnings: usize,
    pub(in crate::langsmith_mock::viewer) rejected: usize,
    pub(in crate::langsmith_mock::viewer) requests: u64,
    pub(in crate::langsmith_mock::viewer) refused: usize,
    pub(in crate::langsmith_mock::viewer) body_bytes: usize,
    pub(in crate::langsmith_mock::viewer) decoded_bytes: usize,
    pub(in crate::langsmith_mock::viewer) created: usize,
    pub(in crate::langsmith_mock::viewer) merged: usize,
    pub(in crate::langsmith_mock::viewer) repeated: usize,
    pub(in crate::langsmith_mock::viewer) feedback: usize,
    /// Spans that were answered with 200 and dropped, because their parents never came.
    pub(in crate::langsmith_mock::viewer) spans_dropped: usize,
    /// Spans that still wait for their parents.
    pub(in crate::langsmith_mock::viewer) spans_waiting: usize,
    pub(in crate::langsmith_mock::viewer) forgotten: u64,
    pub(in crate::langsmith_mock::viewer) strict: bool,
    /// Grows with everything that arrives.
    pub(in crate::langsmith_mock::viewer) version: u64,
}

pub(in crate::langsmith_mock::viewer) fn counts(core: &Core, state: &State) -> Counts {
    let store = &state.store;
    let (runs, ended) = store.counts();
    let mut counts = Counts {
        runs,
        ended,
        rejected: store.rejected.len(),
        requests: store.request_count,
        feedback: store.feedback.len(),
        spans_waiting: state.waiting.count(),
        forgotten: store.forgotten,
        strict: core.settings().strict,
        version: store.request_count,
        ..Counts::default()
    };
    counts.errors = store.violations.iter().filter(|v| v.is_error()).count();
    counts.warnings = store.violations.len() - counts.errors;
    for request in store.requests.iter() {
        counts.refused += usize::from(request.status >= 400);
        counts.body_bytes += request.body_bytes;
        counts.decoded_bytes += request.decoded_bytes;
    }
    let mut dropped = 0_usize;
    for entry in &store.log {
        match entry.outcome {
            IngestOutcome::Created => counts.created += 1,
            IngestOutcome::Merged => counts.merged += 1,
            IngestOutcome::Repeated => counts.repeated += 1,
            IngestOutcome::Dropped => dropped += 1,
            IngestOutcome::Waiting | IngestOutcome::Rejected => {}
        }
    }
    let is_span = |v: &&Violation| v.code == ViolationCode::SpanOrphan;
    counts.spans_dropped = store.violations.iter().filter(is_span).count();
    // What is no span came before its parent, which showed it to be wrong.
    counts.rejected += dropped.saturating_sub(counts.spans_dropped);
    counts
}
