//! The learner's own card.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::analysis::{Drill, Found, Ledger, Means, Table, rich_output, scorecard};
use crate::lab::progress::Journal;
use crate::model::TraceTree;

const ALL: [Means; 3] = [Means::Logs, Means::Trace, Means::Doctor];

/// How long a person needed to find what was wrong, by what there was to look at: medians of right answers, and how
/// many answers were right. It is kept on this machine, and sent nowhere.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DrillCard {
    people: BTreeMap<Means, Found>,
}

impl DrillCard {
    /// Reads what was answered so far from the learner's file of progress
    /// ([`PROGRESS_VARIABLE`](crate::lab::PROGRESS_VARIABLE)); without one the card is empty.
    pub fn from_env() -> Self {
        Self::read(&Journal::from_env())
    }

    /// Reads what was answered so far from a file.
    pub fn from_file(path: impl Into<PathBuf>) -> Self {
        Self::read(&Journal::at(path.into()))
    }

    pub(super) fn read(journal: &Journal) -> Self {
        Self::of(journal.drills().iter().filter_map(drill))
    }

    pub(super) fn of(drills: impl IntoIterator<Item = Drill>) -> Self {
        let mut ledger = Ledger::new();
        drills.into_iter().for_each(|drill| ledger.drill(drill));
        let score = scorecard(&TraceTree::default(), &ledger);
        Self {
            people: score.debugging.people,
        }
    }

    /// Returns what was found with these means; none if it was never tried.
    pub fn found(&self, means: Means) -> Option<&Found> {
        self.people.get(&means)
    }

    /// Returns by how much these means shorten the search, beside logs only: 0.75 is a quarter of the time. None
    /// as long as there is no right answer with either.
    pub fn reduction(&self, means: Means) -> Option<f64> {
        let median = |means| self.found(means)?.median_seconds;
        let logs = median(Means::Logs).filter(|seconds| *seconds > 0.0)?;
        Some(1.0 - median(means)? / logs)
    }

    /// Returns the card as a table.
    pub fn table(&self) -> Table {
        let mut table = Table::new(["looked at", "right", "median", "less than by logs"]);
        for means in ALL {
            let found = self.found(means).copied().unwrap_or_default();
            let seconds = found
                .median_seconds
                .map(|seconds| format!("{seconds:.1} s"));
            let reduction = self.reduction(means).filter(|_| means != Means::Logs);
            let reduction = reduction.map(|part| format!("{:.0} %", part * 100.0));
            table = table.row([
                means.as_str().to_owned(),
                found.correct.to_string(),
                seconds.unwrap_or_else(|| "–".to_owned()),
                reduction.unwrap_or_else(|| "–".to_owned()),
            ]);
        }
        table
    }

    /// Shows the card as the result of a notebook cell.
    pub fn evcxr_display(&self) {
        rich_output::show(&[
            ("text/html", &self.table().to_html()),
            ("text/plain", &self.to_string()),
        ]);
    }
}

/// Reads a line of progress.
fn drill(entry: &Value) -> Option<Drill> {
    let means = entry["means"].as_str()?;
    Some(Drill {
        means: ALL.into_iter().find(|known| known.as_str() == means)?,
        took: Duration::from_millis(entry["millis"].as_u64()?),
        correct: entry["right"].as_bool()?,
    })
}

impl fmt::Display for DrillCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.table())
    }
}
