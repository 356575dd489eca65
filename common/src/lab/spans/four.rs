//! One question that passes four services, of four kinds.
//!
//! ```text
//! gateway ──langsmith-trace──► retriever ──langsmith-trace──► reranker ──traceparent──► scorer
//! Rust, runs                   Python, runs                   Rust, spans               Python, spans
//!                              (official SDK)                 that know their runs      that know none
//! ```
//!
//! Start at [`FourServices::start`].

use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_http::HeaderInjector;
use opentelemetry_sdk::trace::SdkTracer;
use serde_json::{Value, json};

use super::relay::SpanRelay;
use super::spanned::{below, entered};
use crate::client::Client;
use crate::lab::{Lesson, PeerEnv, PeerError, PythonService, Service, http_client};
use crate::otel::{Pipeline, fail_in};
use crate::propagation::{LangSmithPropagator, TrustPolicy};

/// How long spans may take to the stand-in. A bound, not a pause.
const ARRIVAL: Duration = Duration::from_secs(60);

/// The runs of one question: those of the gateway, the retriever and the reranker, and the scorer's two.
pub const FOUR_SERVICES_RUNS: usize = 6;

/// Four services, running. They end with this handle.
#[derive(Debug)]
pub struct FourServices {
    gateway: Client,
    retriever: PythonService,
    reranker: Service,
    spans: Pipeline,
    scorer: PythonService,
    relay: Option<crate::otel::Relay>,
}

impl FourServices {
    /// Starts the four, each sending to the stand-in by its own way.
    ///
    /// # Errors
    /// When the Python peers are not installed, or do not start.
    pub async fn start(lesson: &Lesson) -> Result<Self, PeerError> {
        let (spans, env) = (lesson.pipeline("reranker"), lesson.otel_env("scorer"));
        Self::with(lesson, spans, env, None).await
    }

    /// Starts the four; both services with OpenTelemetry send through `relay`.
    ///
    /// # Errors
    /// When the Python peers are not installed, or do not start.
    pub async fn start_through(lesson: &Lesson, relay: &SpanRelay) -> Result<Self, PeerError> {
        let spans = lesson.pipeline_through(relay, "reranker");
        let env = lesson.otel_env_through(relay, "scorer");
        Self::with(lesson, spans, env, Some(relay.relay().clone())).await
    }

    async fn with(
        lesson: &Lesson,
        spans: Pipeline,
        env: PeerEnv,
        relay: Option<crate::otel::Relay>,
    ) -> Result<Self, PeerError> {
        let scorer = PythonService::start("scorer", &env).await?;
        let retriever = PythonService::start("retriever", &lesson.peer_env()).await?;
        let reads = LangSmithPropagator::new()
            .policy(TrustPolicy::Continue)
            .allow_projects([lesson.project()]);
        let next = Some(scorer.url("/score"));
        let router = spanned_reranker(&spans.tracer("reranker"), spans.propagator(reads), next);
        Ok(Self {
            gateway: lesson.client("gateway"),
            retriever,
            reranker: Service::start("reranker", router),
            spans,
            scorer,
            relay,
        })
    }

    /// Asks a question, and waits until all four have sent what they know of it.
    ///
    /// # Errors
    /// When a service does not answer.
    pub async fn ask(&self, question: &str) -> Result<(), PeerError> {
        let root = self.gateway.run("gateway");
        let root = root.inputs(json!({"question": question})).start();
        let body = json!({"question": question, "callback": self.reranker.url("/rerank")});
        match self.retriever.call("/retrieve", &body, &root).await {
            Ok(answer) => root.end_with(answer),
            Err(error) => {
                root.fail(&error);
                return Err(error);
            }
        }
        self.scorer.flush().await?;
        self.retriever.flush().await?;
        let (spans, relay) = (self.spans.clone(), self.relay.clone());
        let flushed = tokio::task::spawn_blocking(move || {
            // What did not come shows in the tree.
            let _ = spans.flush(ARRIVAL);
            relay.map(|relay| relay.flush(ARRIVAL))
        });
        drop(flushed.await);
        Ok(())
    }
}

/// Serves a reranker at `POST /rerank`, traced by OpenTelemetry: it gives the documents back, the last first, or
/// in the order of the service at `scorer`, which is called from a span `call scorer`.
///
/// Headers are read and written by `propagator`.
pub fn spanned_reranker<P>(tracer: &SdkTracer, propagator: P, scorer: Option<String>) -> Router
where
    P: TextMapPropagator + Clone + Send + Sync + 'static,
{
    let tracer = tracer.clone();
    let handler = move |headers: HeaderMap, Json(mut body): Json<Value>| async move {
        let cx = entered(&tracer, &propagator, &headers, "reranker");
        if let Some(documents) = body["documents"].as_array_mut() {
            documents.reverse();
        }
        let answer = match &scorer {
            None => Ok(body),
            Some(scorer) => {
                let call = below(&tracer, &cx, "call scorer", "tool");
                let mut headers = HeaderMap::new();
                propagator.inject_context(&call, &mut HeaderInjector(&mut headers));
                let answer = ask(scorer, headers, &body).await;
                if let Err(error) = &answer {
                    fail_in(&call, error);
                }
                call.span().end();
                answer
            }
        };
        cx.span().end();
        answer.map(Json).map_err(|_| StatusCode::BAD_GATEWAY)
    };
    Router::new().route("/rerank", post(handler))
}

async fn ask(address: &str, headers: HeaderMap, body: &Value) -> Result<Value, reqwest::Error> {
    let request = http_client().post(address).headers(headers);
    let answer = request.json(body).send().await?;
    answer.error_for_status()?.json().await
}
