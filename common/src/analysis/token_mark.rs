//! Where in a bar the first token came.
//!
//! ```text
//! generator │  write answer   ▓▓▓▓◆▓▓▓▓▓▓▓▓▓ 201 ms      ◆ first token, after 62 ms
//! ```
//!
//! Start at [`first_token`].

use chrono::TimeDelta;
use maud::Markup;

use super::label::duration;
use super::rows::Row;
use super::svg::{Key, Swatch, diamond};

/// Returns how long after its start a run had its first token; none if it streamed none.
pub(super) fn first_token(row: &Row<'_>) -> Option<TimeDelta> {
    let after = row.run.first_token_time()? - row.run.start_time;
    // Another clock may have written the event.
    Some(after.max(TimeDelta::zero()))
}

/// Draws the mark at its place, as high as the bar.
pub(super) fn mark(x: f64, y: f64, thick: f64) -> Markup {
    diamond(x, y, thick / 2.0 + 1.5)
}

/// Explains the mark, if there is one.
pub(super) fn key(rows: &[Row<'_>]) -> Option<Key<'static>> {
    rows.iter()
        .any(|row| first_token(row).is_some())
        .then(|| Key {
            swatch: Swatch::Diamond,
            words: "first token".to_owned(),
        })
}

/// Says the same in words, a line for each run that has a mark.
pub(super) fn in_words(rows: &[Row<'_>]) -> String {
    let line = |row: &Row<'_>| {
        let after = duration(first_token(row)?);
        let name = row.name(40);
        Some(format!("◆ {name} had its first token after {after}\n"))
    };
    let lines: String = rows.iter().filter_map(line).collect();
    match lines.is_empty() {
        true => lines,
        false => format!("\n{lines}"),
    }
}
