//! One incident, as far as the learner may look.

use std::fmt;

use maud::html;

use crate::analysis::doctor::Fault;
use crate::analysis::{Means, rich_output, text_tree};
use crate::lab::catalogue::Broken;

/// What there is to see of an incident, and among which faults it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    number: usize,
    of: usize,
    means: Means,
    shown: String,
    choices: Vec<&'static Fault>,
}

impl Incident {
    pub(super) fn new(
        (number, of): (usize, usize),
        means: Means,
        broken: &Broken,
        choices: Vec<&'static Fault>,
    ) -> Self {
        let logs = broken.logs();
        let mut shown = match logs.is_empty() {
            true => "The services' logs:\n(nothing)\n".to_owned(),
            false => format!("The services' logs:\n{logs}"),
        };
        if means != Means::Logs {
            shown.push_str(&match broken.tree().is_empty() {
                true => "\nThe traces:\n(none)\n".to_owned(),
                false => format!("\nThe traces:\n{}\n", text_tree(broken.tree())),
            });
        }
        if means == Means::Doctor {
            shown.push_str(&format!("\nThe doctor:\n{}", broken.examine()));
        }
        Self {
            number,
            of,
            means,
            shown,
            choices,
        }
    }

    /// Returns which it is, counted from 1, and how many there are.
    pub fn number(&self) -> (usize, usize) {
        (self.number, self.of)
    }

    /// Returns what there is to look at.
    pub fn means(&self) -> Means {
        self.means
    }

    /// Returns what is to be seen: logs, then traces, then what the doctor says, as far as it goes.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Returns the faults among which the answer is, by code.
    pub fn choices(&self) -> &[&'static Fault] {
        &self.choices
    }

    fn headline(&self) -> String {
        let look = match self.means {
            Means::Logs => "logs only",
            Means::Trace => "logs and trace",
            Means::Doctor => "logs, trace and doctor",
        };
        format!("Incident {} of {}: {look}", self.number, self.of)
    }

    fn question(&self) -> String {
        let choices = self.choices.iter();
        let choices: Vec<String> = choices
            .map(|fault| format!("  {} {}", fault.code, fault.name))
            .collect();
        format!(
            "What is wrong? One of these; the time runs:\n{}",
            choices.join("\n")
        )
    }

    /// Shows the incident as the result of a notebook cell.
    pub fn evcxr_display(&self) {
        let page = html! {
            div style="border:1px solid #7f9fc2;border-radius:8px;padding:.5em 1em;max-width:60em" {
                strong { (self.headline()) }
                pre style="overflow-x:auto" { (self.shown) }
                pre { (self.question()) }
            }
        };
        rich_output::show(&[
            ("text/html", &page.into_string()),
            ("text/plain", &self.to_string()),
        ]);
    }
}

impl fmt::Display for Incident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}\n\n{}\n{}",
            self.headline(),
            self.shown,
            self.question()
        )
    }
}
