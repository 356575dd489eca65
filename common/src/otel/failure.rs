//! Errors that show.

use std::error::Error;

use opentelemetry::trace::{Span, Status, TraceContextExt as _};
use opentelemetry::{Context, KeyValue};

use super::attributes::{exception, gen_ai};

/// Ends what a span tells of with an error: status, `error.type`, and the event `exception`, of which
/// LangSmith makes the run's error.
///
/// The causes behind the error are its stack trace. It does not end the span.
///
/// ```
/// use common::otel::{fail, opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _}};
/// use common::otel::opentelemetry_sdk::trace::SdkTracerProvider;
///
/// let mut span = SdkTracerProvider::builder().build().tracer("docs").start("parse");
/// if let Err(error) = "twelve".parse::<u8>() {
///     fail(&mut span, &error);
/// }
/// span.end();
/// ```
pub fn fail<E: Error>(span: &mut impl Span, error: &E) {
    let kind = std::any::type_name::<E>();
    span.set_status(Status::error(error.to_string()));
    span.set_attribute(KeyValue::new(gen_ai::ERROR_TYPE, kind));
    span.add_event(exception::EVENT, told(error, kind));
}

/// Does as [`fail`] does, for the span of a context. With the layer for `tracing` that is
/// `fail_in(&tracing::Span::current().context(), &error)`: what `tracing::error!` records is an event of
/// another name, and shows only where [`complete`](super::complete) has seen it.
pub fn fail_in<E: Error>(cx: &Context, error: &E) {
    let kind = std::any::type_name::<E>();
    let span = cx.span();
    span.set_status(Status::error(error.to_string()));
    span.set_attribute(KeyValue::new(gen_ai::ERROR_TYPE, kind));
    span.add_event(exception::EVENT, told(error, kind));
}

fn told(error: &dyn Error, kind: &'static str) -> Vec<KeyValue> {
    let mut told = vec![
        KeyValue::new(exception::MESSAGE, error.to_string()),
        KeyValue::new(exception::TYPE, kind),
    ];
    let mut causes = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        causes.push(format!("caused by: {cause}"));
        source = cause.source();
    }
    if !causes.is_empty() {
        told.push(KeyValue::new(exception::STACKTRACE, causes.join("\n")));
    }
    told
}
