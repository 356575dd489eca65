//! Shares by rows and columns, the larger the darker.
//!
//! ```text
//! columns · (row, shares)… ──► heat_map ──► Figure
//! ```
//!
//! Start at [`heat_map`].

use maud::html;

use super::figure::{Figure, MARGIN, WIDTH};
use super::label::fit;
use super::palette::{INK, MUTED, PAPER};
use super::svg::{Anchor, NAME, NOTE, Type, rect, text};

/// Height of a row.
const ROW: f64 = 26.0;
/// Room for the names of rows.
const NAMES: f64 = 150.0;
/// Most rows, and most columns; the rest is counted.
const MOST: usize = 24;

/// Steps of the blue that pictures have, from a light ground to one that white is read on.
const STEPS: [&str; 6] = [
    "#f3f4ef", "#dbe6f1", "#b5cbe2", "#86a9cd", "#4f7cab", "#26466b",
];

/// Draws shares from 0 to 1 in rows and columns, the larger the darker, with the number in each field. What is no
/// number has an empty field.
///
/// `what` says what the shares are of. The text alternative has a line for each row.
///
/// ```
/// use common::analysis::heat_map;
///
/// let rows = [("timeout", vec![1.0, 0.1]), ("panic", vec![1.0, 0.1])];
/// let figure = heat_map("failures seen", &["everything", "a tenth"], &rows);
/// assert!(figure.alt().contains("timeout: everything 100 %, a tenth 10 %"));
/// ```
pub fn heat_map(what: &str, columns: &[&str], rows: &[(&str, Vec<f64>)]) -> Figure {
    let (shown, across) = (rows.len().min(MOST), columns.len().min(MOST));
    let width = (WIDTH - 2.0 * MARGIN - NAMES) / across.max(1) as f64;
    let left = |column: usize| MARGIN + NAMES + width * column as f64;
    let top = |row: usize| ROW * (row + 1) as f64;
    let row_look = Type::new(NAME, INK);
    let column_look = Type::new(NOTE, MUTED).anchor(Anchor::Middle);
    let body = html! {
        @for (at, name) in columns.iter().take(across).enumerate() {
            (text(left(at) + width / 2.0, ROW / 2.0, column_look, &column_look.fit(name, width - 6.0)))
        }
        @for (row, (name, shares)) in rows.iter().take(shown).enumerate() {
            (text(MARGIN, top(row) + ROW / 2.0, row_look, &row_look.fit(name, NAMES - 8.0)))
            @for (at, share) in shares.iter().take(across).enumerate() {
                @if let Some(step) = step(*share) {
                    @let ink = if step < 4 { INK } else { PAPER };
                    @let look = Type::new(NAME, ink).anchor(Anchor::Middle);
                    (rect(left(at) + 1.0, top(row) + 1.0, width - 2.0, ROW - 2.0, 3.0, STEPS[step], None))
                    (text(left(at) + width / 2.0, top(row) + ROW / 2.0, look, &percent(*share)))
                }
            }
        }
    };
    let mut alt: Vec<String> = rows
        .iter()
        .take(shown)
        .map(|(name, shares)| {
            let cells = columns.iter().zip(shares).take(across);
            let cells: Vec<String> = cells
                .map(|(column, share)| format!("{} {}", fit(column, 40), percent(*share)))
                .collect();
            format!("{}: {}", fit(name, 40), cells.join(", "))
        })
        .collect();
    let more = rows.len() - shown;
    if more > 0 {
        alt.push(format!("… {more} more"));
    }
    let height = ROW * (shown + 1) as f64 + MARGIN;
    Figure::new(what, &alt.join("\n"), (WIDTH, height), body)
}

/// Returns how dark a share is drawn; none for what is no share.
fn step(share: f64) -> Option<usize> {
    let steps = (STEPS.len() - 1) as f64;
    share
        .is_finite()
        .then(|| (share.clamp(0.0, 1.0) * steps).ceil() as usize)
}

fn percent(share: f64) -> String {
    match share.is_finite() {
        true => format!("{:.0} %", share * 100.0),
        false => "–".to_owned(),
    }
}
