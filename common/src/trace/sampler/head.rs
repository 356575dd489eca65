//! Deciding, when the first run of a trace begins in this process.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;
use uuid::Uuid;

use super::books::Books;
use super::limit::Bucket;
use super::memory::Memory;
use super::per_process::PerProcess;
use super::rate::Sampler;
use super::rule::SamplingRule;
use super::sampling::{CARRIED_DECISION, Sampling};
use super::verdict::{Decision, KeepReason, LeaveReason, Verdict};
use crate::model::Timestamp;
use crate::trace::inherited::Inherited;

/// How many decisions are remembered that the id of a trace does not tell, for what is said of it later by others
/// than its runs, which carry theirs: feedback, and operations from elsewhere. About 8 MiB when full. What is
/// forgotten goes by the id.
const REMEMBERED: usize = 65_536;

/// Decides of traces, and knows what it decided.
#[derive(Debug, Default)]
pub(in crate::trace) struct Head {
    // No other head of this process has it, but for those that decide nothing beyond the id.
    number: u64,
    sampler: Sampler,
    rules: Vec<(SamplingRule, Option<Bucket>)>,
    limit: Option<Bucket>,
    carry: bool,
    // Whether a tail asks why a trace was left out.
    has_tail: bool,
    exceptions: PerProcess<Memory<Uuid, Verdict>>,
    books: Books,
}

/// What is known of a run that begins.
pub(in crate::trace) struct Facts<'a> {
    pub(in crate::trace) trace: Uuid,
    pub(in crate::trace) name: &'a str,
    pub(in crate::trace) inherited: &'a Inherited,
    /// It is the first run of its trace anywhere, not only here.
    pub(in crate::trace) is_root: bool,
}

impl Head {
    pub(super) fn new(sampling: Sampling) -> Self {
        static NUMBERS: AtomicU64 = AtomicU64::new(1);
        let books = Books::new(&sampling.rules);
        let with_bucket = |rule: SamplingRule| {
            let bucket = rule.limit.map(Bucket::new);
            (rule, bucket)
        };
        Self {
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            has_tail: sampling.tail.is_some(),
            sampler: sampling.sampler.unwrap_or_default(),
            rules: sampling.rules.into_iter().map(with_bucket).collect(),
            limit: sampling.limit.map(Bucket::new),
            carry: sampling.carry,
            exceptions: PerProcess::default(),
            books,
        }
    }

    pub(in crate::trace) fn books(&self) -> &Books {
        &self.books
    }

    /// Returns true if the id of a trace alone tells what becomes of it.
    pub(in crate::trace) fn goes_by_id(&self) -> bool {
        self.rules.is_empty() && self.limit.is_none() && !self.carry
    }

    /// Returns true if callees are told.
    pub(in crate::trace) fn carries(&self) -> bool {
        self.carry
    }

    /// Returns what the rate says of a trace.
    pub(in crate::trace) fn by_id(&self, trace: Uuid) -> Verdict {
        let fate = match (self.sampler, self.sampler.keeps(trace)) {
            (Sampler::AlwaysOn, _) => Ok(KeepReason::All),
            (_, true) => Ok(KeepReason::Rate),
            (_, false) => Err(LeaveReason::Rate),
        };
        Verdict {
            fate,
            rate: self.sampler.rate(),
        }
    }

    /// Decides of a trace whose first run here begins.
    pub(in crate::trace) fn decide(
        &self,
        facts: &Facts<'_>,
        now: impl Fn() -> Timestamp,
    ) -> Verdict {
        let by_id = self.by_id(facts.trace);
        let verdict = if facts.is_root {
            self.decide_root(facts, by_id, now)
        } else {
            self.carried(facts.inherited).unwrap_or(by_id)
        };
        if !self.is_told_by_id(verdict, by_id) {
            let mut exceptions = self.exceptions.lock();
            exceptions.remember(facts.trace, verdict);
            if exceptions.len() > REMEMBERED {
                exceptions.take_first();
            }
        }
        verdict
    }

    /// Returns true if nobody who asks later is told anything else by the id. What a rule keeps is no exception where
    /// everything is kept.
    fn is_told_by_id(&self, verdict: Verdict, by_id: Verdict) -> bool {
        let same_reason = !self.has_tail || verdict.fate.err() == by_id.fate.err();
        verdict.is_kept() == by_id.is_kept()
            && verdict.told_rate() == by_id.told_rate()
            && same_reason
    }

    /// Returns what this head decided of the trace of a run that inherits these; none if it was another's.
    pub(in crate::trace) fn decided(&self, inherited: &Inherited) -> Option<Verdict> {
        let decision = inherited.verdict.filter(|it| it.head == self.number);
        decision.map(|it| it.verdict)
    }

    /// Makes of a verdict what runs below inherit.
    pub(in crate::trace) fn decision(&self, verdict: Verdict) -> Decision {
        Decision {
            head: self.number,
            verdict,
        }
    }

    fn decide_root(
        &self,
        facts: &Facts<'_>,
        by_id: Verdict,
        now: impl Fn() -> Timestamp,
    ) -> Verdict {
        let fits = |(rule, _): &&(SamplingRule, _)| rule.fits(facts.name, facts.inherited);
        let fitting = self.rules.iter().find(fits);
        let mut verdict = fitting.map_or(by_id, |(rule, _)| rule.verdict(facts.trace));
        let own = fitting.and_then(|(_, bucket)| bucket.as_ref());
        // A trace that its rule's limit leaves out takes no place of the others.
        for bucket in own.into_iter().chain(&self.limit) {
            if verdict.is_kept() && !bucket.take(now()) {
                verdict.fate = Err(LeaveReason::Limit);
            }
        }
        if let Some((rule, _)) = fitting {
            self.books.by_rule(&rule.label, verdict.is_kept());
        }
        verdict
    }

    /// Returns what the caller says, if it says it.
    pub(in crate::trace) fn carried(&self, inherited: &Inherited) -> Option<Verdict> {
        let told = inherited
            .metadata
            .get(CARRIED_DECISION)
            .filter(|_| self.carry)?;
        let fate = match told {
            Value::Bool(true) => Ok(KeepReason::Caller),
            Value::Bool(false) => Err(LeaveReason::Caller),
            _ => return None,
        };
        Some(Verdict { fate, rate: None })
    }

    /// Returns true if that trace is kept, as far as is still known.
    pub(in crate::trace) fn keeps(&self, trace: Uuid) -> bool {
        self.verdict_of(trace).is_kept()
    }

    pub(in crate::trace) fn verdict_of(&self, trace: Uuid) -> Verdict {
        if !self.goes_by_id()
            && let Some(known) = self.exceptions.lock().get(&trace)
        {
            return *known;
        }
        self.by_id(trace)
    }
}
