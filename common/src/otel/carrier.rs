//! The carriers of [`propagation`](crate::propagation::carrier), for propagators of OpenTelemetry.

use opentelemetry::propagation::{Extractor, Injector};

use super::propagator::FIELDS;
use crate::propagation;

/// Lets a propagator of OpenTelemetry write into a carrier of ours.
///
/// ```
/// use common::otel::{CarrierReader, CarrierWriter};
/// use common::otel::opentelemetry::{Context, propagation::TextMapPropagator as _};
/// use common::otel::opentelemetry::trace::{SpanContext, TraceContextExt as _, TraceFlags, TraceState};
/// use common::otel::opentelemetry_sdk::propagation::TraceContextPropagator;
/// use common::propagation::ChildEnv;
///
/// let span = SpanContext::new(7.into(), 7.into(), TraceFlags::SAMPLED, false, TraceState::NONE);
/// let cx = Context::new().with_remote_span_context(span.clone());
/// let mut env = ChildEnv::new();
/// TraceContextPropagator::new().inject_context(&cx, &mut CarrierWriter(&mut env));
/// assert!(env.vars().any(|(name, _)| name == "TRACEPARENT"));
///
/// let read = TraceContextPropagator::new().extract_with_context(&Context::new(), &CarrierReader(&env));
/// assert_eq!(read.span().span_context().trace_id(), span.trace_id());
/// ```
pub struct CarrierWriter<'c>(pub &'c mut dyn propagation::Injector);

/// Lets a propagator of OpenTelemetry read a carrier of ours. Values that are no text are not there, and
/// [`keys`](Extractor::keys) names the headers of [`ContextPropagator`](super::ContextPropagator) alone.
pub struct CarrierReader<'c>(pub &'c dyn propagation::Extractor);

impl Injector for CarrierWriter<'_> {
    fn set(&mut self, key: &str, value: String) {
        self.0.set(key, value);
    }
}

impl Extractor for CarrierReader<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.first(key)
    }

    fn keys(&self) -> Vec<&str> {
        let names = FIELDS.iter().map(String::as_str);
        names.filter(|name| self.0.first(name).is_some()).collect()
    }

    fn get_all(&self, key: &str) -> Option<Vec<&str>> {
        let mut found = Vec::new();
        self.0.values(key, &mut |value| {
            found.extend(std::str::from_utf8(value).ok());
        });
        (!found.is_empty()).then_some(found)
    }
}

impl std::fmt::Debug for CarrierWriter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CarrierWriter(..)")
    }
}

impl std::fmt::Debug for CarrierReader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CarrierReader(..)")
    }
}
