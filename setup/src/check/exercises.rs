//! Exercises as a page has them: goal, minutes, a cell to begin with, a check, a solution beside.
//!
//! What only running tells, [`executed`](super::executed) tells.

use std::fs;
use std::path::{Path, PathBuf};

use super::finding::Finding;
use super::page::{Cell, Page};

/// An exercise of a page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exercise<'a> {
    pub(crate) id: &'a str,
    /// The words above it.
    pub(crate) words: Option<&'a Cell>,
    /// The cell to begin with.
    pub(crate) starter: &'a Cell,
    /// The cell that checks it.
    pub(crate) check: Option<&'a Cell>,
}

impl Exercise<'_> {
    /// Returns what the exercise is called on the page.
    pub(crate) fn title(&self) -> &str {
        let lines = self.words.iter().flat_map(|words| words.source.lines());
        let mut headings = lines.filter_map(|line| line.strip_prefix("### "));
        headings.next().unwrap_or(self.id).trim()
    }
}

/// Finds the exercises of a page, in order.
pub(crate) fn of(page: &Page) -> Vec<Exercise<'_>> {
    let mut found = Vec::new();
    for (at, cell) in page.cells.iter().enumerate() {
        let Some(id) = cell.declares("exercise") else {
            continue;
        };
        let words = page.cells[..at].iter().rev().find(|above| !above.is_code);
        let check = page.cells[at..]
            .iter()
            .find(|below| below.declares("check") == Some(id));
        found.push(Exercise {
            id,
            words,
            starter: cell,
            check,
        });
    }
    found
}

/// Returns where the solution of an exercise lies, relative to the root.
pub(crate) fn solution(id: &str) -> PathBuf {
    Path::new("notebooks/solutions").join(format!("{}.rs", id.replace('.', "_")))
}

/// Looks at the exercises of a page.
pub(super) fn findings(page: &Page, root: &Path) -> Vec<Finding> {
    let mut found = Vec::new();
    for exercise in of(page) {
        let id = exercise.id;
        let mut tell = |what: &str, remedy: String| {
            let what = format!("the exercise {id} {what}");
            found.push(Finding::cell(
                &page.path,
                &exercise.starter.id,
                what,
                remedy,
            ));
        };
        let same = page
            .code()
            .filter(|cell| cell.declares("exercise") == Some(id));
        if same.count() > 1 {
            tell(
                "has more than one cell to begin with",
                "give each exercise an id of its own".into(),
            );
        }
        let words = exercise.words.map_or("", |words| words.source.as_str());
        if !id.starts_with(&format!("{}.", page.number)) {
            tell(
                "belongs to another notebook by its id",
                format!("name it `{}.…`", page.number),
            );
        }
        if !words.contains("**Goal") {
            tell(
                "has no goal",
                "write `**Goal.** …` in the markdown cell above".into(),
            );
        }
        let has_minutes = words
            .lines()
            .any(|line| line.contains("minutes") && line.bytes().any(|byte| byte.is_ascii_digit()));
        if !has_minutes {
            tell(
                "has no estimate",
                "write “about 10 minutes” in the markdown cell above".into(),
            );
        }
        if exercise.check.is_none() {
            tell(
                "has no check",
                format!(
                    "add a code cell after it with the metadata `workbook: {{\"check\": \"{id}\"}}`"
                ),
            );
        }
        let path = solution(id);
        match fs::read_to_string(root.join(&path)) {
            Err(_) => tell("has no solution", format!("write {}", path.display())),
            Ok(text) if text.trim() == exercise.starter.source.trim() => {
                tell("is its own solution", format!("solve {}", path.display()));
            }
            Ok(_) => {}
        }
    }
    found
}
