//! Between the tracer and where its runs go.

use std::sync::Arc;

use super::buffer::{Coming, TailBuffer};
use super::part::Step;
use crate::model::{EndedRun, Glance, Place, RunOp, Unwritten};
use crate::trace::sink::{HeldOp, RunSink};

/// Holds runs back that the head leaves out; all others pass as they are.
#[derive(Debug)]
pub(in crate::trace) struct TailSampler {
    buffer: Arc<TailBuffer>,
    next: Arc<dyn RunSink>,
}

impl TailSampler {
    pub(in crate::trace) fn new(buffer: Arc<TailBuffer>, next: Arc<dyn RunSink>) -> Self {
        Self { buffer, next }
    }

    pub(in crate::trace) fn buffer(&self) -> &Arc<TailBuffer> {
        &self.buffer
    }

    /// Takes an operation on a run of which is known whether the head kept its trace. What was written, as all is that
    /// is masked, does not say so, and the id may not either.
    pub(in crate::trace) fn submit_known(&self, op: RunOp, kept: Option<bool>) {
        let (RunOp::Post(run) | RunOp::Patch(run)) = &op else {
            return self.submit_feedback(op);
        };
        let glance = Glance {
            kept,
            ..Glance::from(&**run)
        };
        if self.is_kept(&glance) {
            return self.next.submit(op);
        }
        let step = Step::of(&op, &glance);
        let chosen = step.ends() && self.buffer.chosen(|| EndedRun::from(&**run));
        let goes_on = self.take(&glance, step, chosen, HeldOp::op(op));
        if let Some((HeldOp::Op(op, _), _)) = goes_on {
            self.next.submit(op);
        }
    }

    fn is_kept(&self, glance: &Glance) -> bool {
        let by_head = || self.buffer.head().keeps(glance.trace_id.0);
        glance.kept.unwrap_or_else(by_head)
    }

    fn take(
        &self,
        glance: &Glance,
        step: Step,
        chosen: bool,
        op: HeldOp,
    ) -> Option<(HeldOp, Option<Place>)> {
        self.buffer.take(Coming {
            sink: &self.next,
            glance,
            step,
            chosen,
            op,
        })
    }
}

impl RunSink for TailSampler {
    fn submit(&self, op: RunOp) {
        self.submit_known(op, None);
    }

    fn offer(&self, op: RunOp) -> bool {
        self.next.offer(op)
    }

    fn begin(&self, run: Arc<dyn Unwritten>, bytes: usize) -> Option<Place> {
        let glance = run.glance();
        if self.is_kept(&glance) {
            return self.next.begin(run, bytes);
        }
        let held = HeldOp::Begin(run, bytes);
        match self.take(&glance, Step::Begins, false, held) {
            Some((HeldOp::Begin(run, bytes), _)) => self.next.begin(run, bytes),
            _ => None,
        }
    }

    fn end(&self, run: Arc<dyn Unwritten>, place: Option<Place>, bytes: usize) {
        let glance = run.glance();
        if self.is_kept(&glance) {
            return self.next.end(run, place, bytes);
        }
        // Only the next sink makes places, and only of what is kept: its beginning came late, and was counted.
        if place.is_some() {
            self.buffer.ends_late(&glance);
            return self.next.end(run, place, bytes);
        }
        let chosen = self.buffer.chosen(|| run.ended());
        let held = HeldOp::End(run, bytes);
        let goes_on = self.take(&glance, Step::Ends, chosen, held);
        if let Some((HeldOp::End(run, bytes), place)) = goes_on {
            self.next.end(run, place, bytes);
        }
    }
}

impl TailSampler {
    fn submit_feedback(&self, op: RunOp) {
        let RunOp::Feedback(feedback) = &op else {
            return;
        };
        let Some(key) = feedback.subject() else {
            // What is said of a whole project is of no trace that could be left out.
            return self.next.submit(op);
        };
        let goes_on = self.buffer.take_feedback(key, &self.next, HeldOp::op(op));
        if let Some(HeldOp::Op(op, _)) = goes_on {
            self.next.submit(op);
        }
    }
}
