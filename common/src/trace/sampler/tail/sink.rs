//! Between the tracer and where its runs go.

use std::sync::Arc;

use super::buffer::{Coming, TailBuffer};
use super::part::{Held, Step};
use crate::model::{EndedRun, Glance, Place, RunOp, Unwritten};
use crate::trace::sink::RunSink;

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

    fn is_kept(&self, glance: &Glance) -> bool {
        let by_head = || self.buffer.head().keeps(glance.trace_id.0);
        glance.kept.unwrap_or_else(by_head)
    }

    fn take(
        &self,
        glance: &Glance,
        step: Step,
        chosen: bool,
        held: Held,
    ) -> Option<(Held, Option<Place>)> {
        self.buffer.take(Coming {
            sink: &self.next,
            glance,
            step,
            chosen,
            held,
        })
    }
}

impl RunSink for TailSampler {
    fn submit(&self, op: RunOp) {
        let (RunOp::Post(run) | RunOp::Patch(run)) = &op else {
            return self.submit_feedback(op);
        };
        let glance = Glance::from(&**run);
        if self.is_kept(&glance) {
            return self.next.submit(op);
        }
        let step = Step::of(&op, &glance);
        let chosen = step.ends() && self.buffer.chosen(|| EndedRun::from(&**run));
        let goes_on = self.take(&glance, step, chosen, Held::op(op));
        if let Some((Held::Op(op, _), _)) = goes_on {
            self.next.submit(op);
        }
    }

    fn offer(&self, op: RunOp) -> bool {
        self.next.offer(op)
    }

    fn begin(&self, run: Arc<dyn Unwritten>, bytes: usize) -> Option<Place> {
        let glance = run.glance();
        if self.is_kept(&glance) {
            return self.next.begin(run, bytes);
        }
        let held = Held::Begin(run, bytes);
        match self.take(&glance, Step::Begins, false, held) {
            Some((Held::Begin(run, bytes), _)) => self.next.begin(run, bytes),
            _ => None,
        }
    }

    fn end(&self, run: Arc<dyn Unwritten>, place: Option<Place>, bytes: usize) {
        let glance = run.glance();
        // Only the next sink makes places, and only of what is kept.
        if place.is_some() || self.is_kept(&glance) {
            return self.next.end(run, place, bytes);
        }
        let chosen = self.buffer.chosen(|| run.ended());
        let held = Held::End(run, bytes);
        let goes_on = self.take(&glance, Step::Ends, chosen, held);
        if let Some((Held::End(run, bytes), place)) = goes_on {
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
        if let Some(Held::Op(op, _)) = self.buffer.take_feedback(key, Held::op(op)) {
            self.next.submit(op);
        }
    }
}
