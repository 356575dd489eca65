//! The official JavaScript SDK, for `cargo workbook compat` and the Express services of lessons: optional,
//! as Node is.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context as _, Result};

use super::{Step, Workshop, ensure_each};
use crate::child::{self, Logged};
use crate::fingerprint::Fingerprint;
use crate::progress::Meter;

/// The oldest Node that the SDK is tested with here.
const OLDEST_NODE: u32 = 20;

/// Installs what `setup/compat/javascript` pins into `.workbook/javascript`.
const STEP: Step = Step {
    id: "javascript",
    name: "JavaScript SDK",
    cost: "some seconds, 13 MB",
    takes: 30_000_000,
    place: |workshop| workshop.places.javascript(),
    inputs: |workshop| {
        let source = source(workshop);
        Fingerprint::new()
            .text("javascript")
            .contents(&source.join("package.json"))?
            .contents(&source.join("package-lock.json"))
    },
    made: |workshop| {
        let modules = workshop.places.javascript().join("node_modules");
        let is_there = |name| modules.join(name).join("package.json").is_file();
        ["langsmith", "express"].into_iter().all(is_there)
    },
    run,
};

/// Installs the SDK if it is missing; returns why not when there is no Node to run it.
pub(crate) fn ensure(workshop: &Workshop) -> Result<Option<String>> {
    if let Some(reason) = unable() {
        return Ok(Some(reason));
    }
    ensure_each(workshop, &[STEP], |_| Ok(()))?;
    Ok(None)
}

/// Installs the SDK for lessons if there is a Node to run it. A lesson says itself what it goes without, so
/// nothing fails here.
pub(crate) fn offer(workshop: &Workshop) {
    if unable().is_none() {
        // The step has told what went wrong.
        let _ = ensure_each(workshop, &[STEP], |_| Ok(()));
    }
}

fn source(workshop: &Workshop) -> PathBuf {
    workshop.places.root.join("setup/compat/javascript")
}

/// Says why JavaScript cannot be run here; nothing if it can.
fn unable() -> Option<String> {
    let Some(node) = version("node") else {
        return Some(format!(
            "Node.js is not installed; to compare with the JavaScript SDK, install Node.js \
             {OLDEST_NODE} or newer with npm"
        ));
    };
    if major(&node).is_none_or(|major| major < OLDEST_NODE) {
        return Some(format!(
            "Node.js is {node}; to compare with the JavaScript SDK, install {OLDEST_NODE} or newer"
        ));
    }
    match version("npm") {
        Some(_) => None,
        None => {
            Some("npm is not installed; Node.js is, and npm comes with most of its packages".into())
        }
    }
}

/// Asks a program for its version.
fn version(program: &str) -> Option<String> {
    let output = child::command(program)
        .arg("--version")
        .stdin(Stdio::null())
        .output();
    let output = output.ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Reads the first number of `v20.20.2`.
fn major(version: &str) -> Option<u32> {
    let digits = version.trim_start_matches('v').split('.').next()?;
    digits.parse().ok()
}

fn run(workshop: &Workshop, meter: &Meter) -> Result<String> {
    let folder = workshop.places.javascript();
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    for name in ["package.json", "package-lock.json"] {
        fs::copy(source(workshop).join(name), folder.join(name))
            .with_context(|| format!("copying {name}"))?;
    }
    let mut command = child::command("npm");
    // No script of a package runs, and nothing is asked that is not in the lock file.
    command
        .args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--no-update-notifier",
            // A learner without a network waits seconds for the answer, not a minute.
            "--fetch-retry-mintimeout=1000",
        ])
        .current_dir(&folder);
    Logged::new("npm ci", workshop.places.log("npm")).run(&mut command, |line| meter.say(line))?;
    Ok(String::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_of_node_is_read() {
        assert_eq!(major("v20.20.2"), Some(20));
        assert_eq!(major("22.1.0"), Some(22));
        assert_eq!(major("words"), None);
    }
}
