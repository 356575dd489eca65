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
const HEAD: &str = "#![allow(unused, redundant_semicolons, unreachable_pub, clippy::no_effect)]\n\
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
            program
                .text
                .push_str(&format!("{{\n{}\n;\n", without_commands(&source)));
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

/// Says whether a cell is Rust that can be read by itself.
pub(super) fn is_rust(cell: &Cell) -> bool {
    !cell.has_tag(LEFT_OUT) && !cell.source.lines().any(|line| line.starts_with(':'))
}
