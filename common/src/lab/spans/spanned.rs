//! The services of the story, traced by OpenTelemetry.
//!
//! ```text
//! request ──propagator──► Context ──► span `retriever` ──► span `search docs`      each a SERVER span and its work
//! ```
//!
//! They read headers as their propagator does, and know nothing of runs. Start at [`spanned_retriever`].

use std::time::Duration;

use axum::http::HeaderMap;
use axum::routing::post;
use axum::{Json, Router};
use opentelemetry_http::HeaderExtractor;
use serde_json::{Value, json};

use crate::lab::story::{QUESTION, generate, retrieve};
use crate::lab::{Lesson, Service, http_client};
use crate::model::{RunType, TraceTree};
use crate::otel::LangSmithExporter;
use crate::otel::opentelemetry::propagation::TextMapPropagator;
use crate::otel::opentelemetry::trace::{
    SpanBuilder, SpanKind, TraceContextExt as _, Tracer as _, TracerProvider as _,
};
use crate::otel::opentelemetry::{Context, KeyValue};
use crate::otel::opentelemetry_sdk::Resource;
use crate::otel::opentelemetry_sdk::propagation::TraceContextPropagator;
use crate::otel::opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

/// Serves [`retrieve`] at `POST /retrieve`: a span `retriever` for the request, below what `propagator` finds in
/// its headers, and a span `search docs` below that.
pub fn spanned_retriever<P>(tracer: &SdkTracer, propagator: P) -> Router
where
    P: TextMapPropagator + Clone + Send + Sync + 'static,
{
    let tracer = tracer.clone();
    let handler = move |headers: HeaderMap, Json(body): Json<Value>| async move {
        let cx = entered(&tracer, &propagator, &headers, "retriever");
        let search = below(&tracer, &cx, "search docs", "retriever");
        let documents = retrieve(body["question"].as_str().unwrap_or_default()).await;
        search.span().end();
        cx.span().end();
        Json(json!({"documents": documents}))
    };
    Router::new().route("/retrieve", post(handler))
}

/// Serves [`generate`] at `POST /write` likewise: a span `generator`, and `write answer` below it.
pub fn spanned_generator<P>(tracer: &SdkTracer, propagator: P) -> Router
where
    P: TextMapPropagator + Clone + Send + Sync + 'static,
{
    let tracer = tracer.clone();
    let handler = move |headers: HeaderMap, Json(body): Json<Value>| async move {
        let cx = entered(&tracer, &propagator, &headers, "generator");
        let write = below(&tracer, &cx, "write answer", "llm");
        let documents = body["documents"].as_array().cloned().unwrap_or_default();
        let text = generate(body["question"].as_str().unwrap_or_default(), &documents).await;
        write.span().end();
        cx.span().end();
        Json(json!({"text": text}))
    };
    Router::new().route("/write", post(handler))
}

pub(super) fn entered(
    tracer: &SdkTracer,
    propagator: &impl TextMapPropagator,
    headers: &HeaderMap,
    name: &'static str,
) -> Context {
    let cx = propagator.extract_with_context(&Context::new(), &HeaderExtractor(headers));
    let span = SpanBuilder::from_name(name).with_kind(SpanKind::Server);
    let span = tracer.build_with_context(span, &cx);
    cx.with_span(span)
}

pub(super) fn below(
    tracer: &SdkTracer,
    cx: &Context,
    name: &'static str,
    kind: &'static str,
) -> Context {
    let kind = KeyValue::new("langsmith.span.kind", kind);
    let span = SpanBuilder::from_name(name).with_attributes([kind]);
    cx.with_span(tracer.build_with_context(span, cx))
}

/// Runs the assistant with a gateway that makes runs, and a retriever that makes spans. The gateway sends
/// `traceparent`, as the official Python SDK does when OpenTelemetry is switched on: the id of the trace, and the
/// first half of its run's. The retriever continues it, and its spans go to LangSmith.
///
/// Returns what LangSmith shows when its patience with spans that wait for a parent is over; all of it stays
/// with the stand-in.
pub async fn spans_below_a_run(lesson: &Lesson) -> TraceTree {
    let lesson = lesson.apart();
    let (client, http) = (lesson.client("gateway"), http_client());
    let Ok(exporter) = LangSmithExporter::new(&lesson.stand_in_config()) else {
        return TraceTree::default();
    };
    let resource = Resource::builder().with_service_name("retriever").build();
    let provider = SdkTracerProvider::builder().with_resource(resource);
    let provider = provider.with_batch_exporter(exporter).build();
    let router = spanned_retriever(&provider.tracer("docs"), TraceContextPropagator::new());
    let retriever = Service::start("retriever", router);

    let root = client.run("gateway").start();
    let call = root.child("call retriever").run_type(RunType::Tool).start();
    let mut request = http.post(retriever.url("/retrieve"));
    if let (Some(trace), Some(run)) = (call.trace_id(), call.id()) {
        let (trace, run) = (trace.0.simple(), run.0.simple().to_string());
        request = request.header("traceparent", format!("00-{trace}-{}-01", &run[..16]));
    }
    match request.json(&json!({"question": QUESTION})).send().await {
        Ok(response) => call.end_with(json!({"status": response.status().as_u16()})),
        Err(error) => call.fail(error.without_url()),
    }
    root.end();
    // The SDK blocks while it flushes.
    let flushed = tokio::task::spawn_blocking(move || {
        // What does not arrive is missing in the picture.
        let _ = provider.shutdown_with_timeout(Duration::from_secs(15));
    });
    let _ = flushed.await;
    let tree = lesson.tree(2).await;
    lesson.mock().expire_orphans();
    tree
}
