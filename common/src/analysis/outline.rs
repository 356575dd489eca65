//! Trees without times, and two of them beside each other: as it is, as it should be.
//!
//! ```text
//! TraceTree ──Outline::of──┐                    gateway        │ gateway
//!                          ├─ side_by_side ──►  ✗ retriever    │ └ call
//! rows by hand ─► Outline ─┘                    └ call         │   └ retriever ←
//! ```
//!
//! Start at [`side_by_side`].

use std::fmt;

use maud::{Markup, html};

use super::figure::{Figure, MARGIN, WIDTH};
use super::label::{columns, count, fit};
use super::palette::{BROKEN, BROKEN_TINT, GREEN, INK, LINE, MUTED};
use super::rows::{Mark, rows};
use super::svg::{NAME, NOTE, SMALL, Type, cross, line, n, text};
use super::text::padded;
use crate::model::{RunStatus, TraceTree};

/// Most rows that are drawn of one outline; the rest is counted.
const MAX_ROWS: usize = 24;
const ROW: f64 = 27.0;
const BOX: f64 = 20.0;
const INDENT: f64 = 15.0;
/// Levels that are still indented; deeper rows stand below these.
const MAX_INDENT: usize = 7;
const GAP: f64 = 28.0;

/// A tree of names, without ids and times.
///
/// ```
/// use common::analysis::{Outline, side_by_side};
///
/// let is = Outline::new().row(0, "gateway").row(0, "retriever").mark(1, "no parent");
/// let should = Outline::new().row(0, "gateway").row(1, "retriever").mark(1, "below gateway");
/// let figure = side_by_side(("as it is", &is), ("as it should be", &should));
/// assert!(figure.alt().contains("retriever  ✗ no parent"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outline {
    rows: Vec<OutlineRow>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct OutlineRow {
    depth: usize,
    name: String,
    service: String,
    note: String,
    marked: bool,
}

impl Outline {
    /// Begins an outline without a row.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the outline of what was captured. Second roots, lost parents, errors and runs that have
    /// not ended say so.
    pub fn of(tree: &TraceTree) -> Self {
        let rows = rows(tree)
            .into_iter()
            .map(|row| OutlineRow {
                depth: row.depth,
                name: row.name(48),
                service: row.service.map(|name| fit(name, 24)).unwrap_or_default(),
                note: match (row.mark, row.run.status()) {
                    (Some(Mark::AnotherRoot(_)), _) => "another root".to_owned(),
                    (Some(Mark::NoParent(_)), _) => "parent not here".to_owned(),
                    (Some(Mark::Circle), _) => "parents in a circle".to_owned(),
                    (None, RunStatus::Error) => "error".to_owned(),
                    (None, RunStatus::Pending) => "not ended".to_owned(),
                    (None, _) => String::new(),
                },
                marked: false,
            })
            .collect();
        Self { rows }
    }

    /// Reads an outline from text: a name a line, two blanks of indentation a level. What stands in
    /// brackets behind a name is left out, so that a printed [`Shape`](super::Shape) can be read.
    pub fn parse(text: &str) -> Self {
        let mut outline = Self::new();
        for row in text.lines() {
            let blanks = row.len() - row.trim_start().len();
            let name = row.split(['[', '(']).next().unwrap_or_default().trim();
            if !name.is_empty() {
                // No deeper than one level below the row above: nothing else has a parent.
                let deepest = outline.rows.last().map_or(0, |above| above.depth + 1);
                outline = outline.row((blanks / 2).min(deepest), name);
            }
        }
        outline
    }

    /// Adds a row, so many levels deep.
    #[must_use]
    pub fn row(mut self, depth: usize, name: impl AsRef<str>) -> Self {
        self.rows.push(OutlineRow {
            depth,
            name: fit(name.as_ref(), 48),
            service: String::new(),
            note: String::new(),
            marked: false,
        });
        self
    }

    /// Names the service of the last row.
    #[must_use]
    pub fn of_service(mut self, service: impl AsRef<str>) -> Self {
        if let Some(row) = self.rows.last_mut() {
            row.service = fit(service.as_ref(), 24);
        }
        self
    }

    /// Says something more of the last row.
    #[must_use]
    pub fn note(mut self, words: impl AsRef<str>) -> Self {
        if let Some(row) = self.rows.last_mut() {
            row.note = fit(words.as_ref(), 32);
        }
        self
    }

    /// Marks a row as the one to look at, with a few words; a row that is not there is not marked.
    #[must_use]
    pub fn mark(mut self, at: usize, note: impl AsRef<str>) -> Self {
        if let Some(row) = self.rows.get_mut(at) {
            row.marked = true;
            let note = fit(note.as_ref(), 32);
            if !note.is_empty() {
                row.note = note;
            }
        }
        self
    }

    /// Returns the place of the first row with this name.
    pub fn find(&self, name: &str) -> Option<usize> {
        let name = fit(name, 48);
        self.rows.iter().position(|row| row.name == name)
    }

    /// Returns depth and name of each row.
    pub fn rows(&self) -> impl Iterator<Item = (usize, &str)> {
        self.rows.iter().map(|row| (row.depth, row.name.as_str()))
    }

    /// Returns true if there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Writes the rows; `sign` stands before the words of a marked row.
    pub(super) fn lines(&self, sign: &str) -> Vec<String> {
        if self.rows.is_empty() {
            return vec!["(no runs)".to_owned()];
        }
        let write = |row: &OutlineRow| {
            let mut line = format!("{}{}", "  ".repeat(row.depth.min(MAX_INDENT)), row.name);
            if !row.service.is_empty() {
                line.push_str(&format!(" ({})", row.service));
            }
            match (row.marked, row.note.is_empty()) {
                (true, _) => line.push_str(&format!("  {sign} {}", row.note)),
                (false, false) => line.push_str(&format!("  – {}", row.note)),
                (false, true) => {}
            }
            line.trim_end().to_owned()
        };
        let mut lines: Vec<String> = self.rows.iter().take(MAX_ROWS).map(write).collect();
        if self.rows.len() > MAX_ROWS {
            lines.push(format!("… {} more", self.rows.len() - MAX_ROWS));
        }
        lines
    }
}

