//! Checks everything, one line of progress per stage, a table and one closing line. Start at [`test`].

mod counts;
mod table;
mod why;

use std::env;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::child::{self, Logged};
use crate::compat::{self, Sdk};
use crate::notebooks;
use crate::progress::{Meter, tell};
use crate::steps::brokers::BROKERS;
use crate::steps::packages::{Programs, may_install};
use crate::steps::prometheus::PROMETHEUS;
use crate::steps::{self, Workshop, collector, javascript};
use crate::{bench, check, fuzz, site};
use counts::Counts;
use table::report;
use why::why;

/// How a stage ended.
#[derive(Debug)]
enum Verdict {
    Passed,
    Failed,
    Skipped { reason: String, required: bool },
}

/// What the table says of a stage.
#[derive(Debug)]
struct Outcome {
    name: String,
    verdict: Verdict,
    counts: Counts,
    took: Duration,
}

/// Runs every stage, then says how it went. The exit code is non-zero when anything failed.
pub(crate) fn test() -> Result<u8> {
    let workshop = Workshop::enter()?;
    steps::ensure(&workshop)?;
    // Tests of examples use it where it can be had; the stage that compares says why it cannot.
    let _ = javascript::ensure(&workshop);
    let mut outcomes = Vec::from_iter(without_collector(&workshop));
    outcomes.extend([
        cargo(&workshop, "format", &["fmt", "--all", "--check"])?,
        cargo(&workshop, "lints", &LINTS)?,
    ]);
    for feature in features(&workshop)? {
        let name = format!("feature {feature} alone");
        let flags = ["--no-default-features", "--features", &feature];
        let check = [
            "check",
            "--locked",
            "--quiet",
            "--package",
            "common",
            "--lib",
        ];
        outcomes.push(cargo(&workshop, &name, &[&check[..], &flags].concat())?);
    }
    // The same tests run on a queue within the process, and lessons say which one they have.
    outcomes.push(installed(&workshop, BROKERS, false));
    // Where it can be had, CI has it: without it no alert is ever seen to fire.
    outcomes.push(installed(&workshop, PROMETHEUS, may_install()));
    outcomes.push(cargo(&workshop, "tests", &TESTS)?);
    outcomes.push(cargo(&workshop, "benchmark", &bench::tests())?);
    outcomes.push(fuzzed(&workshop));
    outcomes.push(python(&workshop)?);
    outcomes.push(compat(&workshop, Sdk::Python)?);
    outcomes.push(compat(&workshop, Sdk::JavaScript)?);
    outcomes.push(built_site(&workshop)?);
    outcomes.push(executed_notebooks(&workshop)?);
    Ok(report(&outcomes, is_ci()))
}

const LINTS: [&str; 9] = [
    "clippy",
    "--locked",
    "--workspace",
    "--all-targets",
    "--all-features",
    "--quiet",
    "--",
    "-D",
    "warnings",
];

/// The facade has no tests, and building it here would replace the library that kernels load. The
/// benchmark has a stage of its own, without the peers that it is measured against.
const TESTS: [&str; 9] = [
    "test",
    "--locked",
    "--workspace",
    "--exclude",
    "facade",
    "--exclude",
    "bench",
    "--all-features",
    "--no-fail-fast",
];

fn is_ci() -> bool {
    env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}

/// Prepares a program with what tests look for.
fn prepared(workshop: &Workshop, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = child::command(program);
    command
        .current_dir(&workshop.places.root)
        .env("WORKBOOK_PYTHON", workshop.places.python())
        .env("WORKBOOK_JAVASCRIPT", workshop.places.javascript())
        .env("WORKBOOK_COLLECTOR", workshop.places.collector())
        .env("WORKBOOK_ROOT", &workshop.places.root);
    for (programs, variable) in [
        (BROKERS, "WORKBOOK_BROKERS"),
        (PROMETHEUS, "WORKBOOK_PROMETHEUS"),
    ] {
        if programs.are_here() {
            command.env(variable, "required");
        }
    }
    command
}

