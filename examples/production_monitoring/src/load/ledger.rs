//! The book of the load: what was asked, and what must therefore have left a trace.
//!
//! ```text
//! answer of the gateway ──► Entry { calls, recorded } ──┬─ expected(service) ──► runs that must be there
//!                                                       └─ Ledger::scored ─────► the scorecard's ledger
//! ```
//!
//! Start at [`Entry`].

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use common::analysis::{self, Failure};
use serde::{Deserialize, Serialize};

use super::arrivals::Scenario;
use crate::keeping::Keeping;
use crate::services::Role;

/// Runs that a service leaves for each call that it answers: the request, and the work in it.
pub const RUNS_OF_A_CALL: usize = 2;

/// What came of a call that the gateway made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallOutcome {
    /// A good answer.
    Answered,
    /// An answer that says no.
    Failed,
    /// No answer: nobody listens, or the connection broke.
    Unreachable,
}

/// A call that the gateway made for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Whom it called.
    pub service: Role,
    /// What came of it.
    pub outcome: CallOutcome,
}

/// A request, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its id; its root run carries it as the metadata `request_id`.
    pub id: String,
    /// What it was for.
    pub scenario: Scenario,
    /// When it was to be sent, in seconds from the beginning.
    pub due_seconds: f64,
    /// From then until the answer, in seconds: waiting for a sender that is behind counts as well.
    pub took_seconds: f64,
    /// The status of the answer; 0 for none.
    pub status: u16,
    /// Whether the sampler kept the trace, as the gateway says.
    pub recorded: bool,
    /// The calls that the gateway made for it.
    pub calls: Vec<Call>,
}

impl Entry {
    /// Returns how many runs of a service must have arrived. A request that was under way in a service that was
    /// killed may have left some there and need not: nobody saw them end.
    ///
    /// With `keep_errors` a trace that the sampler left out is kept in part: by each process that saw it fail.
    pub fn expected(&self, service: Role, keep_errors: bool) -> usize {
        if !self.recorded {
            let failed =
                |call: &&Call| call.service == service && call.outcome == CallOutcome::Failed;
            return match service {
                _ if !keep_errors => 0,
                Role::Gateway if self.status >= 500 => 1 + self.calls.len(),
                _ => RUNS_OF_A_CALL * self.calls.iter().filter(failed).count(),
            };
        }
        match service {
            Role::Gateway => 1 + self.calls.len(),
            other => {
                let ended = |call: &&Call| {
                    call.service == other && call.outcome != CallOutcome::Unreachable
                };
                RUNS_OF_A_CALL * self.calls.iter().filter(ended).count()
            }
        }
    }

    /// Returns true if the answer was a good one.
    pub fn is_answered(&self) -> bool {
        self.status == 200
    }

    /// Returns what an operator has to be able to see of a request that failed.
    fn failure(&self) -> Option<Failure> {
        let unreachable = |call: &&Call| call.outcome == CallOutcome::Unreachable;
        if let Some(call) = self.calls.iter().find(unreachable) {
            let scenario = format!("{} unreachable", call.service);
            return Some(Failure::new(scenario, "gateway").class("Unreachable"));
        }
        if self.is_answered() || self.status == 0 {
            return None;
        }
        match self.scenario {
            Scenario::IndexMissing => {
                Some(Failure::new("index missing", "retriever").class("IndexMissing"))
            }
            Scenario::ModelOverloaded => {
                Some(Failure::new("model overloaded", "generator").class("ModelOverloaded"))
            }
            Scenario::Plain | Scenario::Slow | Scenario::Long => None,
        }
    }

    fn scored(&self) -> analysis::Asked {
        let mut asked = analysis::Asked::new(&self.id).hop("gateway");
        for call in &self.calls {
            if call.outcome != CallOutcome::Unreachable {
                asked = asked.call("gateway", call.service.as_str());
            }
        }
        match self.failure() {
            Some(failure) => asked.fails(failure),
            None => asked,
        }
    }
}

/// How a load was asked for: what a reader needs to know to send the same again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// The project of the runs.
    pub project: String,
    /// When it began, RFC 3339.
    pub began: String,
    /// When the last answer was there, RFC 3339.
    pub ended: String,
    /// How long requests were sent, in seconds.
    pub seconds: f64,
    /// Requests a second.
    pub rate: f64,
    /// The seed.
    pub seed: u64,
    /// Which traces were kept.
    #[serde(flatten)]
    pub keeping: Keeping,
    /// Whether things went wrong on order.
    pub chaos: bool,
    /// Whether services wrote to disk first.
    pub durable: bool,
}

/// The whole book.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// How the load was asked for.
    pub asked: Asked,
    /// The requests, in the order of their answers.
    pub entries: Vec<Entry>,
}

impl Ledger {
    /// Returns the entries that `wanted` says, as the scorecard reads them.
    pub fn scored(&self, wanted: impl Fn(&Entry) -> bool) -> analysis::Ledger {
        let mut ledger = analysis::Ledger::new();
        for entry in self.entries.iter().filter(|entry| wanted(entry)) {
            ledger.ask(entry.scored());
        }
        ledger
    }

    /// Counts requests by what they were for.
    pub fn by_scenario(&self) -> BTreeMap<Scenario, usize> {
        let mut counts = BTreeMap::new();
        for entry in &self.entries {
            *counts.entry(entry.scenario).or_default() += 1;
        }
        counts
    }

    /// Writes the book to a file.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_vec(self).context("the ledger is no JSON")?;
        std::fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
    }

    /// Reads a book that [`write`](Self::write) has written.
    ///
    /// # Errors
    /// If the file cannot be read, or is no ledger.
    pub fn read(file: &Path) -> Result<Self> {
        let text =
            std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
        serde_json::from_slice(&text)
            .with_context(|| format!("{} is no ledger of this program", file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(calls: &[(Role, CallOutcome)]) -> Entry {
        let call = |(service, outcome): &(Role, CallOutcome)| Call {
            service: *service,
            outcome: *outcome,
        };
        Entry {
            id: "r-0".into(),
            scenario: Scenario::Plain,
            due_seconds: 0.0,
            took_seconds: 0.1,
            status: 200,
            recorded: true,
            calls: calls.iter().map(call).collect(),
        }
    }

    #[test]
    fn what_must_have_arrived_follows_from_the_answer() {
        use CallOutcome::{Answered, Failed, Unreachable};
        use Role::{Gateway, Generator, Retriever};
        let expected =
            |entry: &Entry| [Gateway, Retriever, Generator].map(|role| entry.expected(role, false));
        let whole = entry(&[(Retriever, Answered), (Generator, Answered)]);
        assert_eq!(expected(&whole), [3, 2, 2]);
        assert_eq!(expected(&entry(&[(Retriever, Failed)])), [2, 2, 0]);
        let killed = entry(&[(Retriever, Unreachable)]);
        assert_eq!(expected(&killed), [2, 0, 0]);
        let left_out = Entry {
            recorded: false,
            ..whole
        };
        assert_eq!(expected(&left_out), [0, 0, 0]);
        let failed = Entry {
            status: 502,
            ..entry(&[(Retriever, Answered), (Generator, Failed)])
        };
        let failed = Entry {
            recorded: false,
            ..failed
        };
        assert_eq!(expected(&failed), [0, 0, 0]);
        let kept = Role::ALL.map(|role| failed.expected(role, true));
        assert_eq!(kept, [3, 0, 2], "the retriever's part did not fail");
    }
}
