//! `cargo run -p multi_service_app` shows all six services; `-- gateway`, `-- worker` and so on run one of them.

use std::process::ExitCode;

use clap::Parser as _;
use multi_service_app::cli::{Cli, Command};
use multi_service_app::{demo, gateway, generator, log, orchestrator, retriever, tools, worker};

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        None => demo::run(&cli.demo).await,
        Some(Command::Gateway(wishes)) => gateway::run(wishes).await,
        Some(Command::Orchestrator(wishes)) => orchestrator::run(wishes).await,
        Some(Command::Retriever(wishes)) => retriever::run(wishes).await,
        Some(Command::Tools(wishes)) => tools::run(wishes).await,
        Some(Command::Generator(wishes)) => generator::run(wishes).await,
        Some(Command::Worker(wishes)) => worker::run(wishes).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::complain(&format!("✗ {error:#}"));
            ExitCode::FAILURE
        }
    }
}
