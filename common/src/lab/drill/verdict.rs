//! What became of an answer.

use std::fmt;
use std::time::Duration;

use crate::analysis::doctor::Fault;
use crate::analysis::rich_output;
use crate::lab::catalogue::Scenario;

/// Whether an answer is right, how long it took, and what it was.
#[derive(Debug, Clone)]
pub struct Verdict {
    right: bool,
    took: Duration,
    answer: Option<&'static Fault>,
    scenario: Option<&'static Scenario>,
    forgotten: Option<String>,
}

impl Verdict {
    pub(super) fn new(
        right: bool,
        took: Duration,
        answer: Option<&'static Fault>,
        scenario: &'static Scenario,
        forgotten: Option<String>,
    ) -> Self {
        Self {
            right,
            took,
            answer,
            scenario: Some(scenario),
            forgotten,
        }
    }

    /// Says that nothing was asked.
    pub(super) fn unasked() -> Self {
        Self {
            right: false,
            took: Duration::ZERO,
            answer: None,
            scenario: None,
            forgotten: None,
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

    /// Returns what it was: a scenario that can be played, broken and repaired. None if nothing was asked.
    pub fn scenario(&self) -> Option<&'static Scenario> {
        self.scenario
    }

    /// Shows the verdict as the result of a notebook cell.
    pub fn evcxr_display(&self) {
        rich_output::show(&[("text/plain", &self.to_string())]);
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(scenario) = self.scenario else {
            return writeln!(f, "nothing was asked: take the next incident first");
        };
        let sign = if self.right { '✓' } else { '✗' };
        let seconds = self.took.as_secs_f64();
        match (self.right, self.answer) {
            (false, None) => writeln!(f, "{sign} that is no code; {seconds:.1} s")?,
            (false, Some(fault)) => {
                writeln!(
                    f,
                    "{sign} not {} {}; {seconds:.1} s",
                    fault.code, fault.name
                )?;
            }
            (true, _) => writeln!(f, "{sign} right; {seconds:.1} s")?,
        }
        writeln!(f, "it was {} {}", scenario.code(), scenario.name())?;
        if let Some(cause) = scenario.cause() {
            writeln!(f, "  seen   {}", cause.symptom)?;
            writeln!(f, "  why    {}", cause.cause)?;
            writeln!(f, "  mend   {}", cause.fix)?;
            writeln!(f, "  read   {}", cause.chapter.path())?;
        }
        match &self.forgotten {
            Some(why) => writeln!(f, "⚠ {why}"),
            None => Ok(()),
        }
    }
}
