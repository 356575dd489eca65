//! What differs between two runs that are the same one.

use std::fmt;

use chrono::TimeDelta;

use super::mask::{content, masked};
use crate::analysis::label::{duration, first_line, fit};
use crate::model::{Run, RunStatus};

/// What counts as a change.
#[derive(Debug, Clone, PartialEq)]
pub struct DiffOptions {
    /// The factor beyond which a latency has changed; none compares no latencies. Default: 2.
    pub latency_factor: Option<f64>,
    /// Latencies that differ by less have not changed, whatever the factor. Default: 10 ms.
    pub least_latency: TimeDelta,
    /// Whether inputs and outputs are compared. Default: true.
    pub content: bool,
}

impl Default for DiffOptions {
    fn default() -> Self {
        Self {
            latency_factor: Some(2.0),
            least_latency: TimeDelta::milliseconds(10),
            content: true,
        }
    }
}

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiffChange {
    /// How the run stands.
    Status {
        /// In the left trace.
        from: RunStatus,
        /// In the right one.
        to: RunStatus,
    },
    /// How long it took.
    Latency {
        /// In the left trace.
        from: TimeDelta,
        /// In the right one.
        to: TimeDelta,
    },
    /// Why it failed: the first lines, masked.
    Error {
        /// In the left trace.
        from: String,
        /// In the right one.
        to: String,
    },
    /// What it was given.
    Inputs,
    /// What it gave back.
    Outputs,
}

impl fmt::Display for DiffChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status { from, to } => write!(f, "{from} → {to}"),
            Self::Latency { from, to } => write!(f, "{} → {}", duration(*from), duration(*to)),
            Self::Error { from, to } => write!(f, "error: {from} → {to}"),
            Self::Inputs => f.write_str("other inputs"),
            Self::Outputs => f.write_str("other outputs"),
        }
    }
}

/// Compares two runs; ids, times and what else differs each time are left out.
pub(super) fn changes(left: &Run, right: &Run, options: &DiffOptions) -> Vec<DiffChange> {
    let mut found = Vec::new();
    let (from, to) = (left.status(), right.status());
    if from != to {
        found.push(DiffChange::Status { from, to });
    }
    let error = |run: &Run| fit(&masked(first_line(run.error.as_deref().unwrap_or(""))), 60);
    if from == to && error(left) != error(right) {
        let (from, to) = (error(left), error(right));
        found.push(DiffChange::Error { from, to });
    }
    if let (Some(from), Some(to), Some(factor)) =
        (left.latency(), right.latency(), options.latency_factor)
    {
        let micros = |span: TimeDelta| span.num_microseconds().unwrap_or(i64::MAX).max(0) as f64;
        let (low, high) = (micros(from).min(micros(to)), micros(from).max(micros(to)));
        if high > factor * low && high - low >= micros(options.least_latency) {
            found.push(DiffChange::Latency { from, to });
        }
    }
    if options.content {
        if content(left.inputs.as_ref()) != content(right.inputs.as_ref()) {
            found.push(DiffChange::Inputs);
        }
        if content(left.outputs.as_ref()) != content(right.outputs.as_ref()) {
            found.push(DiffChange::Outputs);
        }
    }
    found
}
