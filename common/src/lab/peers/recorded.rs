//! What servers gave that a lesson does not start: recorded, and drawn like what was captured.
//!
//! ```text
//! recorded/*.json (runs, less inputs, outputs and what the SDK says of itself) ──► Recorded::tree ──► pictures
//! ```

use crate::model::{Run, TraceTree};

/// A recording of LangGraph's Agent Server (`langgraph dev`: langgraph-api 0.16.7, langgraph 1.2.22, langsmith
/// 0.15.0), asked with `langsmith-trace` by a gateway; its tool called a retriever back.
///
/// The server is under another license (Elastic-2.0) than the rest of LangGraph, so no lesson needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// The server was given a compiled graph. It copied the header into metadata and `configurable`, and
    /// started a trace of its own.
    AgentServerPlain,
    /// The server was given a function that makes the graph, and that enters the caller's trace first.
    AgentServerFactory,
}

impl Recorded {
    /// Returns the recorded runs.
    pub fn tree(self) -> TraceTree {
        let text = match self {
            Self::AgentServerPlain => include_str!("recorded/agent_server_plain.json"),
            Self::AgentServerFactory => include_str!("recorded/agent_server_factory.json"),
        };
        // A test reads both; an empty picture would be seen.
        let runs: Vec<Run> = serde_json::from_str(text).unwrap_or_default();
        TraceTree::build(runs)
    }
}
