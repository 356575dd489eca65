//! What waits: the part of a trace that this process has.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::{
    FIXED_SIZE, Glance, Part as Of, Place, RunId, RunOp, Timestamp, Unwritten, size_of_op,
};
use crate::trace::sampler::verdict::{KeepReason, LeaveReason};
use crate::trace::sink::RunSink;

/// One operation that waits.
#[derive(Debug)]
pub(super) enum Held {
    Begin(Arc<dyn Unwritten>, usize),
    End(Arc<dyn Unwritten>, usize),
    Op(RunOp, usize),
}

impl Held {
    pub(super) fn op(op: RunOp) -> Self {
        let bytes = size_of_op(&op).unwrap_or(FIXED_SIZE);
        Self::Op(op, bytes)
    }

    pub(super) fn bytes(&self) -> usize {
        let (Self::Begin(_, bytes) | Self::End(_, bytes) | Self::Op(_, bytes)) = self;
        *bytes
    }

    /// Drops it: nobody will write it.
    pub(super) fn forget(self) {
        match self {
            Self::Begin(run, _) => run.forget(Of::Begin),
            Self::End(run, _) => run.forget(Of::End),
            Self::Op(..) => {}
        }
    }
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
}

/// A part of a trace that is neither kept nor left out yet.
#[derive(Debug)]
pub(super) struct Part {
    /// Where it would go.
    pub(super) sink: Arc<dyn RunSink>,
    /// Why the head left it out.
    pub(super) left_out: LeaveReason,
    /// When it began to wait, by the tracer's clock.
    pub(super) since: Timestamp,
    pub(super) trace: uuid::Uuid,
    top: RunId,
    top_start: Timestamp,
    top_ended: bool,
    open: usize,
    pub(super) runs: u64,
    pub(super) bytes: usize,
    pub(super) held: Vec<Held>,
}

impl Part {
    pub(super) fn new(
        sink: Arc<dyn RunSink>,
        left_out: LeaveReason,
        since: Timestamp,
        first: &Glance,
    ) -> Self {
        Self {
            sink,
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
        self.bytes += held.bytes();
        self.held.push(held);
    }

    /// Notes what an operation says of the part.
    pub(super) fn note(&mut self, step: Step, glance: &Glance) {
        match step {
            Step::Begins => self.open += 1,
            Step::Ends => self.open = self.open.saturating_sub(1),
            Step::Goes | Step::BeginsAndEnds => {}
        }
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

/// Gives what waited to the sink it was for, and returns where that holds runs which have not ended.
pub(super) fn release(sink: &dyn RunSink, held: Vec<Held>) -> HashMap<RunId, Place> {
    let mut places = HashMap::new();
    for held in held {
        match held {
            Held::Begin(run, bytes) => {
                let id = run.run_id();
                if let Some(place) = sink.begin(run, bytes) {
                    places.insert(id, place);
                }
            }
            Held::End(run, bytes) => {
                let place = places.remove(&run.run_id());
                sink.end(run, place, bytes);
            }
            Held::Op(op, _) => sink.submit(op),
        }
    }
    places
}
