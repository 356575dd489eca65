//! A run of another process, for runs below it here.

use std::sync::OnceLock;

use super::below;
use crate::model::{DottedOrder, RunContext, withhold_deep_in_shared};
use crate::trace::inherited::Above;
use crate::trace::tracer::Tracer;

/// What a run is called of which nothing is known but its place, as the official SDKs call it.
pub(super) const NAME: &str = "parent";

/// A place, and what came with it, which is not looked at before a run starts below.
pub(super) struct Remote {
    tracer: Tracer,
    context: RunContext,
    above: OnceLock<Above>,
}

impl Remote {
    pub(super) fn new(tracer: Tracer, mut context: RunContext) -> Self {
        // A header's is read within limits that are narrower.
        if !context.baggage.is_as_it_came() {
            let metadata = &mut context.baggage.metadata;
            tracer.withheld_deep(withhold_deep_in_shared(metadata));
        }
        Self {
            tracer,
            context,
            above: OnceLock::new(),
        }
    }

    pub(super) fn tracer(&self) -> &Tracer {
        &self.tracer
    }

    pub(super) fn order(&self) -> &DottedOrder {
        &self.context.dotted_order
    }

    pub(super) fn is_sampled(&self) -> bool {
        let inherited = || self.above().inherited.clone();
        self.tracer
            .records_trace(self.order().trace_id(), inherited)
    }

    /// Returns what runs below inherit.
    pub(super) fn above(&self) -> &Above {
        self.above.get().unwrap_or_else(|| {
            // Made before: a process that is forked off while it is being kept waits for ever.
            let Above { order, inherited } = self.context.clone().into();
            let made = below(order, inherited);
            self.above.get_or_init(|| made)
        })
    }
}
