//! A picture with its words: SVG on its own paper, and a text that says the same.
//!
//! ```text
//! body · title · alt ──► Figure ──┬─ svg()            <svg role="img"><title/><desc/>…
//!                                 ├─ to_html()        the same in a <figure>
//!                                 ├─ Display          the text alternative
//!                                 └─ evcxr_display()  both, for a notebook cell
//! ```
//!
//! Start at [`Figure::svg`].

use std::fmt;

use maud::{Markup, PreEscaped, html};

use super::label::clean;
use super::palette::{INK, MUTED, PAPER, PAPER_EDGE};
use super::rich_output;
use super::svg::{FONT, NOTE, TITLE, Type, n, rect, text};

/// A picture that a person can look at, or have read to them.
///
/// ```
/// use common::analysis::waterfall;
/// use common::model::TraceTree;
///
/// let figure = waterfall(&TraceTree::default()).title("Nothing yet");
/// assert!(figure.svg().starts_with("<svg"));
/// assert!(figure.to_string().starts_with("Nothing yet"));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    title: String,
    subtitle: String,
    alt: String,
    body: String,
    width: f64,
    height: f64,
}

/// Room at the sides of every picture.
pub(super) const MARGIN: f64 = 20.0;
/// Width of a picture, unless what it shows needs more.
pub(super) const WIDTH: f64 = 640.0;

impl Figure {
    /// Most bytes that a picture may have, so that a notebook stays light.
    pub const MAX_BYTES: usize = 60_000;

    /// Puts a title and a text alternative to what is drawn below `(0, 0)`.
    pub(super) fn new(title: &str, alt: &str, size: (f64, f64), body: Markup) -> Self {
        Self {
            title: clean(title),
            subtitle: String::new(),
            // Cleaned line by line: the alternative is a text of several lines.
            alt: alt.lines().map(keep_indent).collect::<Vec<_>>().join("\n"),
            body: body.into_string(),
            width: size.0,
            height: size.1,
        }
    }

    /// Sets the line below the title.
    pub(super) fn subtitle(mut self, words: &str) -> Self {
        self.subtitle = clean(words);
        self
    }

    /// Replaces the title. A good one states what the picture shows.
    #[must_use]
    pub fn title(mut self, title: impl AsRef<str>) -> Self {
        self.title = clean(title.as_ref());
        self
    }

    /// Returns the picture as an SVG document on its own paper, legible in light and dark.
    pub fn svg(&self) -> String {
        let lines = wrapped(&self.title, self.width - 2.0 * MARGIN);
        let mut top = MARGIN + 10.0 + 20.0 * lines.len() as f64;
        if !self.subtitle.is_empty() {
            top += 14.0;
        }
        let height = top + self.height;
        let view = format!("0 0 {} {}", n(self.width), n(height));
        html! {
            svg xmlns="http://www.w3.org/2000/svg" role="img"
                width=(n(self.width)) height=(n(height)) viewBox=(view)
                font-family=(FONT) {
                title { (self.title) }
                desc { (self.alt) }
                (rect(0.5, 0.5, self.width - 1.0, height - 1.0, 8.0, PAPER, Some(PAPER_EDGE)))
                @for (at, words) in lines.iter().enumerate() {
                    @let y = MARGIN + 10.0 + 20.0 * at as f64;
                    (text(MARGIN, y, Type::new(TITLE, INK).bold(), words))
                }
                @if !self.subtitle.is_empty() {
                    (text(MARGIN, top - 14.0, Type::new(NOTE, MUTED), &self.subtitle))
                }
                g transform=(format!("translate(0 {})", n(top))) { (PreEscaped(&self.body)) }
            }
        }
        .into_string()
    }

    /// Returns the title and, below it, what the picture shows in words.
    pub fn alt(&self) -> String {
        match self.alt.is_empty() {
            true => self.title.clone(),
            false => format!("{}\n\n{}", self.title, self.alt),
        }
    }

    /// Returns the picture as HTML, to be put into a page.
    pub fn to_html(&self) -> String {
        html! { figure style="margin:0" { (PreEscaped(self.svg())) } }.into_string()
    }

    /// Returns true if the picture is no larger than [`Figure::MAX_BYTES`].
    pub fn is_light(&self) -> bool {
        self.svg().len() <= Self::MAX_BYTES
    }

    /// Shows the picture as the result of a notebook cell, with its text alternative.
    pub fn evcxr_display(&self) {
        rich_output::show(&[("image/svg+xml", &self.svg()), ("text/plain", &self.alt())]);
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.alt().trim_end())
    }
}

/// Cleans a line but keeps the blanks that it begins with.
fn keep_indent(line: &str) -> String {
    let words = line.trim_start_matches(' ');
    // Inner blanks align columns; only what is no blank needs cleaning.
    let cleaned = words.split(' ').map(clean).collect::<Vec<_>>().join(" ");
    format!("{}{cleaned}", " ".repeat(line.len() - words.len()))
}

/// Breaks a title into at most two lines.
fn wrapped(title: &str, width: f64) -> Vec<String> {
    let look = Type::new(TITLE, INK).bold();
    let mut first = String::new();
    let mut rest = title;
    while let Some(word) = rest.split_inclusive(' ').next() {
        if !first.is_empty() && look.px(&first) + look.px(word.trim_end()) > width {
            return vec![first, look.fit(rest, width)];
        }
        first.push_str(word);
        rest = &rest[word.len()..];
    }
    vec![look.fit(&first, width)]
}
