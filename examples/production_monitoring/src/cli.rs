//! What can be asked for on the command line. Start at [`Cli`].

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::keeping::Keeping;
use crate::services::Role;

/// Puts three traced services under load, watches them, and writes one report of what arrived.
#[derive(Debug, Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  cargo run -p production_monitoring -- --minutes 1\n  \
        cargo run -p production_monitoring -- --minutes 1 --chaos\n  \
        cargo run -p production_monitoring -- --minutes 1 --chaos --durable\n  \
        cargo run -p production_monitoring -- --keep --port 9464\n\n\
        With WORKBOOK_TARGET=langsmith and LANGSMITH_API_KEY the runs go to LangSmith as well.\n\n\
        Exit status: 0 if all is as it should be, 1 if runs were lost that should not be or the program could\n\
        not go on, 2 if the command line is not understood."
)]
pub struct Cli {
    /// What to do; without it, load and report.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How the load goes.
    #[command(flatten)]
    pub demo: Demo,
}

/// The other things that the program does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Writes the report of an earlier load from what LangSmith has stored.
    Read(Read),
    /// Runs one of the services; the load starts three of them.
    #[command(hide = true)]
    Service(Service),
}

/// How the load goes.
#[derive(Debug, Clone, Args)]
pub struct Demo {
    /// How long requests are sent; 1 unless --seconds says otherwise.
    #[arg(long, value_name = "N", conflicts_with = "seconds", value_parser = positive)]
    pub minutes: Option<f64>,
    /// The same in seconds.
    #[arg(long, value_name = "N", value_parser = positive)]
    pub seconds: Option<f64>,
    /// Requests a second, on average; they do not wait for each other.
    #[arg(long, value_name = "N", default_value_t = 20.0, value_parser = positive)]
    pub rate: f64,
    /// Where the chances come from: the same seed asks the same at the same moments.
    #[arg(long, value_name = "N", default_value_t = 42)]
    pub seed: u64,
    /// The part of requests that fail in a service, from 0 to 1.
    #[arg(long, value_name = "SHARE", default_value_t = 0.05, value_parser = share)]
    pub errors: f64,
    /// The part of requests that are slow, from 0 to 1.
    #[arg(long, value_name = "SHARE", default_value_t = 0.05, value_parser = share)]
    pub slow: f64,
    /// Which traces are kept.
    #[command(flatten)]
    pub keeping: Keeping,
    /// Lets things go wrong by a schedule: 503, slow answers, 429, cut connections, an outage in which a service is
    /// killed, 413.
    #[arg(long)]
    pub chaos: bool,
    /// Has each service write its runs to disk before they count as taken in.
    #[arg(long)]
    pub durable: bool,
    /// Most operations that a service holds in memory; the exporter's default, a million, if nobody says.
    #[arg(long, value_name = "N")]
    pub queue: Option<usize>,
    /// As little as shows everything: six seconds, for tests.
    #[arg(long, conflicts_with_all = ["minutes", "seconds"])]
    pub smoke: bool,
    /// Leaves services, metrics and stand-in up at the end, until Ctrl-C.
    #[arg(long)]
    pub keep: bool,
    /// First of five ports in a row: load, gateway, retriever, generator, stand-in. Any free ones by default;
    /// deploy/prometheus.yml expects 9464.
    #[arg(long, value_name = "N")]
    pub port: Option<u16>,
    /// Writes the report here, and the request ledger beside it.
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    pub out: PathBuf,
}

impl Demo {
    /// Returns how long requests are sent.
    pub fn length(&self) -> Duration {
        let seconds = match (self.smoke, self.seconds, self.minutes) {
            (true, ..) => 6.0,
            (_, Some(seconds), _) => seconds,
            (_, _, minutes) => 60.0 * minutes.unwrap_or(1.0),
        };
        Duration::from_secs_f64(seconds)
    }
}

/// Whose runs are read back.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example, with LANGSMITH_API_KEY set:\n  \
    cargo run -p production_monitoring -- read --ledger report.ledger.json --out stored.html\n  \
    cargo run -p production_monitoring -- read --project docs-assistant --last 15")]
pub struct Read {
    /// The ledger that a load has written: which project, when, and what was asked.
    #[arg(long, value_name = "FILE", required_unless_present = "project")]
    pub ledger: Option<PathBuf>,
    /// The project, without a ledger: then the report tells what is there, and cannot tell what is not.
    #[arg(long, value_name = "NAME", conflicts_with = "ledger")]
    pub project: Option<String>,
    /// With --project: so many minutes back from now.
    #[arg(long, value_name = "MINUTES", default_value_t = 15.0, value_parser = positive)]
    pub last: f64,
    /// Where to ask; without it LANGSMITH_ENDPOINT, else the hosted LangSmith. The key is LANGSMITH_API_KEY.
    #[arg(long, value_name = "URL")]
    pub langsmith: Option<String>,
    /// How long to be patient in all, in seconds, with a service that asks for rest.
    #[arg(long, value_name = "SECONDS", default_value_t = 300.0, value_parser = positive)]
    pub patience: f64,
    /// Writes the report here.
    #[arg(long, value_name = "FILE", default_value = "stored.html")]
    pub out: PathBuf,
}

/// How one service is run.
#[derive(Debug, Clone, Args)]
pub struct Service {
    /// Which one.
    #[arg(value_enum)]
    pub role: Role,
    /// Port to listen on; 0 is any free one.
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// The stand-in's address.
    #[arg(long)]
    pub sink: String,
    /// Sends to LangSmith as well, as the environment says.
    #[arg(long)]
    pub real: bool,
    /// The project of the runs.
    #[arg(long)]
    pub project: String,
    /// The folder of the durable spool.
    #[arg(long)]
    pub spool: Option<PathBuf>,
    /// Most operations in memory.
    #[arg(long)]
    pub queue: Option<usize>,
    /// Which traces are kept.
    #[command(flatten)]
    pub keeping: Keeping,
    /// The retriever's address, for the gateway.
    #[arg(long)]
    pub retriever: Option<String>,
    /// The generator's address, for the gateway.
    #[arg(long)]
    pub generator: Option<String>,
}

/// Reads a part of a whole.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok();
    let share = share.filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "a number from 0 to 1".to_owned())
}

/// Most of anything that is counted in seconds, minutes or requests a second: what is more is a slip.
const MOST: f64 = 10_000.0;

fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse().ok();
    let number = number.filter(|number: &f64| *number > 0.0 && *number <= MOST);
    number.ok_or_else(|| format!("a number above 0, and at most {MOST}"))
}
