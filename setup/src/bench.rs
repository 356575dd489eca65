//! Measures beside the peers: starts `setup/bench`, built for speed, with what it needs.

use std::process::Command;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::child;
use crate::problem::{FAILED, OK, Problem, USAGE};
use crate::progress::tell;
use crate::steps::{self, Workshop, javascript};

/// What `--only` takes: known here, before minutes of building. The tests of `setup/bench` hold it to what is
/// there.
const NAMES: &str = include_str!("../bench/names.txt");

/// What is measured, and how long.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// What arrives when things go wrong, instead of what tracing costs.
    #[arg(long, conflicts_with_all = ["soak", "kills"])]
    faults: bool,
    /// Less of everything, in under three minutes.
    #[arg(long)]
    quick: bool,
    /// So many minutes at the highest rate: does memory stay flat?
    #[arg(long, value_name = "MINUTES", value_parser = minutes, conflicts_with_all = ["kills", "quick", "only"])]
    soak: Option<f64>,
    /// Kills a program with a durable spool so many times, and looks for every run that it had stored.
    #[arg(long, value_name = "TIMES", value_parser = clap::value_parser!(u32).range(1..), conflicts_with_all = ["quick", "only"])]
    kills: Option<u32>,
    /// Where the moments of the kills begin.
    #[arg(long, value_name = "N", requires = "kills")]
    seed: Option<u64>,
    /// Measures this one, besides `common`; with --faults, this fault. May be repeated.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Rounds of the cost table; nine without it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), conflicts_with_all = ["faults", "soak", "kills"])]
    rounds: Option<u16>,
    /// Writes what was measured into docs/performance.md, with its charts.
    #[arg(long, conflicts_with_all = ["only", "kills"])]
    write: bool,
}

/// Refuses here what the program refuses after minutes of building.
fn minutes(text: &str) -> Result<f64, String> {
    let minutes: f64 = text.parse().map_err(|_| "it is no number".to_owned())?;
    let is_some = minutes > 0.0 && minutes <= 100_000.0;
    is_some
        .then_some(minutes)
        .ok_or_else(|| "more than 0 minutes".to_owned())
}

impl Options {
    /// Returns the words for the program itself.
    fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        let switches = [
            ("--faults", self.faults),
            ("--quick", self.quick),
            ("--write", self.write),
        ];
        words.extend(switches.iter().filter(|it| it.1).map(|it| it.0.to_owned()));
        let mut value = |name: &str, value: Option<String>| {
            words.extend(value.map(|value| format!("{name}={value}")));
        };
        value("--soak", self.soak.map(|it| it.to_string()));
        value("--kills", self.kills.map(|it| it.to_string()));
        value("--seed", self.seed.map(|it| it.to_string()));
        value("--rounds", self.rounds.map(|it| it.to_string()));
        for name in &self.only {
            value("--only", Some(name.clone()));
        }
        words
    }

    /// Fails if `--only` names what there is not.
    fn check_names(&self) -> Result<()> {
        let (kind, what) = match self.faults {
            true => ("faults", "no fault is called"),
            false => ("who", "nobody is called"),
        };
        let lines = NAMES.lines().filter_map(|line| line.split_once(' '));
        let known = lines.filter(|(word, _)| *word == kind);
        let known: Vec<&str> = known.flat_map(|(_, names)| names.split(' ')).collect();
        match self
            .only
            .iter()
            .find(|name| !known.contains(&name.as_str()))
        {
            Some(name) => Err(Problem::usage(
                format!("{what} `{name}`"),
                format!("name one of: {}", known.join(" ")),
            )
            .into()),
            None => Ok(()),
        }
    }

    /// Returns true if only `common` is measured.
    fn is_of_ours_alone(&self) -> bool {
        self.soak.is_some() || self.kills.is_some()
    }
}

/// Installs the peers, builds, measures, and returns the exit code.
pub(crate) fn bench(options: &Options) -> Result<u8> {
    options.check_names()?;
    let workshop = Workshop::enter()?;
    let mut command = program(&workshop);
    if !options.is_of_ours_alone() {
        steps::ensure_python(&workshop)?;
        command.env("WORKBOOK_PYTHON", workshop.places.python());
        match javascript::ensure(&workshop)? {
            None => {
                command.env("WORKBOOK_JAVASCRIPT", workshop.places.javascript());
            }
            Some(reason) => tell(format_args!("– JavaScript is left out: {reason}")),
        }
    }
    build(&workshop)?;
    let status = command.args(options.words()).status();
    Ok(match status.context("starting the measurement")?.code() {
        Some(0) => OK,
        Some(2) => USAGE,
        _ => FAILED,
    })
}

/// Builds the program with all its peers, optimized, and shows that it does.
fn build(workshop: &Workshop) -> Result<()> {
    let cost = "2–6 minutes the first time";
    workshop.build("benchmark", cost, "bench", &["--release"])
}

/// Prepares the program; it asks cargo where that is.
fn program(workshop: &Workshop) -> Command {
    let mut command = child::command("cargo");
    command
        .args(["run", "--quiet", "--locked", "--release"])
        .args(["--package", "bench", "--"])
        .current_dir(&workshop.places.root);
    command
}

/// Prepares the tests of the program: without the peers, which cost minutes to compile.
pub(crate) fn tests() -> [&'static str; 6] {
    [
        "test",
        "--locked",
        "--package",
        "bench",
        "--no-default-features",
        "--no-fail-fast",
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn what_is_asked_reaches_the_program() {
        let line = Line::parse_from(["bench", "--faults", "--quick", "--only", "429"]);
        assert_eq!(line.options.words(), ["--faults", "--quick", "--only=429"]);
        for word in ["--soak=-1", "--soak=nan", "--rounds=0", "--kills=0"] {
            assert!(Line::try_parse_from(["bench", word]).is_err(), "{word}");
        }
        let line = Line::parse_from(["bench", "--kills", "1000", "--seed", "7"]);
        assert_eq!(line.options.words(), ["--kills=1000", "--seed=7"]);
        assert!(line.options.is_of_ours_alone());
    }

    #[test]
    fn an_unknown_name_is_told_before_anything_is_built() {
        let told = |words: &[&str]| {
            let line = Line::parse_from(["bench"].iter().chain(words));
            line.options
                .check_names()
                .map_err(|error| error.to_string())
        };
        let error = told(&["--only", "ours", "--only", "typo"]).unwrap_err();
        assert!(error.starts_with("nobody is called `typo`\n  → name one of: ours "));
        assert!(
            told(&["--faults", "--only", "ours"])
                .unwrap_err()
                .contains(" sigkill")
        );
        told(&["--faults", "--only", "413", "--only", "hang"]).unwrap();
        told(&["--only", "py-traceable"]).unwrap();
    }
}
