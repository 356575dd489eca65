//! The programs that lessons start: the tool server of lessons about MCP, and the service that is stopped in every
//! way. They are programs because the kernel's process cannot start itself.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{Step, Workshop, facade};
use crate::child::{self, Logged};
use crate::doctor::target_folder;
use crate::fingerprint::{Fingerprint, read_mark, write_whole};
use crate::progress::Meter;

/// Builds the programs of `common` that lessons start, beside the facade.
pub(super) const STEP: Step = Step {
    id: "docs-tools",
    name: "programs that notebooks start (`docs-tools`, `stopped-service`)",
    cost: "half a minute",
    takes: 300_000_000,
    place: |workshop| target_folder(&workshop.places),
    inputs,
    made: |workshop| program(&workshop.places.kernel()).is_some(),
    run,
};

/// What it is called, as a binary and as a mark.
const NAME: &str = "docs-tools";

/// What else is built, into the same folder, where `common::lab` looks for it.
const BESIDE: &str = "stopped-service";

/// Finds the program of the last build, in the records of the kernel's folder.
pub(crate) fn program(kernel: &std::path::Path) -> Option<PathBuf> {
    let told = read_mark(&kernel.join("docs-tools.path")).map(PathBuf::from);
    let is_there = |path: &PathBuf| path.is_file() && path.with_file_name(BESIDE).is_file();
    told.filter(is_there)
}

/// Names what the facade is made of: the program is linked from the same crates.
fn inputs(workshop: &Workshop) -> Result<Fingerprint> {
    Ok((facade::STEP.inputs)(workshop)?.text(NAME).text(BESIDE))
}

fn run(workshop: &Workshop, meter: &Meter) -> Result<String> {
    let mut command = child::command("cargo");
    command
        // With the facade selected as well, and no default features, every crate has exactly the features
        // that it has in the facade. So nothing is compiled a second time, only the program linked.
        .args(["build", "--locked", "--package", "facade"])
        .args(["--package", "common", "--bin", NAME, "--bin", BESIDE])
        .args(["--no-default-features", "--features", "common/full"])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(&workshop.places.root);
    let (mut program, mut crates) = (None, 0);
    let log = workshop.places.log(NAME);
    Logged::new("building the programs that notebooks start", log).run(&mut command, |line| {
        if line.starts_with('{') {
            program = executable(line).or(program.take());
        } else {
            crates += usize::from(line.trim_start().starts_with("Compiling"));
            meter.say(line.trim());
        }
    })?;
    let program: PathBuf = program.context("cargo named no program `docs-tools`")?;
    let kernel = workshop.places.kernel();
    fs::create_dir_all(&kernel)?;
    write_whole(&kernel.join("docs-tools.path"), &program.to_string_lossy())?;
    Ok(match crates {
        0 => "up to date".into(),
        // The line of the package itself, whose library the facade has.
        1 => "linked".into(),
        _ => format!("{crates} crates compiled"),
    })
}

/// Reads the program's path from one of cargo's messages.
fn executable(line: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(line).ok()?;
    let is_ours = message["reason"] == "compiler-artifact" && message["target"]["name"] == NAME;
    let path = message["executable"].as_str().filter(|_| is_ours);
    path.map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_named_by_cargo_not_guessed() {
        let line = r#"{"reason":"compiler-artifact","target":{"name":"docs-tools"},"executable":"/t/debug/docs-tools"}"#;
        assert_eq!(executable(line), Some("/t/debug/docs-tools".into()));
        let library =
            r#"{"reason":"compiler-artifact","target":{"name":"common"},"executable":null}"#;
        assert_eq!(executable(library), None);
    }
}
