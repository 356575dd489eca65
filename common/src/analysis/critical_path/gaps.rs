//! Gaps: when a run that has children waited for none of them.

use std::fmt;

use chrono::TimeDelta;

use super::self_time::idle;
use super::spans::Spans;
use crate::analysis::label::{self, duration, fit};
use crate::analysis::rich_output;
use crate::analysis::rows::service;
use crate::analysis::table::Table;
use crate::model::{RunId, TraceTree};

/// Most rows of the printed table.
const TOP: usize = 12;

/// A stretch of a run in which none of its children ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The run.
    pub run: RunId,
    /// Its name.
    pub name: String,
    /// The service that it names in its metadata.
    pub service: Option<String>,
    /// When the gap begins, since the run did.
    pub after: TimeDelta,
    /// How long it is.
    pub length: TimeDelta,
    /// The child that ended last before it; none at the beginning of the run.
    pub behind: Option<String>,
    /// The child that began next; none at the end of the run.
    pub before: Option<String>,
}

/// All gaps of a tree, the longest first. A run without children has none: it is at work itself.
///
/// A gap is work that no run tells of, or waiting: for a lock, a queue, a slot of a pool, a call that is
/// not traced.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Gaps(Vec<Gap>);

impl Gaps {
    /// Finds the gaps of all runs.
    pub fn of(tree: &TraceTree) -> Self {
        let (spans, nodes) = (Spans::of(tree), tree.nodes());
        let mut gaps = Vec::new();
        for (at, node) in nodes.iter().enumerate() {
            if node.children.is_empty() {
                continue;
            }
            let idle = idle(tree, &spans, at);
            let mut by_end = node.children.clone();
            by_end.sort_by_key(|child| spans.at(*child).to);
            let mut by_start = node.children.clone();
            by_start.sort_by_key(|child| spans.at(*child).from);
            for gap in idle {
                let ended = by_end.partition_point(|child| spans.at(*child).to <= gap.from);
                let begun = by_start.partition_point(|child| spans.at(*child).from < gap.to);
                let name = |child: &usize| nodes[*child].run.name.clone();
                gaps.push(Gap {
                    run: node.run.id,
                    name: node.run.name.clone(),
                    service: service(&node.run).map(str::to_owned),
                    after: TimeDelta::microseconds(gap.from - spans.at(at).from),
                    length: TimeDelta::microseconds(gap.length()),
                    behind: ended.checked_sub(1).map(|last| name(&by_end[last])),
                    before: by_start.get(begun).map(name),
                });
            }
        }
        gaps.sort_by_key(|gap| std::cmp::Reverse(gap.length));
        Self(gaps)
    }

    /// Returns the gaps, the longest first.
    pub fn all(&self) -> &[Gap] {
        &self.0
    }

    /// Returns the first of them as a table.
    pub fn top(&self, most: usize) -> Table {
        let header = ["gap", "in", "service", "after", "between"];
        let name = |name: &Option<String>, absent: &str| match name {
            Some(name) => label::or_else(fit(name, 28), "(no name)"),
            None => absent.to_owned(),
        };
        self.0
            .iter()
            .take(most)
            .fold(Table::new(header), |table, gap| {
                let (from, to) = (name(&gap.behind, "its start"), name(&gap.before, "its end"));
                table.row([
                    duration(gap.length),
                    label::or_else(fit(&gap.name, 40), "(no name)"),
                    gap.service
                        .as_deref()
                        .map(|it| fit(it, 24))
                        .unwrap_or_default(),
                    duration(gap.after),
                    format!("{from} and {to}"),
                ])
            })
    }

    /// Shows the table as the result of a notebook cell.
    pub fn evcxr_display(&self) {
        rich_output::show(&[
            ("text/html", &self.top(TOP).to_html()),
            ("text/plain", &self.to_string()),
        ]);
    }
}

impl fmt::Display for Gaps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.top(TOP).fmt(f)?;
        match self.0.len().saturating_sub(TOP) {
            0 => Ok(()),
            more => writeln!(f, "… {more} more"),
        }
    }
}
