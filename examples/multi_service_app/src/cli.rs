//! What can be asked for on the command line. Start at [`Cli`].

use std::net::IpAddr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::fault::Fault;
use crate::scenario::Scenario;

/// Answers a question with six services, each a process of its own, and shows the one trace that they leave.
#[derive(Debug, Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  cargo run -p multi_service_app\n  \
        cargo run -p multi_service_app -- --keep --port 8080\n  \
        cargo run -p multi_service_app -- --scenario generator-restarted\n  \
        cargo run -p multi_service_app -- --list-scenarios\n\n\
        The model is scripted, on this machine. To ask a real one: WORKBOOK_LLM=openai and OPENAI_API_KEY.\n\
        To send the runs to LangSmith as well: WORKBOOK_TARGET=langsmith and LANGSMITH_API_KEY.\n\n\
        Exit status: 0 if all went as the scenario has it and the trace is whole; 1 if not, if a service cannot be \
        started or kept alive, or after Ctrl-C in the middle; 2 for options that are none."
)]
pub struct Cli {
    /// The service to run alone; without one, all of them.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How the demonstration goes.
    #[command(flatten)]
    pub demo: Demo,
}

/// A service that is run alone.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serves the page, and begins a trace for each question.
    Gateway(Gateway),
    /// Asks all others.
    Orchestrator(Orchestrator),
    /// Finds passages of the documentation.
    Retriever(Retriever),
    /// Serves tools over gRPC.
    Tools(Tools),
    /// Writes answers, and streams them.
    Generator(Generator),
    /// Takes answers from the queue and judges them.
    Worker(Worker),
}

/// How the demonstration goes.
#[derive(Debug, Args)]
pub struct Demo {
    /// What you want to know; without it, the question of the lessons.
    #[arg(long, value_name = "TEXT", value_parser = words)]
    pub question: Option<String>,
    /// Lets something go wrong.
    #[arg(long, value_enum, value_name = "NAME", default_value_t = Scenario::Normal)]
    pub scenario: Scenario,
    /// Says what can go wrong, and ends.
    #[arg(long)]
    pub list_scenarios: bool,
    /// Holds the gateway's page and the stand-in's open at the end, until Ctrl-C.
    #[arg(long)]
    pub keep: bool,
    /// The port of the gateway's page; 0 is any free one.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub port: u16,
    /// What stands between orchestrator and worker.
    #[arg(long, value_enum, value_name = "KIND", default_value_t = Broker::Auto)]
    pub queue: Broker,
    /// Goes as fast as it can, for tests.
    #[arg(long)]
    pub smoke: bool,
    /// Leaves out the lines of the services.
    #[arg(long)]
    pub quiet: bool,
}

/// What stands between orchestrator and worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Broker {
    /// Redis if it is installed, else NATS, else the queue that the orchestrator serves.
    Auto,
    /// Redis Streams; `redis-server` has to be installed.
    Redis,
    /// NATS JetStream; `nats-server` has to be installed.
    Nats,
    /// The orchestrator's own, served over HTTP: lost with that process.
    Embedded,
}

/// Where a service listens.
#[derive(Debug, Clone, Args)]
pub struct Listen {
    /// Port to listen on; 0 is any free one. Without it, the service's own: 8080 for the gateway, 8081 and on for the
    /// others.
    #[arg(long, value_name = "N", env = "DOCS_PORT")]
    pub port: Option<u16>,
    /// Address to listen on. Anything but this machine is open to strangers, and these services believe their callers.
    #[arg(
        long,
        value_name = "IP",
        env = "DOCS_HOST",
        default_value = "127.0.0.1"
    )]
    pub host: IpAddr,
    /// Ends when standard input does: so no service outlives its supervisor.
    #[arg(long, hide = true)]
    pub stop_with_stdin: bool,
    /// Makes a mistake.
    #[arg(long, hide = true, value_enum)]
    pub fault: Option<Fault>,
}

/// How the gateway is run.
#[derive(Debug, Args)]
pub struct Gateway {
    /// Where it listens.
    #[command(flatten)]
    pub listen: Listen,
    /// The orchestrator's address.
    #[arg(
        long,
        value_name = "URL",
        env = "DOCS_ORCHESTRATOR",
        default_value = "http://127.0.0.1:8081"
    )]
    pub orchestrator: String,
}

/// How the orchestrator is run.
#[derive(Debug, Args)]
pub struct Orchestrator {
    /// Where it listens.
    #[command(flatten)]
    pub listen: Listen,
    /// The retriever's address.
    #[arg(
        long,
        value_name = "URL",
        env = "DOCS_RETRIEVER",
        default_value = "http://127.0.0.1:8082"
    )]
    pub retriever: String,
    /// The tool server's address.
    #[arg(
        long,
        value_name = "URL",
        env = "DOCS_TOOLS",
        default_value = "http://127.0.0.1:8083"
    )]
    pub tools: String,
    /// The generator's address.
    #[arg(
        long,
        value_name = "URL",
        env = "DOCS_GENERATOR",
        default_value = "http://127.0.0.1:8084"
    )]
    pub generator: String,
    /// Where messages to the worker go.
    #[command(flatten)]
    pub queue: QueueAt,
    /// How long the retriever and the tools may take, in milliseconds.
    #[arg(
        long,
        value_name = "MS",
        env = "DOCS_PATIENCE_MS",
        default_value_t = 5_000
    )]
    pub patience_ms: u64,
}

/// Where the queue is.
#[derive(Debug, Clone, Args)]
pub struct QueueAt {
    /// `redis://…`, `nats://TOKEN@…`, `http://orchestrator…/queue`; for the orchestrator also `embedded`, which is to
    /// serve one itself. It may hold a secret: name it in the environment.
    #[arg(long, value_name = "URL", env = "DOCS_QUEUE", hide_env_values = true)]
    pub queue: Option<String>,
    /// How long a message may be with a worker before the worker is taken for dead, in milliseconds. The same for all.
    #[arg(
        long,
        value_name = "MS",
        env = "DOCS_REDELIVER_MS",
        default_value_t = 30_000
    )]
    pub redeliver_ms: u64,
}

impl QueueAt {
    /// Returns how long a message may be with a worker.
    pub fn redeliver_after(&self) -> Duration {
        Duration::from_millis(self.redeliver_ms)
    }
}

/// How the retriever is run.
#[derive(Debug, Args)]
pub struct Retriever {
    /// Where it listens.
    #[command(flatten)]
    pub listen: Listen,
    /// The repository whose documentation it reads; without it, the one that this program was built in.
    #[arg(long, value_name = "DIR", env = "DOCS_ROOT")]
    pub root: Option<std::path::PathBuf>,
}

/// How the tool server is run.
#[derive(Debug, Args)]
pub struct Tools {
    /// Where it listens.
    #[command(flatten)]
    pub listen: Listen,
}

/// How the generator is run.
#[derive(Debug, Args)]
pub struct Generator {
    /// Where it listens.
    #[command(flatten)]
    pub listen: Listen,
    /// The scripted model says its tokens as fast as it can.
    #[arg(long)]
    pub fast: bool,
}

/// How the worker is run.
#[derive(Debug, Args)]
pub struct Worker {
    /// Where it answers to health checks.
    #[command(flatten)]
    pub listen: Listen,
    /// Where its messages come from.
    #[command(flatten)]
    pub queue: QueueAt,
}

/// An empty text is a slip of whoever wrote the command, mostly a variable that is not set.
fn words(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("there is nothing in it".to_owned()),
        text => Ok(text.to_owned()),
    }
}
