//! One context in the headers of both worlds.
//!
//! ```text
//! Context ──inject──► traceparent · tracestate            the span, for every backend
//!                     langsmith-trace                     the run that the span is
//!                     baggage: theirs,langsmith-…         one header, members of both
//! Context ◄─extract── the same, if the trust policy lets it; else nothing of it
//! ```
//!
//! Start at [`ContextPropagator`].

use std::collections::HashMap;
use std::sync::LazyLock;

use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{SpanContext, TraceContextExt as _, TraceFlags, TraceState};
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};

use super::identity::{Identity, RunContextExt as _};
use super::ids::remote_of;
use crate::model::{DottedOrder, RunContext};
use crate::propagation::{
    self, BAGGAGE_HEADER, LangSmithPropagator, Outcome, PropagationCounters, Propagator as _,
    TRACE_HEADER,
};

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// Writes and reads the headers of OpenTelemetry and of LangSmith together.
///
/// What is read, how much of it, and from whom, is decided by the [`LangSmithPropagator`] within: by
/// default nobody is believed, and that holds for `traceparent` and foreign baggage too. Its limits and
/// [`counters`](Self::counters) are those of the native propagator.
///
/// ```
/// use std::collections::HashMap;
/// use common::otel::{ContextPropagator, Identity, RunContextExt as _};
/// use common::otel::opentelemetry::{Context, propagation::TextMapPropagator as _};
/// use common::propagation::{LangSmithPropagator, TrustPolicy};
///
/// let reads = LangSmithPropagator::new().policy(TrustPolicy::Continue);
/// let propagator = ContextPropagator::new(reads, &Identity::new());
/// let order = "20261122T100538926531Z01a202b7-f0ee-7646-9e7b-a245c1fc89c2";
/// let headers = HashMap::from([("langsmith-trace".to_owned(), order.to_owned())]);
/// let cx = propagator.extract_with_context(&Context::new(), &headers);
/// assert_eq!(cx.parent_run().map(|run| run.dotted_order.as_str()), Some(order));
/// ```
///
/// A service between that knows OpenTelemetry alone forwards `traceparent` and `baggage`, and not
/// `langsmith-trace`. With [`carry_in_baggage`](Self::carry_in_baggage) the run is a member of the
/// baggage as well, and comes out behind that service.
#[derive(Debug, Clone)]
pub struct ContextPropagator {
    runs: LangSmithPropagator,
    identity: Identity,
    in_baggage: bool,
}

impl ContextPropagator {
    /// Joins a propagator of runs with those of OpenTelemetry.
    pub fn new(runs: LangSmithPropagator, identity: &Identity) -> Self {
        Self {
            runs,
            identity: identity.clone(),
            in_baggage: false,
        }
    }

    /// Repeats the run in the baggage, for services between that forward nothing else.
    #[must_use]
    pub fn carry_in_baggage(mut self) -> Self {
        self.in_baggage = true;
        self
    }

    /// Returns what was written and read so far, by this propagator and the one it was made of.
    pub fn counters(&self) -> PropagationCounters {
        self.runs.counters()
    }

    /// Returns the run of a context: that of its span, or what it was given, or the current run.
    fn run(&self, cx: &Context) -> Option<RunContext> {
        self.identity.above(cx)
    }
}

impl TextMapPropagator for ContextPropagator {
    fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
        let run = self.run(cx);
        let mut written: HashMap<String, String> = HashMap::new();
        TraceContextPropagator::new().inject_context(cx, &mut written);
        BaggagePropagator::new().inject_context(cx, &mut written);
        if let Some(run) = &run {
            self.runs.inject(run, &mut written);
            if !written.contains_key(TRACEPARENT) {
                write_traceparent(run, &mut written);
            }
            if self.in_baggage && written.contains_key(TRACE_HEADER) {
                carry(run, &mut written);
            }
        }
        // An injector of OpenTelemetry sets whole headers and reads none, so all members go at once.
        for name in FIELDS.iter() {
            if let Some(value) = written.remove(name) {
                injector.set(name, value);
            }
        }
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        let carrier = Reading(extractor);
        let carried = match extractor.get(TRACE_HEADER) {
            Some(_) => None,
            None => carried(extractor),
        };
        let found = match carried {
            Some(order) => self.runs.extract(&Carried {
                carrier: &carrier,
                order,
            }),
            None => self.runs.extract(&carrier),
        };
        let is_believed = match found.outcome {
            Outcome::Continued => true,
            // Nothing told whether the caller is one to be believed.
            Outcome::Absent | Outcome::Malformed(_) | Outcome::Oversize | Outcome::Ambiguous => {
                self.runs.trusts(&carrier)
            }
            Outcome::Untrusted { .. } | Outcome::NotRead => false,
        };
        if !is_believed {
            return cx.clone();
        }
        // Read into nothing: a span that is active here is not the caller's.
        let read = TraceContextPropagator::new().extract_with_context(&Context::new(), extractor);
        let span = Some(read.span().span_context().clone()).filter(SpanContext::is_valid);
        let cx = with_foreign_baggage(cx, extractor);
        let Some(run) = found.context else {
            return span.map_or(cx.clone(), |span| cx.with_remote_span_context(span));
        };
        let span = span.unwrap_or_else(|| placeholder(&run));
        cx.with_remote_span_context(span).with_parent_run(run)
    }

    fn fields(&self) -> FieldIter<'_> {
        FieldIter::new(&*FIELDS)
    }
}

