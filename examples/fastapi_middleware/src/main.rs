//! `cargo run -p fastapi_middleware` shows it, `-- serve` runs the axum service alone.

use std::process::ExitCode;

use clap::Parser as _;
use common::lab::terminal::complain;
use fastapi_middleware::cli::{Cli, Command};
use fastapi_middleware::{demo, serve};

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.command {
        Some(Command::Serve(wishes)) => serve::alone(wishes).await,
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
