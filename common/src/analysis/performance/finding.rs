//! A place where time is lost, as a plain value.

use std::fmt;

use chrono::TimeDelta;

use crate::analysis::label::{self, duration, fit};
use crate::analysis::rich_output;
use crate::analysis::table::Table;
use crate::model::RunId;

/// What kind of loss it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PerformanceCode {
    /// LT051: siblings one after the other that could have run at once.
    SerializedFanOut,
    /// LT052: the same call failed again and again.
    RetryStorm,
    /// LT053: the first token came when the answer was nearly done.
    LateFirstToken,
    /// LT054: a run began long after what sent it had ended.
    QueueWait,
    /// LT055: the same call with the same answer, several times.
    RepeatedCall,
}

impl PerformanceCode {
    /// Returns the code of the trace doctor.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SerializedFanOut => "LT051",
            Self::RetryStorm => "LT052",
            Self::LateFirstToken => "LT053",
            Self::QueueWait => "LT054",
            Self::RepeatedCall => "LT055",
        }
    }

    /// Returns what to do.
    pub fn fix(self) -> &'static str {
        match self {
            Self::SerializedFanOut => "start them together, and wait for all",
            Self::RetryStorm => "retry in one layer, with back-off, jitter and a budget",
            Self::LateFirstToken => "pass chunks on as they come; switch buffering off",
            Self::QueueWait => "more workers, or a bound on the queue",
            Self::RepeatedCall => "ask once and keep the answer, or ask for all in one call",
        }
    }
}

impl fmt::Display for PerformanceCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Time that is lost in a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PerformanceFinding {
    /// What kind of loss it is.
    pub code: PerformanceCode,
    /// The run below which it happens; the run itself where it is one.
    pub place: RunId,
    /// The name of that run.
    pub name: String,
    /// The runs that show it, in the order of their starts.
    pub runs: Vec<RunId>,
    /// How much time it costs: what mending it would save at most.
    pub lost: TimeDelta,
    /// What was seen, with names and times.
    pub words: String,
}

impl fmt::Display for PerformanceFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.code, self.words, self.code.fix())
    }
}

/// All that was found, the most lost time first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PerformanceReport(Vec<PerformanceFinding>);

impl PerformanceReport {
    pub(super) fn new(found: Vec<PerformanceFinding>) -> Self {
        Self(found)
    }

    /// Returns the findings, the most lost time first.
    pub fn findings(&self) -> &[PerformanceFinding] {
        &self.0
    }

    /// Returns the findings as a table.
    pub fn table(&self) -> Table {
        let table = Table::new(["code", "lost", "what was seen", "what to do"]);
        self.0.iter().fold(table, |table, finding| {
            table.row([
                finding.code.as_str(),
                &duration(finding.lost),
                &finding.words,
                finding.code.fix(),
            ])
        })
    }

    /// Shows the findings as the result of a notebook cell.
    pub fn evcxr_display(&self) {
        rich_output::show(&[
            ("text/html", &self.table().to_html()),
            ("text/plain", &self.to_string()),
        ]);
    }
}

impl fmt::Display for PerformanceReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return writeln!(f, "no time is lost in a way that this looks for");
        }
        self.0
            .iter()
            .try_for_each(|finding| writeln!(f, "{finding}"))
    }
}

/// Returns a name fit for a sentence.
pub(super) fn said(name: &str) -> String {
    format!("`{}`", label::or_else(fit(name, 40), "(no name)"))
}
