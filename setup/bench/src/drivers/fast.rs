//! `fastrace`, with the exporter of OpenTelemetry.

use std::borrow::Cow;
use std::time::Duration;

use anyhow::Result;
use fastrace::prelude::{Span, SpanContext};
use fastrace_opentelemetry::OpenTelemetryReporter;
use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::Resource;

use super::otel::exporter;
use super::{Library, Texts};
use crate::protocol::Order;

/// Installs the reporter; nothing if the name is of another library.
pub(super) fn library(name: &str, order: &Order) -> Result<Option<Box<dyn Library>>> {
    if name != "fastrace" {
        return Ok(None);
    }
    let reporter = OpenTelemetryReporter::new(
        exporter(&order.url, false)?,
        Cow::Owned(Resource::builder().build()),
        InstrumentationScope::builder("bench").build(),
    );
    fastrace::set_reporter(reporter, fastrace::collector::Config::default());
    Ok(Some(Box::new(Fastrace)))
}

struct Fastrace;

impl Library for Fastrace {
    fn trace(&mut self, root: &'static str, texts: &mut Texts) {
        let mut texts = texts.drain(..);
        let Some((prompt, completion)) = texts.next() else {
            return;
        };
        let span = Span::root(root, SpanContext::random());
        span.add_property(|| ("gen_ai.prompt", prompt));
        for (prompt, completion) in texts {
            let child = Span::enter_with_parent("step", &span);
            child.add_property(|| ("gen_ai.prompt", prompt));
            child.add_property(|| ("gen_ai.completion", completion));
        }
        span.add_property(|| ("gen_ai.completion", completion));
    }

    fn settle(&mut self, _patience: Duration) {
        fastrace::flush();
    }

    fn flush(&mut self, _patience: Duration) -> Option<String> {
        fastrace::flush();
        None
    }
}
