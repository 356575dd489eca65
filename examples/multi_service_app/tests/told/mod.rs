//! What the program says, and what the page about it says.

#![allow(dead_code, reason = "no test needs all of it")]
#![allow(clippy::print_stdout, reason = "a test that fails shows it")]

use std::process::{Command, Output};

use multi_service_app::scenario::Scenario;

pub(crate) const PAGE: &str = include_str!("../../README.md");

/// The program, which hears nothing of what happens to be exported.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_multi_service_app"));
    let names = std::env::vars_os().map(|(name, _)| name);
    for name in names.filter(|name| {
        let name = name.to_string_lossy();
        [
            "LANGSMITH_",
            "LANGCHAIN_",
            "DOCS_",
            "OPENAI_",
            "WORKBOOK_LLM",
            "WORKBOOK_TARGET",
        ]
        .iter()
        .any(|start| name.starts_with(start))
    }) {
        command.env_remove(name);
    }
    command
}

/// What stands on standard output.
pub(crate) fn text(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    if !errors.trim().is_empty() {
        println!("{errors}");
    }
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The tree within what the program says, and what it says of errors below: from the root's line to the end.
pub(crate) fn tree_of(said: &str) -> &str {
    let start = said.find("\nquestion ").map_or(said.len(), |at| at + 1);
    &said[start..]
}

/// The tree of a scenario on the page: the first block of text below its heading.
pub(crate) fn tree_on_page(scenario: Scenario) -> &'static str {
    let heading = format!("### `{}`\n", scenario.name());
    let below = PAGE.split_once(&*heading).map(|(_, below)| below);
    let below = below.unwrap_or_else(|| panic!("no heading {heading}"));
    let block = below
        .split("```text\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    block.unwrap_or_else(|| panic!("no tree below {heading}"))
}

/// Rows without times; what happened, and where, stays.
pub(crate) fn rows(tree: &str) -> Vec<String> {
    let row = |line: &str| {
        let words = line.split_whitespace();
        let words = words.filter(|word| word.parse::<f64>().is_err());
        let words = words.filter(|word| !["s", "ms", "µs"].contains(word));
        words.collect::<Vec<_>>().join(" ")
    };
    tree.lines()
        .map(row)
        .filter(|row| !row.is_empty())
        .collect()
}
