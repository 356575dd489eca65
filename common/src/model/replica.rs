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
        self.run_id = self.run_id.in_replica(project);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Attachment, RunType};

    #[test]
    fn ids_are_mapped_as_the_official_sdks_map_them() {
        for (id, project, mapped) in [
            (
                "01990000-0000-7000-8000-00000000000a",
                "replica-b",
                "01990000-0000-73d5-a6b6-97c3b2dd7174",
            ),
            (
                "7f1c2a34-5b6d-4e8f-9a0b-1c2d3e4f5a6b",
                "replica-b",
                "47e1fb2e-4a8e-7e6a-b01c-e321be090915",
            ),
            (
                "01990000-0000-7000-8000-00000000000a",
                "Ünï/ =",
                "01990000-0000-78fd-b71a-0a5e8f997a0e",
            ),
        ] {
            let id: RunId = id.parse().expect("an id");
            assert_eq!(id.in_replica(project).to_string(), mapped);
        }
    }

    const ABOVE: &str = "20261122T100538926531Z01990000-0000-7000-8000-00000000000A.\
                         20261122T100538926Z01990000-0000-7000-8000-00000000000b";
    const HERE: &str = "20261122T100539000000Z01a202b8-0d54-7f77-a104-7e8dfa69d346";
    const LEAF: &str = "20261122T100539000001Z01a202b8-0d54-7f77-a104-7e8dfa69d347";

    #[test]
    fn only_the_ids_of_a_place_are_mapped_and_not_the_text_of_its_times() {
        let order: DottedOrder = ABOVE.parse().expect("valid");
        let mapped = order.in_replica("replica-b");
        assert_eq!(
            mapped.as_str(),
            "20261122T100538926531Z01990000-0000-73d5-a6b6-97c3b2dd7174.\
             20261122T100538926Z01990000-0000-71c3-958e-86c9c23871b5"
        );
        assert_eq!(mapped, mapped.as_str().parse().expect("valid"));
        assert_eq!(mapped.parent_run_id(), Some(mapped.trace_id().into()));
    }

    #[test]
    fn a_subtree_below_a_remote_parent_becomes_a_trace_of_its_own() {
        let above: DottedOrder = ABOVE.parse().expect("valid");
        let here = above.child(HERE.parse().expect("valid"));
        let leaf = here.child(LEAF.parse().expect("valid"));
        assert_eq!(above.remote_parent(), None);
        for order in [&here, &leaf] {
            assert_eq!(order.remote_parent(), Some(above.run_id()));
        }
        let here = here.below(above.run_id()).expect("below");
        let leaf = leaf.below(above.run_id()).expect("below");
        assert_eq!(here.as_str(), HERE);
        assert_eq!((here.parent_run_id(), here.remote_parent()), (None, None));
        assert_eq!(leaf.as_str(), format!("{HERE}.{LEAF}"));
        assert_eq!(leaf.parent_run_id(), Some(here.run_id()));
        assert_eq!(leaf.trace_id(), here.trace_id());
        assert_eq!(leaf.below(leaf.run_id()), None);
    }

    #[test]
    fn a_judgement_follows_its_run() {
        let id: RunId = "01990000-0000-7000-8000-00000000000a"
            .parse()
            .expect("an id");
        let judgement = Feedback::on(id, "rating", Default::default()).trace_id(id.into());
        let mut op = RunOp::Feedback(Box::new(judgement.clone()));
        op.replicate("replica-b");
        let RunOp::Feedback(mapped) = &op else {
            panic!("{op:?}")
        };
        assert_eq!(mapped.run_id, id.in_replica("replica-b"));
        assert_eq!(mapped.trace_id, Some(mapped.run_id.into()));
        assert_ne!(mapped.id, judgement.id);
        assert_eq!(op.reroot_here(), None);
    }

    #[test]
    fn a_run_is_changed_in_its_ids_and_in_nothing_else() {
        let order: DottedOrder = ABOVE.parse().expect("valid");
        let start = order.start_time().expect("a time");
        let mut run = Run::begin(order, "r", RunType::Tool, start);
        run.attachments = vec![Attachment::new("note", "text/plain", "hello")];
        run.tags = vec!["t".to_owned()];
        let mut copy = run.clone();
        copy.replicate("replica-b");
        assert_eq!(copy.id, copy.dotted_order.run_id());
        assert_eq!(copy.trace_id, copy.dotted_order.trace_id());
        assert_eq!(copy.parent_run_id, copy.dotted_order.parent_run_id());
        assert_ne!(copy.id, run.id);
        (copy.id, copy.trace_id, copy.parent_run_id) = (run.id, run.trace_id, run.parent_run_id);
        copy.dotted_order = run.dotted_order.clone();
        assert_eq!(copy, run);
    }

    #[test]
    fn what_was_started_here_is_below_nobody_else() {
        let root = DottedOrder::root(HERE.parse().expect("valid"));
        let leaf = root.child(LEAF.parse().expect("valid"));
        assert_eq!((root.remote_parent(), leaf.remote_parent()), (None, None));
    }
}
