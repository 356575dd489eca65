//! Starts the stand-in for LangSmith. Start at [`serve`].
//!
//! ```text
//!   cargo build ──► stderr: progress          stdout: nothing, until the stand-in prints its URL
//!        └─ path of the program ──exec──► langsmith-mock
//! ```

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::Value;

use crate::child::{self, Logged};
use crate::progress::Meter;
use crate::steps::Workshop;

const STAND_IN: Program = Program {
    name: "langsmith-mock",
    feature: "serve",
    what: "the stand-in",
};

/// A program of `common` that a command becomes.
pub(crate) struct Program {
    pub(crate) name: &'static str,
    /// The feature that it needs.
    pub(crate) feature: &'static str,
    /// What people call it.
    pub(crate) what: &'static str,
}

/// What the stand-in is to do; each is an argument of its own.
#[derive(Debug, Args)]
pub(crate) struct Wishes {
    /// Listens on this port; without it, on 1984. 0 is any free one.
    #[arg(long, value_name = "N")]
    port: Option<u16>,
    /// Drops runs with errors after a 202, as LangSmith does. The default.
    #[arg(long, conflicts_with = "lenient")]
    strict: bool,
    /// Keeps runs in spite of their errors.
    #[arg(long)]
    lenient: bool,
    /// Waits so many milliseconds before each answer.
    #[arg(long, value_name = "MS")]
    latency: Option<u64>,
    /// Answers this share of the requests that bring runs with this status.
    #[arg(long, value_name = "PERCENT:STATUS", value_parser = share)]
    fail: Option<String>,
    /// Puts a proxy before it that spoils requests, such as 'delay=200ms,reset:/runs/*:10%'.
    ///
    /// strip, duplicate, fold, recase, blanks, property=NAME; truncate, pad=NAME@BYTES; replace=NAME@VALUE; reorder;
    /// limit=BYTES; delay, trickle=200ms; reset, reset=in-request, reset=before-answer; status=503; seed=7.
    /// Each is limited by :/runs/* (a path), :20% (a share), :2x (how often).
    #[arg(long, value_name = "SWITCHES")]
    chaos: Option<String>,
    /// Port of that proxy; without it, any free one.
    #[arg(long, value_name = "N", requires = "chaos")]
    chaos_port: Option<u16>,
    /// At the end, writes what arrived into this file; `doctor FILE` reads it.
    #[arg(long, value_name = "FILE")]
    capture: Option<PathBuf>,
}

impl Wishes {
    fn arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        let mut add = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                arguments.extend([name.to_owned(), value]);
            }
        };
        add("--port", self.port.map(|port| port.to_string()));
        add("--latency", self.latency.map(|latency| latency.to_string()));
        add("--fail", self.fail.clone());
        add("--chaos", self.chaos.clone());
        add("--chaos-port", self.chaos_port.map(|port| port.to_string()));
        let capture = self.capture.as_ref();
        add("--capture", capture.map(|file| file.display().to_string()));
        if self.strict {
            arguments.push("--strict".to_owned());
        }
        if self.lenient {
            arguments.push("--lenient".to_owned());
        }
        arguments
    }
}

/// Refuses here what the stand-in would refuse after it was built.
fn share(text: &str) -> Result<String, String> {
    let parts = text.split_once(':');
    let number = |part: &str| part.trim_end_matches('%').parse::<u16>().ok();
    match parts.map(|(percent, status)| (number(percent), number(status))) {
        Some((Some(0..=100), Some(400..=599))) => Ok(text.to_owned()),
        _ => Err(
            "give a share from 0 to 100 and a status from 400 to 599, such as 20:503".to_owned(),
        ),
    }
}

/// Builds the stand-in if it has to, and becomes it, so that signals reach it.
pub(crate) fn serve(wishes: &Wishes) -> Result<()> {
    let workshop = Workshop::enter()?;
    let program = build(&workshop, &STAND_IN)?;
    let mut command = child::command(program);
    Err(command.args(wishes.arguments()).exec()).context("starting the stand-in")
}

/// Builds a program of `common` if it has to, and returns its path.
pub(crate) fn build(workshop: &Workshop, wanted: &Program) -> Result<PathBuf> {
    let mut command = child::command("cargo");
    command
        .args(["build", "--locked", "--package", "common"])
        .args(["--features", wanted.feature, "--bin", wanted.name])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(&workshop.places.root);
    let (mut program, mut crates) = (None, 0);
    let task = format!("compiling {}", wanted.what);
    let meter = Meter::start(&task, "1–3 minutes the first time");
    let log = workshop.places.log(wanted.feature);
    let built = Logged::new(&task, log).run(&mut command, |line| {
        if line.starts_with('{') {
            program = executable(line, wanted.name).or(program.take());
        } else {
            crates += usize::from(line.trim_start().starts_with("Compiling"));
            meter.say(&format!("{crates} crates · {}", line.trim()));
        }
    });
    match built {
        Ok(()) => meter.done(""),
        Err(error) => {
            meter.failed("");
            return Err(error);
        }
    };
    program.with_context(|| format!("cargo named no program for {}", wanted.what))
}

/// Reads the path of the program from a message of cargo.
fn executable(line: &str, program: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(line).ok()?;
    let is_it = message["target"]["name"] == program;
    message["executable"]
        .as_str()
        .filter(|_| is_it)
        .map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_that_makes_no_sense_is_refused_before_anything_is_built() {
        for good in ["20:503", "0:400", "100%:599"] {
            assert_eq!(share(good), Ok(good.to_owned()));
        }
        for bad in [
            "", "20", "101:503", "20:200", "20:600", "-1:503", "a:b", "20:503:1",
        ] {
            assert!(share(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_program_is_found_among_the_messages_of_cargo() {
        let line = r#"{"reason":"compiler-artifact","target":{"name":"langsmith-mock"},"executable":"/t/x"}"#;
        let found = executable(line, STAND_IN.name);
        assert_eq!(found, Some(PathBuf::from("/t/x")));
        assert_eq!(executable(line, "trace-doctor"), None);
        assert_eq!(
            executable(
                r#"{"target":{"name":"common"},"executable":null}"#,
                STAND_IN.name
            ),
            None
        );
        assert_eq!(executable("{ no JSON", STAND_IN.name), None);
    }
}
