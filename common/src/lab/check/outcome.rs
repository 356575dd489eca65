//! How a check ended, and how that is shown.

use std::fmt;
use std::sync::Arc;

use maud::{Markup, html};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::exercise::Exercise;
use super::hints::{Hint, HintBook};
use crate::analysis::{Figure, Outline, rich_output, side_by_side};
use crate::lab::progress::Journal;

/// Two trees beside each other.
#[derive(Debug, Clone)]
pub(super) struct Picture {
    pub(super) left: (&'static str, Outline),
    pub(super) right: (&'static str, Outline),
}

/// What a check found: that the exercise is solved and why, or the first wrong fact.
///
/// As the last expression of a notebook cell it shows itself; it never stops the kernel.
#[derive(Debug, Clone)]
pub struct Check {
    id: String,
    title: String,
    why: String,
    wrong: Option<String>,
    picture: Option<Picture>,
    hints: Arc<HintBook>,
    facts: Value,
    /// Why this check will not be remembered.
    forgotten: Option<String>,
}

impl Check {
    pub(super) fn new(
        exercise: &Exercise,
        wrong: Option<String>,
        picture: Option<Picture>,
    ) -> Self {
        Self {
            id: exercise.id().to_owned(),
            title: exercise.title().to_owned(),
            why: exercise.stated_why().to_owned(),
            facts: json!({
                "goal": !exercise.stated_goal().trim().is_empty(),
                "minutes": exercise.estimate(),
                "hints": exercise.hints().iter().filter(|hint| !hint.trim().is_empty()).count(),
                "why": !exercise.stated_why().trim().is_empty(),
            }),
            wrong,
            picture,
            forgotten: None,
            hints: Arc::new(HintBook::new(
                exercise.id(),
                exercise.hints(),
                Journal::default(),
            )),
        }
    }

    /// Says that nothing could be checked.
    pub(in crate::lab) fn impossible(id: &str, sentence: String) -> Self {
        Self::new(&Exercise::new(id, "not an exercise"), Some(sentence), None)
    }

    /// Goes on with hints that were asked for earlier; `forgotten` says why the check cannot be written down.
    pub(in crate::lab) fn remembering(
        mut self,
        hints: Arc<HintBook>,
        forgotten: Option<String>,
    ) -> Self {
        (self.hints, self.forgotten) = (hints, forgotten);
        self
    }

    /// Returns the line that is written down of this check.
    pub(in crate::lab) fn entry(&self) -> Value {
        let mut entry = json!({
            "event": "check",
            "exercise": self.id,
            "title": self.title,
            "passed": self.is_passed(),
            "wrong": self.wrong,
        });
        if let (Some(entry), Some(facts)) = (entry.as_object_mut(), self.facts.as_object()) {
            entry.extend(facts.clone());
        }
        entry
    }

    /// Returns true if every fact holds.
    pub fn is_passed(&self) -> bool {
        self.wrong.is_none()
    }

    /// Returns the first fact that does not hold, in words; none if the exercise is solved.
    pub fn first_wrong(&self) -> Option<&str> {
        self.wrong.as_deref()
    }

    /// Gives one hint more, each time it is asked.
    pub fn hint(&self) -> Hint {
        self.hints.next()
    }

    /// Returns the tree as it is beside the tree as it should be; none if the exercise is solved.
    pub fn figure(&self) -> Option<Figure> {
        let Picture { left, right } = self.picture.as_ref()?;
        let figure = side_by_side((left.0, &left.1), (right.0, &right.1));
        Some(figure.title("The first wrong fact, and where it shows"))
    }

    /// Returns the result as HTML, to be put into a page.
    pub fn to_html(&self) -> String {
        let color = if self.is_passed() {
            "#4c8f78"
        } else {
            "#c2401c"
        };
        let style = format!("border-left:5px solid {color};padding:.3em 0 .3em 1em;margin:.3em 0");
        html! {
            div style=(style) {
                p style="margin:.2em 0" { strong { (self.headline()) } }
                @match &self.wrong {
                    None => p style="margin:.4em 0" { (with_code(&self.why)) },
                    Some(wrong) => {
                        p style="margin:.4em 0;font-size:110%" { (with_code(wrong)) }
                        @if let Some(figure) = self.figure() {
                            img style="max-width:100%" alt=(figure.alt()) src=(as_image(&figure));
                        }
                        p style="margin:.4em 0" { (with_code(&self.hints.offer())) }
                    }
                }
                @if let Some(forgotten) = &self.forgotten { p style="margin:.4em 0" { "⚠ " (forgotten) } }
            }
        }
        .into_string()
    }

    /// Shows the result as that of a notebook cell.
    pub fn evcxr_display(&self) {
        rich_output::show(&[
            ("text/html", &self.to_html()),
            ("text/plain", &self.to_string()),
        ]);
    }

    fn headline(&self) -> String {
        match self.is_passed() {
            true => format!("✓ {} · {}", self.id, self.title),
            false => format!("✗ {} · {}: not yet", self.id, self.title),
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.headline())?;
        match &self.wrong {
            None if self.why.is_empty() => {}
            None => writeln!(f, "\n{}", self.why)?,
            Some(wrong) => {
                writeln!(f, "\n{wrong}\n")?;
                if let Some(figure) = self.figure() {
                    let alt = figure.alt();
                    let (_title, columns) = alt.split_once("\n\n").unwrap_or(("", &alt));
                    writeln!(f, "{}\n", columns.trim_end())?;
                }
                writeln!(f, "{}", self.hints.offer())?;
            }
        }
        match &self.forgotten {
            Some(forgotten) => writeln!(f, "⚠ {forgotten}"),
            None => Ok(()),
        }
    }
}

/// An image is what every page may show, also one that does not trust the notebook.
fn as_image(figure: &Figure) -> String {
    let svg = figure.svg();
    format!(
        "data:image/svg+xml,{}",
        utf8_percent_encode(&svg, NON_ALPHANUMERIC)
    )
}

/// Writes what stands between backticks as code.
fn with_code(sentence: &str) -> Markup {
    html! {
        @for (at, part) in sentence.split('`').enumerate() {
            @if at % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}
