//! Spans of OpenTelemetry in a lesson: who makes them, and the ways they take to LangSmith.
//!
//! ```text
//! spanned services ──┬─ Lesson::pipeline ─────────────────────────────────► stand-in
//!  in six dialects   ├─ Collector (rotel): batch, try again ──────────────►    ▲
//!                    └─ SpanRelay: stamped, so that they meet their runs ──►   │
//! FourServices: one question, runs and spans ──────────────────────────────────┤
//! joins: who ends up in one trace, row by row ─────────────────────────────────┘
//! ```
//!
//! Start at [`Lesson::pipeline`](super::Lesson).

mod collector;
#[cfg(feature = "otel")]
mod dialects;
#[cfg(feature = "otel")]
mod four;
#[cfg(feature = "otel")]
pub mod joins;
#[cfg(feature = "otel")]
mod pipeline;
#[cfg(feature = "otel")]
mod relay;
#[cfg(feature = "otel")]
mod spanned;

pub use collector::{Collector, CollectorBuilder, CollectorError};
#[cfg(feature = "otel")]
pub use dialects::{Dialect, dialects};
#[cfg(feature = "otel")]
pub use four::{FOUR_SERVICES_RUNS, FourServices, spanned_reranker};
#[cfg(feature = "otel")]
pub use relay::SpanRelay;
#[cfg(feature = "otel")]
pub use spanned::{spanned_generator, spanned_retriever, spans_below_a_run};
