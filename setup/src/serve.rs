//! Starts the stand-in for LangSmith.

use std::os::unix::process::CommandExt as _;

use anyhow::{Context as _, Result};

use crate::child;
use crate::steps::Workshop;

/// Becomes `langsmith-mock`, so that signals reach it.
pub(crate) fn serve(port: Option<u16>, rest: &[String]) -> Result<()> {
    let workshop = Workshop::enter()?;
    let mut command = child::command("cargo");
    command
        .args(["run", "--quiet", "--locked", "--package", "common"])
        .args(["--features", "serve", "--bin", "langsmith-mock", "--"])
        .current_dir(&workshop.places.root);
    if let Some(port) = port {
        command.args(["--port", &port.to_string()]);
    }
    Err(command.args(rest).exec()).context("starting cargo")
}
