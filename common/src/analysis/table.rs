//! Cells in columns, as text and as HTML.
//!
//! ```text
//! header · row · row ──► Table ──► Display (aligned text) · to_html() · evcxr_display()
//! ```
//!
//! Start at [`Table::new`].

use std::fmt;

use maud::html;

use super::label::{columns, fit};
use super::rich_output;
use super::text::padded;

/// Widest column that is written as text. A page wraps what is longer.
const MAX_COLUMN: usize = 60;
/// Longest text of a cell.
const MAX_CELL: usize = 300;

/// A table of short texts. Columns of numbers are aligned to the right.
///
/// ```
/// use common::analysis::Table;
///
/// let table = Table::new(["way", "time"]).row(["by hand", "12 µs"]).row(["common", "9 µs"]);
/// assert_eq!(
///     table.to_string(),
///     "way       time\n───────  ─────\nby hand  12 µs\ncommon    9 µs\n"
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Begins a table with the names of its columns.
    pub fn new<S: fmt::Display>(header: impl IntoIterator<Item = S>) -> Self {
        Self {
            header: cells(header),
            rows: Vec::new(),
        }
    }

    /// Adds a row. Missing cells are empty; cells beyond the header get columns without a name.
    #[must_use]
    pub fn row<S: fmt::Display>(mut self, row: impl IntoIterator<Item = S>) -> Self {
        self.rows.push(cells(row));
        self
    }

    /// Returns the table as HTML; it follows the colors of the page.
    pub fn to_html(&self) -> String {
        let right = self.right_aligned();
        let align = |at: usize| match right[at] {
            true => "text-align:right",
            false => "text-align:left",
        };
        html! {
            table {
                thead { tr { @for at in 0..right.len() {
                    th scope="col" style=(align(at)) { (cell(&self.header, at)) }
                } } }
                tbody { @for row in &self.rows { tr { @for at in 0..right.len() {
                    td style=(align(at)) { (cell(row, at)) }
                } } } }
            }
        }
        .into_string()
    }

    /// Shows the table as the result of a notebook cell.
    pub fn evcxr_display(&self) {
        rich_output::show(&[
            ("text/html", &self.to_html()),
            ("text/plain", &self.to_string()),
        ]);
    }

    /// Tells for each column whether it holds numbers.
    fn right_aligned(&self) -> Vec<bool> {
        let rows = self.rows.iter().map(Vec::len);
        let width = rows.max().unwrap_or(0).max(self.header.len());
        let is_number = |text: &str| {
            text.trim_start_matches(['-', '−', '+', '<', '>', '≤', '≥', '~', '$', ' '])
                .starts_with(|c: char| c.is_ascii_digit())
        };
        (0..width)
            .map(|at| {
                let mut filled = self
                    .rows
                    .iter()
                    .map(|row| cell(row, at))
                    .filter(|text| !matches!(*text, "" | "–" | "-"))
                    .peekable();
                filled.peek().is_some() && filled.all(is_number)
            })
            .collect()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let right = self.right_aligned();
        let narrow = |row: &Vec<String>| -> Vec<String> {
            row.iter().map(|cell| fit(cell, MAX_COLUMN)).collect()
        };
        let (header, rows) = (narrow(&self.header), self.rows.iter().map(narrow));
        let rows: Vec<Vec<String>> = rows.collect();
        let all = || std::iter::once(&header).chain(&rows);
        let widths: Vec<usize> = (0..right.len())
            .map(|at| all().map(|row| columns(cell(row, at))).max().unwrap_or(0))
            .collect();
        let rule: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
        let lines = [&header, &rule].into_iter().chain(&rows);
        for row in lines {
            let cells = (0..right.len()).map(|at| {
                let text = cell(row, at);
                match right[at] {
                    true => format!("{}{text}", " ".repeat(widths[at] - columns(text))),
                    false => padded(text, widths[at]),
                }
            });
            let line = cells.collect::<Vec<_>>().join("  ");
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

fn cells<S: fmt::Display>(row: impl IntoIterator<Item = S>) -> Vec<String> {
    row.into_iter()
        .map(|cell| fit(&cell.to_string(), MAX_CELL))
        .collect()
}

fn cell(row: &[String], at: usize) -> &str {
    row.get(at).map_or("", String::as_str)
}
