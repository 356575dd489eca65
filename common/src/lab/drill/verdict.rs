//! What became of an answer.

use std::fmt;
use std::time::Duration;

use crate::analysis::doctor::{Fault, fault};
use crate::analysis::rich_output;
use crate::lab::catalogue::Scenario;

/// Whether an answer is right, how long it took, and what it was.
#[derive(Debug, Clone)]
pub struct Verdict {
    right: bool,
    took: Duration,
    outcome: Outcome,
}

/// What became of it.
#[derive(Debug, Clone)]
enum Outcome {
    /// There is no incident to answer.
    Unasked,
    /// What was said is none of the codes that were to choose from.
    Unanswered,
    Answered {
        answer: &'static Fault,
        scenario: &'static Scenario,
        /// Why it could not be remembered.
        forgotten: Option<String>,
    },
}

impl Verdict {
    pub(super) fn new(
        right: bool,
        took: Duration,
        answer: &'static Fault,
        scenario: &'static Scenario,
        forgotten: Option<String>,
    ) -> Self {
        let outcome = Outcome::Answered {
            answer,
            scenario,
            forgotten,
        };
        Self {
            right,
            took,
            outcome,
        }
    }

    /// Says that nothing was asked.
    pub(super) fn unasked() -> Self {
        Self {
            right: false,
            took: Duration::ZERO,
            outcome: Outcome::Unasked,
        }
    }

    /// Says that this was no answer, so long after the question.
    pub(super) fn unanswered(took: Duration) -> Self {
        Self {
            right: false,
            took,
            outcome: Outcome::Unanswered,
        }
    }

    /// Returns true if the answer is right.
    pub fn is_right(&self) -> bool {
        self.right
    }

    /// Returns the time from the sight of the incident to the answer.
    pub fn took(&self) -> Duration {
        self.took
    }

    /// Returns what it was: a scenario that can be played, broken and repaired. None if nothing was asked,
    /// or there is no answer yet.
    pub fn scenario(&self) -> Option<&'static Scenario> {
        match self.outcome {
            Outcome::Answered { scenario, .. } => Some(scenario),
            Outcome::Unasked | Outcome::Unanswered => None,
        }
    }

    /// Shows the verdict as the result of a notebook cell.
    pub fn evcxr_display(&self) {
        rich_output::show(&[("text/plain", &self.to_string())]);
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (answer, scenario, forgotten) = match &self.outcome {
            Outcome::Unasked => {
                return writeln!(f, "nothing was asked: take the next incident first");
            }
            Outcome::Unanswered => {
                return writeln!(
                    f,
                    "no answer yet: say one of the codes above; the time runs"
                );
            }
            Outcome::Answered {
                answer,
                scenario,
                forgotten,
            } => (answer, scenario, forgotten),
        };
        let seconds = self.took.as_secs_f64();
        match self.right {
            true => writeln!(f, "✓ right; {seconds:.1} s")?,
            false => writeln!(f, "✗ not {} {}; {seconds:.1} s", answer.code, answer.name)?,
        }
        let code = scenario.code();
        let kind = fault(code).map_or("", |fault| fault.name);
        let (number, name) = (scenario.number(), scenario.name());
        writeln!(f, "it was {code} {kind} · row {number}, {name}")?;
        if let Some(cause) = scenario.cause() {
            writeln!(f, "  seen   {}", cause.symptom)?;
            writeln!(f, "  why    {}", cause.cause)?;
            writeln!(f, "  mend   {}", cause.fix)?;
            writeln!(f, "  read   {}", cause.chapter.path())?;
        }
        match forgotten {
            Some(why) => writeln!(f, "⚠ {why}"),
            None => Ok(()),
        }
    }
}
