//! The few shapes that pictures are made of, as escaped markup.
//!
//! ```text
//! numbers and foreign text ──► rect · line · text · dot ──maud escapes──► Markup ──► Figure
//! ```
//!
//! Start at [`text`].

use maud::{Markup, html};

use super::label;
use super::palette::{BROKEN, INK, MUTED, PAPER};

/// The reader's own sans-serif: a picture shown as an image cannot bring a font.
pub(super) const FONT: &str =
    "system-ui, -apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif";

/// Sizes of type, in pixels: title, names, notes, and the smallest print.
pub(super) const TITLE: f64 = 15.0;
pub(super) const NAME: f64 = 12.0;
pub(super) const NOTE: f64 = 11.0;
pub(super) const SMALL: f64 = 10.0;

/// Writes a coordinate with at most one decimal; what is no number becomes 0.
pub(super) fn n(value: f64) -> String {
    match value.is_finite() {
        true => label::trimmed(value, 1),
        false => "0".to_owned(),
    }
}

/// Where a text stands, seen from its point.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Type {
    pub(super) size: f64,
    pub(super) color: &'static str,
    pub(super) anchor: Anchor,
    pub(super) bold: bool,
}

impl Type {
    pub(super) fn new(size: f64, color: &'static str) -> Self {
        Self {
            size,
            color,
            anchor: Anchor::Start,
            bold: false,
        }
    }

    /// The smallest print, in the color of what comes second.
    pub(super) fn small() -> Self {
        Self::new(SMALL, MUTED)
    }

    pub(super) fn anchor(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }

    pub(super) fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    /// Estimates the width of words in this type.
    pub(super) fn px(self, words: &str) -> f64 {
        label::text_px(words, self.measure())
    }

    /// Returns the words, cleaned and cut to a width.
    pub(super) fn fit(self, words: &str, width: f64) -> String {
        label::fit_px(words, width, self.measure())
    }

    /// Bold letters are about an eighth wider.
    fn measure(self) -> f64 {
        self.size * if self.bold { 1.12 } else { 1.0 }
    }
}

/// Writes a text whose middle line is at `y`. The text must have gone through
/// [`Type::fit`] or [`clean`](label::clean).
pub(super) fn text(x: f64, y: f64, look: Type, words: &str) -> Markup {
    let anchor = match look.anchor {
        Anchor::Start => None,
        Anchor::Middle => Some("middle"),
        Anchor::End => Some("end"),
    };
    // A third of the size below the middle is where the baseline of most fonts is.
    let baseline = y + look.size * 0.35;
    html! {
        text x=(n(x)) y=(n(baseline)) font-size=(n(look.size)) fill=(look.color)
            text-anchor=[anchor] font-weight=[look.bold.then_some("600")] { (words) }
    }
}

/// Draws a rectangle with soft corners.
pub(super) fn rect(
    x: f64,
    y: f64,
    w: f64,
    h: f64,
    r: f64,
    fill: &str,
    edge: Option<&str>,
) -> Markup {
    html! {
        rect x=(n(x)) y=(n(y)) width=(n(w)) height=(n(h)) rx=(n(r)) fill=(fill) stroke=[edge] {}
    }
}

/// Draws a line; `dash` is a pattern such as `4 3`.
pub(super) fn line(
    from: (f64, f64),
    to: (f64, f64),
    color: &str,
    width: f64,
    dash: Option<&str>,
) -> Markup {
    html! {
        line x1=(n(from.0)) y1=(n(from.1)) x2=(n(to.0)) y2=(n(to.1))
            stroke=(color) stroke-width=(n(width)) stroke-dasharray=[dash] {}
    }
}

/// Draws a cross on a disc of paper: the mark of what is broken, readable without color.
pub(super) fn cross(x: f64, y: f64) -> Markup {
    let r = 3.2;
    html! {
        circle cx=(n(x)) cy=(n(y)) r="7" fill=(PAPER) stroke=(BROKEN) stroke-width="1.4" {}
        path d=(format!("M{} {}l{d} {d}m0 -{d}l-{d} {d}", n(x - r), n(y - r), d = n(2.0 * r)))
            stroke=(BROKEN) stroke-width="1.8" stroke-linecap="round" fill="none" {}
    }
}

/// Lays stripes over a rectangle: the pattern of what is broken, readable without color.
///
/// A thick dashed line, because a `<pattern>` needs an id, and pictures in one page share theirs.
pub(super) fn stripes(x: f64, y: f64, w: f64, h: f64) -> Markup {
    let (left, middle) = (x + 3.0, y + h / 2.0);
    html! {
        line x1=(n(left)) y1=(n(middle)) x2=(n((x + w - 2.0).max(left))) y2=(n(middle))
            stroke=(PAPER) stroke-opacity="0.55" stroke-width=(n(h)) stroke-dasharray="1.6 3.4" {}
    }
}

/// An entry of a legend: a swatch and what it means.
#[derive(Debug)]
pub(super) struct Key<'a> {
    pub(super) swatch: Swatch<'a>,
    pub(super) words: String,
}

/// What is drawn beside the words of a legend's entry.
#[derive(Debug)]
pub(super) enum Swatch<'a> {
    Bar { fill: &'a str, edge: &'a str },
    Striped { fill: &'a str, edge: &'a str },
    Diamond,
    Line { color: &'static str },
}

/// Draws a legend in one line from `x` on, as far as it fits up to `right`.
pub(super) fn legend(x: f64, y: f64, right: f64, keys: &[Key<'_>]) -> Markup {
    let mut left = x;
    let placed = keys.iter().map_while(|key| {
        let at = left;
        let end = at + 18.0 + Type::small().px(&key.words);
        left = end + 14.0;
        (end <= right).then_some((at, key))
    });
    html! {
        @for (at, key) in placed {
            @match key.swatch {
                Swatch::Bar { fill, edge } => (rect(at, y - 5.0, 12.0, 10.0, 2.5, fill, Some(edge))),
                Swatch::Striped { fill, edge } => {
                    (rect(at, y - 5.0, 12.0, 10.0, 2.5, fill, Some(edge)))
                    (stripes(at, y - 5.0, 12.0, 10.0))
                },
                Swatch::Diamond => (diamond(at + 6.0, y, 6.0)),
                Swatch::Line { color } => (line((at, y), (at + 12.0, y), color, 2.4, None)),
            }
            (text(at + 18.0, y, Type::small(), &key.words))
        }
    }
}

/// Draws a diamond that reaches `half` from its middle.
pub(super) fn diamond(x: f64, y: f64, half: f64) -> Markup {
    let (left, right) = (n(x - half), n(x + half));
    let (top, bottom) = (n(y - half), n(y + half));
    let (x, y) = (n(x), n(y));
    let path = format!("M{x} {top}L{right} {y}L{x} {bottom}L{left} {y}Z");
    html! { path d=(path) fill=(PAPER) stroke=(INK) stroke-width="1.4" {} }
}
