//! The diff drawn: a line for each run that differs, with its sign.

use maud::{Markup, html};

use super::rows::{DiffMark, DiffRow, TraceDiff};
use crate::analysis::figure::{Figure, MARGIN, WIDTH};
use crate::analysis::label::count;
use crate::analysis::palette::{BLUE, BROKEN, BROKEN_TINT, GREEN, INK, MUTED};
use crate::analysis::svg::{Anchor, NAME, NOTE, Type, rect, text};

/// Most lines that are drawn; the rest is counted.
const MAX_ROWS: usize = 34;
const ROW: f64 = 23.0;
const INDENT: f64 = 14.0;
/// Levels that are still indented.
const MAX_INDENT: usize = 10;

impl TraceDiff {
    /// Draws the runs that differ, with those above them; what is the same in between is counted. The text
    /// alternative is the diff in text.
    pub fn figure(&self) -> Figure {
        let shown = self.shown();
        let drawn = &shown[..shown.len().min(MAX_ROWS)];
        let lines = drawn.len() + usize::from(shown.len() > MAX_ROWS);
        let height = 8.0 + ROW * lines.max(1) as f64 + 18.0;
        let body = html! {
            @for (at, (_, row)) in drawn.iter().enumerate() {
                (draw(row, 8.0 + ROW * (at as f64 + 0.5)))
            }
            @if shown.is_empty() {
                (text(MARGIN, 18.0, Type::new(NOTE, MUTED), "both are the same"))
            }
            @if shown.len() > MAX_ROWS {
                @let words = format!("… {}", count(shown.len() - MAX_ROWS, "more line"));
                (text(MARGIN, height - 22.0, Type::new(NOTE, MUTED), &words))
            }
        };
        Figure::new(&self.in_words(), &self.to_string(), (WIDTH, height), body)
    }
}

fn draw(row: &DiffRow, y: f64) -> Markup {
    let (color, ground) = match row.mark {
        DiffMark::Same => (MUTED, None),
        DiffMark::Changed | DiffMark::Moved => (BLUE, Some("#eaf0f7")),
        DiffMark::Missing => (BROKEN, Some(BROKEN_TINT)),
        DiffMark::New => (GREEN, Some("#eaf4ef")),
    };
    let x = MARGIN + 20.0 + INDENT * row.depth.min(MAX_INDENT) as f64;
    let (sign, name) = (row.mark.sign().to_string(), row.shown_name());
    let look = match row.mark {
        DiffMark::Same => Type::new(NAME, MUTED),
        _ => Type::new(NAME, INK).bold(),
    };
    let name = look.fit(&name, 260.0);
    let end = x + look.px(&name) + 10.0;
    let (words, note) = (row.said(), Type::new(NOTE, color));
    html! {
        @if let Some(ground) = ground {
            (rect(MARGIN - 6.0, y - ROW / 2.0 + 1.5, WIDTH - 2.0 * MARGIN + 12.0, ROW - 3.0, 4.0, ground, None))
        }
        @if sign != " " {
            (text(MARGIN + 4.0, y, Type::new(NAME, color).bold().anchor(Anchor::Middle), &sign))
        }
        (text(x, y, look, &name))
        @if !words.is_empty() { (text(end, y, note, &note.fit(&words, WIDTH - MARGIN - end))) }
    }
}
