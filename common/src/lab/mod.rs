//! What lessons need and production does not.
//!
//! ```text
//! kernel          the process behind a notebook
//!   ▼
//! lesson/         Lesson: a stand-in, and a Client for each service of the story
//!   │               └─ runs go to LangSmith itself too, only with WORKBOOK_TARGET=langsmith
//!   ▼ client("gateway") · serve(router) · pipeline("retriever")
//! story           the docs assistant, which all lessons trace; around it
//!   ├─ services/    Browser ──► HeaderProxy, or chaos::Chaos ──► Service (axum, port 0)
//!   ├─ peers/       PythonService, NodeService: processes with the official SDKs; LangGraphAgent, a real one
//!   ├─ queue/       Queue (Redis Streams, NATS, or in process) ──Delivery──► Worker: a run for each attempt
//!   ├─ legacy/      cron, command lines, batch files, bare services: the context carried by hand
//!   ├─ mcp/         McpTools: a tool run for each call ──`_meta`──► McpServer, in this process or ToolServer's
//!   ├─ llm/         Model, through a real client crate ──► ScriptedLlm, or a provider with WORKBOOK_LLM
//!   ├─ graph/       Graph: agents as nodes, supersteps, questions; a run for each step, as LangGraph's
//!   └─ spans/       the same by OpenTelemetry: dialects, Collector (rotel), SpanRelay, FourServices, Joins
//!   ▼ tree(n): TraceTree ──► pictures · capture(n): runs, headers, losses
//! check/          check("01.repair") ──► Check ◄── exercises/: facts, hints, why it works
//!   ▼
//! progress/       Journal ──► LessonCard                      turns: in_turns, what a request costs
//!                                                             day/: traffic whose every outcome is known
//!                                                             sampling/: what it does to traces, errors and cost
//! ```
//!
//! What the examples' programs have in common: [`terminal`] and [`page()`].
//!
//! [`catalogue`] breaks sixty traces and mends them; [`drill`] asks a person what is wrong with them, against the clock.
//! What production is tried with stands by itself: [`overhead`], [`canaries`], [`tenancy`], [`stopping`] and [`hosts`],
//! over a [`Tap`] or a stand-in of its own.
//!
//! Everything returns simple owned values, so that it can live in a notebook's variables. Start at
//! [`Lesson`].

pub mod canaries;
pub mod catalogue;
pub mod check;
mod day;
pub mod drill;
pub mod exercises;
mod folder;
pub mod graph;
pub mod hosts;
pub mod kernel;
pub mod legacy;
mod lesson;
pub mod llm;
mod mcp;
pub mod overhead;
mod page;
mod peers;
mod program;
mod progress;
mod queue;
pub mod sampling;
mod services;
mod spans;
#[cfg(unix)]
pub mod stopping;
pub mod story;
mod tap;
pub mod tenancy;
pub mod terminal;
mod turns;

pub use crate::{chaos, playground};
pub use day::{DAY_SERVICES, Day, DayFate, DayRequest};
pub use folder::ScratchFolder;
pub use lesson::{Finding, Lesson, Misconfiguration, Preflight, Target, Weight};
pub use mcp::{
    CALL_TIMEOUT, MCP_PATH, McpError, McpServer, McpTools, SERVER_FLUSH, START_TIMEOUT, ToolCall,
    ToolError, ToolInfo, ToolServer, docs_tools,
};
pub use page::page;
pub use peers::{
    AgentDraft, AgentEvent, AgentEvents, AgentQuestion, LangGraphAgent, NodeService, PeerEnv,
    PeerError, PythonService, Recorded, called_by_agent,
};
pub use program::{ProgramError, TOOLS_VARIABLE};
pub use progress::{LessonCard, PROGRESS_VARIABLE};
pub use queue::{
    ATTEMPTS, Attempt, Delivery, Handled, Queue, QueueError, QueueKind, REDELIVER_AFTER, Worker,
};
pub use services::{Browser, HeaderProxy, HeaderProxyBuilder, PageCall, Service, http_client};
pub use spans::{Collector, CollectorBuilder, CollectorError};
#[cfg(feature = "otel")]
pub use spans::{Dialect, FOUR_SERVICES_RUNS, FourServices, SpanRelay, dialects, joins};
pub use tap::{Tap, Tapped};
pub use turns::{in_rounds, in_turns};

/// Pauses the present task; in lessons it stands for real work.
pub async fn pause(millis: u64) {
    tokio::time::sleep(std::time::Duration::from_millis(millis)).await;
}

/// Renders a value as indented JSON.
pub fn as_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|error| format!("not JSON: {error}"))
}
