//! The card at the top of a lesson: its exercises, what is passed, what comes next.

use std::fmt;

use maud::html;

use super::journal::Standing;
use crate::analysis::rich_output;
use crate::lab::check::Exercise;
use crate::lab::exercises;

/// The exercises of one page, and how the learner stands.
///
/// Where nobody learns, as when pages are executed to save their outputs, it shows no standing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LessonCard {
    lines: Vec<Line>,
    /// What could not be read of the learner's progress.
    damage: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    id: String,
    title: String,
    minutes: u32,
    passed: bool,
}

impl LessonCard {
    /// Makes the card of a lesson, whose name begins with its notebook's number.
    pub(in crate::lab) fn new(lesson: &str, standing: &Standing) -> Self {
        let number: String = lesson.chars().take_while(char::is_ascii_digit).collect();
        Self::of(&exercises::of_notebook(&number), standing)
    }

    fn of(exercises: &[Exercise], standing: &Standing) -> Self {
        let line = |exercise: &Exercise| Line {
            id: exercise.id().to_owned(),
            title: exercise.title().to_owned(),
            minutes: exercise.estimate(),
            passed: standing.has_passed(exercise.id()),
        };
        Self {
            lines: exercises.iter().map(line).collect(),
            damage: standing.damage(),
        }
    }

    /// Returns how many exercises are passed, and how many there are.
    pub fn passed(&self) -> (usize, usize) {
        let passed = self.lines.iter().filter(|line| line.passed).count();
        (passed, self.lines.len())
    }

    /// Says what to do next.
    pub fn next_step(&self) -> String {
        let next = self.lines.iter().find(|line| !line.passed);
        match (next, self.lines.is_empty()) {
            (Some(line), _) => format!(
                "Next: read on to the exercise {} · {} (about {} minutes)",
                line.id, line.title, line.minutes
            ),
            (None, true) => {
                "This page has no exercises: run its cells from top to bottom".to_owned()
            }
            (None, false) => {
                "Next: the following notebook; `cargo workbook progress` shows all".to_owned()
            }
        }
    }

    fn headline(&self) -> String {
        match self.passed() {
            (_, 0) => "No exercises on this page".to_owned(),
            (0, of) => format!("Exercises of this page: {of}"),
            (passed, of) => format!("Exercises of this page: {passed} of {of} passed"),
        }
    }

    /// Returns the card as HTML, to be put into a page.
    pub fn to_html(&self) -> String {
        html! {
            div style="border:1px solid #7f9fc2;border-radius:8px;padding:.5em 1em;max-width:42em" {
                strong { (self.headline()) }
                ul style="list-style:none;padding-left:0;margin:.4em 0" {
                    @for line in &self.lines { li { (line.to_string()) } }
                }
                (self.next_step())
                @if let Some(damage) = &self.damage { p style="margin:.4em 0 0" { "⚠ " (damage) } }
            }
        }
        .into_string()
    }

    /// Shows the card as the result of a notebook cell.
    pub fn evcxr_display(&self) {
        rich_output::show(&[
            ("text/html", &self.to_html()),
            ("text/plain", &self.to_string()),
        ]);
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.passed { '✓' } else { '○' };
        write!(
            f,
            "{sign} {} · {} · {} minutes",
            self.id, self.title, self.minutes
        )
    }
}

impl fmt::Display for LessonCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.headline())?;
        for line in &self.lines {
            writeln!(f, "  {line}")?;
        }
        writeln!(f, "{}", self.next_step())?;
        match &self.damage {
            Some(damage) => writeln!(f, "⚠ {damage}"),
            None => Ok(()),
        }
    }
}
