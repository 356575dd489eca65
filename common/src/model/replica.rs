//! The ids of a replica: the same trace a second time, without one id of the first.
//!
//! ```text
//! run id ─┐
//!         ├─► xxh3_128 ──► replica_id      the same in every process and in every official SDK, so a
//! project ┘                                trace across services holds together in the replica too
//! ```

use twox_hash::XxHash3_128;
use uuid::Uuid;

use super::ids::{RunId, TraceId};
use super::op::RunOp;
use super::run::Run;
use super::{DottedOrder, Feedback};

/// Returns the id that a run or a trace has in the replica of a project.
///
/// The first 48 bits, which are the time of a UUIDv7, stay; the rest comes from a hash of id and
/// project. Python 0.15 and JavaScript 0.12 make the same ids.
///
/// ```
/// use common::model::{RunId, replica_id};
///
/// let id: RunId = "01990000-0000-7000-8000-00000000000a".parse()?;
/// let copy = replica_id(id.0, "replica-b");
/// assert_eq!(copy.to_string(), "01990000-0000-73d5-a6b6-97c3b2dd7174");
/// # Ok::<(), uuid::Error>(())
/// ```
pub fn replica_id(id: Uuid, project: &str) -> Uuid {
    let mut text = Vec::with_capacity(37 + project.len());
    let mut buffer = Uuid::encode_buffer();
    text.extend_from_slice(id.hyphenated().encode_lower(&mut buffer).as_bytes());
    text.push(b':');
    text.extend_from_slice(project.as_bytes());
    let hash = XxHash3_128::oneshot(&text).to_be_bytes();
    let mut new = *id.as_bytes();
    if id.get_version_num() != 7 {
        new[..6].copy_from_slice(&hash[10..]);
    }
    new[6] = 0x70 | (hash[0] & 0x0F);
    new[7] = hash[1];
    new[8] = 0x80 | (hash[2] & 0x3F);
    new[9..].copy_from_slice(&hash[3..10]);
    Uuid::from_bytes(new)
}

impl RunId {
    /// Returns the run's id in the replica of a project.
    #[must_use]
    pub fn in_replica(self, project: &str) -> Self {
        Self(replica_id(self.0, project))
    }
}

impl TraceId {
    /// Returns the trace's id in the replica of a project.
    #[must_use]
    pub fn in_replica(self, project: &str) -> Self {
        Self(replica_id(self.0, project))
    }
}

impl DottedOrder {
    /// Returns the run's place in the replica of a project: each id is replaced, the times stay.
    #[must_use]
    pub fn in_replica(&self, project: &str) -> Self {
        self.map_ids(|id| id.in_replica(project))
    }
}

impl Run {
    /// Gives the run the ids that it has in the replica of a project.
    pub fn replicate(&mut self, project: &str) {
        self.id = self.id.in_replica(project);
        self.trace_id = self.trace_id.in_replica(project);
        self.parent_run_id = self.parent_run_id.map(|id| id.in_replica(project));
        self.dotted_order = self.dotted_order.in_replica(project);
    }

    /// Makes the run begin a trace below `parent`: that one, and all above it, are forgotten. A run that
    /// is not below it stays as it is.
    ///
    /// Applied with the same `parent` to every run of a subtree, the subtree is a trace of its own.
    pub fn reroot(&mut self, parent: RunId) {
        let Some(order) = self.dotted_order.below(parent) else {
            return;
        };
        self.trace_id = order.trace_id();
        self.parent_run_id = order.parent_run_id();
        self.dotted_order = order;
    }
}

impl Feedback {
    /// Gives the judgement the ids that it, its run and its trace have in the replica of a project.
    pub fn replicate(&mut self, project: &str) {
        self.id = replica_id(self.id, project);
        self.run_id = self.run_id.map(|id| id.in_replica(project));
        self.trace_id = self.trace_id.map(|id| id.in_replica(project));
    }
}

impl RunOp {
    /// Gives whatever the operation is about the ids that it has in the replica of a project.
    pub fn replicate(&mut self, project: &str) {
        match self {
            Self::Post(run) | Self::Patch(run) => run.replicate(project),
            Self::Feedback(feedback) => feedback.replicate(project),
        }
    }

    /// Makes what was started in this process a trace of its own, whoever called it.
    ///
    /// Returns the run if that changed it. Feedback stays as it is: what it is about is not known here.
    pub fn reroot_here(&mut self) -> Option<&Run> {
        let run = self.run_mut()?;
        let parent = run.dotted_order.remote_parent()?;
        run.reroot(parent);
        Some(run)
    }
}
