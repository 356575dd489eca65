//! What is written down about operations, and how much of it.

use serde_json::Value;

use crate::langsmith_mock::decode::OpKind;
use crate::langsmith_mock::violation::Violation;
use crate::model::Timestamp;

/// How much the stand-in holds before it forgets what is oldest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest body, on the wire and decompressed. Default: 32 MiB, above the 20 MiB that `/info`
    /// advertises, because clients count data without part headers.
    pub body_bytes: usize,
    /// Number of runs. Default: 100,000.
    pub runs: usize,
    /// Bytes that all runs, rejected operations, feedback and requests' headers take together, estimated.
    /// Default: 512 MiB. Runs are forgotten last.
    pub total_bytes: usize,
    /// Number of requests, violations, rejected operations, feedback, waiting spans and log entries,
    /// each. Default: 10,000.
    pub records: usize,
    /// Runs of one trace; LangSmith drops what is over. Default: 25,000, as there.
    pub runs_per_trace: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 32 * 1024 * 1024,
            runs: 100_000,
            total_bytes: 512 * 1024 * 1024,
            records: 10_000,
            runs_per_trace: 25_000,
        }
    }
}

/// What became of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IngestOutcome {
    /// The run is new.
    Created,
    /// The run was known, and is now what both operations say.
    Merged,
    /// The same operation had arrived before; nothing changed.
    Repeated,
    /// The operation has a violation; LangSmith would drop it after its 202.
    Rejected,
    /// A span was accepted, and waits for its parent; nobody sees it yet.
    Waiting,
    /// The operation was accepted, and its run was dropped later: a span whose parent never came, or
    /// a run that its parent, arriving after it, showed to be wrong.
    Dropped,
}

/// One operation in the order of arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestEntry {
    /// Number of the request that brought it, from 0.
    pub request: u64,
    /// Create or update.
    pub kind: OpKind,
    /// The run's id as it was sent.
    pub id: String,
    /// What became of it.
    pub outcome: IngestOutcome,
}

/// One operation with what it left behind: a step of the film.
#[cfg(feature = "analysis")]
#[derive(Debug, Clone)]
pub(in crate::langsmith_mock) struct Told {
    pub(in crate::langsmith_mock) entry: IngestEntry,
    pub(in crate::langsmith_mock) at: Option<Timestamp>,
    /// The run from now on, without what is large.
    pub(in crate::langsmith_mock) after: Option<Box<crate::model::Run>>,
    pub(in crate::langsmith_mock) problems: Vec<String>,
}

/// An operation that was not stored.
#[derive(Debug, Clone, PartialEq)]
pub struct RejectedOp {
    /// Create or update.
    pub kind: OpKind,
    /// The run's id as it was sent.
    pub id: String,
    /// The whole operation as JSON.
    pub body: Value,
    /// Why.
    pub violations: Vec<Violation>,
}

/// Who sent an operation, and how.
#[derive(Debug, Clone)]
pub(in crate::langsmith_mock) struct Sender {
    /// True for the batch and multipart routes, and for spans.
    pub(in crate::langsmith_mock) batched: bool,
    /// True for what OpenTelemetry sent: its ids are not made from start times.
    pub(in crate::langsmith_mock) spans: bool,
    /// The workspace, if one was named.
    pub(in crate::langsmith_mock) tenant: Option<String>,
    pub(in crate::langsmith_mock) at: Timestamp,
}
