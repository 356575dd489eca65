//! A diff in the order of reading: the right tree, with what is missing at its old place.

use std::fmt;

use super::align::{Aligned, align};
use super::changes::{DiffChange, DiffOptions, changes};
use crate::analysis::label::{self, count, fit};
use crate::analysis::rich_output;
use crate::model::{Run, RunId, TraceTree};

/// Most rows that are written; the rest is counted.
const MAX_WRITTEN: usize = 400;
/// Levels that are still indented.
const MAX_INDENT: usize = 24;

/// What became of a run from the left trace to the right one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DiffMark {
    /// It is the same, at the same place.
    Same,
    /// It is at the same place and differs.
    Changed,
    /// It stands elsewhere; it may differ as well.
    Moved,
    /// It is in the left trace alone.
    Missing,
    /// It is in the right trace alone.
    New,
}

impl DiffMark {
    /// Returns the sign at the beginning of a line.
    pub fn sign(self) -> char {
        match self {
            Self::Same => ' ',
            Self::Changed => '~',
            Self::Moved => '>',
            Self::Missing => '-',
            Self::New => '+',
        }
    }
}

/// One run of either trace, or of both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffRow {
    /// What became of it.
    pub mark: DiffMark,
    /// Levels above it.
    pub depth: usize,
    /// Its name.
    pub name: String,
    /// Its type.
    pub run_type: String,
    /// What differs.
    pub changes: Vec<DiffChange>,
    /// Of a run that moved: the name of the run that it was below; none if it was a root.
    pub from: Option<String>,
    /// The run in the left trace.
    pub left: Option<RunId>,
    /// The run in the right trace.
    pub right: Option<RunId>,
}

/// Two traces, run by run.
///
/// ```
/// use common::analysis::TraceDiff;
/// use common::model::TraceTree;
///
/// let nothing = TraceTree::default();
/// assert!(TraceDiff::of(&nothing, &nothing).is_same());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TraceDiff {
    rows: Vec<DiffRow>,
}

impl TraceDiff {
    /// Compares two traces, as [`DiffOptions::default`] says.
    pub fn of(left: &TraceTree, right: &TraceTree) -> Self {
        Self::with(left, right, &DiffOptions::default())
    }

    /// Compares two traces.
    pub fn with(left: &TraceTree, right: &TraceTree, options: &DiffOptions) -> Self {
        let aligned = align(left, right);
        let reader = Reader {
            trees: [left, right],
            aligned: &aligned,
            options,
        };
        Self {
            rows: reader.rows(),
        }
    }

    /// Returns all rows, the same ones too.
    pub fn rows(&self) -> &[DiffRow] {
        &self.rows
    }

    /// Returns the rows that are not the same.
    pub fn differences(&self) -> impl Iterator<Item = &DiffRow> {
        self.rows.iter().filter(|row| row.mark != DiffMark::Same)
    }

    /// Returns true if nothing differs.
    pub fn is_same(&self) -> bool {
        self.differences().next().is_none()
    }

    /// Counts the rows of a kind.
    pub fn count(&self, mark: DiffMark) -> usize {
        self.rows.iter().filter(|row| row.mark == mark).count()
    }

    /// Says in one sentence what differs.
    pub fn in_words(&self) -> String {
        let kinds = [
            (DiffMark::Missing, "missing"),
            (DiffMark::New, "new"),
            (DiffMark::Moved, "moved"),
            (DiffMark::Changed, "changed"),
        ];
        let counts = kinds.map(|(mark, word)| (self.count(mark), word));
        let said = counts.iter().filter(|(count, _)| *count > 0);
        let said: Vec<String> = said
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        match said.is_empty() {
            true => format!("no difference in {}", count(self.rows.len(), "run")),
            false => format!("{} of {}", said.join(", "), count(self.rows.len(), "run")),
        }
    }

    /// Shows the diff as the result of a notebook cell: drawn, with the words beside it.
    pub fn evcxr_display(&self) {
        let words = self.to_string();
        rich_output::show(&[
            ("image/svg+xml", &self.figure().svg()),
            ("text/plain", &words),
        ]);
    }

    /// Returns the rows that differ with those above them, and how many were left out before each.
    pub(super) fn shown(&self) -> Vec<(usize, &DiffRow)> {
        let mut keep = vec![false; self.rows.len()];
        let mut above: Vec<usize> = Vec::new();
        for (at, row) in self.rows.iter().enumerate() {
            above.truncate(row.depth);
            above.push(at);
            if row.mark != DiffMark::Same {
                // What is above a row that is kept is kept as well.
                let fresh = above.iter().rev();
                let fresh: Vec<usize> = fresh.take_while(|at| !keep[**at]).copied().collect();
                fresh.into_iter().for_each(|at| keep[at] = true);
            }
        }
        let (mut shown, mut left_out) = (Vec::new(), 0);
        for (row, keep) in self.rows.iter().zip(keep) {
            match keep {
                true => shown.push((std::mem::take(&mut left_out), row)),
                false => left_out += 1,
            }
        }
        shown
    }
}