pub(super) static FIELDS: LazyLock<[String; 4]> =
    LazyLock::new(|| [TRACEPARENT, TRACESTATE, TRACE_HEADER, BAGGAGE_HEADER].map(str::to_owned));

/// Returns a span context that stands for a run elsewhere, so that spans share its trace.
fn placeholder(run: &RunContext) -> SpanContext {
    let (trace, span) = remote_of(run);
    SpanContext::new(trace, span, TraceFlags::SAMPLED, true, TraceState::NONE)
}

/// Writes the `traceparent` of a run that no span is active in.
fn write_traceparent(run: &RunContext, written: &mut HashMap<String, String>) {
    let (trace, span) = remote_of(run);
    written.insert(TRACEPARENT.to_owned(), format!("00-{trace}-{span}-01"));
}

/// Adds the run to the baggage, if there is room for it.
fn carry(run: &RunContext, written: &mut HashMap<String, String>) {
    use crate::propagation::limits::{MAX_BAGGAGE_BYTES, MAX_BAGGAGE_MEMBERS};
    let member = format!("{TRACE_HEADER}={}", run.dotted_order.as_str());
    let baggage = written.entry(BAGGAGE_HEADER.to_owned()).or_default();
    let members = baggage.split(',').filter(|one| !one.is_empty()).count();
    let fits = baggage.len() + 1 + member.len() <= MAX_BAGGAGE_BYTES;
    if fits && members < MAX_BAGGAGE_MEMBERS {
        if !baggage.is_empty() {
            baggage.push(',');
        }
        baggage.push_str(&member);
    }
}

/// Returns the run's place that came in the baggage, as text that is checked where headers are. It counts
/// within the limits of all baggage, and only if it is there once.
fn carried(extractor: &dyn Extractor) -> Option<String> {
    use crate::propagation::limits::{MAX_BAGGAGE_BYTES, MAX_BAGGAGE_MEMBERS};
    let lines = extractor.get_all(BAGGAGE_HEADER)?;
    let mut left = MAX_BAGGAGE_BYTES;
    let members = lines.iter().flat_map(|line| line.split(','));
    let members = members.take(MAX_BAGGAGE_MEMBERS).take_while(|member| {
        let fits = member.len() <= left;
        left = left.saturating_sub(member.len() + 1);
        fits
    });
    let mut found = members.filter_map(|member| {
        let (name, value) = member.split(';').next()?.split_once('=')?;
        (name.trim() == TRACE_HEADER).then(|| value.trim())
    });
    let order: DottedOrder = found.next()?.parse().ok()?;
    found.next().is_none().then(|| order.as_str().to_owned())
}

/// Returns the context with the members of others. Ours are in the run.
fn with_foreign_baggage(cx: &Context, extractor: &dyn Extractor) -> Context {
    let read = BaggagePropagator::new().extract_with_context(&Context::new(), extractor);
    let baggage = read.baggage();
    let foreign = baggage.iter().filter(|(name, _)| {
        let name = name.as_str();
        !name.starts_with("langsmith-")
    });
    let members: Vec<_> = foreign
        .map(|(name, (value, metadata))| {
            opentelemetry::baggage::KeyValueMetadata::new(
                name.clone(),
                value.clone(),
                metadata.clone(),
            )
        })
        .collect();
    if members.is_empty() {
        return cx.clone();
    }
    cx.with_baggage(members)
}

/// A carrier of OpenTelemetry, read as one of ours.
struct Reading<'a>(&'a dyn Extractor);

impl propagation::Extractor for Reading<'_> {
    fn values<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        for value in self.0.get_all(name).unwrap_or_default() {
            visit(value.as_bytes());
        }
    }
}

/// A carrier whose baggage told what its trace header does not.
struct Carried<'c> {
    carrier: &'c Reading<'c>,
    order: String,
}

impl propagation::Extractor for Carried<'_> {
    fn values<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        if name == TRACE_HEADER {
            return visit(self.order.as_bytes());
        }
        self.carrier.values(name, visit);
    }
}
