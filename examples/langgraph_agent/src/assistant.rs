//! The assistant: a question goes in, and comes out as an answer, or as a draft that waits for approval.
//!
//! ```text
//! ask(question, thread) ──► a trace: docs_assistant … approval asks ──► Turn::Asks
//! decide(thread, decision) ──► another trace, same thread: approval again, publish ──► Turn::Done
//! ```
//!
//! Start at [`Assistant::ask`].

use std::fmt;

use common::client::Client;
use common::lab::graph::{CompileError, Graph, GraphError, Outcome};
use serde_json::json;

use crate::approve::Decision;
use crate::graph::{assemble, read};
use crate::nodes::Crew;
use crate::state::State;

/// What answers questions. A cheap clone.
#[derive(Clone)]
pub struct Assistant {
    /// Where the runs go.
    pub client: Client,
    graph: Graph,
}

/// What came of a question, or of a decision.
#[derive(Debug, Clone, PartialEq)]
pub enum Turn {
    /// There is a draft, and the thread waits for somebody to [decide](Assistant::decide) on it.
    Asks(State),
    /// It is over: with an answer, or without one.
    Done(State),
}

impl Turn {
    /// Returns what is known.
    pub fn state(&self) -> &State {
        match self {
            Self::Asks(state) | Self::Done(state) => state,
        }
    }

    fn of(outcome: &Outcome) -> Self {
        // The nodes have read it before: what is none has failed one of them.
        let known = read(outcome.state()).unwrap_or_default();
        match outcome {
            Outcome::Interrupted { .. } => Self::Asks(known),
            Outcome::Finished(_) => Self::Done(known),
        }
    }
}

impl Assistant {
    /// Puts the graph together for a crew; its runs go to the client.
    ///
    /// # Errors
    /// If the graph is none, which no crew can make it.
    pub fn new(crew: &Crew, client: &Client) -> Result<Self, CompileError> {
        Ok(Self {
            client: client.clone(),
            graph: assemble(crew)?,
        })
    }

    /// Asks a question on a thread: a trace with the graph's name.
    ///
    /// # Errors
    /// If an agent or a retriever fails; its run, its node's and the root tell the same.
    pub async fn ask(&self, question: &str, thread: &str) -> Result<Turn, GraphError> {
        let input = State::asked(question).input();
        let asked = self.graph.invoke(input).thread(thread);
        asked
            .client(&self.client)
            .await
            .map(|outcome| Turn::of(&outcome))
    }

    /// Says what became of the draft that waits on a thread: another trace, tied to the first one by the thread's id
    /// alone. It may come days later.
    ///
    /// # Errors
    /// If nothing waits there, or as [`ask`](Self::ask).
    pub async fn decide(&self, thread: &str, decision: &Decision) -> Result<Turn, GraphError> {
        let answer = json!(decision);
        let resumed = self.graph.resume(thread, answer);
        resumed
            .client(&self.client)
            .await
            .map(|outcome| Turn::of(&outcome))
    }

    /// Returns the graph, to be drawn.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }
}

impl fmt::Debug for Assistant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Assistant({:?})", self.graph)
    }
}
