//! The service: what `peer/service.py` is in FastAPI, in axum.
//!
//! ```text
//! GET  /        one run               POST /ask     a step below the request, then the next service
//! GET  /fail    500, and why          GET  /stream  a body that outlives its handler
//! GET  /health  not traced
//! ```
//!
//! Start at [`app`].

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{MatchedPath, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use common::lab::story;
use common::middleware::{IncomingTrace, TracingLayer};
use common::model::RunType;
use common::trace::{RunBuilder, Tracer};
use futures_util::{StreamExt as _, stream};
use serde_json::json;

use crate::next::{Answer, AskError, MOST_HOPS, Next, Question};

/// Makes the layer that reads the tracing headers; [`Policy`](crate::trust::Policy) says whom it believes.
pub fn layer(tracer: &Tracer, project: &str) -> TracingLayer {
    TracingLayer::new(tracer)
        // Whoever is believed may file the trace under our own project, and under no other.
        .allow_projects([project])
        // Load balancers ask every few seconds; nobody wants to see that.
        .filter(|request| request.uri.path() != "/health")
        .name(route)
        .describe(with_request_id)
}

/// Names a run after its route: a path with ids in it would make a name of its own for each request.
fn route(request: &Parts) -> String {
    let route = request.extensions.get::<MatchedPath>();
    format!(
        "{} {}",
        request.method,
        route.map_or("unmatched", MatchedPath::as_str)
    )
}

/// Files the request's id with the run, so that a trace is found from a log line, and the other way.
fn with_request_id(run: RunBuilder, request: &Parts) -> RunBuilder {
    let id = request
        .headers
        .get("x-request-id")
        .and_then(|id| id.to_str().ok());
    // Anybody can send one, so it is no more than an id may be.
    let is_id = |id: &&str| {
        (1..=64).contains(&id.len())
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    match id.filter(is_id) {
        Some(id) => run.metadata("request_id", id),
        None => run,
    }
}

/// Builds the service. Nothing is bound: a test calls it without a port.
pub fn app(name: &str, layer: TracingLayer, next: Option<Next>) -> Router {
    let site = Site {
        name: name.into(),
        next,
    };
    Router::new()
        .route("/", get(hello))
        .route("/ask", post(ask))
        .route("/fail", get(fail))
        .route("/stream", get(streamed))
        .route("/health", get(async || "ok"))
        // Around the routes: a layer sees what it was put over, and no route that is added after it.
        .layer(layer)
        .with_state(Arc::new(site))
}

/// What the handlers share.
#[derive(Debug)]
struct Site {
    name: String,
    next: Option<Next>,
}

async fn hello(State(site): State<Arc<Site>>) -> String {
    format!(
        "{} answers; ask it something: POST /ask {{\"question\": …}}\n",
        site.name
    )
}

async fn ask(
    State(site): State<Arc<Site>>,
    Extension(incoming): Extension<IncomingTrace>,
    Json(question): Json<Question>,
) -> Result<Json<Answer>, AskError> {
    if question.hops > MOST_HOPS {
        return Err(AskError::TooFar);
    }
    // Below the request's run, which is below the caller's: three lines of a tree, one line of code.
    let step = incoming.start("retrieve").run_type(RunType::Retriever);
    let step = step
        .inputs(json!({ "question": question.question }))
        .start();
    let documents = story::retrieve(&question.question).await;
    step.end_with(json!({ "documents": documents }));
    let mut answer = Answer {
        documents: documents.len(),
        served_by: vec![site.name.clone()],
    };
    if let Some(hops) = question.hops.checked_sub(1) {
        let next = site.next.as_ref().ok_or(AskError::NoNext)?;
        let further = next.ask(&incoming, Question { hops, ..question }).await?;
        answer.documents += further.documents;
        answer.served_by.extend(further.served_by);
    }
    Ok(Json(answer))
}

/// Fails in a step. The layer ends the request's run with the status, the step's run tells the cause.
async fn fail(Extension(incoming): Extension<IncomingTrace>) -> StatusCode {
    let step = incoming.start("retrieve").run_type(RunType::Retriever);
    let step = step.inputs(json!({ "question": story::QUESTION })).start();
    // The class before the colon is what alerts are grouped by.
    step.fail("IndexMissing: there is no index to look in");
    StatusCode::INTERNAL_SERVER_ERROR
}

/// Streams. The layer keeps the request's run open until the last byte; the body takes it along to say what came
/// out.
async fn streamed(Extension(incoming): Extension<IncomingTrace>) -> Body {
    let run = incoming.keep_open();
    let words = stream::iter(["one ", "trace, ", "to ", "the ", "last ", "word\n"]);
    let end = stream::once(async move {
        // Dropped before this point, as when the reader has gone, the run ends with an error.
        if let Some(run) = run {
            run.end_with(json!({ "status": 200, "words": 6 }));
        }
        ""
    });
    let chunks = words
        .chain(end)
        .map(|word| Ok::<_, Infallible>(Bytes::from(word)));
    Body::from_stream(chunks)
}
