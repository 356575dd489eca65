//! `cargo run -p langgraph_agent -- "how do I keep the trace across spawn?"`

use std::process::ExitCode;

use clap::Parser as _;
use langgraph_agent::{cli::Cli, demo, report};

#[tokio::main]
async fn main() -> ExitCode {
    match demo::run(&Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::complain(&format!("✗ {error:#}"));
            ExitCode::FAILURE
        }
    }
}
