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
//!                  otel · tracing_layer                      spans of others ↔ runs
//!         ▲
//!    learning      lab                                       what lessons need and production does not
//!                   chaos                                     a proxy that spoils what passes
//! ```
//!
//! | Room | Holds | Feature |
//! |---|---|---|
//! | [`model`] | what a run is: its place, usage and costs, attachments, feedback | always |
//! | [`trace`] | the life of a run in one process: scopes, tasks, streams, sampling, masking | always |
//! | [`propagation`] | context ↔ headers, and which hosts may see them | always |
//! | [`export`] | operations → bytes → endpoint, on a thread of its own | `client` |
//! | [`client`] | the facade: configuration, tracer, exporter | `client` |
//! | [`middleware`] | tower layers for servers and clients, `reqwest` extension | `middleware` |
//! | [`otel`] | OpenTelemetry to LangSmith: spans and runs in one tree | `otel` |
//! | [`tracing_layer`] | a layer that makes runs of `tracing`'s spans | `tracing_layer` |
//! | [`langsmith_mock`] | a strict LangSmith on loopback | `langsmith_mock` |
//! | [`analysis`] | trees, waterfalls, tables, graphs of agents | `analysis` |
//! | [`lab`] | lessons | `lab` |
//! | [`playground`] | headers that somebody pasted, and what becomes of them | `analysis` |
//! | [`chaos`] | a proxy that spoils what passes, on order | `lab` or `serve` |
//! | [`traceable`](macro@traceable) | the attribute that makes a run of every call | `macros` |
//! | [`prelude`] | what most programs import | always |

//!
#![cfg_attr(
    feature = "client",
    doc = r#"
Trace, flush, read back, and look at it:

```no_run
use std::time::Duration;
use common::client::Client;

let client = Client::from_env()?;
let run = client.run("answer").inputs(serde_json::json!({"question": "why?"})).start();
run.child("retrieve").run_type("retriever").start().end();
run.end_with(serde_json::json!({"answer": 42}));
client.flush(Duration::from_secs(5))?;

println!("look: {}", client.run_url_blocking(&run)?);
if let Some(id) = run.id() {
    // "Accepted" is not "stored": what can be read back is.
    let stored = client.wait_for_run_blocking(id, Duration::from_secs(30))?;
    println!("{}: {:?}, cost {:?}", stored.status, stored.latency(), stored.total_cost);
}
# Ok::<(), Box<dyn std::error::Error>>(())
```
"#
)]

pub mod model;
#[cfg(feature = "analysis")]
pub mod playground;
pub mod propagation;
pub mod trace;

#[cfg(feature = "analysis")]
pub mod analysis;
#[cfg(any(feature = "lab", feature = "serve"))]
pub mod chaos;
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
#[cfg(feature = "otel")]
pub mod otel;
pub mod prelude;
#[cfg(feature = "tracing_layer")]
pub mod tracing_layer;

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

/// The repository's pages, whose programs are compiled with every test.
#[cfg(all(doctest, feature = "full"))]
mod pages;
