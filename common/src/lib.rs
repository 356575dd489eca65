//! Distributed tracing of LLM applications with LangSmith, in Rust.
//!
//! A *run* is one unit of work; the runs of one request form a *trace*, across all services that the
//! request passes. This crate starts runs, carries their context from service to service, sends them to
//! LangSmith without losing them, and brings a strict stand-in to test against.
//!
//! ```text
//!    vocabulary           model        Run · RunOp · RunContext · DottedOrder · Baggage · Usage · Feedback · TraceTree
//!                           ▲ imports nothing of ours
//!         ┌──────────┬──────┴──────┬─────────────┬──────────────┐
//!    mechanisms    trace      propagation      export      langsmith_mock   analysis
//!         ▲          ▲             ▲              ▲
//!    facade        client ─────────┴──────────────┘          the only room that knows trace and export
//!         ▲
//!    edges         middleware                                tower layers in and out, `reqwest`
//!         ▲
//!    learning      lab                                       what lessons need and production does not
//! ```
//!
//! | Room | Holds | Feature |
//! |---|---|---|
//! | [`model`] | what a run is: its place, usage and costs, attachments, feedback | always |
//! | [`trace`] | the life of a run in one process: scopes, sampling, masking | always |
//! | [`propagation`] | context ↔ headers, and which hosts may see them | always |
//! | [`export`] | operations → bytes → endpoint, on a thread of its own | `client` |
//! | [`client`] | the facade: configuration, tracer, exporter | `client` |
//! | [`middleware`] | tower layers for servers and clients, `reqwest` extension | `middleware` |
//! | [`langsmith_mock`] | a strict LangSmith on loopback | `langsmith_mock` |
//! | [`analysis`] | trees, waterfalls, tables | `analysis` |
//! | [`lab`] | lessons | `lab` |
//! | [`traceable`](macro@traceable) | the attribute that makes a run of every call | `macros` |
//! | [`prelude`] | what most programs import | always |

pub mod model;
pub mod propagation;
pub mod trace;

#[cfg(feature = "analysis")]
pub mod analysis;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "client")]
pub mod export;
#[cfg(feature = "lab")]
pub mod lab;
#[cfg(feature = "langsmith_mock")]
pub mod langsmith_mock;
#[cfg(feature = "middleware")]
pub mod middleware;
pub mod prelude;

/// What [`traceable`] expands to; no part of the interface.
#[cfg(feature = "macros")]
#[doc(hidden)]
pub mod __private;

#[cfg(feature = "macros")]
pub use common_macros::traceable;

// The attribute names this crate by its name, also within it.
#[cfg(feature = "macros")]
#[allow(unused_extern_crates)]
extern crate self as common;

/// Compiles the programs of the repository's front page.
#[cfg(all(doctest, feature = "full"))]
#[doc = include_str!("../../README.md")]
#[derive(Debug)]
pub struct FrontPage;
