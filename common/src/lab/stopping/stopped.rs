//! What became of the runs of a process that ended.

use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use super::ending::Ending;
use crate::analysis::{Figure, Table, bar_chart};
use crate::model::TraceTree;

/// The account of one ending, in requests. `asked` = `arrived` + all that is `lost`.
#[derive(Debug, Clone, PartialEq)]
pub struct Stopped {
    /// How the process ended.
    pub ending: Ending,
    /// Requests that it was given.
    pub asked: u64,
    /// Requests whose runs the client had taken in before the end began.
    pub accepted: u64,
    /// Requests all of whose runs arrived, ended.
    pub arrived: u64,
    /// Those of them that only a second process delivered, from the spool.
    pub recovered: u64,
    /// Runs whose beginning arrived more than once; LangSmith keeps one.
    pub twice: u64,
    /// Requests of which something is missing, by reason.
    pub lost: BTreeMap<String, u64>,
    /// By what the process ended: a signal, or its status.
    pub ended_by: String,
    /// From the signal, or the last word, to the end of the process.
    pub took: Duration,
    /// What arrived, as trees.
    pub trees: TraceTree,
}

impl Stopped {
    /// Returns the number of requests of which something is missing.
    pub fn total_lost(&self) -> u64 {
        self.lost.values().sum()
    }

    /// Says why requests are missing; a dash if none is.
    pub fn why(&self) -> String {
        match self.lost.is_empty() {
            true => "–".to_owned(),
            false => {
                let each = self
                    .lost
                    .iter()
                    .map(|(reason, count)| match self.lost.len() {
                        1 => reason.clone(),
                        _ => format!("{count} {reason}"),
                    });
                each.collect::<Vec<_>>().join("; ")
            }
        }
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: asked {}, accepted {}, arrived {}",
            self.ending, self.asked, self.accepted, self.arrived
        )?;
        if self.recovered > 0 {
            write!(f, " ({} by the next process)", self.recovered)?;
        }
        write!(f, ", lost {}", self.total_lost())?;
        if !self.lost.is_empty() {
            write!(f, " ({})", self.why())?;
        }
        write!(f, "; ended by {}", self.ended_by)
    }
}

/// Lists endings side by side. Nothing in it depends on time.
pub fn stopping_table(all: &[Stopped]) -> Table {
    let head = Table::new([
        "the end",
        "asked",
        "accepted",
        "arrived",
        "of them later",
        "lost",
        "where it was",
        "ended by",
    ]);
    all.iter().fold(head, |table, one| {
        table.row([
            one.ending.to_string(),
            one.asked.to_string(),
            one.accepted.to_string(),
            one.arrived.to_string(),
            one.recovered.to_string(),
            one.total_lost().to_string(),
            one.why(),
            one.ended_by.clone(),
        ])
    })
}

/// Draws the part of the requests that each ending lost, in percent; a word stands for each.
pub fn stopping_chart(all: &[Stopped]) -> Figure {
    let share = |one: &Stopped| one.total_lost() as f64 * 100.0 / one.asked.max(1) as f64;
    let bars = all.iter().map(|one| (one.ending.word(), share(one)));
    bar_chart("how the process ended", "requests lost (%)", bars)
}

/// Says by what a process ended.
pub(super) fn ended_by(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(9), _) => "SIGKILL".to_owned(),
        (Some(15), _) => "SIGTERM".to_owned(),
        (Some(other), _) => format!("signal {other}"),
        (None, code) => format!("exit {}", code.unwrap_or_default()),
    }
}
