//! The cells of a page as one program, so that the compiler's tools can read it.
//!
//! ```text
//! cell · cell · cell ──► async fn page() { { cell; { cell; { cell } } } }      each in the scope of those above
//!                          └─ which line belongs to which cell
//! ```

use super::page::{Cell, Page};

/// A page as a program.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) text: String,
    /// First and last line of each cell, counted from 1, with the cell's id.
    places: Vec<(usize, usize, String)>,
}

/// Cells name what later ones use, show values that nobody takes, and end where a value stands.
const HEAD: &str = "#![allow(unused, redundant_semicolons, unreachable_pub, clippy::no_effect, clippy::unnecessary_operation)]\n\
                    #![allow(clippy::items_after_statements, clippy::let_unit_value, clippy::unused_unit)]\n\
                    async fn page() {\n";

/// A cell with this tag shows a compiler error, and is left out.
const LEFT_OUT: &str = "does-not-compile";

impl Program {
    /// Writes the code of a page; `solved` gives a source to stand for an exercise's.
    pub(super) fn of(page: &Page, solved: impl Fn(&str) -> Option<String>) -> Self {
        let mut program = Self {
            text: HEAD.to_owned(),
            places: Vec::new(),
        };
        let mut open = 0;
        for cell in page.code().filter(|cell| !cell.has_tag(LEFT_OUT)) {
            let solution = cell.declares("exercise").and_then(&solved);
            let source = solution.unwrap_or_else(|| cell.source.clone());
            let first = program.text.lines().count() + 2;
            let source = borrowing(&without_commands(&source));
            program.text.push_str(&format!("{{\n{source}\n;\n"));
            let last = program.text.lines().count();
            program.places.push((first, last, cell.id.clone()));
            open += 1;
        }
        program.text.push_str(&"}".repeat(open));
        program.text.push_str("\n}\n");
        program
    }

    /// Returns the cell that a line of the program comes from, and the line within it.
    pub(super) fn place(&self, line: usize) -> Option<(&str, usize)> {
        let found = self
            .places
            .iter()
            .find(|(first, last, _)| (*first..=*last).contains(&line));
        found.map(|(first, _, id)| (id.as_str(), line - first + 1))
    }
}

/// Leaves out what is addressed to the kernel: `:dep …`.
fn without_commands(source: &str) -> String {
    let lines = source
        .lines()
        .map(|line| if line.starts_with(':') { "" } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

/// Borrows a variable that a cell ends in: the kernel shows it, and it lives on.
fn borrowing(source: &str) -> String {
    let source = source.trim_end();
    let start = source.rfind('\n').map_or(0, |at| at + 1);
    let (above, last) = source.split_at(start);
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    match !last.is_empty() && last.chars().all(is_name) {
        true => format!("{above}&{last}"),
        false => source.to_owned(),
    }
}

/// Says whether a cell is Rust that can be read by itself.
pub(super) fn is_rust(cell: &Cell) -> bool {
    !cell.has_tag(LEFT_OUT) && !cell.source.lines().any(|line| line.starts_with(':'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn cells_stand_within_each_other_and_know_their_lines() {
        let cell = |id: &str, source: &str, tags: &[&str]| json!({"cell_type": "code", "id": id, "source": source, "metadata": {"tags": tags}});
        let text = json!({"cells": [
            cell("one", ":dep x\nlet a = 1;\na", &[]),
            cell("wrong", "let a: u8 = \"\";", &["does-not-compile"]),
            cell("two", "a + 1", &[]),
        ]});
        let page = Page::parse("01", "a.ipynb", &text.to_string()).unwrap();
        let program = Program::of(&page, |_| None);
        assert!(
            program
                .text
                .ends_with("{\n\nlet a = 1;\n&a\n;\n{\na + 1\n;\n}}\n}\n"),
            "{}",
            program.text
        );
        let line = |text: &str| program.text.lines().position(|line| line == text).unwrap() + 1;
        assert_eq!(program.place(line("let a = 1;")), Some(("one", 2)));
        assert_eq!(program.place(line("a + 1")), Some(("two", 1)));
        assert_eq!(program.place(1), None);
    }
}