impl fmt::Display for Outline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines("←")
            .iter()
            .try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Draws two outlines beside each other. A marked row is broken on the left, and where to get to on
/// the right. The text alternative has both as columns.
pub fn side_by_side(left: (&str, &Outline), right: (&str, &Outline)) -> Figure {
    let width = (WIDTH - 2.0 * MARGIN - GAP) / 2.0;
    let height = panel_height(left.1).max(panel_height(right.1)) + 12.0;
    let middle = WIDTH / 2.0;
    let body = html! {
        (line((middle, 4.0), (middle, height - 14.0), LINE, 1.0, Some("2 4")))
        (panel(MARGIN, width, left, false))
        (panel(middle + GAP / 2.0, width, right, true))
    };
    Figure::new(
        &format!("{} · {}", left.0, right.0),
        &in_columns(left, right),
        (WIDTH, height),
        body,
    )
}

fn in_columns(left: (&str, &Outline), right: (&str, &Outline)) -> String {
    let (mut one, mut other) = (left.1.lines("✗"), right.1.lines("←"));
    one.insert(0, left.0.to_owned());
    other.insert(0, right.0.to_owned());
    let width = one.iter().map(|line| columns(line)).max().unwrap_or(0);
    let at = |lines: &[String], at: usize| lines.get(at).cloned().unwrap_or_default();
    (0..one.len().max(other.len()))
        .map(|row| {
            let line = format!("{}  │  {}", padded(&at(&one, row), width), at(&other, row));
            line.trim_end().to_owned()
        })
        .collect::<Vec<_>>()
        .join("\n")
}

/// Returns how high a panel is, its heading included.
pub(super) fn panel_height(outline: &Outline) -> f64 {
    let rows = outline.rows.len();
    let shown = rows.clamp(1, MAX_ROWS) + usize::from(rows > MAX_ROWS);
    30.0 + ROW * shown as f64
}

/// Draws an outline below its heading, from `y = 0` downwards.
pub(super) fn panel(
    x: f64,
    width: f64,
    (heading, outline): (&str, &Outline),
    is_goal: bool,
) -> Markup {
    let look = Type::new(NOTE, MUTED).bold();
    let rows = &outline.rows[..outline.rows.len().min(MAX_ROWS)];
    let y = |at: usize| 34.0 + ROW * at as f64 + BOX / 2.0;
    html! {
        (text(x, 12.0, look, &look.fit(heading, width)))
        @if rows.is_empty() { (text(x, y(0), Type::new(NOTE, MUTED), "(no runs)")) }
        @for (at, row) in rows.iter().enumerate() {
            @if let Some(above) = rows[..at].iter().rposition(|above| above.depth < row.depth) {
                @let from = left_of(x, &rows[above]) + 7.0;
                path d=(format!("M{} {}V{}H{}", n(from), n(y(above) + BOX / 2.0), n(y(at)),
                    n(left_of(x, row)))) stroke=(LINE) stroke-width="1.2" fill="none" {}
            }
        }
        @for (at, row) in rows.iter().enumerate() { (node(x + width, left_of(x, row), y(at), row, is_goal)) }
        @if outline.rows.len() > MAX_ROWS {
            (text(x, y(MAX_ROWS), Type::small(), &count(outline.rows.len() - MAX_ROWS, "more run")))
        }
    }
}

fn left_of(x: f64, row: &OutlineRow) -> f64 {
    x + INDENT * row.depth.min(MAX_INDENT) as f64
}

fn node(right: f64, x: f64, y: f64, row: &OutlineRow, is_goal: bool) -> Markup {
    let (edge, ground) = match (row.marked, is_goal) {
        (true, false) => (BROKEN, BROKEN_TINT),
        (true, true) => (GREEN, "#eaf4ef"),
        (false, _) => (LINE, "#ffffff"),
    };
    let look = match row.marked {
        true => Type::new(NAME, INK).bold(),
        false => Type::new(NAME, INK),
    };
    // The name comes first; the words behind it get what is left.
    let name = look.fit(&row.name, (right - x - 14.0).max(30.0));
    let width = look.px(&name) + 14.0;
    let sign = if row.marked { 18.0 } else { 0.0 };
    let words = match (row.note.is_empty(), row.service.is_empty()) {
        (false, _) => &row.note,
        (true, false) => &row.service,
        (true, true) => "",
    };
    let (note, left) = match row.marked {
        true => (Type::new(SMALL, INK), x + width + sign + 4.0),
        false => (Type::small(), x + width + 6.0),
    };
    let room = right - left;
    html! {
        rect x=(n(x)) y=(n(y - BOX / 2.0)) width=(n(width)) height=(n(BOX)) rx="5" fill=(ground)
            stroke=(edge) stroke-width=(if row.marked { "1.8" } else { "1.2" }) {}
        (text(x + 7.0, y, look, &name))
        @if row.marked && !is_goal { (cross(x + width + 11.0, y)) }
        @if row.marked && is_goal {
            path d=(format!("M{} {}h-11m4 -4l-4 4l4 4", n(x + width + 17.0), n(y)))
                stroke=(GREEN) stroke-width="1.6" fill="none" {}
        }
        @if room > 24.0 { (text(left, y, note, &note.fit(words, room))) }
    }
}
