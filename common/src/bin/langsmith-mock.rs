//! A strict LangSmith on loopback, as a program that any SDK can talk to.
//!
//! ```text
//! cargo run -p common --features serve --bin langsmith-mock -- --port 1984 --fail 20:503
//! ```

use std::fmt::Display;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use common::chaos::{Chaos, ChaosError, ChaosOrders};
use common::langsmith_mock::{Fault, LangSmithMock, Route, ServeError};

/// Starts a strict stand-in for LangSmith on this machine.
///
/// The first line on standard output is its URL; there it shows its traces to a browser.
#[derive(Debug, Parser)]
#[command(
    name = "langsmith-mock",
    version,
    after_help = "Examples:\n  langsmith-mock --port 0 --lenient\n  \
        langsmith-mock --latency 200 --fail 20:503\n  \
        langsmith-mock --chaos 'delay=200ms,reset:/runs/*:10%'\n\nCtrl-C ends it with a summary."
)]
struct Arguments {
    /// Port to listen on; 0 is any free port.
    #[arg(long, default_value_t = 1984)]
    port: u16,
    /// Drop runs with violations after their 202, as LangSmith does. The default.
    #[arg(long, conflicts_with = "lenient")]
    strict: bool,
    /// Store runs in spite of their violations.
    #[arg(long)]
    lenient: bool,
    /// Take any number of updates of a run until one ends it; LangSmith takes one.
    #[arg(long)]
    open_updates: bool,
    /// Milliseconds to wait before each answer.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    latency: u64,
    /// Answer this share of the ingest requests with this status, for example 20:503.
    #[arg(long, value_name = "PERCENT:STATUS", value_parser = fail)]
    fail: Option<(u8, u16)>,
    /// Put a proxy before it that spoils requests: switches with commas between them.
    ///
    /// strip, duplicate, fold, recase, blanks, property=NAME; truncate, pad=NAME@BYTES; replace=NAME@VALUE;
    /// reorder; limit=BYTES; delay, trickle=200ms; reset, reset=in-request, reset=before-answer;
    /// status=503; seed=7. Limited by :/runs/* (path), :20% (share), :2x (how often).
    #[arg(long, value_name = "SWITCHES")]
    chaos: Option<ChaosOrders>,
    /// Port of that proxy; 0 is any free port.
    #[arg(long, value_name = "PORT", default_value_t = 0, requires = "chaos")]
    chaos_port: u16,
    /// At the end, write what arrived into this file, for the trace doctor.
    #[arg(long, value_name = "FILE")]
    capture: Option<PathBuf>,
}

fn fail(text: &str) -> Result<(u8, u16), String> {
    let (percent, status) = text
        .split_once(':')
        .ok_or("give PERCENT:STATUS, for example 20:503")?;
    let percent = percent.trim_end_matches('%').parse();
    let percent = percent.ok().filter(|percent| *percent <= 100);
    let status = status
        .parse()
        .ok()
        .filter(|status| (400..600).contains(status));
    Ok((
        percent.ok_or("the share is a whole number from 0 to 100")?,
        status.ok_or("the status is a number from 400 to 599")?,
    ))
}

/// Violations that the summary lists; the page has shown all of them.
const TOLD: usize = 50;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port));
    let mut builder = LangSmithMock::builder().latency(Duration::from_millis(arguments.latency));
    if arguments.lenient {
        builder = builder.lenient();
    }
    if arguments.open_updates {
        builder = builder.take_open_updates();
    }
    if let Some((percent, status)) = arguments.fail {
        for route in [
            Route::Multipart,
            Route::Batch,
            Route::CreateRun,
            Route::UpdateRun,
        ] {
            builder = builder.fault(Fault::status(status).percent(percent).on(route));
        }
    }
    let mock = match builder.serve(address).await {
        Ok(mock) => mock,
        Err(error) => {
            let _ = writeln!(io::stderr(), "✗ {error}\n  → {}", remedy(&error));
            return ExitCode::FAILURE;
        }
    };
    let chaos = match spoil(&arguments, &mock) {
        Ok(chaos) => chaos,
        Err(error) => {
            let _ = writeln!(
                io::stderr(),
                "✗ {error}\n  → take any free port with --chaos-port 0"
            );
            return ExitCode::FAILURE;
        }
    };
    let url = mock.url();
    let endpoint = chaos.as_ref().map_or(url.to_owned(), |chaos| chaos.url(""));
    tell(url);
    if let Some(orders) = &arguments.chaos {
        tell(format_args!(
            "Through the chaos proxy: {endpoint} ({orders})"
        ));
    }
    tell("Point an SDK at it:");
    tell("  export LANGSMITH_TRACING=true");
    tell(format_args!("  export LANGSMITH_ENDPOINT={endpoint}"));
    tell("  export LANGSMITH_API_KEY=any-text-will-do");
    tell(format_args!("Look at it: {url}/"));
    tell("Stop it: Ctrl-C");
    asked_to_stop().await;
    summary(&mock);
    if let Some(chaos) = &chaos {
        tell(format_args!("chaos: {}", chaos.counters()));
    }
    match &arguments.capture {
        Some(file) => save(&mock, file),
        None => ExitCode::SUCCESS,
    }
}

/// Starts the proxy, if one is asked for.
fn spoil(arguments: &Arguments, mock: &LangSmithMock) -> Result<Option<Chaos>, ChaosError> {
    let Some(orders) = &arguments.chaos else {
        return Ok(None);
    };
    let chaos = Chaos::try_before(mock, arguments.chaos_port)?;
    chaos.order(orders);
    Ok(Some(chaos))
}

fn save(mock: &LangSmithMock, file: &Path) -> ExitCode {
    if let Err(error) = std::fs::write(file, mock.capture()) {
        let _ = writeln!(io::stderr(), "✗ {}: {error}", file.display());
        return ExitCode::FAILURE;
    }
    tell(format_args!("captured: {}", file.display()));
    ExitCode::SUCCESS
}

/// Prints a line for whoever reads; one who has stopped reading (`| head -1`) is no failure.
fn tell(line: impl Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

fn remedy(error: &ServeError) -> &'static str {
    match error {
        ServeError::Bind { source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
            "another program has this port, perhaps a stand-in that still runs: end it, or take \
             any free port with --port 0"
        }
        ServeError::Bind { .. } => "take another port, or any free one with --port 0",
        ServeError::NotLoopback(_) => "use an address of this machine",
    }
}

async fn asked_to_stop() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // An error means that no signal can be waited for; then there is nothing to wait for.
    let _ = interrupt.await;
}

fn summary(mock: &LangSmithMock) {
    let tree = mock.tree();
    tell(format_args!(
        "{} runs in {} traces, {} orphans; {} operations answered 202 and dropped",
        tree.len(),
        tree.trace_ids().len(),
        tree.orphans().len(),
        mock.rejected().len()
    ));
    let violations = mock.violations();
    for violation in violations.iter().take(TOLD) {
        tell(violation);
    }
    if violations.len() > TOLD {
        tell(format_args!(
            "… {} more violations",
            violations.len() - TOLD
        ));
    }
}
