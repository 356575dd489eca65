//! What lessons need and production does not.
//!
//! ```text
//! Lesson ──client("gateway")──► Client ──runs──► stand-in ──tree(n)──► TraceTree ──► pictures, checks
//!   │                             └────runs──► LangSmith itself, only with WORKBOOK_TARGET=langsmith
//!   ├─ serve(router) ─► Service whose tracing headers are watched ─► check("01.repair") ─► Check
//!   └─ Service (axum, port 0) · PythonService, NodeService (real peers with the official SDKs)
//! Queue (Redis Streams, NATS, or in process) ──Delivery──► Worker: a run for each attempt
//! Browser · HeaderProxy ──what they do to headers──► Service        in_turns ──► what a request costs
//! llm::Model ──asks, through a real client crate──► llm::ScriptedLlm, or a provider with WORKBOOK_LLM
//! ```
//!
//! Everything returns simple owned values, so that it can live in a notebook's variables. Start at
//! [`Lesson`].

mod broker;
mod browser;
mod card;
pub mod check;
pub mod exercises;
mod http;
mod journal;
pub mod kernel;
mod lesson;
pub mod llm;
mod node;
mod peer;
mod peer_env;
mod preflight;
mod proxy;
mod python;
mod queue;
mod service;
pub mod story;
mod target;
mod turns;
mod watch;
mod worker;

pub use browser::{Browser, PageCall};
pub use card::LessonCard;
pub use http::http_client;
pub use journal::PROGRESS_VARIABLE;
pub use lesson::{Lesson, Misconfiguration};
pub use node::NodeService;
pub use peer::PeerError;
pub use peer_env::PeerEnv;
pub use preflight::{Finding, Preflight, Weight};
pub use proxy::{HeaderProxy, HeaderProxyBuilder};
pub use python::PythonService;
pub use queue::{Delivery, Queue, QueueError, QueueKind, REDELIVER_AFTER};
pub use service::Service;
pub use target::Target;
pub use turns::in_turns;
pub use worker::{ATTEMPTS, Attempt, Handled, Worker};

/// Pauses the present task; in lessons it stands for real work.
pub async fn pause(millis: u64) {
    tokio::time::sleep(std::time::Duration::from_millis(millis)).await;
}

/// Renders a value as indented JSON.
pub fn as_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|error| format!("not JSON: {error}"))
}
