//! OpenTelemetry: its API with the SDK's batch processor and the OTLP exporter, and `tracing` above it.

use std::time::Duration;

use anyhow::Result;
use opentelemetry::trace::{Span as _, TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{Compression, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SdkTracer, SdkTracerProvider,
};
use tracing_subscriber::layer::SubscriberExt as _;

use super::{Library, Texts};
use crate::protocol::Order;

/// Makes a tracer that sends to the sink; nothing if the name is of another library.
pub(super) fn library(name: &str, order: &Order) -> Result<Option<Box<dyn Library>>> {
    let sink = &order.url;
    // Holds all that this workload brings and no more: the processor takes, and writes to, the memory of
    // its whole queue when it starts. A larger one would be memory that it is said to need, and pages that
    // are there before anybody looks at the clock.
    let big = Some(order.workload.runs() + (order.warm_up + 1) * order.workload.spans);
    Ok(Some(match name {
        "otel" => Box::new(Otel::new(provider(sink, None, false)?)),
        "otel-big" => Box::new(Otel::new(provider(sink, big, false)?)),
        "otel-zstd" => Box::new(Otel::new(provider(sink, big, true)?)),
        "otel-by-reference" => Box::new(Otel {
            by_reference: true,
            ..Otel::new(provider(sink, big, false)?)
        }),
        "tracing-otel" => Box::new(Spans::exported(provider(sink, big, false)?)?),
        "tracing-off" => Box::new(Spans { provider: None }),
        _ => return Ok(None),
    }))
}

/// Makes the exporter of both this and `fastrace`.
pub(super) fn exporter(sink: &str, zstd: bool) -> Result<opentelemetry_otlp::SpanExporter> {
    // The workspace's `reqwest` brings no cryptography of its own, and fails without any.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_endpoint(format!("{sink}/v1/traces"))
        .with_protocol(opentelemetry_otlp::Protocol::HttpBinary);
    if zstd {
        builder = builder.with_compression(Compression::Zstd);
    }
    Ok(builder.build()?)
}

/// Makes a provider whose batches go to the sink.
pub(crate) fn provider(sink: &str, queue: Option<usize>, zstd: bool) -> Result<SdkTracerProvider> {
    let mut config = BatchConfigBuilder::default();
    if let Some(queue) = queue {
        config = config.with_max_queue_size(queue);
    }
    let processor = BatchSpanProcessor::builder(exporter(sink, zstd)?)
        .with_batch_config(config.build())
        .build();
    Ok(SdkTracerProvider::builder()
        .with_span_processor(processor)
        .build())
}

struct Otel {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    /// The program keeps its text, so the span gets a copy.
    by_reference: bool,
}

impl Otel {
    fn new(provider: SdkTracerProvider) -> Self {
        Self {
            tracer: provider.tracer("bench"),
            provider,
            by_reference: false,
        }
    }

    fn attribute(&self, key: &'static str, text: String) -> KeyValue {
        if self.by_reference {
            KeyValue::new(key, text.clone())
        } else {
            KeyValue::new(key, text)
        }
    }
}

impl Library for Otel {
    fn trace(&mut self, root: &'static str, texts: &mut Texts) {
        let mut texts = texts.drain(..);
        let Some((prompt, completion)) = texts.next() else {
            return;
        };
        let mut span = self.tracer.start(root);
        span.set_attribute(self.attribute("gen_ai.prompt", prompt));
        let context = Context::new().with_span(span);
        for (prompt, completion) in texts {
            let mut child = self.tracer.start_with_context("step", &context);
            child.set_attribute(self.attribute("gen_ai.prompt", prompt));
            child.set_attribute(self.attribute("gen_ai.completion", completion));
            child.end();
        }
        let span = context.span();
        span.set_attribute(self.attribute("gen_ai.completion", completion));
        span.end();
    }

    fn settle(&mut self, _patience: Duration) {
        let _ = self.provider.force_flush();
    }

    fn flush(&mut self, patience: Duration) -> Option<String> {
        let _ = self.provider.force_flush();
        let ended = self.provider.shutdown_with_timeout(patience);
        ended.err().map(|error| error.to_string())
    }
}

/// The macros of `tracing`, with a subscriber that exports or with none.
struct Spans {
    provider: Option<SdkTracerProvider>,
}

impl Spans {
    fn exported(provider: SdkTracerProvider) -> Result<Self> {
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("bench"));
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))?;
        Ok(Self {
            provider: Some(provider),
        })
    }
}

macro_rules! span {
    ($parent:expr, $name:literal, $prompt:expr) => {
        tracing::info_span!(
            parent: $parent,
            $name,
            gen_ai.prompt = $prompt.as_str(),
            gen_ai.completion = tracing::field::Empty
        )
    };
}

impl Library for Spans {
    fn trace(&mut self, _root: &'static str, texts: &mut Texts) {
        let mut texts = texts.drain(..);
        let Some((prompt, completion)) = texts.next() else {
            return;
        };
        let none: Option<tracing::Id> = None;
        let root = span!(none, "answer", prompt);
        for (prompt, completion) in texts {
            let child = span!(&root, "step", prompt);
            child.record("gen_ai.completion", completion.as_str());
        }
        root.record("gen_ai.completion", completion.as_str());
    }

    fn settle(&mut self, _patience: Duration) {
        if let Some(provider) = &self.provider {
            let _ = provider.force_flush();
        }
    }

    fn flush(&mut self, patience: Duration) -> Option<String> {
        let provider = self.provider.as_ref()?;
        let _ = provider.force_flush();
        let ended = provider.shutdown_with_timeout(patience);
        ended.err().map(|error| error.to_string())
    }
}
