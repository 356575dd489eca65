//! The program, started by a test. Start at [`load`].
#![allow(dead_code, reason = "each test file uses a part")]

use std::path::PathBuf;
use std::process::Command;

use production_monitoring::load::Ledger;

/// Prepares the program in an environment that says nothing about LangSmith.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_production_monitoring"));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("LANGSMITH_") || name.starts_with("LANGCHAIN_") {
            command.env_remove(&*name);
        }
    }
    command
        .args(arguments)
        .env_remove("WORKBOOK_TARGET")
        // No `.env` of a learner is above it.
        .current_dir(std::env::temp_dir());
    command
}

/// A load that has ended.
pub(crate) struct Done {
    /// Whether its exit status was zero.
    pub(crate) success: bool,
    /// What it said, on both outputs.
    pub(crate) said: String,
    /// Its book.
    pub(crate) ledger: Ledger,
    /// Its report.
    pub(crate) page: String,
    /// Where book and report are.
    pub(crate) folder: tempfile::TempDir,
}

/// Runs a load to its end.
pub(crate) fn load(arguments: &[&str]) -> Done {
    let folder = tempfile::tempdir().expect("a folder");
    let out: PathBuf = folder.path().join("report.html");
    let mut command = program(arguments);
    let output = command.arg("--out").arg(&out).output().expect("it ends");
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    let page = std::fs::read_to_string(&out).unwrap_or_else(|error| panic!("{error}: {said}"));
    Done {
        success: output.status.success(),
        ledger: Ledger::read(&out.with_extension("ledger.json")).expect("a ledger"),
        said,
        page,
        folder,
    }
}

impl Done {
    /// Returns the number right before some words in what was said.
    pub(crate) fn figure(&self, words: &str) -> usize {
        let before = self.said.split(words).next().unwrap_or_default();
        let number = before.rsplit(|c: char| !c.is_ascii_digit()).next();
        number
            .and_then(|number| number.parse().ok())
            .unwrap_or_default()
    }
}
