//! Spans of `tracing` become runs.
//!
//! ```text
//! #[instrument], genai, your spans ──► RunLayer ──► RunTree ──► RunSink ──► LangSmith
//!    fields   ──► inputs, metadata, usage              ▲
//!    events   ──► events of the run, its error         └─ below the current run, or another span's
//!    entered  ──► the current run: native runs and calls to other services nest below the span
//! ```
//!
//! What is instrumented already needs no second instrumentation. Start at [`RunLayer`].

mod entered;
mod fields;
mod layer;
mod reading;

pub use layer::{IGNORED_TARGETS, RunLayer};
