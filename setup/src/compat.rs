//! Compares with the official SDKs: starts `setup/compat` with what it needs.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};

use crate::child;
use crate::problem::{FAILED, OK, USAGE};
use crate::progress::tell;
use crate::steps::{self, Workshop, javascript};

/// What is compared, and how it is told.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Scenarios to run; all without it.
    #[arg(value_name = "SCENARIO")]
    scenarios: Vec<String>,
    /// Compares with this SDK only.
    #[arg(long)]
    sdk: Option<Sdk>,
    /// Writes captures and results to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Prints what the official SDKs send in these scenarios, and compares nothing.
    #[arg(long, requires = "scenarios")]
    show: bool,
    /// Lists the scenarios and runs none.
    #[arg(long)]
    list: bool,
    /// Renders docs/compatibility.md from its sources and runs nothing.
    #[arg(long, conflicts_with_all = ["scenarios", "sdk", "json", "show", "list"])]
    write: bool,
}

/// An official SDK.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sdk {
    /// The Python SDK, of the workbook's own environment.
    Python,
    /// The JavaScript SDK; needs Node.js.
    #[value(name = "javascript")]
    JavaScript,
}

impl Sdk {
    /// Returns the name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::JavaScript => "javascript",
        }
    }
}

/// Installs the SDKs, compares, and returns the exit code.
pub(crate) fn compat(options: &Options) -> Result<u8> {
    let workshop = Workshop::enter()?;
    let mut command = program(&workshop);
    if options.list || options.write {
        build(&workshop)?;
        command.arg(if options.list { "--list" } else { "--write" });
        return ended(&mut command);
    }
    if options.sdk != Some(Sdk::JavaScript) {
        steps::ensure_python(&workshop)?;
        command.args(["--sdk", Sdk::Python.name()]);
    }
    if options.sdk != Some(Sdk::Python) {
        match javascript::ensure(&workshop)? {
            None => {
                command.args(["--sdk", Sdk::JavaScript.name()]);
            }
            Some(reason) => {
                tell(format_args!("– JavaScript is left out: {reason}"));
                if options.sdk.is_some() {
                    return Ok(FAILED);
                }
            }
        }
    }
    if options.show {
        command.arg("--show");
    }
    if let Some(file) = &options.json {
        // The program runs in the repository's root, the name is meant from here.
        command
            .arg("--json")
            .arg(std::path::absolute(file).context("the current folder has gone")?);
    }
    build(&workshop)?;
    ended(command.args(&options.scenarios))
}

/// Builds the comparison and shows that it does: the first time it takes minutes.
fn build(workshop: &Workshop) -> Result<()> {
    let cost = "1–5 minutes the first time";
    workshop.build("comparison program", cost, "compat", &[])
}

/// Prepares the comparison; without further arguments it runs every scenario with both SDKs.
pub(crate) fn program(workshop: &Workshop) -> Command {
    let mut command = child::command("cargo");
    command
        .args(["run", "--quiet", "--locked", "--package", "compat", "--"])
        .current_dir(&workshop.places.root)
        .env("WORKBOOK_PYTHON", workshop.places.python())
        .env("WORKBOOK_JAVASCRIPT", workshop.places.javascript());
    command
}

fn ended(command: &mut Command) -> Result<u8> {
    let status = command.status().context("starting cargo")?;
    Ok(match status.code() {
        Some(0) => OK,
        Some(2) => USAGE,
        _ => FAILED,
    })
}
