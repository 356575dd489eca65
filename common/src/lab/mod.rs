//! What lessons need and production does not.
//!
//! ```text
//! Lesson ──client("gateway")──► Client ──runs──► stand-in ──tree(n)──► TraceTree ──► pictures, checks
//!   │                             └────runs──► LangSmith itself, only with WORKBOOK_TARGET=langsmith
//!   ├─ serve(router) ─► Service whose tracing headers are watched ─► check("01.repair") ─► Check
//!   ├─ pipeline("retriever") ─► Pipeline ──spans──► the same                  dialects: how spans say it
//!   └─ Service (axum, port 0) · PythonService, NodeService (real peers with the official SDKs)
//! Collector (rotel) ──spans──► stand-in        FourServices, Joins ──runs, spans──► the same, through SpanRelay
//! Browser · HeaderProxy ──what they do to headers──► Service        in_turns ──► what a request costs
//! ```
//!
//! Everything returns simple owned values, so that it can live in a notebook's variables. Start at
//! [`Lesson`].

mod browser;
mod card;
pub mod check;
mod collector;
#[cfg(feature = "otel")]
mod dialects;
pub mod exercises;
#[cfg(feature = "otel")]
mod four;
mod http;
#[cfg(feature = "otel")]
pub mod joins;
mod journal;
pub mod kernel;
mod lesson;
mod node;
mod peer;
mod peer_env;
mod preflight;
mod proxy;
mod python;
#[cfg(feature = "otel")]
mod relay;
mod service;
#[cfg(feature = "otel")]
mod spanned;
#[cfg(feature = "otel")]
mod spans;
pub mod story;
mod target;
mod turns;
mod watch;

pub use browser::{Browser, PageCall};
pub use card::LessonCard;
pub use collector::{Collector, CollectorBuilder, CollectorError};
#[cfg(feature = "otel")]
pub use dialects::{Dialect, dialects};
#[cfg(feature = "otel")]
pub use four::{FOUR_SERVICES_RUNS, FourServices};
pub use http::http_client;
pub use journal::PROGRESS_VARIABLE;
pub use lesson::{Lesson, Misconfiguration};
pub use node::NodeService;
pub use peer::PeerError;
pub use peer_env::PeerEnv;
pub use preflight::{Finding, Preflight, Weight};
pub use proxy::{HeaderProxy, HeaderProxyBuilder};
pub use python::PythonService;
#[cfg(feature = "otel")]
pub use relay::SpanRelay;
pub use service::Service;
pub use target::Target;
pub use turns::in_turns;

/// Pauses the present task; in lessons it stands for real work.
pub async fn pause(millis: u64) {
    tokio::time::sleep(std::time::Duration::from_millis(millis)).await;
}

/// Renders a value as indented JSON.
pub fn as_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|error| format!("not JSON: {error}"))
}
