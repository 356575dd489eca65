//! What the middleware costs a service, W5 of the page: one server thread, a small load, CPU per request.
//!
//! ```text
//!   load (16 connections, here) ─┬► the service bare    ┐ a process each; a block of requests
//!                                └► the same, dressed   ┘ for the one, then for the other, …
//!                                   GET /answer … GET /cpu              dressed ─► sink
//! ```
//!
//! What a layer adds is a few microseconds, and two processes that run one after the other on a shared
//! machine differ by more. So both run, take turns, and what counts is the median of the differences of
//! neighbouring blocks. A bare service is compared with another bare one: what that adds is the error of
//! the measurement. Start at [`take`].

mod load;
mod server;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde::Serialize;

use self::load::Server;
use crate::contestants::{Contestant, Runtime};
use crate::process::Process;
use crate::sample::median;
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
const REQUESTS: (usize, usize) = (20_000, 2_000);

/// What one round said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Load {
    /// CPU of the server's process for one request, in microseconds; with what is exported for it.
    pub cpu: f64,
    /// How much of it the bare service does not take: the median of the blocks' differences.
    pub added: f64,
    /// Requests answered a second.
    pub rate: f64,
    /// How many of hundred that the bare service answers in the same time.
    pub share: f64,
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

/// Blocks that each of the two services answers.
const BLOCKS: usize = 16;

/// A server of one way, told where its sink is.
struct Started {
    // Ends the server when it is dropped.
    _process: Process,
    server: Server,
}

impl Started {
    async fn of(contestant: Contestant, sink: &Sink) -> Result<Self> {
        let process = Process::serve(contestant, &sink.url)?;
        let address = process
            .line(Instant::now() + Duration::from_secs(60))
            .context("the server did not say where it listens")?;
        Ok(Self {
            server: Server::connect(&address).await?,
            _process: process,
        })
    }
}

/// Starts a server and a bare one beside it, puts them under load in turns and ends them.
///
/// # Errors
/// If one does not start or does not answer.
pub fn take(way: Way, part: f64) -> Result<Load> {
    let sink = Sink::start(Script::default())?;
    let whole = match way.runtime {
        Runtime::Python(_) => REQUESTS.1,
        _ => REQUESTS.0,
    };
    let block = (whole as f64 * part / BLOCKS as f64).max(16.0) as usize;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (mut load, sent) = runtime.block_on(in_turns(way, &sink, block))?;
    let tally = sink.finish()?;
    load.arrived = tally.begun_and_ended() as f64 / sent as f64 * 100.0;
    Ok(load)
}

/// Returns what was measured, and how many requests the dressed one got in all.
async fn in_turns(way: Way, sink: &Sink, block: usize) -> Result<(Load, usize)> {
    let bare = WAYS.into_iter().find(|it| it.name == way.bare);
    let bare = bare.context("a way without a bare one")?.contestant();
    let mut bare = Started::of(bare, sink).await?;
    let mut dressed = Started::of(way.contestant(), sink).await?;
    let (bare, dressed) = (&mut bare.server, &mut dressed.server);
    bare.load(2 * block).await?;
    dressed.load(2 * block).await?;
    let mut blocks = Vec::with_capacity(BLOCKS);
    for turn in 0..BLOCKS {
        // Neither is always the first: what comes second finds the caches of the first.
        let (of_bare, of_dressed) = if turn % 2 == 0 {
            let of_bare = bare.load(block).await?;
            (of_bare, dressed.load(block).await?)
        } else {
            let of_dressed = dressed.load(block).await?;
            (bare.load(block).await?, of_dressed)
        };
        blocks.push((of_bare, of_dressed));
    }
    let of = |figure: fn(&(Block, Block)) -> f64| median(blocks.iter().map(figure));
    let load = Load {
        cpu: of(|(_, (cpu, _))| micros(*cpu)),
        added: of(|((bare, _), (dressed, _))| micros(*dressed) - micros(*bare)),
        rate: of(|(_, (_, took))| 1e6 / micros(*took)),
        share: of(|((_, bare), (_, dressed))| micros(*bare) / micros(*dressed) * 100.0),
        arrived: 0.0,
    };
    Ok((load, dressed.sent))
}

/// CPU and time of a request, over a block of them.
type Block = (Duration, Duration);

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
