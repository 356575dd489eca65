//! `cargo run -p langgraph_agent -- "how do I keep the trace across spawn?"`

use std::process::ExitCode;

use clap::Parser as _;
use common::lab::terminal::complain;
use langgraph_agent::{cli::Cli, demo, tools};

#[tokio::main]
async fn main() -> ExitCode {
    let wishes = Cli::parse();
    let done = match wishes.tool_server {
        true => tools::serve().await,
        false => demo::run(&wishes).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("✗ {error:#}"));
            ExitCode::FAILURE
        }
    }
}
