//! A tree in text, for terminals, snapshots and the text alternative of pictures.
//!
//! ```text
//! answer              chain      412 ms  ✓
//! ├─ retrieve         retriever  180 ms  ✓  (retriever)
//! └─ generate         llm        201 ms  ✗ error: rate limited
//!
//! ⚠ no parent here: 01990000…00aa
//! rerank              tool        12 ms  ✓
//! ```
//!
//! Start at [`text_tree`].

use std::fmt;

use super::label::{columns, duration, first_line, fit, or_else, short_id};
use super::rich_output;
use super::rows::rows;
use crate::model::{RunStatus, TraceTree};

/// Most runs that are written; the rest is counted.
const MAX_ROWS: usize = 1_000;
/// Most levels of guides; a deeper run states its level instead.
const MAX_GUIDES: usize = 24;
const MAX_NAME: usize = 48;
const MAX_ERROR: usize = 80;
/// Columns that a page has room for. A longer line has its error cut, to [`MIN_STATUS`] at the shortest.
const MAX_LINE: usize = 92;
const MIN_STATUS: usize = 24;
/// Columns that a latency is counted with, whatever it is: where an error is cut must not depend on it.
const LATENCY: usize = 8;
const MAX_WORD: usize = 24;

/// Writes the runs as an indented tree.
///
/// A line tells name, run type, latency, status, the first line of an error, the project where it
/// is not the parent's, and the service (the metadata key `service`). A run whose parent is missing
/// and a second root are marked above their line. Errors are cut where a line would be longer than 92
/// columns. After 1000 runs the rest is counted.
///
/// ```
/// use std::sync::Arc;
/// use common::analysis::text_tree;
/// use common::model::TraceTree;
/// use common::trace::{MemorySink, Tracer};
///
/// let sink = Arc::new(MemorySink::new());
/// let root = Tracer::builder(sink.clone()).build().run("answer").start();
/// root.child("retrieve").run_type("retriever").start().end();
/// root.end();
/// let tree = text_tree(&TraceTree::build(sink.runs())).without_times();
/// assert_eq!(tree.to_string(), "answer       chain      ✓\n└─ retrieve  retriever  ✓\n");
/// ```
pub fn text_tree(tree: &TraceTree) -> TextTree {
    let mut lines = Vec::new();
    // Whether a line runs down at each level above the present one.
    let mut open: Vec<bool> = Vec::new();
    for row in rows(tree).into_iter().take(MAX_ROWS) {
        open.truncate(row.depth);
        let label = format!(
            "{}{}",
            guides(&open, row.depth, row.is_last),
            row.name(MAX_NAME)
        );
        open.push(!row.is_top && !row.is_last);
        let status = match row.run.status() {
            RunStatus::Success => "✓".to_owned(),
            RunStatus::Pending => "… pending".to_owned(),
            RunStatus::Interrupted => "‖ interrupted".to_owned(),
            RunStatus::Error => {
                match fit(
                    first_line(row.run.error.as_deref().unwrap_or("")),
                    MAX_ERROR,
                ) {
                    error if error.is_empty() => "✗ error".to_owned(),
                    error => format!("✗ error: {error}"),
                }
            }
        };
        lines.push(Line {
            mark: row.mark.map(|mark| mark.in_words()),
            is_top: row.is_top,
            label,
            run_type: row.run_type(MAX_WORD),
            latency: row.run.latency().map_or_else(String::new, duration),
            status,
            service: row.service.map(|name| fit(name, MAX_WORD)),
            project: row
                .other_project
                .map(|name| or_else(fit(name, MAX_WORD), "(no name)")),
            id: short_id(row.run.id.0),
        });
    }
    TextTree {
        more: tree.len() - lines.len(),
        lines,
        times: true,
        ids: false,
    }
}

fn guides(open: &[bool], depth: usize, is_last: bool) -> String {
    if depth == 0 {
        return String::new();
    }
    let branch = if is_last { "└─ " } else { "├─ " };
    if depth > MAX_GUIDES {
        return format!("{}⋯ level {depth} {branch}", "   ".repeat(2));
    }
    // The first level is a top's own and has no line.
    let above = open[1..]
        .iter()
        .map(|open| if *open { "│  " } else { "   " });
    above.chain([branch]).collect()
}

/// A tree in text. Made by [`text_tree`]; printed with `Display`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextTree {
    lines: Vec<Line>,
    more: usize,
    times: bool,
    ids: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    mark: Option<String>,
    is_top: bool,
    label: String,
    run_type: String,
    latency: String,
    status: String,
    service: Option<String>,
    project: Option<String>,
    id: String,
}

impl TextTree {
    /// Leaves the latencies out, so that the text is the same each time.
    #[must_use]
    pub fn without_times(mut self) -> Self {
        self.times = false;
        self
    }

    /// Adds each run's id, as its first eight and last four characters.
    #[must_use]
    pub fn with_ids(mut self) -> Self {
        self.ids = true;
        self
    }

    /// Keeps the first `rows` lines; the rest is counted.
    pub(super) fn at_most(mut self, rows: usize) -> Self {
        self.more += self.lines.len().saturating_sub(rows);
        self.lines.truncate(rows);
        self
    }

    /// Shows the tree as the result of a notebook cell.
    pub fn evcxr_display(&self) {
        rich_output::show(&[("text/plain", &self.to_string())]);
    }
}

impl fmt::Display for TextTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widest = |of: fn(&Line) -> &str| {
            let widths = self.lines.iter().map(|line| columns(of(line)));
            widths.max().unwrap_or(0)
        };
        let label = widest(|line| &line.label);
        let run_type = widest(|line| &line.run_type);
        let latency = widest(|line| &line.latency);
        if self.lines.is_empty() {
            writeln!(f, "(no runs)")?;
        }
        for (at, line) in self.lines.iter().enumerate() {
            if line.is_top && at > 0 {
                writeln!(f)?;
            }
            if let Some(mark) = &line.mark {
                writeln!(f, "⚠ {mark}")?;
            }
            let mut text = format!(
                "{}  {}",
                padded(&line.label, label),
                padded(&line.run_type, run_type)
            );
            if self.times {
                let blank = latency - columns(&line.latency);
                text.push_str(&format!("  {}{}", " ".repeat(blank), line.latency));
            }
            let mut after = String::new();
            if let Some(service) = &line.service {
                after.push_str(&format!("  ({service})"));
            }
            if let Some(project) = &line.project {
                after.push_str(&format!("  → project {project}"));
            }
            if self.ids {
                after.push_str(&format!("  {}", line.id));
            }
            let before = label + run_type + if self.times { LATENCY + 6 } else { 4 };
            let room = MAX_LINE.saturating_sub(before + columns(&after));
            let status = fit(&line.status, room.max(MIN_STATUS));
            writeln!(f, "{}", format!("{text}  {status}{after}").trim_end())?;
        }
        match self.more {
            0 => Ok(()),
            more => writeln!(f, "… {more} more"),
        }
    }
}

/// Returns the text with blanks up to `width` columns.
pub(super) fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}
