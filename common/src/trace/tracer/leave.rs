//! What leaves: every operation of a tracer passes here, sampled and masked, on its way to the sink.
//!
//! ```text
//! value ──shallow──► run ──begin · end · submit──► masks? ──no───► sink
//!                                                    └─ mask ──► sink      no queue sees it as it was
//! ```

use std::sync::Arc;

use serde_json::Value;

use super::Tracer;
use crate::model::{Part, Place, RunContext, RunOp, TraceId, Unwritten, withhold_deep};
use crate::trace::gate::GateCounts;
use crate::trace::inherited::Inherited;
use crate::trace::run_tree::{Fields, Live};
#[cfg(feature = "prometheus")]
use crate::trace::sampler::SamplingBooks;
use crate::trace::sampler::SamplingStats;
#[cfg(any(feature = "client", feature = "prometheus"))]
use crate::trace::sampler::TailBuffer;

impl Tracer {
    /// Gives an operation to the sink. Every operation passes here, or the next one: what must not leave
    /// is stopped here.
    #[cfg(feature = "client")]
    pub(crate) fn submit(&self, op: RunOp) {
        if let Some(op) = self.pass(op) {
            self.shared.sink.submit(op);
        }
    }

    /// Returns what may leave of an operation whose run was chosen by hand: masked, and not sampled. Nothing is
    /// added that describes this process, because the run is another's.
    #[cfg(feature = "client")]
    pub(crate) fn pass_unsampled(&self, op: RunOp) -> Option<RunOp> {
        self.own().gate.pass_unsampled(op)
    }

    /// Gives an operation to the sink that has passed, past what a sampler holds back; returns false if it was
    /// not taken in.
    #[cfg(feature = "client")]
    pub(crate) fn offer(&self, op: RunOp) -> bool {
        self.shared.sink.offer(op)
    }

    /// Gives a run to the sink that has begun. What is too deep in it was withheld when it came in.
    pub(in crate::trace) fn begin(
        &self,
        run: Arc<impl Unwritten + 'static>,
        bytes: usize,
    ) -> Option<Place> {
        if self.masks() {
            self.submit_after_masking(&*run, Part::Begin);
            return None;
        }
        self.shared.sink.begin(run, bytes)
    }

    /// Gives a run to the sink that has ended.
    pub(in crate::trace) fn end(
        &self,
        run: Arc<impl Unwritten + 'static>,
        place: Option<Place>,
        bytes: usize,
    ) {
        if self.masks() {
            return self.submit_after_masking(&*run, Part::End);
        }
        self.shared.sink.end(run, place, bytes);
    }

    /// Returns true if runs are changed before they leave: then they are written on this thread, as no
    /// queue may see them as they are.
    fn masks(&self) -> bool {
        self.own().gate.redactor.is_some()
    }

    fn submit_after_masking(&self, run: &impl Unwritten, part: Part) {
        let Some(op) = self.mask(run.write(part)) else {
            return;
        };
        self.submit_masked(op, || run.glance().kept);
    }

    /// Returns what the redactor leaves of an operation.
    pub(in crate::trace) fn mask(&self, op: RunOp) -> Option<RunOp> {
        self.own().gate.mask(op)
    }

    /// Gives an operation to the sink that was masked. `kept` says what the head decided of the run's trace, if the
    /// run knows: what is written does not say it.
    pub(in crate::trace) fn submit_masked(&self, op: RunOp, kept: impl FnOnce() -> Option<bool>) {
        match &self.shared.tail {
            Some(tail) => tail.submit_known(op, kept()),
            None => self.shared.sink.submit(op),
        }
    }

    /// Returns what may leave of an operation, sampled and masked; none if nothing may.
    ///
    /// The tracer's own operations pass here by themselves. It is for operations that go out by another
    /// way, such as feedback by a request of its own.
    /// What is said of a trace that the tail of a sampler left out stays here too. One that waits there passes:
    /// whether it will be kept is not known.
    pub fn admit(&self, op: RunOp) -> Option<RunOp> {
        let op = self.pass(op)?;
        let (Some(tail), RunOp::Feedback(feedback)) = (&self.shared.tail, &op) else {
            return Some(op);
        };
        if feedback
            .subject()
            .is_some_and(|key| tail.buffer().fate_of(key) == Some(false))
        {
            tail.buffer().left_out_feedback();
            return None;
        }
        Some(op)
    }

    /// Returns true if what the judgement is about waits in the tail of a sampler.
    #[cfg(feature = "client")]
    pub(crate) fn holds_back(&self, feedback: &crate::model::Feedback) -> bool {
        let tail = self.shared.tail.as_ref().zip(feedback.subject());
        tail.is_some_and(|(tail, key)| tail.buffer().fate_of(key).is_none())
    }

    fn pass(&self, mut op: RunOp) -> Option<RunOp> {
        // Before the gate, so that what hides metadata hides this too.
        if let Some(run) = op.run_mut() {
            self.own().describe(&mut run.extra.metadata);
        }
        self.own().gate.pass(op)
    }

    /// Returns how often something was kept from leaving: by sampling, and by masking that failed.
    pub fn gate_counts(&self) -> GateCounts {
        self.own().gate.counts()
    }

    /// Returns what sampling did, in books that balance.
    pub fn sampling_stats(&self) -> SamplingStats {
        let mut stats = self.own().gate.head.books().stats();
        if let Some(tail) = &self.shared.tail {
            tail.buffer().add_to(&mut stats);
        }
        stats
    }

    /// Returns the books of sampling, without what sends.
    #[cfg(feature = "prometheus")]
    pub(crate) fn sampling_books(&self) -> SamplingBooks {
        SamplingBooks::new(self.own().gate.head.clone(), self.buffer())
    }

    /// Returns what holds runs back, if anything does.
    #[cfg(any(feature = "client", feature = "prometheus"))]
    pub(crate) fn buffer(&self) -> Option<&Arc<TailBuffer>> {
        self.shared.tail.as_ref().map(|tail| tail.buffer())
    }

    /// Returns a value for a map of a run, as far down as it can be written. Whatever a run is told
    /// passes here first: to copy or to drop more would overflow the stack.
    pub(in crate::trace) fn shallow(&self, value: impl Into<Value>) -> Value {
        let mut value = value.into();
        self.withheld_deep(withhold_deep(&mut value));
        value
    }

    /// Returns what work gave back as the map that is sent, likewise.
    pub(in crate::trace) fn shallow_outputs(&self, outputs: impl Into<Value>) -> Fields {
        let mut outputs = Fields::of(outputs.into(), "output");
        self.withheld_deep(outputs.withhold_deep());
        outputs
    }

    pub(in crate::trace) fn withheld_deep(&self, parts: u64) {
        self.own().gate.count_deep(parts);
    }

    pub(in crate::trace) fn admits(&self, live: &mut Live) -> bool {
        self.own().gate.admits(live, || self.clock().now())
    }

    pub(in crate::trace) fn records_trace(
        &self,
        trace_id: TraceId,
        inherited: impl FnOnce() -> Arc<Inherited>,
    ) -> bool {
        self.own().gate.records_below(trace_id, inherited)
    }

    pub(in crate::trace) fn masked(&self, context: RunContext) -> RunContext {
        self.own().gate.pass_context(context)
    }
}
