//! The services of the table, and one question from one to another.

use axum::http::HeaderMap;
use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{TraceContextExt as _, Tracer as _};
use opentelemetry_http::HeaderInjector;
use serde_json::{Value, json};
use std::collections::BTreeMap;

use super::row::{Join, Kind, Met, Row, Sends};
use crate::client::Client;
use crate::lab::story::{self, spanned_reranker};
use crate::lab::{Lesson, PeerError, PythonService, Service, http_client};
use crate::middleware::TracingLayer;
use crate::model::{Run, TraceTree};
use crate::otel::Pipeline;
use crate::propagation::{LangSmithPropagator, Propagator as _, TrustPolicy};

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
        let (client, spans) = (lesson.client("reranker"), lesson.pipeline("reranker"));
        let layer = TracingLayer::new(client.tracer())
            .policy(TrustPolicy::Continue)
            .name(|_| RUST.into());
        let tracer = spans.tracer("reranker");
        let router = spanned_reranker(&tracer, spans.propagator(reads(&lesson)), None);
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
    /// When a service does not answer, or the row's caller cannot call its callee.
    pub async fn run(&self, row: Row) -> Result<Met, PeerError> {
        self.flush().await?;
        self.lesson.clear();
        let question = self.question(row);
        match row.from {
            Kind::RustRuns => {
                let run = self.client.run(CALLER).start();
                let mut headers = HeaderMap::new();
                if let Some(context) = run.context() {
                    LangSmithPropagator::new().inject(&context, &mut headers);
                }
                self.ask(question, headers).await?;
                run.end();
            }
            Kind::RustSpans => {
                let cx = Context::new().with_span(self.spans.tracer("joins").start(CALLER));
                let mut headers = HeaderMap::new();
                let propagator = self.spans.propagator(reads(&self.lesson));
                let propagator = match row.sends {
                    Sends::BothAndBaggage => propagator.carry_in_baggage(),
                    _ => propagator,
                };
                propagator.inject_context(&cx, &mut HeaderInjector(&mut headers));
                self.ask(question, headers).await?;
                cx.span().end();
            }
            _ => self.ask(question, HeaderMap::new()).await?,
        }
        self.flush().await?;
        let dropped = self.lesson.mock().expire_orphans();
        Ok(met(row, &self.lesson.mock().tree(), dropped))
    }

    /// Returns where the first service is asked, and what: where the next one is as well.
    fn question(&self, row: Row) -> (String, Value) {
        let rust = |kind| match kind {
            Kind::RustSpans => self.in_spans.url("/rerank"),
            _ => self.in_runs.url("/rerank"),
        };
        let asked = |kind| match kind {
            Kind::RustRuns | Kind::RustSpans => rust(kind),
            Kind::OtelOnly => self.scorer.url("/score"),
            python => self.retriever(python).url("/retrieve"),
        };
        let sends = row.sends.to_string();
        let documents = json!([{"page_content": "a trace"}]);
        let mut body = json!({"question": story::QUESTION, "documents": documents, "sends": sends});
        let from_rust = matches!(row.from, Kind::RustRuns | Kind::RustSpans);
        let first = match (from_rust, row.between) {
            (true, false) => asked(row.to),
            (true, true) => {
                body["next"] = asked(row.to).into();
                asked(Kind::OtelOnly)
            }
            (false, _) => {
                let next = if row.from == Kind::OtelOnly {
                    "next"
                } else {
                    "callback"
                };
                body[next] = asked(row.to).into();
                asked(row.from)
            }
        };
        if from_rust {
            // A retriever that calls nobody sends nothing.
            body["sends"] = "langsmith-trace".into();
        }
        (first, body)
    }

    fn retriever(&self, kind: Kind) -> &PythonService {
        let mode = match kind {
            Kind::PythonSpans => "otel",
            Kind::PythonBoth => "hybrid",
            _ => "langsmith",
        };
        &self.retrievers[mode]
    }

    async fn ask(&self, (url, body): (String, Value), headers: HeaderMap) -> Result<(), PeerError> {
        let failed = |error: reqwest::Error| PeerError::Unreachable {
            peer: format!("service at {url}"),
            why: error.to_string(),
        };
        let request = http_client().post(&url).headers(headers).json(&body);
        let answer = request.send().await.map_err(failed)?;
        answer.error_for_status().map_err(failed).map(|_| ())
    }

    async fn flush(&self) -> Result<(), PeerError> {
        for python in self.retrievers.values().chain([&self.scorer]) {
            python.flush().await?;
        }
        let lesson = self.lesson.clone();
        let flushed = tokio::task::spawn_blocking(move || lesson.flush_all());
        // What did not come is not in the table.
        let _ = flushed.await;
        Ok(())
    }
}

/// The caller's run, where the caller is Rust.
const CALLER: &str = "gateway";
/// The callee's run, where the callee is Rust.
const RUST: &str = "reranker";

fn reads(lesson: &Lesson) -> LangSmithPropagator {
    let reads = LangSmithPropagator::new().policy(TrustPolicy::Continue);
    reads.allow_projects([lesson.project()])
}

/// Returns the name of what a service does once for each question.
fn work_of(kind: Kind, calls: bool) -> &'static str {
    match kind {
        Kind::RustRuns | Kind::RustSpans if calls => CALLER,
        Kind::RustRuns | Kind::RustSpans => RUST,
        Kind::OtelOnly => "score documents",
        Kind::PythonRuns | Kind::PythonSpans | Kind::PythonBoth => "retrieve",
    }
}

/// Reads off the stand-in what became of a row.
fn met(row: Row, tree: &TraceTree, dropped: usize) -> Met {
    let named = |name: &str| -> Vec<&Run> {
        let runs = tree.nodes().iter().map(|node| &node.run);
        runs.filter(|run| run.name == name).collect()
    };
    let (callers, callees) = (
        named(work_of(row.from, true)),
        named(work_of(row.to, false)),
    );
    let is_below = |callee: &&Run| {
        let order = &callee.dotted_order;
        let mut callers = callers.iter();
        callers.any(|caller| order.is_below(&caller.dotted_order))
    };
    let is_orphan = |callee: &&Run| {
        let parent = callee.parent_run_id;
        parent.is_some_and(|parent| tree.nodes().iter().all(|node| node.run.id != parent))
    };
    let join = match callees.as_slice() {
        [] => Join::Dropped,
        some if some.iter().any(is_below) => Join::Joined,
        some if some.iter().any(is_orphan) => Join::Orphan,
        _ => Join::Apart,
    };
    let drawn = tree.walk().into_iter().map(|at| {
        let node = &tree.nodes()[at];
        let (indent, name) = ("  ".repeat(node.depth), &node.run.name);
        let note = if is_orphan(&&node.run) {
            " (its parent is missing)"
        } else {
            ""
        };
        format!("{indent}{name}{note}\n")
    });
    Met {
        row,
        join,
        caller_runs: callers.len(),
        callee_runs: callees.len(),
        dropped,
        drawn: drawn.collect(),
    }
}
