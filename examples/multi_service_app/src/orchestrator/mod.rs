//! The orchestrator: asks all others, and says what it does without.
//!
//! ```text
//! POST /answer ──► retrieve ──► fit prompt ──► generate ──► send to review      each a run, each with its own patience
//!                    │ none: no answer  │ none: the first     │ broken off: once more
//!                    ▼                  ▼ passage only        ▼
//!                 problem             step                  again            events, on the way to the page
//! /queue/…        where it serves the queue itself
//! ```
//!
//! Start at [`app`].

mod ask;
mod generate;
mod review;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Extension, Json, Router};
use common::lab::{Queue, QueueKind, http_client};
use common::middleware::{IncomingTrace, TracingLayer};
use common::trace::{RunTree, TraceFutureExt as _};
use langgraph_agent::agents::{NOTHING, citations};
use langgraph_agent::state::{Draft, State as Known};
use serde_json::json;

use self::ask::{Retriever, Tools};
use self::generate::Generator;
use self::review::Reviews;
use crate::cli::Orchestrator;
use crate::fault::Fault;
use crate::log::complain;
use crate::role::Role;
use crate::service::{Site, Stop};
use crate::wire::{self, Event, Question, Sender};

/// The queue's name.
pub const QUEUE: &str = "reviews";
/// What the queue is called that the orchestrator serves itself.
pub const EMBEDDED: &str = "embedded";
/// Where it is served.
pub const QUEUE_PATH: &str = "/queue";
/// How long the orchestrator waits, when it is told to end, for a worker to take what only it has.
const DRAIN: Duration = Duration::from_secs(4);

/// Serves until it is told to end, and its queue is empty.
///
/// # Errors
/// If an address is none, the queue cannot be joined, or the service cannot be started.
pub async fn run(wishes: Orchestrator) -> Result<()> {
    let site = Site::open(Role::Orchestrator, &wishes.listen)?;
    let redeliver_after = wishes.queue.redeliver_after();
    let queue = match wishes.queue.queue.as_deref() {
        None | Some(EMBEDDED) => {
            Queue::start_on(QueueKind::InProcess, QUEUE, redeliver_after).await
        }
        Some(address) => Queue::join(address, QUEUE, redeliver_after).await,
    };
    let queue = queue.context("the queue cannot be joined")?;
    complain(&format!("sends to the {queue}"));
    let patience = Duration::from_millis(wishes.patience_ms);
    let http = http_client();
    let parts = Parts {
        retriever: Retriever {
            url: wishes.retriever,
            http: http.clone(),
            patience,
        },
        tools: Tools::at(&wishes.tools, patience).context("--tools")?,
        generator: Generator {
            url: wishes.generator,
            http,
        },
        reviews: Reviews {
            queue: queue.clone(),
            poisoned: wishes.listen.fault == Some(Fault::Poison),
        },
        stop: site.stop.clone(),
    };
    let mut app = app(parts, site.layer());
    let is_ours = queue.address().is_none();
    if is_ours {
        app = app.nest(QUEUE_PATH, queue.router(redeliver_after));
    }
    let drained = async move {
        if is_ours {
            drain(&queue).await;
        }
    };
    site.serve(app, drained).await
}

/// Waits until a worker has settled every message: with this process the queue would be lost.
async fn drain(queue: &Queue) {
    let empty = async {
        while queue.outstanding().await.is_ok_and(|count| count > 0) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if tokio::time::timeout(DRAIN, empty).await.is_err() {
        let count = queue.outstanding().await.unwrap_or_default();
        complain(&format!(
            "{count} messages are lost: no worker took them in time"
        ));
    }
}

/// Whom the orchestrator asks.
#[derive(Debug)]
pub struct Parts {
    retriever: Retriever,
    tools: Tools,
    generator: Generator,
    reviews: Reviews,
    stop: Stop,
}

/// Builds the service. Nothing is bound.
pub fn app(parts: Parts, layer: TracingLayer) -> Router {
    Router::new()
        .route("/answer", post(answer))
        // The run of a request begins in its handler, which knows the question, and ends in the task that answers.
        .layer(layer.propagate_only())
        .with_state(Arc::new(parts))
}

async fn answer(
    State(parts): State<Arc<Parts>>,
    Extension(incoming): Extension<IncomingTrace>,
    Json(asked): Json<Question>,
) -> Response {
    if parts.stop.is_told() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let run = incoming
        .start("answer")
        .inputs(json!({"question": asked.question}))
        .start();
    let (events, receiver) = wire::channel();
    let working = parts.stop.working();
    let work = async move {
        let _working = working;
        let problem = tokio::select! {
            answered = parts.answer(&asked.question, &events) => match answered {
                Ok(draft) => {
                    current_run(|run| run.end_with(json!(draft)));
                    let _ = events.send(Event::Done { citations: draft.citations }).await;
                    return;
                }
                Err(problem) => problem,
            },
            // Whoever asked has gone. What is under way ends here, and each of its runs says so.
            () = events.closed() => "Cancelled: the reader went away".to_owned(),
        };
        complain(&problem);
        current_run(|run| run.fail(&problem));
        let _ = events.send(Event::Problem { message: problem }).await;
    };
    tokio::spawn(work.in_run(&run));
    wire::respond(receiver)
}

fn current_run(end: impl FnOnce(&RunTree)) {
    if let Some(run) = common::trace::current() {
        end(&run);
    }
}

impl Parts {
    /// Answers below the current run. The error is for people, and begins with its class.
    async fn answer(&self, question: &str, events: &Sender) -> Result<Draft, String> {
        let step = async |text: String| {
            // Nobody to tell is no reason to stop here: whoever holds this future sees it.
            let _ = events.send(Event::Step { text }).await;
        };
        let mut known = Known::asked(question);
        known.found = self.retriever.search(&known.question).await?;
        let good = known.passages().len();
        if good == 0 {
            let text = NOTHING.to_owned();
            let _ = events.send(Event::Token { text: text.clone() }).await;
            let citations = Vec::new();
            return Ok(Draft { text, citations });
        }
        step(format!("{good} passages found")).await;
        let passages: Vec<_> = known.passages().into_iter().cloned().collect();
        let texts = passages.iter().map(|hit| hit.passage.text.clone());
        let fits = match self.tools.fit(texts.collect()).await {
            Ok(fits) => fits,
            Err(_) => {
                step("the tool server does not answer: one passage only".to_owned()).await;
                1
            }
        };
        known.found = passages.into_iter().take(fits.max(1)).collect();
        let text = self.generator.write(&known, events).await?;
        let place = |number: usize| {
            let hits = known.passages();
            Some(hits.get(number.checked_sub(1)?)?.passage.citation())
        };
        let cited = citations(&text).into_iter();
        let cited = cited.filter_map(|number| Some((number, place(number)?)));
        let draft = Draft {
            citations: cited.collect(),
            text,
        };
        known.draft = Some(draft.clone());
        if self.reviews.send(&known).await.is_err() {
            step("nobody will review this answer: the queue is gone".to_owned()).await;
        }
        Ok(draft)
    }
}
