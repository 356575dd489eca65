//! The film drawn: the moments that matter, side by side.
//!
//! ```text
//!   1          4          7 ⚠        9
//! ▒▒▒▒       ████       ████       ████        a bar a run, indented below its parent;
//!            ▒▒▒        ███        ███         open while it is pending, in the accent color
//!                       ╳▒▒        ╳██         while its parent is not there
//! ```

use maud::{Markup, html};

use super::reel::Film;
use crate::analysis::figure::{Figure, MARGIN, WIDTH};
use crate::analysis::palette::{self, BROKEN, BROKEN_TINT, HAIRLINE, INK, LINE, MUTED};
use crate::analysis::rows::{Mark, rows};
use crate::analysis::svg::{NOTE, SMALL, Type, cross, n, rect, text};
use crate::model::RunStatus;

/// Most moments, and most runs of one.
const MOMENTS: usize = 5;
const MAX_ROWS: usize = 14;
const ROW: f64 = 19.0;
const GAP: f64 = 14.0;

impl Film {
    /// Draws the first step, the steps at which something broke for good, the last one, and some between.
    /// The text alternative is the film in text.
    pub fn figure(&self) -> Figure {
        let moments = self.moments();
        let trees: Vec<_> = moments.iter().map(|step| self.tree_after(*step)).collect();
        let most = trees.iter().map(|tree| tree.len()).max().unwrap_or(0);
        let shown = most.min(MAX_ROWS) + usize::from(most > MAX_ROWS);
        let height = 34.0 + ROW * shown.max(1) as f64 + 20.0;
        let number = moments.len().max(1) as f64;
        let width = (WIDTH - 2.0 * MARGIN - GAP * (number - 1.0)) / number;
        let body = html! {
            @for (at, (step, tree)) in moments.iter().zip(&trees).enumerate() {
                @let x = MARGIN + at as f64 * (width + GAP);
                @let broken = self.faults().iter().any(|fault| fault.since == *step);
                @let (color, sign) = if broken { (BROKEN, " ⚠") } else { (MUTED, "") };
                @if broken { (rect(x - 5.0, 2.0, width + 10.0, height - 16.0, 5.0, BROKEN_TINT, None)) }
                (text(x, 14.0, Type::new(NOTE, color).bold(), &format!("step {step}{sign}")))
                rect x=(n(x)) y="24" width=(n(width)) height="1" fill=(HAIRLINE) {}
                @let rows = rows(tree);
                @for (line, row) in rows.iter().take(MAX_ROWS).enumerate() {
                    @let y = 38.0 + ROW * line as f64;
                    (bar(row, x, y, width))
                }
                @if rows.len() > MAX_ROWS {
                    @let words = format!("… {} more", rows.len() - MAX_ROWS);
                    (text(x, 38.0 + ROW * MAX_ROWS as f64, Type::small(), &words))
                }
                @if rows.is_empty() { (text(x, 38.0, Type::small(), "(nothing yet)")) }
            }
            @if moments.is_empty() { (text(MARGIN, 14.0, Type::small(), "(nothing happened)")) }
        };
        Figure::new(&self.in_words(), &self.to_string(), (WIDTH, height), body)
    }

    /// Chooses the steps that are drawn.
    fn moments(&self) -> Vec<usize> {
        let last = self.len();
        if last <= MOMENTS {
            return (1..=last).collect();
        }
        let mut chosen = vec![1, last];
        for fault in self.faults() {
            if chosen.len() < MOMENTS && !chosen.contains(&fault.since) {
                chosen.push(fault.since);
            }
        }
        for part in 1..MOMENTS {
            let between = 1 + (last - 1) * part / MOMENTS;
            if chosen.len() < MOMENTS && !chosen.contains(&between) {
                chosen.push(between);
            }
        }
        chosen.sort_unstable();
        chosen
    }
}

fn bar(row: &crate::analysis::rows::Row<'_>, left: f64, y: f64, width: f64) -> Markup {
    let x = left + (9.0 * row.depth as f64).min(width / 3.0);
    let room = left + width - x;
    let is_lost = matches!(
        row.mark,
        Some(Mark::NoParent(_) | Mark::Circle | Mark::AnotherRoot(_))
    );
    let color = palette::of_type(&row.run.run_type);
    let (fill, edge) = match is_lost {
        true => (BROKEN_TINT, BROKEN),
        false => ("#ffffff", color.edge),
    };
    let dash = (row.run.status() == RunStatus::Pending).then_some("3 2");
    let look = Type::new(SMALL, if row.failed() { BROKEN } else { INK });
    html! {
        rect x=(n(x)) y=(n(y - 7.5)) width=(n(room)) height="15" rx="3" fill=(fill) stroke=(edge)
            stroke-width="1.2" stroke-dasharray=[dash] {}
        (rect(x + 3.0, y - 4.5, 3.0, 9.0, 1.5, color.fill, Some(LINE)))
        (text(x + 9.0, y, look, &look.fit(&row.name(40), room - if is_lost { 26.0 } else { 12.0 })))
        @if is_lost { (cross(x + room - 9.0, y)) }
    }
}
