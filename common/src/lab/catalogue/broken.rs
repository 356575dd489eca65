//! What a scenario left behind.

use super::logs;
use crate::analysis::doctor::{Evidence, Report, examine};
use crate::model::TraceTree;

/// Everything that is known of what happened: runs, requests, books, environments, headers.
///
/// It is one text, a capture as `docs/trace_doctor.md` describes it, so that it can be saved, sent to somebody, and
/// read by `cargo workbook doctor`.
#[derive(Debug, Clone, PartialEq)]
pub struct Broken {
    capture: String,
    tree: TraceTree,
}

impl Broken {
    pub(super) fn new(capture: String, tree: TraceTree) -> Self {
        Self { capture, tree }
    }

    /// Returns the capture: lines of JSON.
    pub fn capture(&self) -> &str {
        &self.capture
    }

    /// Returns the runs as trees, to be drawn.
    pub fn tree(&self) -> &TraceTree {
        &self.tree
    }

    /// Returns what the services' logs say: times, services, words, and no id of a trace.
    pub fn logs(&self) -> String {
        logs::of(&self.capture)
    }

    /// Returns the evidence, for the doctor. All work is over.
    ///
    /// # Panics
    /// When the capture is none: what this room writes the doctor reads, and a test holds every scenario to it.
    #[allow(
        clippy::expect_used,
        reason = "nothing read would look as if nothing were wrong"
    )]
    pub fn evidence(&self) -> Evidence {
        let read = Evidence::read(self.capture.as_bytes());
        read.expect("a capture that the doctor can read").settled()
    }

    /// Lets the doctor look at it.
    ///
    /// # Panics
    /// As [`evidence`](Self::evidence) does.
    pub fn examine(&self) -> Report {
        examine(&self.evidence())
    }
}
