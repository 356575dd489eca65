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
use crate::trace::run_tree::Fields;

impl Tracer {
    /// Gives an operation to the sink. Every operation passes here, or the next one: what must not leave
    /// is stopped here.
    #[cfg(feature = "client")]
    pub(crate) fn submit(&self, op: RunOp) {
        if let Some(op) = self.admit(op) {
            self.shared.sink.submit(op);
        }
    }

    /// Gives a run to the sink that has begun. What is too deep in it was withheld when it came in.
    pub(in crate::trace) fn begin(
        &self,
        run: Arc<impl Unwritten + 'static>,
        bytes: usize,
    ) -> Option<Place> {
        if self.masks() {
            self.submit_after_masking(run.write(Part::Begin));
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
            return self.submit_after_masking(run.write(Part::End));
        }
        self.shared.sink.end(run, place, bytes);
    }

    /// Returns true if runs are changed before they leave: then they are written on this thread, as no
    /// queue may see them as they are.
    fn masks(&self) -> bool {
        self.own().gate.redactor.is_some()
    }

    fn submit_after_masking(&self, op: RunOp) {
        if let Some(op) = self.mask(op) {
            self.submit_masked(op);
        }
    }

    /// Returns what the redactor leaves of an operation.
    pub(in crate::trace) fn mask(&self, op: RunOp) -> Option<RunOp> {
        self.own().gate.mask(op)
    }

    /// Gives an operation to the sink that was masked.
    pub(in crate::trace) fn submit_masked(&self, op: RunOp) {
        self.shared.sink.submit(op);
    }

    /// Returns what may leave of an operation, sampled and masked; none if nothing may.
    ///
    /// The tracer's own operations pass here by themselves. It is for operations that go out by another
    /// way, such as feedback by a request of its own.
    pub fn admit(&self, mut op: RunOp) -> Option<RunOp> {
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

    pub(in crate::trace) fn admits(&self, trace_id: TraceId) -> bool {
        self.own().gate.admits(trace_id.0)
    }

    pub(in crate::trace) fn keeps(&self, trace_id: TraceId) -> bool {
        self.own().gate.sampler.keeps(trace_id.0)
    }

    pub(in crate::trace) fn masked(&self, context: RunContext) -> RunContext {
        self.own().gate.pass_context(context)
    }
}