fn cargo(workshop: &Workshop, name: &str, arguments: &[&str]) -> Result<Outcome> {
    let mut command = prepared(workshop, "cargo");
    command.args(arguments);
    stage(workshop, name, &mut command)
}

/// Runs one program, counts the tests it tells of, and shows why it fails.
fn stage(workshop: &Workshop, name: &str, command: &mut Command) -> Result<Outcome> {
    let meter = Meter::start(name, "");
    let log = workshop
        .places
        .log(&format!("test-{}", name.replace(' ', "-")));
    let mut counts = Counts::default();
    let mut said = Vec::new();
    let ended = Logged::new(name, log.clone()).observe(command, |line| {
        counts.read(line);
        meter.say(line);
        said.push(line.to_owned());
    })?;
    if !ended.success {
        for line in why(&said) {
            meter.keep(&format!("    {line}"));
        }
        meter.keep(&format!("  all of it: {}", log.display()));
    }
    let (verdict, took) = if ended.success {
        (Verdict::Passed, meter.done(&counts.words()))
    } else {
        // A stage that fails without a failed test has failed once all the same.
        counts.failed = counts.failed.max(1);
        (Verdict::Failed, meter.failed(&counts.words()))
    };
    Ok(Outcome {
        name: name.to_owned(),
        verdict,
        counts,
        took,
    })
}

/// Asks cargo which features `common` has; one that only names others is left to them.
fn features(workshop: &Workshop) -> Result<Vec<String>> {
    let output = prepared(workshop, "cargo")
        .args(["metadata", "--no-deps", "--offline", "--format-version=1"])
        .output()
        .context("running cargo metadata")?;
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let common = packages.clone().find(|package| package["name"] == "common");
    let features = common.and_then(|package| package["features"].as_object());
    let names = features.into_iter().flat_map(|features| features.keys());
    Ok(names.filter(|name| *name != "default").cloned().collect())
}

/// Installs programs that tests use; `required` says whether CI may do without.
fn installed(workshop: &Workshop, programs: Programs, required: bool) -> Outcome {
    let began = Instant::now();
    match programs.ensure(workshop) {
        Ok(None) => Outcome {
            name: programs.name.into(),
            verdict: Verdict::Passed,
            counts: Counts::default(),
            took: began.elapsed(),
        },
        Ok(Some(reason)) => skipped(programs.name, &reason, required),
        Err(error) => skipped(programs.name, &format!("{error:#}"), required),
    }
}

fn python(workshop: &Workshop) -> Result<Outcome> {
    const NAME: &str = "Python tests";
    let source = workshop.places.root.join("setup/python");
    let tests = source.join("tests");
    let is_test = |name: &str| name.starts_with("test") && name.ends_with(".py");
    let mut files = fs::read_dir(&tests).into_iter().flatten().flatten();
    if !files.any(|file| file.file_name().to_str().is_some_and(is_test)) {
        return Ok(skipped(NAME, "setup/python has none", false));
    }
    let mut command = prepared(workshop, workshop.places.python());
    command
        .args(["-m", "unittest", "discover", "--start-directory"])
        .arg(&tests);
    command
        .env("PYTHONPATH", &source)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    stage(workshop, NAME, &mut command)
}

/// Builds the site of the docs, where a link that leads nowhere is an error.
fn built_site(workshop: &Workshop) -> Result<Outcome> {
    const NAME: &str = "site";
    if let Err(error) = steps::site::ensure(workshop) {
        return Ok(failed(NAME, &error));
    }
    stage(workshop, NAME, &mut site::build(workshop))
}

