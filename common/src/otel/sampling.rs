//! Which traces are kept, spans and runs alike.

use opentelemetry::trace::{Link, SpanKind, TraceContextExt as _, TraceState};
use opentelemetry::{Context, KeyValue, TraceId};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

use super::identity::Identity;
use super::ids::marked;
use crate::trace::{Sampler, is_left_out, is_switched_off};

/// Decides for whole traces, as the native runs of the same program do.
///
/// | below | decided by |
/// |---|---|
/// | a [`Scope`](crate::trace::Scope) that is off | it: no span is kept, as no run is |
/// | a span of this process | what was decided for it |
/// | a run, of this process or of a caller's header | [`Sampler`], by the id of its trace |
/// | a span of a caller who sent no run | the `sampled` flag of `traceparent` |
/// | a run of [`Parent::LeftOut`](crate::trace::Parent::LeftOut) | it: no span is kept |
/// | nothing | [`Sampler`], by the id of the new trace |
///
/// So a trace of which a part is native is kept whole or not at all, in every service with the same rate.
/// A single span is never left out: what is below it would be an orphan, and LangSmith drops orphans
/// without a word.
#[derive(Debug, Clone)]
pub struct WholeTraces {
    sampler: Sampler,
    identity: Identity,
}

impl WholeTraces {
    /// Samples as `sampler` does, in the traces that `identity` knows.
    pub fn new(sampler: Sampler, identity: &Identity) -> Self {
        identity.sampled_by(&sampler);
        Self {
            sampler,
            identity: identity.clone(),
        }
    }

    fn keeps(&self, parent: Option<&Context>, trace: TraceId) -> bool {
        if is_switched_off() {
            return false;
        }
        let span = parent.filter(|cx| cx.has_active_span());
        let span = span.map(|cx| cx.span().span_context().clone());
        let span = span.filter(|span| span.is_valid());
        if let Some(local) = span.as_ref().filter(|span| !span.is_remote()) {
            return local.is_sampled();
        }
        let run = match parent {
            Some(cx) => self.identity.above(cx),
            None => self.identity.above(&Context::new()),
        };
        match (run, span) {
            (Some(run), _) => self.sampler.keeps(run.trace_id().0),
            (None, Some(remote)) => remote.is_sampled(),
            (None, None) => !is_left_out() && self.sampler.keeps(marked(trace).0),
        }
    }
}

impl ShouldSample for WholeTraces {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace: TraceId,
        _name: &str,
        _kind: &SpanKind,
        _attributes: &[KeyValue],
        _links: &[Link],
    ) -> SamplingResult {
        let state = parent.filter(|cx| cx.has_active_span());
        let state = state.map(|cx| cx.span().span_context().trace_state().clone());
        SamplingResult {
            decision: if self.keeps(parent, trace) {
                SamplingDecision::RecordAndSample
            } else {
                SamplingDecision::Drop
            },
            attributes: Vec::new(),
            trace_state: state.unwrap_or(TraceState::NONE),
        }
    }
}
