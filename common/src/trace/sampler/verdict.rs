//! What can be decided of a trace, and why.

use std::fmt;

use super::rate::SamplingRate;

/// Why a trace is kept, or the part of it that this process has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum KeepReason {
    /// No rate is configured: everything is kept.
    All,
    /// Its id falls below the rate.
    Rate,
    /// A rule fits it, and keeps it.
    Rule,
    /// The caller said that it keeps it.
    Caller,
    /// The head left it out, and one of its runs ended with an error.
    Error,
    /// The head left it out, and it took as long as the tail counts as slow, or longer.
    Slow,
    /// The head left it out, and the program's own function chose it.
    Chosen,
}

/// Why a trace is left out, or the part of it that this process has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LeaveReason {
    /// Its id does not fall below the rate.
    Rate,
    /// A rule fits it, and leaves it out.
    Rule,
    /// It was one too many for the limit.
    Limit,
    /// The caller said that it leaves it out.
    Caller,
    /// It waited, or was to wait, and as many traces were waiting as may.
    PastTraces,
    /// It waited, and had more runs than may wait of one trace.
    PastRuns,
    /// It waited, or was to wait, and all that waits together had as many bytes as it may.
    PastBytes,
    /// It waited as long as it may.
    PastTime,
    /// It was worth keeping, and one too many for the limit of what the tail keeps.
    PastRate,
    /// It waited when the client was shut down.
    Shutdown,
}

impl KeepReason {
    /// All of them, in the order of the books.
    pub const ALL: [Self; 7] = [
        Self::All,
        Self::Rate,
        Self::Rule,
        Self::Caller,
        Self::Error,
        Self::Slow,
        Self::Chosen,
    ];

    /// Returns the word for it in books and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Rate => "rate",
            Self::Rule => "rule",
            Self::Caller => "caller",
            Self::Error => "error",
            Self::Slow => "slow",
            Self::Chosen => "chosen",
        }
    }
}

impl LeaveReason {
    /// All of them, in the order of the books.
    pub const ALL: [Self; 10] = [
        Self::Rate,
        Self::Rule,
        Self::Limit,
        Self::Caller,
        Self::PastTraces,
        Self::PastRuns,
        Self::PastBytes,
        Self::PastTime,
        Self::PastRate,
        Self::Shutdown,
    ];

    /// Returns the word for it in books and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Rule => "rule",
            Self::Limit => "limit",
            Self::Caller => "caller",
            Self::PastTraces => "past_traces",
            Self::PastRuns => "past_runs",
            Self::PastBytes => "past_bytes",
            Self::PastTime => "past_time",
            Self::PastRate => "past_rate",
            Self::Shutdown => "shutdown",
        }
    }
}

impl fmt::Display for KeepReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl fmt::Display for LeaveReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What the head decided of a trace. Every run of the trace in this process inherits it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::trace) struct Verdict {
    pub(in crate::trace) fate: Result<KeepReason, LeaveReason>,
    /// The rate that a kept run says in its metadata.
    pub(in crate::trace) rate: Option<SamplingRate>,
}

/// A verdict, and the head that it is of.
#[derive(Debug, Clone, Copy)]
pub(in crate::trace) struct Decision {
    pub(super) head: u64,
    pub(super) verdict: Verdict,
}

impl Verdict {
    pub(in crate::trace) fn is_kept(&self) -> bool {
        self.fate.is_ok()
    }

    /// Returns the rate to say; none where the rate is not why it is kept.
    pub(in crate::trace) fn told_rate(&self) -> Option<SamplingRate> {
        self.rate.filter(|_| self.is_kept())
    }
}