impl DiffRow {
    /// Says what differs.
    pub(super) fn said(&self) -> String {
        let mut said: Vec<String> = self.changes.iter().map(ToString::to_string).collect();
        if self.mark == DiffMark::Moved {
            said.insert(
                0,
                match &self.from {
                    Some(from) => format!("moved from below {}", shown_name(from)),
                    None => "moved; it was a root".to_owned(),
                },
            );
        }
        said.join("; ")
    }

    pub(super) fn shown_name(&self) -> String {
        shown_name(&self.name)
    }
}

fn shown_name(name: &str) -> String {
    label::or_else(fit(name, 48), "(no name)")
}

impl fmt::Display for TraceDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.shown();
        for (left_out, row) in shown.iter().take(MAX_WRITTEN) {
            if *left_out > 0 {
                writeln!(f, "    … {left_out} the same")?;
            }
            let (sign, indent) = (row.mark.sign(), "  ".repeat(row.depth.min(MAX_INDENT)));
            let (name, kind) = (row.shown_name(), fit(&row.run_type, 24));
            let line = format!("{sign} {indent}{name} [{kind}]  {}", row.said());
            writeln!(f, "{}", line.trim_end())?;
        }
        if shown.len() > MAX_WRITTEN {
            writeln!(f, "    … {} more", shown.len() - MAX_WRITTEN)?;
        }
        writeln!(f, "{}", self.in_words())
    }
}

struct Reader<'a> {
    trees: [&'a TraceTree; 2],
    aligned: &'a Aligned,
    options: &'a DiffOptions,
}

/// A run that is to be read next.
#[derive(Clone, Copy)]
enum Next {
    Left(usize),
    Right(usize),
}

impl Reader<'_> {
    fn rows(&self) -> Vec<DiffRow> {
        let mut rows = Vec::new();
        let tops = self.joined(self.trees[0].tops(), self.trees[1].tops());
        let mut open: Vec<(usize, Next)> = tops.into_iter().rev().map(|next| (0, next)).collect();
        while let Some((depth, next)) = open.pop() {
            let below = match next {
                Next::Left(at) => {
                    let node = &self.trees[0].nodes()[at];
                    rows.push(row(
                        DiffMark::Missing,
                        depth,
                        &node.run,
                        Some(node.run.id),
                        None,
                    ));
                    self.joined(&node.children, &[])
                }
                Next::Right(at) => {
                    rows.push(self.row_of(at, depth));
                    let left = self.aligned.left_of[at];
                    let left = left.map(|left| &self.trees[0].nodes()[left].children[..]);
                    self.joined(left.unwrap_or(&[]), &self.trees[1].nodes()[at].children)
                }
            };
            open.extend(below.into_iter().rev().map(|next| (depth + 1, next)));
        }
        rows
    }

    /// Joins siblings: all of the right, and those of the left that are missing, behind what they stood
    /// behind.
    fn joined(&self, left: &[usize], right: &[usize]) -> Vec<Next> {
        let mut order = Vec::with_capacity(left.len() + right.len());
        let mut behind: std::collections::HashMap<usize, Vec<usize>> = Default::default();
        let (mut first, mut last) = (Vec::new(), None);
        for at in left {
            match (self.aligned.right_of[*at], last) {
                (Some(other), _) => last = Some(other),
                (None, None) => first.push(*at),
                (None, Some(last)) => behind.entry(last).or_default().push(*at),
            }
        }
        order.extend(first.into_iter().map(Next::Left));
        for at in right {
            order.push(Next::Right(*at));
            order.extend(behind.remove(at).into_iter().flatten().map(Next::Left));
        }
        // Those that stood behind a run that moved away.
        let mut rest: Vec<usize> = behind.into_values().flatten().collect();
        rest.sort_unstable();
        order.extend(rest.into_iter().map(Next::Left));
        order
    }

    fn row_of(&self, at: usize, depth: usize) -> DiffRow {
        let node = &self.trees[1].nodes()[at];
        let Some(left) = self.aligned.left_of[at] else {
            return row(DiffMark::New, depth, &node.run, None, Some(node.run.id));
        };
        let other = &self.trees[0].nodes()[left];
        let stood = other.parent.map(|parent| self.aligned.right_of[parent]);
        let is_moved = stood != node.parent.map(Some);
        let changes = changes(&other.run, &node.run, self.options);
        let mark = match (is_moved, changes.is_empty()) {
            (true, _) => DiffMark::Moved,
            (false, true) => DiffMark::Same,
            (false, false) => DiffMark::Changed,
        };
        let above = other.parent.filter(|_| is_moved);
        DiffRow {
            changes,
            from: above.map(|above| self.trees[0].nodes()[above].run.name.clone()),
            ..row(
                mark,
                depth,
                &node.run,
                Some(other.run.id),
                Some(node.run.id),
            )
        }
    }
}

fn row(
    mark: DiffMark,
    depth: usize,
    run: &Run,
    left: Option<RunId>,
    right: Option<RunId>,
) -> DiffRow {
    DiffRow {
        mark,
        depth,
        name: run.name.clone(),
        run_type: run.run_type.to_string(),
        changes: Vec::new(),
        from: None,
        left,
        right,
    }
}