/// Compares with an official SDK. Python is part of the workbook; JavaScript needs Node.
fn compat(workshop: &Workshop, sdk: Sdk) -> Result<Outcome> {
    let name = format!("compat {}", sdk.name());
    if sdk == Sdk::JavaScript {
        match javascript::ensure(workshop) {
            Ok(None) => {}
            Ok(Some(reason)) => return Ok(skipped(&name, &reason, false)),
            Err(error) => return Ok(failed(&name, &error)),
        }
    }
    let mut command = compat::program(workshop);
    command.args(["--sdk", sdk.name()]);
    stage(workshop, &name, &mut command)
}

/// Installs the collector that tests send through; tells why they go without, if they do.
fn without_collector(workshop: &Workshop) -> Option<Outcome> {
    const NAME: &str = "collector";
    match collector::ensure(workshop) {
        Ok(None) => None,
        Ok(Some(reason)) => Some(skipped(NAME, &reason, true)),
        Err(error) => Some(failed(NAME, &error)),
    }
}

/// How long each fuzz target runs. The repository's corpus is read first, however long that takes.
const FUZZ_SECONDS: u64 = 6;

/// Fuzzes for a short while, which needs no tool but a C++ compiler.
fn fuzzed(workshop: &Workshop) -> Outcome {
    const NAME: &str = "fuzz";
    match fuzz::obstacle(workshop) {
        Ok(None) => {}
        Ok(Some(reason)) => return skipped(NAME, &reason, true),
        Err(error) => return failed(NAME, &error),
    }
    let began = Instant::now();
    let watched = match fuzz::briefly(workshop, FUZZ_SECONDS) {
        Ok(watched) => watched,
        Err(error) => return failed(NAME, &error),
    };
    let broken: Vec<_> = watched.iter().filter(|target| target.broke()).collect();
    for line in broken.iter().flat_map(|target| target.trouble()) {
        tell(line);
    }
    let counts = Counts {
        passed: watched.len() - broken.len(),
        failed: broken.len(),
        skipped: 0,
    };
    let verdict = match broken.len() {
        0 => Verdict::Passed,
        _ => Verdict::Failed,
    };
    Outcome {
        name: NAME.into(),
        verdict,
        counts,
        took: began.elapsed(),
    }
}

fn executed_notebooks(workshop: &Workshop) -> Result<Outcome> {
    const NAME: &str = "notebooks";
    let notebooks = notebooks::all(&workshop.places.root);
    if notebooks.is_empty() {
        return Ok(skipped(NAME, "there is none", true));
    }
    // The tests may have built the library for cells anew, with other flags.
    steps::ensure(workshop)?;
    let meter = Meter::start(NAME, "");
    let (tally, found) = check::insist(workshop, &notebooks)?;
    for finding in &found {
        meter.keep(&finding.to_string());
    }
    let counts = Counts {
        passed: tally.passed,
        failed: tally.failed.max(found.len()),
        skipped: 0,
    };
    let (verdict, took) = match counts.failed {
        0 => (Verdict::Passed, meter.done(&counts.words())),
        _ => (Verdict::Failed, meter.failed(&counts.words())),
    };
    Ok(Outcome {
        name: NAME.into(),
        verdict,
        counts,
        took,
    })
}

/// Tells of a stage that could not be prepared; the others go on.
fn failed(name: &str, error: &anyhow::Error) -> Outcome {
    let meter = Meter::start(name, "");
    meter.keep(&format!("    {error:#}"));
    Outcome {
        name: name.to_owned(),
        verdict: Verdict::Failed,
        counts: Counts {
            failed: 1,
            ..Counts::default()
        },
        took: meter.failed("could not be prepared"),
    }
}

fn skipped(name: &str, reason: &str, required: bool) -> Outcome {
    let verdict = Verdict::Skipped {
        reason: reason.to_owned(),
        required,
    };
    let took = Meter::start(name, "").skipped(reason);
    let counts = Counts {
        skipped: 1,
        ..Counts::default()
    };
    Outcome {
        name: name.to_owned(),
        verdict,
        counts,
        took,
    }
}
