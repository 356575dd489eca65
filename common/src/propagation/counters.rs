//! What propagation did, counted by reason.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use super::extracted::{Extracted, IgnoredEntries, Outcome};

/// How often each thing happened since a propagator was made.
///
/// `malformed`, `oversize` and `ambiguous` point at senders that need repair; `untrusted` at a policy
/// that cuts traces in two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PropagationCounters {
    /// Carriers whose trace was continued.
    pub continued: u64,
    /// Carriers without a trace header.
    pub absent: u64,
    /// Carriers with a valid header from a caller that the policy does not trust.
    pub untrusted: u64,
    /// Carriers that nobody looked at.
    pub not_read: u64,
    /// Carriers whose header is no dotted order.
    pub malformed: u64,
    /// Carriers whose header is too long.
    pub oversize: u64,
    /// Carriers with more than one header.
    pub ambiguous: u64,
    /// Entries of baggage that were ignored; one that nobody has looked at is not read, and so not counted.
    pub ignored: IgnoredEntries,
    /// Contexts written.
    pub injected: u64,
    /// Contexts not written, because the run is deeper than a header can say; see
    /// [`MAX_TRACE_SEGMENTS`](super::limits::MAX_TRACE_SEGMENTS).
    pub not_injected: u64,
    /// Members of ours that were left out of a baggage, because it was full.
    pub left_out: u64,
}

impl fmt::Display for PropagationCounters {
    /// Writes the counts that are not zero in one line, and the ignored entries.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (name, count) in [
            ("continued", self.continued),
            ("absent", self.absent),
            ("untrusted", self.untrusted),
            ("not_read", self.not_read),
            ("malformed", self.malformed),
            ("oversize", self.oversize),
            ("ambiguous", self.ambiguous),
            ("injected", self.injected),
            ("not_injected", self.not_injected),
            ("left_out", self.left_out),
        ] {
            if count > 0 {
                write!(f, "{separator}{name} {count}")?;
                separator = ", ";
            }
        }
        if separator.is_empty() {
            f.write_str("nothing yet")?;
        }
        write!(f, "; ignored entries: {}", self.ignored)
    }
}

/// The counters while they count. Relaxed everywhere: each is a sum of its own.
#[derive(Debug, Default)]
pub(super) struct Counting {
    continued: AtomicU64,
    absent: AtomicU64,
    untrusted: AtomicU64,
    not_read: AtomicU64,
    malformed: AtomicU64,
    oversize: AtomicU64,
    ambiguous: AtomicU64,
    ignored: [AtomicU64; IgnoredEntries::REASONS],
    injected: AtomicU64,
    not_injected: AtomicU64,
    left_out: AtomicU64,
}

impl Counting {
    /// Counts an extraction, and logs the first of each kind that somebody should know about.
    pub(super) fn extracted(&self, extracted: &Extracted) {
        let counter = match extracted.outcome {
            Outcome::Continued => &self.continued,
            Outcome::Absent => &self.absent,
            Outcome::Untrusted { .. } => &self.untrusted,
            Outcome::NotRead => &self.not_read,
            Outcome::Malformed(_) => &self.malformed,
            Outcome::Oversize => &self.oversize,
            Outcome::Ambiguous => &self.ambiguous,
        };
        let first = counter.fetch_add(1, Ordering::Relaxed) == 0;
        match extracted.outcome {
            Outcome::Untrusted { .. } if first => tracing::warn!(
                "a caller sent a valid langsmith-trace header and is not trusted, so a new trace \
                 starts here; if the caller is yours, set TrustPolicy::Trust or TrustPolicy::Continue \
                 (logged once, counted as `untrusted`)"
            ),
            Outcome::Malformed(_) | Outcome::Oversize | Outcome::Ambiguous if first => {
                tracing::warn!(
                    reason = %extracted.outcome,
                    "a langsmith-trace header was not usable, so a new trace starts here (logged once \
                     per kind, counted)"
                );
            }
            _ => {}
        }
    }

    /// Counts what was ignored of a baggage that somebody has read.
    pub(super) fn ignored(&self, ignored: &IgnoredEntries) {
        for (sum, (_, count)) in self.ignored.iter().zip(ignored.by_reason()) {
            if count > 0 {
                sum.fetch_add(count, Ordering::Relaxed);
            }
        }
    }

    /// Counts an injection, and logs the first time that members had to be left out, or everything.
    pub(super) fn injected(&self, left_out: Option<u64>) {
        let Some(left_out) = left_out else {
            if self.not_injected.fetch_add(1, Ordering::Relaxed) == 0 {
                tracing::warn!(
                    "a run is too deep for the langsmith-trace header, so the service called starts a \
                     trace of its own; look for a loop of runs (logged once, counted as \
                     `not_injected`)"
                );
            }
            return;
        };
        self.injected.fetch_add(1, Ordering::Relaxed);
        if left_out > 0 && self.left_out.fetch_add(left_out, Ordering::Relaxed) == 0 {
            tracing::warn!(
                "the baggage header is full, so metadata or tags did not travel; keep metadata small \
                 (logged once, counted as `left_out`)"
            );
        }
    }

    pub(super) fn snapshot(&self) -> PropagationCounters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        PropagationCounters {
            continued: read(&self.continued),
            absent: read(&self.absent),
            untrusted: read(&self.untrusted),
            not_read: read(&self.not_read),
            malformed: read(&self.malformed),
            oversize: read(&self.oversize),
            ambiguous: read(&self.ambiguous),
            ignored: IgnoredEntries::from_counts(std::array::from_fn(|at| read(&self.ignored[at]))),
            injected: read(&self.injected),
            not_injected: read(&self.not_injected),
            left_out: read(&self.left_out),
        }
    }
}
