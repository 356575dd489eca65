//! The life of a run inside one process.
//!
//! ```text
//! Tracer::run(name) ──► RunBuilder ──start()──► RunTree (handle) ──context()──► RunContext ──► (propagation)
//!                                        │          │ child · event · metadata
//!                                   RunOp::Post     └─ end · fail · last handle dropped ──► RunOp::Patch
//!                                        └───────────────────┬──────────────────────────────────┘
//!                                                     RunSink::submit
//! ```
//!
//! This room never sends anything: an operation goes to a [`RunSink`], and whoever built the [`Tracer`]
//! decides what that is. Nothing here returns an error or panics. Start at [`RunTree`].

mod builder;
mod current;
mod provider;
mod run_tree;
mod sink;
mod tracer;

pub use builder::RunBuilder;
pub use current::{InRun, TraceFutureExt, current, with_run};
pub use provider::{Anthropic, Gemini, OpenAi, Provider};
pub use run_tree::RunTree;
pub use sink::{MemorySink, NoSink, RunSink, TeeSink};
pub use tracer::{SERVICE, Tracer, TracerBuilder};
