//! Small trees on one wall, each with what it is and why it came about.
//!
//! ```text
//! pending for ever                  everything twice
//!   gateway                           gateway
//!   └ call  ✗ not ended               ├ write (run)
//!   a handle is kept                  └ write (span)  ✗ the same call
//! ```
//!
//! Start at [`gallery`].

use maud::{Markup, html};

use super::figure::{Figure, MARGIN, WIDTH};
use super::label::{count, fit};
use super::outline::{Outline, panel, panel_height};
use super::palette::{HAIRLINE, MUTED};
use super::svg::{NOTE, Type, line, text};

/// Most trees that are drawn; the rest is counted.
const MAX_TREES: usize = 8;
const GAP: f64 = 28.0;
const CAPTION: f64 = 22.0;

/// A heading, a tree, and the line below it.
type Exhibit<'a> = (&'a str, &'a Outline, &'a str);

/// Draws trees in two columns. Each is a heading, the tree with its marked rows, and a line below it: the
/// cause, say. The text alternative has them one below the other.
///
/// ```
/// use common::analysis::{Outline, gallery};
///
/// let pending = Outline::new().row(0, "gateway").row(1, "call").mark(1, "not ended");
/// let figure = gallery([("pending for ever", &pending, "a handle is kept")]);
/// assert!(figure.alt().contains("a handle is kept"));
/// ```
pub fn gallery<'a>(trees: impl IntoIterator<Item = (&'a str, &'a Outline, &'a str)>) -> Figure {
    let trees: Vec<Exhibit<'_>> = trees.into_iter().collect();
    let shown = &trees[..trees.len().min(MAX_TREES)];
    let more = trees.len() - shown.len();
    let mut rows: Vec<(f64, &[Exhibit<'_>])> = Vec::new();
    let mut y = 0.0;
    for pair in shown.chunks(2) {
        rows.push((y, pair));
        let highest = pair.iter().map(|(_, outline, _)| panel_height(outline));
        y += highest.fold(0.0, f64::max) + CAPTION + 14.0;
    }
    let body = html! {
        @for (at, (y, pair)) in rows.iter().enumerate() {
            @if at > 0 { (line((MARGIN, y - 8.0), (WIDTH - MARGIN, y - 8.0), HAIRLINE, 1.0, None)) }
            g transform=(format!("translate(0 {y})")) { (wall(pair)) }
        }
        @if more > 0 { (text(MARGIN, y + 4.0, Type::small(), &format!("… {}", count(more, "more tree")))) }
    };
    let title = count(trees.len(), "tree");
    Figure::new(&title, &in_words(shown, more), (WIDTH, y + 12.0), body)
}

fn wall(pair: &[Exhibit<'_>]) -> Markup {
    let width = (WIDTH - 2.0 * MARGIN - GAP) / 2.0;
    let look = Type::new(NOTE, MUTED);
    html! {
        @for (at, (heading, outline, caption)) in pair.iter().enumerate() {
            @let x = if at == 0 { MARGIN } else { WIDTH / 2.0 + GAP / 2.0 };
            (panel(x, width, (heading, outline), false))
            (text(x, panel_height(outline) + 6.0, look, &look.fit(caption, width)))
        }
    }
}

fn in_words(trees: &[Exhibit<'_>], more: usize) -> String {
    let one = |(heading, outline, caption): &Exhibit<'_>| {
        let rows: String = outline
            .lines("✗")
            .iter()
            .map(|row| format!("  {row}\n"))
            .collect();
        format!("{}: {}\n{rows}", fit(heading, 80), fit(caption, 160))
    };
    let mut words: Vec<String> = trees.iter().map(one).collect();
    if more > 0 {
        words.push(format!("… {}\n", count(more, "more tree")));
    }
    words.join("\n")
}
