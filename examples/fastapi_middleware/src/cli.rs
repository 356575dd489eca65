//! What can be asked for on the command line. Start at [`Cli`].

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::trust::Policy;

/// Shows an axum service and a FastAPI one in one trace, or serves the axum one alone.
#[derive(Debug, Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  cargo run -p fastapi_middleware\n  \
        cargo run -p fastapi_middleware -- --keep\n  \
        cargo run -p fastapi_middleware -- serve --port 8080 --policy trust"
)]
pub struct Cli {
    /// What to do; without it, the demonstration.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How the demonstration goes.
    #[command(flatten)]
    pub demo: Demo,
}

/// The other thing that the program does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs the axum service alone, for any client, until Ctrl-C or SIGTERM.
    Serve(Serve),
}

/// How the demonstration goes.
#[derive(Debug, Args)]
pub struct Demo {
    /// Holds the stand-in's pages open at the end, until Ctrl-C.
    #[arg(long)]
    pub keep: bool,
    /// Sends as little as shows everything: a few seconds, for tests.
    #[arg(long)]
    pub smoke: bool,
    /// Writes the pictures to this file.
    #[arg(long, value_name = "FILE", default_value = "trace.html")]
    pub out: PathBuf,
}

/// How the service is run alone.
#[derive(Debug, Args)]
#[command(
    after_help = "Example, with the stand-in for LangSmith in another terminal:\n  \
    cargo workbook serve --port 1984\n  \
    cargo run -p fastapi_middleware -- serve --port 8080 --policy continue \\\n      \
    --langsmith http://127.0.0.1:1984\n  \
    curl http://127.0.0.1:8080/\n\n\
    The key is read from LANGSMITH_API_KEY, the secret of --policy trust from TRACE_SECRET."
)]
pub struct Serve {
    /// Port to listen on; 0 is any free one.
    #[arg(long, value_name = "N", default_value_t = 8080)]
    pub port: u16,
    /// Address to listen on. Anything but this machine is open to strangers: see --policy.
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// Where runs go; without it, LANGSMITH_ENDPOINT, else the hosted LangSmith.
    #[arg(long, value_name = "URL")]
    pub langsmith: Option<String>,
    /// Whose traces are continued.
    #[arg(long, value_enum, default_value_t = Policy::Restart)]
    pub policy: Policy,
    /// The project of the runs; without it, LANGSMITH_PROJECT. Trusted callers may name it too.
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// The service that POST /ask passes the question on to, as often as `hops` says.
    #[arg(long, value_name = "URL")]
    pub next: Option<String>,
}
