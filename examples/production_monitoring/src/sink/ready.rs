//! Whether a step of the schedule would do what it is for. The clock alone does not tell, on a machine that is slow.
//!
//! ```text
//! kill      a request of the outage was answered, and the retriever's own books say that it holds something
//! restart   somebody called the dead retriever and got no answer
//! else      when it is due
//! ```
//!
//! Start at [`Readiness::of`].

use super::chaos::{Chaos, Fault, Step};
use crate::load::{CallOutcome, Entry};
use crate::metrics::Watched;
use crate::services::Role;

/// How long a step waits for its reason, in seconds. What has not come by then does not come.
const LONGEST: f64 = 60.0;

/// What there is to judge by.
#[derive(Debug)]
pub struct Readiness<'a> {
    /// When each request of the plan is due, in seconds.
    pub due: &'a [f64],
    /// The answered requests.
    pub entries: &'a [Entry],
    /// Whether a tail keeps what fails.
    pub keep_errors: bool,
    /// What the services show, looked at just now.
    pub watched: &'a Watched,
}

impl Readiness<'_> {
    /// Tells whether a step that is due can be taken at `now`, seconds from the beginning.
    pub fn of(&self, step: Step, chaos: &Chaos, now: f64) -> bool {
        if step.fault != Fault::Killed || now > chaos.due_at(step) + LONGEST {
            return true;
        }
        // What was due after the outage began left after it began, so nothing of it can have arrived.
        let outage = chaos.planned(Fault::Outage).unwrap_or_default();
        let mut since = self.entries.iter().filter(|one| one.due_seconds >= outage);
        // Where everybody is answered, nobody is under way who could still be the reason.
        let gate = *chaos.gate().borrow();
        let left = self.due.iter().filter(|due| **due < gate).count();
        let is_over = self.entries.len() >= left;
        match (step.begins, self.retriever_holds()) {
            (true, None) => false,
            (true, Some(held)) => {
                let leaves = |one: &Entry| one.expected(Role::Retriever, self.keep_errors) > 0;
                is_over || held > 0 && since.any(leaves)
            }
            (false, _) => is_over || since.any(is_missed),
        }
    }

    /// Returns how many operations the retriever held when it was last looked at; none if it did not answer.
    fn retriever_holds(&self) -> Option<u64> {
        let mut seen = self.watched.observations.iter().rev();
        let last = seen.find(|one| one.role == Role::Retriever)?;
        let books = last.books.as_ref()?;
        Some(books.queued + books.spooled)
    }
}

/// Tells whether a request was for the retriever, and did not find it.
fn is_missed(entry: &Entry) -> bool {
    let mut calls = entry.calls.iter();
    calls.any(|call| call.service == Role::Retriever && call.outcome == CallOutcome::Unreachable)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::load::{Call, Scenario};
    use crate::metrics::{Books, Observation};
    use crate::sink::SCHEDULE;

    fn entry(due_seconds: f64, outcome: CallOutcome) -> Entry {
        Entry {
            id: "r".to_owned(),
            scenario: Scenario::Plain,
            due_seconds,
            took_seconds: 0.1,
            status: 200,
            recorded: true,
            calls: vec![Call {
                service: Role::Retriever,
                outcome,
            }],
        }
    }

    #[test]
    fn the_kill_waits_for_an_answer_of_the_outage_that_is_held_however_late_it_is() {
        // Nothing but the kill, and an outage that began at the beginning: what is due at 0 is in it.
        let kill = SCHEDULE
            .iter()
            .filter(|window| window.fault == Fault::Killed);
        let chaos = Chaos::new(&kill.copied().collect::<Vec<_>>(), Duration::from_secs(100));
        let step = chaos.due(64.0).expect("the kill");
        let watched = |queued: Option<u64>| Watched {
            observations: vec![Observation {
                at: 64.0,
                role: Role::Retriever,
                generation: 0,
                books: queued.map(|queued| Books {
                    queued,
                    ..Books::default()
                }),
            }],
        };
        let is_ready = |entries: &[Entry], queued: Option<u64>, now: f64| {
            Readiness {
                due: &[1.0, 2.0, 70.0],
                entries,
                keep_errors: false,
                watched: &watched(queued),
            }
            .of(step, &chaos, now)
        };
        let answered = [entry(1.0, CallOutcome::Answered)];
        let missed = [entry(1.0, CallOutcome::Unreachable)];
        assert!(!is_ready(&[], Some(3), 64.0), "nobody was answered");
        assert!(!is_ready(&missed, Some(3), 90.0), "not by it");
        assert!(!is_ready(&answered, Some(0), 90.0), "not held");
        assert!(!is_ready(&answered, None, 90.0), "who knows");
        assert!(is_ready(&answered, Some(3), 64.0));
        let all = [missed.clone(), missed].concat();
        assert!(
            is_ready(&all, Some(0), 64.0),
            "the third waits for the kill"
        );
        assert!(is_ready(&[], None, 124.1), "not for ever");
    }
}
