//! What was done to which request.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use crate::analysis::Table;
use crate::analysis::label::clean;

/// Most letters of a method and of a path that are remembered.
const LETTERS: usize = 200;
/// Most requests that are remembered one by one; the counters know of all.
const REMEMBERED: usize = 10_000;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChaosOutcome {
    /// It is under way.
    #[default]
    UnderWay,
    /// The service answered, and its answer was passed on.
    Passed(u16),
    /// The proxy answered, and the service never heard of it.
    Answered(u16),
    /// The connection was reset.
    Reset,
    /// The service could not be reached, or closed without an answer: the caller got 502, or a connection that closed.
    Lost,
}

impl fmt::Display for ChaosOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnderWay => f.write_str("under way"),
            Self::Passed(status) => write!(f, "{status}"),
            Self::Answered(status) => write!(f, "{status} by the proxy"),
            Self::Reset => f.write_str("reset"),
            Self::Lost => f.write_str("no answer"),
        }
    }
}

/// One request, and what was done to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChaosEntry {
    /// Which one it was, from 1.
    pub number: u64,
    /// The method, as `path` is kept.
    pub method: String,
    /// The path, without the query; its first 200 letters, and none that commands a terminal.
    pub path: String,
    /// The switches that changed something, in words; none if it passed as it was.
    pub did: Vec<String>,
    /// What became of it.
    pub outcome: ChaosOutcome,
}

impl fmt::Display for ChaosEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            number,
            method,
            path,
            did,
            outcome,
        } = self;
        let did = match did.is_empty() {
            true => "nothing".to_owned(),
            false => did.join(", "),
        };
        write!(f, "{number} {method} {path}: {did} → {outcome}")
    }
}

/// How many requests met what, since the proxy started.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChaosCounters {
    /// Requests that came.
    pub requests: u64,
    /// Requests that passed as they were.
    pub untouched: u64,
    /// Answers of the service that were passed on.
    pub passed: u64,
    /// Answers of the proxy.
    pub answered: u64,
    /// Connections that were reset.
    pub reset: u64,
    /// Requests that the service did not answer.
    pub lost: u64,
    /// How often each switch changed something, by its words.
    pub by_switch: BTreeMap<String, u64>,
}

impl fmt::Display for ChaosCounters {
    /// Writes the counts in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} requests: {} untouched, {} passed, {} answered by the proxy, {} reset, {} without an answer",
            self.requests, self.untouched, self.passed, self.answered, self.reset, self.lost
        )?;
        for (switch, times) in &self.by_switch {
            write!(f, "; {switch} {times}")?;
        }
        Ok(())
    }
}

/// The latest requests, and the counters.
#[derive(Debug, Default)]
pub(super) struct Log {
    entries: VecDeque<ChaosEntry>,
    counters: ChaosCounters,
}

impl Log {
    /// Notes that a request came, and returns its number.
    pub(super) fn came(&mut self, method: &str, path: &str) -> u64 {
        self.counters.requests += 1;
        if self.entries.len() == REMEMBERED {
            self.entries.pop_front();
        }
        let number = self.counters.requests;
        self.entries.push_back(ChaosEntry {
            number,
            method: kept(method),
            path: kept(path),
            did: Vec::new(),
            outcome: ChaosOutcome::UnderWay,
        });
        number
    }

    /// Notes what was done to a request, and what became of it.
    pub(super) fn ended(&mut self, number: u64, did: Vec<String>, outcome: ChaosOutcome) {
        let counters = &mut self.counters;
        counters.untouched += u64::from(did.is_empty());
        for switch in &did {
            *counters.by_switch.entry(switch.clone()).or_default() += 1;
        }
        match outcome {
            ChaosOutcome::UnderWay => {}
            ChaosOutcome::Passed(_) => counters.passed += 1,
            ChaosOutcome::Answered(_) => counters.answered += 1,
            ChaosOutcome::Reset => counters.reset += 1,
            ChaosOutcome::Lost => counters.lost += 1,
        }
        let mut entries = self.entries.iter_mut().rev();
        if let Some(entry) = entries.find(|entry| entry.number == number) {
            (entry.did, entry.outcome) = (did, outcome);
        }
    }

    pub(super) fn entries(&self) -> Vec<ChaosEntry> {
        self.entries.iter().cloned().collect()
    }

    pub(super) fn counters(&self) -> ChaosCounters {
        self.counters.clone()
    }

    pub(super) fn table(&self) -> Table {
        let head = Table::new(["request", "what", "done to it", "outcome"]);
        self.entries.iter().fold(head, |table, entry| {
            let did = match entry.did.is_empty() {
                true => "–".to_owned(),
                false => entry.did.join(", "),
            };
            table.row([
                entry.number.to_string(),
                format!("{} {}", entry.method, entry.path),
                did,
                entry.outcome.to_string(),
            ])
        })
    }
}

/// What a stranger wrote, fit to be kept and to be printed.
fn kept(text: &str) -> String {
    let mut letters = text.chars();
    let mut kept = clean(&letters.by_ref().take(LETTERS).collect::<String>());
    if letters.next().is_some() {
        kept.push('…');
    }
    kept
}
