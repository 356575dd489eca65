//! What the middleware costs a service, W5 of the page: one server thread, a small load, CPU per request.
//!
//! ```text
//!   load (16 connections, here) ─► server (a process of its own, in one of the ways) ─► sink
//!                                  GET /answer … GET /cpu
//! ```
//!
//! Requests a second depend on who else uses the machine; CPU per request does not. Start at [`take`].

mod load;
mod server;

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::contestants::{Contestant, Runtime};
use crate::process::Process;
use crate::sink::{Script, Sink};

pub use server::serve;

/// A way to serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it is called in tables.
    pub title: &'static str,
    runtime: Runtime,
    /// The way without tracing that it is compared with.
    pub bare: &'static str,
}

const fn way(name: &'static str, title: &'static str, runtime: Runtime) -> Way {
    Way {
        name,
        title,
        runtime,
        bare: match runtime {
            Runtime::Python(_) => "fastapi",
            _ => "axum",
        },
    }
}

/// Every way, in the order of the table.
pub const WAYS: [Way; 8] = [
    way("axum", "axum, bare", Runtime::Rust),
    way("axum-context", "+ our layer, context only", Runtime::Rust),
    way("axum-run", "+ our layer, one exported run", Runtime::Rust),
    way(
        "axum-tower-http",
        "+ tower-http TraceLayer, no subscriber",
        Runtime::RustPeer,
    ),
    way(
        "axum-otel",
        "+ tower-http, tracing-opentelemetry, one exported span",
        Runtime::RustPeer,
    ),
    way("fastapi", "FastAPI, bare", Runtime::Python("bare")),
    way(
        "fastapi-context",
        "+ TracingMiddleware",
        Runtime::Python("context"),
    ),
    way(
        "fastapi-run",
        "+ TracingMiddleware, one exported run",
        Runtime::Python("run"),
    ),
];

/// Requests of one round: to a server in Rust, and to one in Python.
const REQUESTS: (usize, usize) = (20_000, 1_000);

/// What one round said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Load {
    /// CPU of the server's process for one request, in microseconds; with what is exported for it.
    pub cpu: f64,
    /// Requests answered a second.
    pub rate: f64,
    /// Runs that arrived for hundred requests.
    pub arrived: f64,
}

impl Way {
    /// Says why it cannot be measured here; nothing if it can.
    pub fn missing(self) -> Option<&'static str> {
        self.contestant().missing()
    }

    fn contestant(self) -> Contestant {
        Contestant {
            name: self.name,
            title: self.title,
            runtime: self.runtime,
            sends: true,
        }
    }
}

/// Starts a server, puts it under load and ends it.
///
/// # Errors
/// If it does not start or does not answer.
pub fn take(way: Way, part: f64) -> Result<Load> {
    let sink = Sink::start(Script::default())?;
    let process = Process::serve(way.contestant(), &sink.url)?;
    let address = process
        .line(std::time::Instant::now() + Duration::from_secs(60))
        .context("the server did not say where it listens")?;
    let whole = match way.runtime {
        Runtime::Python(_) => REQUESTS.1,
        _ => REQUESTS.0,
    };
    let requests = (whole as f64 * part).max(100.0) as usize;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (cpu, took) = runtime.block_on(load::load(&address, requests))?;
    drop(process);
    let tally = sink.finish()?;
    Ok(Load {
        cpu: cpu.as_secs_f64() * 1e6 / requests as f64,
        rate: requests as f64 / took.as_secs_f64(),
        arrived: tally.begun_and_ended() as f64 / (requests + load::warm_up(requests)) as f64
            * 100.0,
    })
}
