//! Examines captured traces, by a program of `common`: this one stays light. Start at [`examine`].

use std::os::unix::process::CommandExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};

use crate::child;
use crate::problem::Problem;
use crate::serve::{self, Program};
use crate::steps::Workshop;

const DOCTOR: Program = Program {
    name: "trace-doctor",
    feature: "doctor,client",
    what: "the trace doctor",
};

/// What to examine, and how to tell; each is an argument of the program.
#[derive(Debug, Args)]
pub(crate) struct Wishes {
    /// Captures, exported runs or OTLP JSON, as files or addresses; without any, the environment.
    #[arg(value_name = "FILE|URL")]
    sources: Vec<String>,
    /// How to print what was found in traces.
    #[arg(long, value_enum, requires = "sources")]
    format: Option<Format>,
    /// The mildest level of a finding that makes the exit code 1.
    #[arg(long, value_name = "LEVEL", value_enum, requires = "sources")]
    fail_on: Option<Level>,
    /// The project to read from LangSmith.
    #[arg(long, value_name = "NAME", requires = "sources")]
    project: Option<String>,
    /// Most runs to read from LangSmith, the newest first.
    #[arg(long, value_name = "N", requires = "sources")]
    limit: Option<usize>,
    /// Sends the key also to an address that it was not set for (LANGSMITH_ENDPOINT says which it is for).
    #[arg(long, requires = "sources")]
    send_key: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
    Sarif,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Level {
    Note,
    Warning,
    Error,
}

impl Wishes {
    /// Returns true if no trace is named.
    pub(crate) fn is_of_environment(&self) -> bool {
        self.sources.is_empty()
    }

    fn arguments(&self) -> Vec<String> {
        let word = |value: Option<clap::builder::PossibleValue>| {
            value.map(|value| value.get_name().to_owned())
        };
        let options = [
            (
                "--format",
                word(self.format.and_then(|it| it.to_possible_value())),
            ),
            (
                "--fail-on",
                word(self.fail_on.and_then(|it| it.to_possible_value())),
            ),
            ("--project", self.project.clone()),
            ("--limit", self.limit.map(|limit| limit.to_string())),
        ];
        let mut arguments = Vec::new();
        for (name, value) in options {
            arguments.extend(value.map(|value| format!("{name}={value}")));
        }
        arguments.extend(self.send_key.then(|| "--send-key".to_owned()));
        // What follows is no option, whatever a file is called.
        arguments.push("--".to_owned());
        arguments.extend(self.sources.iter().cloned());
        arguments
    }
}

/// Builds the trace doctor if it has to, and becomes it: its exit code is ours.
pub(crate) fn examine(wishes: &Wishes) -> Result<u8> {
    // A name that is wrong is told before anything is built.
    let is_file = |source: &&String| *source != "-" && !source.contains("://");
    // A pipe or a device is as good as a file.
    let missing = |source: &&String| {
        let path = Path::new(source.as_str());
        !path.exists() || path.is_dir()
    };
    if let Some(source) = wishes.sources.iter().filter(is_file).find(missing) {
        let problem = match Path::new(source).is_dir() {
            true => format!("{source:?} is a folder, not a file"),
            false => format!("there is no file {source:?}"),
        };
        bail!(Problem::usage(
            problem,
            "name a capture (`cargo workbook serve --capture FILE` saves one), exported runs, OTLP \
             JSON, or an address",
        ));
    }
    let workshop = Workshop::enter()?;
    let program = serve::build(&workshop, &DOCTOR)?;
    let mut command = child::command(program);
    Err(command.args(wishes.arguments()).exec()).context("starting the trace doctor")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_come_before_what_is_examined() {
        let wishes = Wishes {
            sources: vec!["-x.json".to_owned()],
            format: Some(Format::Sarif),
            fail_on: Some(Level::Error),
            project: None,
            limit: Some(9),
            send_key: true,
        };
        let arguments = wishes.arguments();
        assert_eq!(
            arguments,
            [
                "--format=sarif",
                "--fail-on=error",
                "--limit=9",
                "--send-key",
                "--",
                "-x.json"
            ]
        );
        assert!(!wishes.is_of_environment());
    }
}
