//! A second opinion: a real LangGraph agent in Python, with this program's retriever as its tool. `--remote`.
//!
//! ```text
//! opinion ──POST /ask──► docs_agent (Python, LangGraph, official SDK) ── search_docs ─┐
//!                                   one trace, both ways                                     │
//!            retriever · search docs · notebooks · packages ◄──POST /retrieve────────────────┘
//! ```
//!
//! Start at [`SecondOpinion::start`].

use std::fmt;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use common::lab::{AgentQuestion, LangGraphAgent, Lesson, PeerError, Service, called_by_agent};
use common::middleware::TracingLayer;
use common::trace::RunTree;
use futures_util::future::try_join_all;
use serde_json::Value;

use crate::corpus::Source;
use crate::index::{Hit, Index};
use crate::retrieve::{MOST_FOUND, documents, retrieve};

/// Both processes' ends of it. A cheap clone; they end with the last one.
#[derive(Debug, Clone)]
pub struct SecondOpinion(Arc<Both>);

#[derive(Debug)]
struct Both {
    agent: LangGraphAgent,
    retriever: Service,
}

/// What the agent's tool sends.
#[derive(serde::Deserialize)]
struct Query {
    question: String,
}

impl SecondOpinion {
    /// Starts the agent, and the service that its tool calls back; none if there is no Python environment.
    ///
    /// # Errors
    /// If there is one, and the agent does not start, or no port can be had.
    pub async fn start(lesson: &Lesson, index: &Index) -> Result<Option<Self>> {
        let agent = match LangGraphAgent::start(&lesson.peer_env()).await {
            Err(PeerError::NotInstalled) => return Ok(None),
            started => started.context("the LangGraph agent does not start")?,
        };
        let layer = called_by_agent(&lesson.client("retriever"), &lesson.project());
        let retriever = Service::try_start("retriever", app(layer, index))
            .context("there is no port for the retriever")?;
        Ok(Some(Self(Arc::new(Both { agent, retriever }))))
    }

    /// Asks below a run, on a thread.
    ///
    /// # Errors
    /// If the agent has ended, takes too long, or answers with an error.
    pub async fn ask(
        &self,
        question: &str,
        thread: &str,
        run: &RunTree,
    ) -> Result<String, PeerError> {
        let retriever = self.0.retriever.url("/retrieve");
        let question = AgentQuestion::new(question)
            .thread(thread)
            .retriever(retriever);
        self.0.agent.ask(&question, run).await
    }

    /// Has the agent send its runs.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn flush(&self) -> Result<(), PeerError> {
        self.0.agent.flush().await
    }
}

/// The retriever as a service: it continues the agent's trace, and nobody else's.
pub fn app(layer: TracingLayer, index: &Index) -> Router {
    let search = post(search).layer(layer);
    Router::new()
        .route("/retrieve", search)
        .with_state(index.clone())
}

async fn search(
    State(index): State<Index>,
    Json(query): Json<Query>,
) -> Result<Json<Value>, (StatusCode, String)> {
    let shelves = Source::ALL.into_iter();
    let searches = shelves.map(|source| retrieve(&index, source, &query.question));
    let found = try_join_all(searches).await;
    let found = found.map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    let mut hits: Vec<Hit> = found.into_iter().flatten().collect();
    hits.sort_by(|a, b| b.score.total_cmp(&a.score));
    hits.truncate(MOST_FOUND);
    Ok(Json(documents(&hits)))
}

impl fmt::Display for SecondOpinion {
    /// Says who gives it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a Python process with {}", self.0.agent.sdk())
    }
}
