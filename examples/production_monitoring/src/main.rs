//! `cargo run -p production_monitoring -- --minutes 1`

use std::process::ExitCode;

use clap::Parser as _;
use common::lab::terminal::complain;
use production_monitoring::cli::{Cli, Command};
use production_monitoring::{demo, read_back, services};

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.command {
        Some(Command::Service(wishes)) => services::serve(wishes).await,
        Some(Command::Read(wishes)) => read_back::run(wishes).await,
        None => demo::run(&cli.demo).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("✗ {error:#}"));
            ExitCode::FAILURE
        }
    }
}
