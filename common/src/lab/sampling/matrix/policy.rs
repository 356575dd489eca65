//! Ways to sample, side by side.

use crate::trace::{Sampler, Sampling, SamplingRate, TailPolicy};

/// A way to sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SamplingPolicy {
    /// Every trace is kept.
    Everything,
    /// A tenth of all traces, by their ids.
    Tenth,
    /// A tenth of all traces, and those that fail.
    TenthAndErrors,
    /// No trace.
    Nothing,
}

impl SamplingPolicy {
    /// All of them, in the order of the columns.
    pub const ALL: [Self; 4] = [
        Self::Everything,
        Self::Tenth,
        Self::TenthAndErrors,
        Self::Nothing,
    ];

    /// Returns what it is called in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Everything => "everything",
            Self::Tenth => "a tenth",
            Self::TenthAndErrors => "a tenth and errors",
            Self::Nothing => "nothing",
        }
    }

    /// Returns the configuration of a client that samples so.
    pub fn sampling(self) -> Sampling {
        let sampling = Sampling::new();
        match self {
            Self::Everything => sampling.sampler(Sampler::AlwaysOn),
            Self::Tenth => sampling.sampler(tenth()),
            Self::TenthAndErrors => sampling.sampler(tenth()).tail(TailPolicy::new()),
            Self::Nothing => sampling.sampler(Sampler::AlwaysOff),
        }
    }
}

/// Returns the sampler that keeps a tenth.
#[allow(clippy::expect_used, reason = "a tenth is a part of one")]
pub(super) fn tenth() -> Sampler {
    Sampler::TraceIdRatio(SamplingRate::new(0.1).expect("a rate"))
}
