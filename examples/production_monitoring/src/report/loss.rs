//! What did not arrive, and why.
//!
//! ```text
//! Ledger ──expected runs, by request and service──┐
//! capture ──runs that ended, by request id────────┴──► ServiceLoss { expected, arrived, lost }
//! last books of each process · kills ────────────────► Why, in words
//! ```
//!
//! Start at [`Loss::of`].

use std::collections::HashMap;
use std::fmt;

use common::analysis::REQUEST_ID;
use common::model::{Run, TraceId};
use common::trace::SERVICE;

use super::Facts;
use crate::load::{Entry, Ledger};
use crate::metrics::Books;
use crate::services::Role;

/// The runs of one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceLoss {
    /// The service.
    pub role: Role,
    /// Runs that must have arrived, as the answers say.
    pub expected: usize,
    /// Those that have, with their ends.
    pub arrived: usize,
    /// Runs that arrived and have no end: whoever was to end them was killed, or their end is lost.
    pub open: usize,
}

impl ServiceLoss {
    /// Returns how many did not arrive.
    pub fn lost(&self) -> usize {
        self.expected - self.arrived
    }
}

/// A reason, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why(pub String);

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// Each service.
    pub services: Vec<ServiceLoss>,
    /// Requests whose trace the sampler left out: no run of theirs was to arrive.
    pub left_out: usize,
    /// Requests that got no answer at all: what they left is not known.
    pub unanswered: usize,
    /// What explains it.
    pub why: Vec<Why>,
}

/// Runs by request and service: ended, and open.
pub(super) type Captured<'a> = HashMap<(&'a str, Role), (usize, usize)>;

/// Counts the captured runs by the request that their trace belongs to.
pub(super) fn captured(runs: &[Run]) -> Captured<'_> {
    let mut requests: HashMap<TraceId, &str> = HashMap::new();
    for run in runs {
        if let Some(id) = run
            .extra
            .metadata
            .get(REQUEST_ID)
            .and_then(|id| id.as_str())
        {
            requests.insert(run.trace_id, id);
        }
    }
    let mut counts = Captured::new();
    for run in runs {
        let service = run
            .extra
            .metadata
            .get(SERVICE)
            .and_then(|name| name.as_str());
        let role = Role::ALL
            .into_iter()
            .find(|role| Some(role.as_str()) == service);
        if let (Some(request), Some(role)) = (requests.get(&run.trace_id), role) {
            let (ended, open) = counts.entry((*request, role)).or_default();
            match run.end_time {
                Some(_) => *ended += 1,
                None => *open += 1,
            }
        }
    }
    counts
}

/// Returns how many of the runs that must have arrived for a request have, and how many must.
pub(super) fn of_request(
    entry: &Entry,
    captured: &Captured<'_>,
    keep_errors: bool,
) -> (usize, usize) {
    let of_role = |role| {
        let expected = entry.expected(role, keep_errors);
        let (ended, _) = captured
            .get(&(entry.id.as_str(), role))
            .copied()
            .unwrap_or_default();
        (ended.min(expected), expected)
    };
    let all = Role::ALL.into_iter().map(of_role);
    all.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
}

impl Loss {
    /// Joins the ledger with the capture.
    pub fn of(ledger: &Ledger, facts: &Facts) -> Self {
        let captured = captured(&facts.runs);
        let keep_errors = ledger.asked.keeping.keeps_all_errors();
        let of_role = |role: Role| {
            let mut service = ServiceLoss {
                role,
                expected: 0,
                arrived: 0,
                open: 0,
            };
            for entry in &ledger.entries {
                let expected = entry.expected(role, keep_errors);
                let found = captured.get(&(entry.id.as_str(), role));
                let (ended, open) = found.copied().unwrap_or_default();
                service.expected += expected;
                service.arrived += ended.min(expected);
                service.open += open;
            }
            service
        };
        let mut loss = Self {
            services: Role::ALL.map(of_role).to_vec(),
            left_out: ledger
                .entries
                .iter()
                .filter(|one| one.status != 0 && !one.recorded)
                .count(),
            unanswered: ledger.entries.iter().filter(|one| one.status == 0).count(),
            why: Vec::new(),
        };
        loss.why = loss.explained(facts);
        loss
    }

    /// Returns how many runs must have arrived.
    pub fn expected(&self) -> usize {
        self.services.iter().map(|service| service.expected).sum()
    }

    /// Returns how many of them have.
    pub fn arrived(&self) -> usize {
        self.services.iter().map(|service| service.arrived).sum()
    }

    /// Returns how many of them have not.
    pub fn lost(&self) -> usize {
        self.expected() - self.arrived()
    }

    fn explained(&self, facts: &Facts) -> Vec<Why> {
        let last = facts.watched.last();
        let mut why = Vec::new();
        for ((role, generation), books) in &last {
            let next = last.get(&(*role, generation + 1));
            why.extend(next.map(|next| killed(*role, books, next)));
            for (what, counts) in [
                ("given up", &books.dropped),
                ("never taken in", &books.refused),
            ] {
                for (reason, count) in counts {
                    let reason = reason.replace('_', " ");
                    why.push(format!(
                        "the {role}'s exporter counts {count} operations {what}: {reason}"
                    ));
                }
            }
            for (reason, count) in &books.left_out {
                why.extend(left_out(*role, *generation, reason, *count));
            }
            if books.truncated > 0 {
                why.push(format!(
                    "{} runs of the {role} arrived cut: they were too large for the backend (413)",
                    books.truncated
                ));
            }
        }
        for service in self.services.iter().filter(|service| service.lost() > 0) {
            why.push(format!(
                "{} runs of the {} did not arrive",
                service.lost(),
                service.role
            ));
        }
        for service in self.services.iter().filter(|service| service.open > 0) {
            why.push(format!(
                "{} runs of the {} arrived without an end: it was killed in the middle of them, or their end is lost",
                service.open, service.role
            ));
        }
        if self.left_out > 0 {
            why.push(format!(
                "{} requests were left out by the sampler",
                self.left_out
            ));
        }
        if self.unanswered > 0 {
            why.push(format!(
                "{} requests got no answer; what they left is not known",
                self.unanswered
            ));
        }
        why.extend(facts.unsent.iter().cloned());
        why.into_iter().map(Why).collect()
    }
}

/// Says what a sampler left out for another reason than the rate, which the ledger tells.
fn left_out(role: Role, generation: u32, reason: &str, count: u64) -> Option<String> {
    let role = match generation {
        0 => role.to_string(),
        _ => format!("{role}, restarted,"),
    };
    match reason {
        "limit" => Some(format!(
            "the {role} left {count} traces out: they were over the limit"
        )),
        "past_traces" => Some(format!(
            "the {role} did not wait for the end of {count} traces: as many waited as may"
        )),
        "past_rate" => Some(format!(
            "the {role} left {count} traces out that it would have kept for how they ended: they were over its limit"
        )),
        _ => None,
    }
}

fn killed(role: Role, last: &Books, next: &Books) -> String {
    let held = format!(
        "the {role} was killed; when it was last looked at it held {} operations in memory and {} on disk only",
        last.queued, last.spooled
    );
    match next.recovered {
        0 => format!("{held}; nothing of it was left for the next process"),
        recovered => format!("{held}; the next process found {recovered} on disk and sent them"),
    }
}
