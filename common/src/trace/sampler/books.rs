//! What became of every trace: books that balance.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use super::rule::SamplingRule;
use super::verdict::{KeepReason, LeaveReason};

/// What sampling did since a tracer was made.
///
/// A trace is counted when its first run begins in this process, so a trace that goes through three services is
/// counted in each: what is counted is the part that the process has, which is all it can keep. A service that
/// is called twice in a trace has two parts of it.
///
/// `seen` is what was kept, what was left out, and what waits. Looked at while runs begin and end, the books may be
/// out by those that do so at this moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SamplingStats {
    /// Parts of traces that began in this process.
    pub seen: u64,
    /// How many of these continue a trace that began elsewhere.
    pub joined: u64,
    /// Parts that are kept, by reason.
    pub kept: BTreeMap<KeepReason, u64>,
    /// Parts that are left out, by reason.
    pub left_out: BTreeMap<LeaveReason, u64>,
    /// Parts that the tail holds back, and has not decided of.
    pub waiting: u64,
    /// What the head did by each rule, by its label.
    pub by_rule: BTreeMap<String, RuleTally>,
    /// The runs of parts that the tail held back.
    pub held: HeldRuns,
    /// What waits, in bytes, by estimate.
    pub waiting_bytes: u64,
    /// Runs that failed in a part that was left out, so that nobody sees that they did: it was before, or the failure
    /// was one too many for [`TailPolicy::at_most`](super::TailPolicy::at_most). If there are any, give the tail more
    /// room, more time, or a higher limit.
    pub missed_errors: u64,
    /// Operations on parts of which the tail no longer knew what it had decided. They are left out.
    pub forgotten: u64,
    /// Judgements that the tail left out with their traces.
    pub left_out_feedback: u64,
}

/// What a rule decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RuleTally {
    /// Traces that it kept.
    pub kept: u64,
    /// Traces that it, or a limit, left out. With a tail some of them may be kept still.
    pub left_out: u64,
}

/// The runs that the tail held back. `seen` is the sum of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HeldRuns {
    /// Runs that began in parts that the head left out.
    pub seen: u64,
    /// Those of parts that were kept after all.
    pub kept: u64,
    /// Those of parts that were left out.
    pub left_out: u64,
    /// Those that wait.
    pub waiting: u64,
}

impl HeldRuns {
    /// Returns true if every run has one fate.
    pub fn balances(&self) -> bool {
        self.seen == self.kept + self.left_out + self.waiting
    }
}

impl SamplingStats {
    /// Returns how many parts are kept.
    pub fn total_kept(&self) -> u64 {
        self.kept.values().sum()
    }

    /// Returns how many parts are left out.
    pub fn total_left_out(&self) -> u64 {
        self.left_out.values().sum()
    }

    /// Returns true if every part has one fate, and every run that was held back too.
    pub fn balances(&self) -> bool {
        self.seen == self.total_kept() + self.total_left_out() + self.waiting
            && self.held.balances()
    }
}

impl fmt::Display for SamplingStats {
    /// Writes the books in one line: `seen 10 = kept 3 (error 1, rate 2) + left out 6 (rate 6) + waiting 1`, and
    /// what is worth a look behind it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seen, waiting, .. } = self;
        write!(f, "seen {seen} = kept {}", self.total_kept())?;
        reasons(f, &self.kept)?;
        write!(f, " + left out {}", self.total_left_out())?;
        reasons(f, &self.left_out)?;
        write!(f, " + waiting {waiting}")?;
        for (name, count) in [
            ("joined", self.joined),
            ("missed errors", self.missed_errors),
            ("forgotten", self.forgotten),
            ("left-out feedback", self.left_out_feedback),
        ] {
            if count > 0 {
                write!(f, "; {name} {count}")?;
            }
        }
        Ok(())
    }
}

fn reasons(f: &mut fmt::Formatter<'_>, counts: &BTreeMap<impl fmt::Display, u64>) -> fmt::Result {
    let mut separator = " (";
    for (reason, count) in counts {
        write!(f, "{separator}{reason} {count}")?;
        separator = ", ";
    }
    f.write_str(if counts.is_empty() { "" } else { ")" })
}

/// The counters behind the books.
#[derive(Debug, Default)]
pub(in crate::trace) struct Books {
    seen: AtomicU64,
    joined: AtomicU64,
    kept: [AtomicU64; KeepReason::ALL.len()],
    left_out: [AtomicU64; LeaveReason::ALL.len()],
    rules: BTreeMap<String, [AtomicU64; 2]>,
    pub(super) runs_seen: AtomicU64,
    pub(super) runs_kept: AtomicU64,
    pub(super) runs_left_out: AtomicU64,
    pub(super) missed_errors: AtomicU64,
    pub(super) forgotten: AtomicU64,
    pub(super) left_out_feedback: AtomicU64,
}

impl Books {
    pub(super) fn new(rules: &[SamplingRule]) -> Self {
        let labels = rules.iter().map(|rule| rule.label.clone());
        Self {
            rules: labels
                .map(|label| (label, <[AtomicU64; 2]>::default()))
                .collect(),
            ..Self::default()
        }
    }

    pub(in crate::trace) fn begin(&self, joined: bool) {
        add(&self.seen, 1);
        add(&self.joined, joined.into());
    }

    pub(in crate::trace) fn end(&self, fate: Result<KeepReason, LeaveReason>) {
        add(
            match fate {
                Ok(reason) => &self.kept[reason as usize],
                Err(reason) => &self.left_out[reason as usize],
            },
            1,
        );
    }

    pub(super) fn by_rule(&self, label: &str, kept: bool) {
        if let Some([kept_count, left_out]) = self.rules.get(label) {
            add(if kept { kept_count } else { left_out }, 1);
        }
    }

    /// Returns what is counted here; what waits is the tail's to say.
    pub(in crate::trace) fn stats(&self) -> SamplingStats {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let kept = KeepReason::ALL.into_iter().zip(self.kept.iter().map(of));
        let left_out = LeaveReason::ALL
            .into_iter()
            .zip(self.left_out.iter().map(of));
        let rules = self.rules.iter().map(|(label, [kept, left_out])| {
            let tally = RuleTally {
                kept: of(kept),
                left_out: of(left_out),
            };
            (label.clone(), tally)
        });
        SamplingStats {
            seen: of(&self.seen),
            joined: of(&self.joined),
            kept: kept.filter(|(_, count)| *count > 0).collect(),
            left_out: left_out.filter(|(_, count)| *count > 0).collect(),
            waiting: 0,
            by_rule: rules.collect(),
            held: HeldRuns {
                seen: of(&self.runs_seen),
                kept: of(&self.runs_kept),
                left_out: of(&self.runs_left_out),
                waiting: 0,
            },
            waiting_bytes: 0,
            missed_errors: of(&self.missed_errors),
            forgotten: of(&self.forgotten),
            left_out_feedback: of(&self.left_out_feedback),
        }
    }
}

pub(super) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}
