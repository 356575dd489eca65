//! The gateway: the page, and where each trace begins.
//!
//! ```text
//! GET /          the page: it asks, shows the answer as it streams, and links to the trace
//! POST /ask      {"question"} ──► trace · step · token … · done, as server-sent events
//! GET /healthz   not traced
//! ```
//!
//! It believes no header: whoever stands outside begins no trace of ours, and continues none. Start at [`app`].

mod page;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use common::client::Client;
use common::lab::http_client;
use common::middleware::{IncomingTrace, TraceRequestExt as _};
use common::trace::RunTree;
use serde_json::json;

use crate::cli::Gateway;
use crate::log::complain;
use crate::role::Role;
use crate::service::{Site, Stop, layer};
use crate::wire::{self, Event, Events, Question, Sender, why};

/// Most bytes of a question.
pub const LONGEST: usize = 2_000;
/// How long the page waits for the address of its trace, which the hosted LangSmith has to be asked for.
const LINK: Duration = Duration::from_secs(2);

/// Serves until it is told to end.
///
/// # Errors
/// If the service cannot be started.
pub async fn run(wishes: Gateway) -> Result<()> {
    let site = Site::open(Role::Gateway, &wishes.listen)?;
    let app = app(&wishes.orchestrator, &site.client, &site.stop);
    site.serve(app, std::future::ready(())).await
}

#[derive(Debug)]
struct Desk {
    orchestrator: String,
    http: reqwest::Client,
    client: Client,
    stop: Stop,
}

/// Builds the service. Nothing is bound: a test calls it without a port.
pub fn app(orchestrator: &str, client: &Client, stop: &Stop) -> Router {
    let desk = Desk {
        orchestrator: orchestrator.trim_end_matches('/').to_owned(),
        http: http_client(),
        client: client.clone(),
        stop: stop.clone(),
    };
    Router::new()
        .route("/ask", post(ask))
        // The run of a request begins in its handler, which knows the question. The policy is the default: nobody out
        // there is believed.
        .layer(layer(client).propagate_only())
        .route("/", get(page::page))
        .route("/page.css", get(page::style))
        .route("/page.js", get(page::script))
        .with_state(Arc::new(desk))
}

async fn ask(
    State(desk): State<Arc<Desk>>,
    Extension(incoming): Extension<IncomingTrace>,
    Json(asked): Json<Question>,
) -> Response {
    let length = asked.question.trim().len();
    if !(1..=LONGEST).contains(&length) {
        let why = format!("a question has 1 to {LONGEST} bytes\n");
        return (StatusCode::BAD_REQUEST, why).into_response();
    }
    if desk.stop.is_told() {
        return (StatusCode::SERVICE_UNAVAILABLE, "this service is ending\n").into_response();
    }
    let run = incoming
        .start("question")
        .inputs(json!({"question": asked.question}))
        .start();
    let (events, receiver) = wire::channel();
    let working = desk.stop.working();
    tokio::spawn(async move {
        let _working = working;
        let mut text = String::new();
        let answered = tokio::select! {
            answered = desk.answer(asked, &run, &events, &mut text) => answered,
            () = events.closed() => Err("Cancelled: the reader went away".to_owned()),
        };
        run.set_outputs(json!({"answer": text}));
        match answered {
            Ok(last) => {
                run.end();
                let _ = events.send(last).await;
            }
            Err(message) => {
                complain(&message);
                run.fail(&message);
                let _ = events.send(Event::Problem { message }).await;
            }
        }
    });
    wire::respond(receiver)
}

impl Desk {
    /// Passes the orchestrator's events on, and returns the last one.
    async fn answer(
        &self,
        asked: Question,
        run: &RunTree,
        events: &Sender,
        text: &mut String,
    ) -> Result<Event, String> {
        if let Some(id) = run.trace_id() {
            let url = tokio::time::timeout(LINK, self.client.run_url(run)).await;
            let url = url.ok().and_then(Result::ok);
            complain(&format!("a question, trace {id}"));
            let id = id.to_string();
            let _ = events.send(Event::Trace { id, url }).await;
        }
        let request = self.http.post(format!("{}/answer", self.orchestrator));
        // What goes inside belongs to this run: it is the root of the trace.
        let request = request.json(&asked).trace(run);
        let answer = async { request.send().await?.error_for_status() };
        let failed = |error: reqwest::Error| format!("CallFailed: {}", why(&error));
        let mut answer = Events::of(answer.await.map_err(failed)?);
        while let Ok(Some(event)) = answer.next().await {
            match &event {
                Event::Done { .. } => return Ok(event),
                Event::Problem { message } => return Err(message.clone()),
                Event::Token { text: more } => text.push_str(more),
                Event::Again => text.clear(),
                Event::Trace { .. } | Event::Step { .. } => {}
            }
            let _ = events.send(event).await;
        }
        Err("BrokenOff: the orchestrator went away".to_owned())
    }
}
