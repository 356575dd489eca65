//! The services of the table, and one question from one to another.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::HeaderMap;
use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{TraceContextExt as _, Tracer as _};
use opentelemetry_http::HeaderInjector;
use serde_json::{Value, json};

use super::row::{Join, Kind, Met, Row, Sends};
use crate::client::Client;
use crate::lab::four::reranker_in_spans;
use crate::lab::http_client;
use crate::lab::lesson::Lesson;
use crate::lab::peer::PeerError;
use crate::lab::python::PythonService;
use crate::lab::service::Service;
use crate::lab::story;
use crate::middleware::TracingLayer;
use crate::model::{Run, RunId, TraceTree};
use crate::otel::Pipeline;
use crate::propagation::{LangSmithPropagator, TrustPolicy};

/// How long spans may take to the stand-in. A bound, not a pause.
const ARRIVAL: Duration = Duration::from_secs(60);

/// The services of the table, running. They end with this handle.
#[derive(Debug)]
pub struct Joins {
    lesson: Lesson,
    client: Client,
    spans: Pipeline,
    in_runs: Service,
    in_spans: Service,
    retrievers: BTreeMap<&'static str, PythonService>,
    scorer: PythonService,
}

impl Joins {
    /// Starts the services: the Python retriever in each mode of the official SDK, the scorer with OpenTelemetry
    /// alone, and a Rust reranker of each kind. All send to the stand-in.
    ///
    /// # Errors
    /// When the Python peers are not installed, or do not start.
    pub async fn start(lesson: &Lesson) -> Result<Self, PeerError> {
        let lesson = lesson.apart();
        let mut retrievers = BTreeMap::new();
        for mode in ["langsmith", "otel", "hybrid"] {
            let env = lesson.peer_env().tracing_mode(mode);
            retrievers.insert(mode, PythonService::start("retriever", &env).await?);
        }
        let scorer = PythonService::start("scorer", &lesson.otel_env("scorer")).await?;
        let (client, spans) = (lesson.client("reranker"), lesson.spans("reranker"));
        let layer = TracingLayer::new(client.tracer())
            .policy(TrustPolicy::Continue)
            .name(|_| RUST_RUN.into());
        let router = reranker_in_spans(&spans, reads(&lesson), None);
        Ok(Self {
            in_runs: Service::start("reranker", story::reranker(layer)),
            in_spans: Service::start("reranker", router),
            lesson,
            client,
            spans,
            retrievers,
            scorer,
        })
    }

    /// Forgets what was captured, lets one service ask another, and says what became of it.
    ///
    /// # Errors
    /// When a service does not answer.
    pub async fn run(&self, row: Row) -> Result<Met, PeerError> {
        self.flush().await?;
        self.lesson.clear();
        let (path, body) = self.question(row);
        match row.from {
            Kind::RustRuns => {
                let run = self.client.run(CALLER).start();
                self.ask(row, &path, &body, propagated(&run)).await;
                run.end();
            }
            Kind::RustSpans => {
                let tracer = self.spans.tracer("joins");
                let cx = Context::new().with_span(tracer.start(CALLER));
                let mut headers = HeaderMap::new();
                self.propagator(row.sends)
                    .inject_context(&cx, &mut HeaderInjector(&mut headers));
                self.ask(row, &path, &body, headers).await;
                cx.span().end();
            }
            _ => self.ask(row, &path, &body, HeaderMap::new()).await,
        }
        self.flush().await?;
        Ok(self.met(row))
    }
}
