//! What waits: the part of a trace that this process has.

use std::sync::Arc;

use crate::model::{Glance, RunId, RunOp, Timestamp};
use crate::trace::sampler::verdict::{KeepReason, LeaveReason};
use crate::trace::sink::{HeldOp, RunSink};

/// One operation that waits, and the sink it is for: runs of one part may go to several places.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) to: Arc<dyn RunSink>,
    pub(super) op: HeldOp,
}

/// What an operation does to the part that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Begins,
    Goes,
    Ends,
    /// A whole run in one operation.
    BeginsAndEnds,
}

impl Step {
    pub(super) fn of(op: &RunOp, glance: &Glance) -> Self {
        match (op, glance.end.is_some()) {
            (RunOp::Post(_), true) => Self::BeginsAndEnds,
            (RunOp::Post(_), false) => Self::Begins,
            (_, true) => Self::Ends,
            (_, false) => Self::Goes,
        }
    }

    pub(super) fn begins(self) -> bool {
        matches!(self, Self::Begins | Self::BeginsAndEnds)
    }

    pub(super) fn ends(self) -> bool {
        matches!(self, Self::Ends | Self::BeginsAndEnds)
    }

    /// Counts the runs that are open.
    pub(super) fn count(self, open: &mut u32) {
        *open = match self {
            Self::Begins => open.saturating_add(1),
            Self::Ends => open.saturating_sub(1),
            Self::Goes | Self::BeginsAndEnds => *open,
        };
    }
}

/// A part of a trace that is neither kept nor left out yet.
#[derive(Debug)]
pub(super) struct Part {
    /// Why the head left it out.
    pub(super) left_out: LeaveReason,
    /// When it began to wait, by the tracer's clock.
    pub(super) since: Timestamp,
    pub(super) trace: uuid::Uuid,
    top: RunId,
    top_start: Timestamp,
    top_ended: bool,
    pub(super) open: u32,
    pub(super) runs: u64,
    pub(super) bytes: usize,
    pub(super) held: Vec<Held>,
}

impl Part {
    pub(super) fn new(left_out: LeaveReason, since: Timestamp, first: &Glance) -> Self {
        Self {
            left_out,
            since,
            trace: first.trace_id.0,
            top: first.run_id,
            top_start: first.start,
            top_ended: false,
            open: 0,
            runs: 0,
            bytes: 0,
            held: Vec::new(),
        }
    }

    pub(super) fn hold(&mut self, held: Held) {
        self.bytes += held.op.bytes();
        self.held.push(held);
    }

    /// Notes what an operation says of the part.
    pub(super) fn note(&mut self, step: Step, glance: &Glance) {
        step.count(&mut self.open);
        if step.begins() {
            self.runs += 1;
        }
        if step.ends() && glance.run_id == self.top {
            self.top_ended = true;
        }
    }

    /// Returns true if the uppermost run has taken so long by then; it may be open still.
    pub(super) fn took(&self, slow: std::time::Duration, step: Step, glance: &Glance) -> bool {
        let is_top = glance.run_id == self.top;
        let until = match (step.ends(), glance.end) {
            (true, Some(end)) => end,
            _ => glance.start,
        };
        // What comes after the end of the uppermost run says nothing of how long that took.
        (is_top || !self.top_ended) && lasts(self.top_start, until, slow)
    }

    /// Returns true if the uppermost run is open and has taken so long by then.
    pub(super) fn is_taking(&self, slow: std::time::Duration, now: Timestamp) -> bool {
        !self.top_ended && lasts(self.top_start, now, slow)
    }

    /// Returns true if nothing more is expected of it.
    pub(super) fn is_over(&self) -> bool {
        self.top_ended && self.open == 0
    }
}

fn lasts(from: Timestamp, until: Timestamp, slow: std::time::Duration) -> bool {
    (until - from).to_std().is_ok_and(|took| took >= slow)
}

/// A part that is decided of, to be let go outside of the lock.
#[derive(Debug)]
pub(super) struct Decided {
    pub(super) key: RunId,
    pub(super) part: Part,
    pub(super) fate: Result<KeepReason, LeaveReason>,
}
