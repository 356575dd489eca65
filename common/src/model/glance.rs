//! What of a run decides whether its trace is kept.

use std::sync::Arc;

use super::JsonMap;
use super::clock::Timestamp;
use super::ids::{RunId, TraceId};
use super::run::{Run, RunType};

/// What is seen of a run at a glance, without writing it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Glance {
    /// The run's id.
    pub run_id: RunId,
    /// The id of its trace.
    pub trace_id: TraceId,
    /// The uppermost run of the part of the trace that it belongs to in this process; perhaps itself.
    pub top: RunId,
    /// When it began.
    pub start: Timestamp,
    /// When it ended; none if it has not.
    pub end: Option<Timestamp>,
    /// Whether it failed.
    pub failed: bool,
    /// Whether the head of a sampler keeps its trace, if the run knows; else the id tells.
    pub kept: Option<bool>,
}

impl From<&Run> for Glance {
    fn from(run: &Run) -> Self {
        Self {
            run_id: run.id,
            trace_id: run.trace_id,
            top: run.dotted_order.first_own().unwrap_or(run.id),
            start: run.start_time,
            end: run.end_time,
            failed: run.error.is_some(),
            kept: None,
        }
    }
}

/// A run that has ended, for a program that chooses which traces to keep. What it was given and gave back is not
/// in it: to copy that for each run would cost more than to send it. Say what matters in metadata.
#[derive(Debug, Clone, PartialEq)]
pub struct EndedRun {
    /// What the run is called.
    pub name: String,
    /// What kind of work it was.
    pub run_type: RunType,
    /// When it began.
    pub start_time: Timestamp,
    /// When it ended.
    pub end_time: Timestamp,
    /// Why it failed; none if it did not.
    pub error: Option<String>,
    /// Its metadata.
    pub metadata: Arc<JsonMap>,
    /// Its tags.
    pub tags: Vec<String>,
    /// The project it goes to; none leaves the choice to the server.
    pub project: Option<String>,
}

impl From<&Run> for EndedRun {
    fn from(run: &Run) -> Self {
        Self {
            name: run.name.clone(),
            run_type: run.run_type.clone(),
            start_time: run.start_time,
            end_time: run.end_time.unwrap_or(run.start_time),
            error: run.error.clone(),
            metadata: run.extra.metadata.clone(),
            tags: run.tags.clone(),
            project: run.project.clone(),
        }
    }
}
