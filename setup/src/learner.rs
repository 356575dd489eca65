//! How the learner stands: a table of exercises, and the next step.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;

use anyhow::Result;
use serde_json::Value;

use crate::check::exercises::{self, Exercise};
use crate::check::page::Page;
use crate::notebooks;
use crate::places::Places;
use crate::problem::{OK, Problem};
use crate::progress::tell;

/// What the reader knows the journal as.
const JOURNAL: &str = ".workbook/progress.jsonl";

/// Shows the table.
pub(crate) fn progress() -> Result<u8> {
    let places = Places::find()?;
    let standing = match fs::read(places.progress()) {
        Ok(journal) => Standing::read(&String::from_utf8_lossy(&journal)),
        // No file yet is no exercise yet.
        Err(error) if error.kind() == ErrorKind::NotFound => Standing::default(),
        Err(error) => {
            return Err(Problem::new(
                format!("{JOURNAL} cannot be read ({})", error.kind()),
                "make it yours, and readable; or move it away: checks begin a new one",
            )
            .into());
        }
    };
    let mut pages = Vec::new();
    for notebook in notebooks::all(&places.root) {
        pages.push(Page::read(&places.root, &notebook)?);
    }
    for line in table(&pages, &standing) {
        tell(line);
    }
    match standing.damaged {
        0 => {}
        1 => tell(format_args!(
            "! one line of {JOURNAL} cannot be read, and does not count"
        )),
        many => tell(format_args!(
            "! {many} lines of {JOURNAL} cannot be read, and do not count"
        )),
    }
    Ok(OK)
}

/// What the journal tells.
#[derive(Debug, Default)]
struct Standing {
    passed: BTreeSet<String>,
    checks: BTreeMap<String, usize>,
    hints: BTreeMap<String, u64>,
    /// Lines that say nothing.
    damaged: usize,
}

impl Standing {
    /// Once passed is passed. A line that cannot be read costs that line.
    fn read(journal: &str) -> Self {
        let mut standing = Self::default();
        for line in journal.lines().filter(|line| !line.trim().is_empty()) {
            let entry: Value = serde_json::from_str(line).unwrap_or_default();
            let Some(id) = entry["exercise"].as_str().map(str::to_owned) else {
                standing.damaged += 1;
                continue;
            };
            if entry["event"] == "hint" {
                let shown = standing.hints.entry(id).or_default();
                *shown = (*shown).max(entry["number"].as_u64().unwrap_or(0));
                continue;
            }
            *standing.checks.entry(id.clone()).or_default() += 1;
            if entry["passed"] == true {
                standing.passed.insert(id);
            }
        }
        standing
    }
}

fn table(pages: &[Page], standing: &Standing) -> Vec<String> {
    let name = |exercise: &Exercise<'_>| format!("{} · {}", exercise.id, exercise.title());
    let names = pages.iter().flat_map(exercises::of);
    let width = names.map(|exercise| name(&exercise).chars().count()).max();
    let width = width.unwrap_or(0);
    let mut lines = vec![format!(
        "{:<4} {:<3} {:<width$} {:>6} {:>6}",
        "page", "", "exercise", "checks", "hints"
    )];
    let mut next = None;
    let (mut passed, mut all) = (0, 0);
    for page in pages {
        for exercise in exercises::of(page) {
            let id = exercise.id;
            let is_passed = standing.passed.contains(id);
            all += 1;
            passed += usize::from(is_passed);
            if !is_passed && next.is_none() {
                next = Some(format!(
                    "next: {id} · {}  in {}",
                    exercise.title(),
                    page.path
                ));
            }
            lines.push(format!(
                "{:<4} {:<3} {:<width$} {:>6} {:>6}",
                page.number,
                if is_passed { '✓' } else { '○' },
                name(&exercise),
                standing.checks.get(id).copied().unwrap_or(0),
                standing.hints.get(id).copied().unwrap_or(0),
            ));
        }
    }
    if all == 0 {
        return vec!["there are no exercises yet: cargo workbook open".to_owned()];
    }
    lines.push(format!("\n{passed} of {all} exercises passed"));
    lines.push(next.unwrap_or_else(|| "all done: build something, see examples/".to_owned()));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn page() -> Page {
        let cell = |kind: &str, source: &str, id: Option<&str>| json!({"id": source, "cell_type": kind, "source": source, "metadata": {"workbook": {"exercise": id}}});
        let text = json!({"cells": [
            cell("markdown", "### Predict a tree", None), cell("code", "a", Some("01.predict")),
            cell("markdown", "### Mend the trace", None), cell("code", "b", Some("01.repair")),
        ]});
        Page::parse("01", "notebooks/01_a.ipynb", &text.to_string()).unwrap()
    }

    #[test]
    fn the_first_exercise_that_is_not_passed_is_the_next_step() {
        let standing = Standing::read(
            "{\"event\":\"check\",\"exercise\":\"01.predict\",\"passed\":true}\nhalf a li\n\
             {\"event\":\"check\",\"exercise\":\"01.predict\",\"passed\":false}\n\
             {\"event\":\"hint\",\"exercise\":\"01.repair\",\"number\":2}\n",
        );
        assert_eq!(standing.damaged, 1);
        let lines = table(&[page()], &standing);
        assert!(
            lines[1].contains("✓   01.predict · Predict a tree"),
            "{lines:?}"
        );
        assert!(lines[2].contains("○   01.repair · Mend the trace") && lines[2].ends_with('2'));
        assert_eq!(lines[3], "\n1 of 2 exercises passed");
        assert_eq!(
            lines[4],
            "next: 01.repair · Mend the trace  in notebooks/01_a.ipynb"
        );
    }

    #[test]
    fn nothing_done_is_no_failure() {
        assert_eq!(
            table(&[page()], &Standing::read(""))[3],
            "\n0 of 2 exercises passed"
        );
        assert_eq!(table(&[], &Standing::read("")).len(), 1);
    }
}
