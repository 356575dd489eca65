//! By rate: the trace id decides.
//!
//! ```text
//! trace id ──"01990000-…", lowercase──► xxh3_128 ──mod 1 000 000──► bucket ──below rate × 1 000 000?──► kept
//! ```
//!
//! The answer follows from the trace id alone, so every service, process and SDK with the same rate
//! gives the same one, and nobody has to ask or to remember. Start at [`Sampler`].

use serde_json::Value;
use twox_hash::XxHash3_128;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

/// Decides which traces are sent. Every run of a trace, and every judgement of one, shares its fate.
///
/// ```
/// use common::trace::{Sampler, SamplingRate};
///
/// let trace_id = "11111111-1111-4111-8111-111111111111".parse()?;
/// let tenth = Sampler::TraceIdRatio(SamplingRate::new(0.1)?);
/// let half = Sampler::TraceIdRatio(SamplingRate::new(0.5)?);
/// assert!(half.keeps(trace_id) && !tenth.keeps(trace_id));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A smaller rate keeps a part of what a larger one keeps. So give all services of a trace the same
/// rate: one with a higher rate than its caller sends runs whose parents are missing, one with a lower
/// rate leaves traces cut short.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Sampler {
    /// Keeps every trace. The default.
    #[default]
    AlwaysOn,
    /// Keeps none; contexts still travel, so that other services can keep theirs.
    AlwaysOff,
    /// Keeps the same part of all traces everywhere, as the Python SDK 0.15 and the JavaScript SDK 0.12
    /// do. Runs that are kept say so in their metadata, under [`SAMPLE_RATE`].
    TraceIdRatio(SamplingRate),
}

/// The key of metadata that says at which rate a run was kept, as the official SDKs write it.
pub const SAMPLE_RATE: &str = "ls_tracing_sample_rate";

/// How many buckets there are; the official SDKs count in millionths.
const BUCKETS: u128 = 1_000_000;

impl Sampler {
    /// Returns true if the trace of that id is kept.
    ///
    /// Feedback that names no trace is asked for by the id of its run.
    pub fn keeps(&self, id: Uuid) -> bool {
        match self {
            Self::AlwaysOn => true,
            Self::AlwaysOff => false,
            Self::TraceIdRatio(rate) => fraction(id) < rate.get(),
        }
    }

    /// Returns the rate that runs carry in their metadata; none unless one is configured.
    pub fn rate(&self) -> Option<SamplingRate> {
        match self {
            Self::AlwaysOn | Self::AlwaysOff => None,
            Self::TraceIdRatio(rate) => Some(*rate),
        }
    }
}

/// Returns where from 0 to 1 the id falls.
fn fraction(id: Uuid) -> f64 {
    let mut text = [0; Hyphenated::LENGTH];
    let text = id.hyphenated().encode_lower(&mut text);
    let bucket = XxHash3_128::oneshot(text.as_bytes()) % BUCKETS;
    // Both are whole numbers up to a million, which a float holds as they are.
    bucket as f64 / BUCKETS as f64
}

/// The part of all traces that is kept, from 0 (none) to 1 (all).
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct SamplingRate(f64);

impl SamplingRate {
    /// Takes a rate from 0 to 1.
    ///
    /// # Errors
    /// If it is outside, or no number.
    pub fn new(rate: f64) -> Result<Self, InvalidSamplingRate> {
        if (0.0..=1.0).contains(&rate) {
            Ok(Self(rate))
        } else {
            Err(InvalidSamplingRate)
        }
    }

    /// Returns the rate.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl From<SamplingRate> for Value {
    fn from(rate: SamplingRate) -> Self {
        Self::from(rate.0)
    }
}

/// A rate that is no part of a whole. Give a number from 0 to 1: `0.1` keeps every tenth trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sampling rate is a number from 0 to 1")]
pub struct InvalidSamplingRate;
