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

/// Why there is no second opinion.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoOpinion {
    /// There is no Python to start it with.
    #[error("the Python environment is not here; `cargo workbook open` installs it")]
    NotInstalled,
    /// There is one, and it lacks something: the last line of what Python says tells what.
    #[error("{0}; `cargo workbook open` completes the Python environment")]
    NoStart(String),
    /// There is no port for the service that the agent calls back.
    #[error("there is no port for the retriever")]
    NoPort(#[from] std::io::Error),
}

/// Says in a line what is wrong with the agent: of a traceback, the last line. A program has no cells to run again.
pub(crate) fn brief(error: &PeerError) -> String {
    let last = |text: &str| {
        text.lines()
            .rfind(|line| !line.trim().is_empty())
            .map(str::to_owned)
    };
    let line = match error {
        PeerError::Ended {
            peer,
            status,
            last_words,
        } => match last(last_words) {
            Some(words) => format!("the {peer} has ended ({status}): {}", words.trim()),
            None => format!("the {peer} has ended ({status})"),
        },
        error => error
            .to_string()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned(),
    };
    line.trim_end_matches('.').to_owned()
}

/// What the agent's tool sends.
#[derive(serde::Deserialize)]
struct Query {
    question: String,
}

impl SecondOpinion {
    /// Starts the agent, and the service that its tool calls back.
    ///
    /// # Errors
    /// If it cannot be had, which is no reason to answer nothing.
    pub async fn start(lesson: &Lesson, index: &Index) -> Result<Self, NoOpinion> {
        let agent = match LangGraphAgent::start(&lesson.peer_env()).await {
            Err(PeerError::NotInstalled) => return Err(NoOpinion::NotInstalled),
            Err(error) => return Err(NoOpinion::NoStart(brief(&error))),
            Ok(agent) => agent,
        };
        let layer = called_by_agent(&lesson.client("retriever"), &lesson.project());
        let retriever = Service::try_start("retriever", app(layer, index))?;
        Ok(Self(Arc::new(Both { agent, retriever })))
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
    // What the writer is not given, the other agent is not given either: nobody reviews what it says.
    let good = found.into_iter().flatten().filter(Hit::is_good);
    let mut hits: Vec<Hit> = good.collect();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_traceback_the_last_line_is_told_and_no_cell_is_named() {
        let ended = |last_words: &str| PeerError::Ended {
            peer: "Python service `agent`".into(),
            status: "exit status: 1".into(),
            last_words: last_words.into(),
        };
        let words = "Traceback (most recent call last):\n  import langsmith\n\
            ModuleNotFoundError: No module named 'langsmith'\n\n";
        assert_eq!(
            brief(&ended(words)),
            "the Python service `agent` has ended (exit status: 1): \
             ModuleNotFoundError: No module named 'langsmith'"
        );
        assert_eq!(
            brief(&ended("")),
            "the Python service `agent` has ended (exit status: 1)"
        );
    }
}
