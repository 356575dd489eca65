//! The incidents of a drill, in an order that nobody knows.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::card::DrillCard;
use super::incident::Incident;
use super::verdict::Verdict;
use crate::analysis::doctor::{EvidenceKind, Fault, fault, faults};
use crate::analysis::{Drill, Means};
use crate::lab::catalogue::{Scenario, scenarios};
use crate::lab::progress::Journal;
use crate::model::{Clock, SystemClock, Timestamp};

/// Among so many faults the answer is.
const CHOICES: usize = 5;
const ALL: [Means; 3] = [Means::Logs, Means::Trace, Means::Doctor];

/// A drill: incidents of the catalogue, shuffled, and each dealt one of three ways to look at it, as often as the
/// others. The same seed gives the same drill.
#[derive(Debug)]
pub struct Incidents {
    dealt: Vec<(&'static Scenario, Means)>,
    at: usize,
    open: Option<Open>,
    dice: u64,
    clock: Arc<dyn Clock>,
    journal: Journal,
    answers: Vec<Drill>,
}

/// The incident that is asked about.
#[derive(Debug)]
struct Open {
    scenario: &'static Scenario,
    means: Means,
    since: Timestamp,
    /// Codes that are true of it.
    right: Vec<&'static str>,
    /// Codes that are asked about; one of them is the scenario's.
    choices: Vec<&'static str>,
}

impl Incidents {
    /// Deals all incidents that leave something to look at in runs, headers or requests. Answers are remembered
    /// where progress is ([`PROGRESS_VARIABLE`](crate::lab::PROGRESS_VARIABLE)).
    pub fn new(seed: u64) -> Self {
        let shows = |scenario: &&Scenario| {
            let kinds = [
                EvidenceKind::Trace,
                EvidenceKind::Headers,
                EvidenceKind::IngestLog,
            ];
            scenario.shown_by().iter().any(|kind| kinds.contains(kind))
        };
        Self::among(scenarios().iter().filter(shows), seed)
    }

    /// Deals these scenarios.
    pub fn among(scenarios: impl IntoIterator<Item = &'static Scenario>, seed: u64) -> Self {
        let mut drill = Self {
            dealt: Vec::new(),
            at: 0,
            open: None,
            dice: seed,
            clock: Arc::new(SystemClock),
            journal: Journal::from_env(),
            answers: Vec::new(),
        };
        let mut deck: Vec<&'static Scenario> = scenarios.into_iter().collect();
        drill.shuffle(&mut deck);
        let mut means: Vec<Means> = Vec::new();
        for scenario in deck {
            if means.is_empty() {
                means.extend(ALL);
                drill.shuffle(&mut means);
            }
            let means = means.pop().unwrap_or(Means::Logs);
            drill.dealt.push((scenario, means));
        }
        drill
    }

    /// Leaves all but the first `count` out.
    #[must_use]
    pub fn take(mut self, count: usize) -> Self {
        self.dealt.truncate(count);
        self
    }

    /// Takes the time from a clock of the caller's; the system's by default.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Remembers answers in this file, whatever the environment says.
    #[must_use]
    pub fn remembered_in(mut self, path: impl Into<PathBuf>) -> Self {
        self.journal = Journal::at(path.into());
        self
    }

    /// Returns how many incidents are left, without the one that is asked about.
    pub fn remaining(&self) -> usize {
        self.dealt.len().saturating_sub(self.at)
    }

    /// Lets the next incident happen, and shows what may be seen of it. The time runs from when this returns. One
    /// that was not answered is passed over, and does not count.
    ///
    /// # Panics
    /// When it cannot be played; see [`Scenario::run`].
    pub async fn next(&mut self) -> Option<Incident> {
        self.open = None;
        let (scenario, means) = *self.dealt.get(self.at)?;
        self.at += 1;
        // What a learner waits for is not to depend on what is installed.
        let broken = scenario.run_here().await;
        let right: Vec<&'static str> = broken.examine().counts.into_keys().collect();
        let choices = self.choices(scenario.code(), &right);
        let number = (self.at, self.dealt.len());
        let codes = choices.iter().map(|fault| fault.code).collect();
        let incident = Incident::new(number, means, &broken, choices);
        self.open = Some(Open {
            scenario,
            means,
            since: self.clock.now(),
            right,
            choices: codes,
        });
        Some(incident)
    }

    /// Answers with a code, such as `LT002`. It is right if it is the scenario's, or if the doctor finds it there
    /// as well: what one mistake brings along is no wrong answer. What is none of the choices is no answer: nothing
    /// is remembered, and the time goes on.
    pub fn answer(&mut self, code: &str) -> Verdict {
        let Some(open) = self.open.take() else {
            return Verdict::unasked();
        };
        let took = self.clock.now().signed_duration_since(open.since);
        let took = took.to_std().unwrap_or(Duration::ZERO);
        let can_be = |answer: &&Fault| {
            open.choices.contains(&answer.code) || open.right.contains(&answer.code)
        };
        let Some(answer) = fault(code.trim()).filter(can_be) else {
            self.open = Some(open);
            return Verdict::unanswered(took);
        };
        let correct = answer.code == open.scenario.code() || open.right.contains(&answer.code);
        self.answers.push(Drill {
            means: open.means,
            took,
            correct,
        });
        let forgotten = self.journal.drilled(&json!({
            "event": "drill",
            "exercise": "06.drill",
            "row": open.scenario.number(),
            "code": open.scenario.code(),
            "answer": answer.code,
            "means": open.means.as_str(),
            "right": correct,
            "millis": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        }));
        Verdict::new(correct, took, answer, open.scenario, forgotten)
    }

    /// Returns the card of this drill alone. [`DrillCard::from_env`] has all that was ever answered.
    pub fn card(&self) -> DrillCard {
        DrillCard::of(self.answers.iter().copied())
    }

    /// Returns the answer among others that are not true.
    fn choices(&mut self, code: &str, right: &[&'static str]) -> Vec<&'static Fault> {
        let mut others: Vec<&'static Fault> = faults()
            .filter(|fault| fault.code != code && !right.contains(&fault.code))
            .collect();
        self.shuffle(&mut others);
        others.truncate(CHOICES - 1);
        let mut choices: Vec<&'static Fault> = fault(code).into_iter().chain(others).collect();
        choices.sort_by_key(|fault| fault.code);
        choices
    }

    /// Shuffles (Fisher and Yates, with the numbers of splitmix64).
    fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut x = self.dice;
            x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            x ^= x >> 31;
            list.swap(last, (x % (last as u64 + 1)) as usize);
        }
    }
}
