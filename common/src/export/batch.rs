//! What one request carries.

use std::collections::HashMap;

use uuid::Uuid;

use crate::model::RunOp;

/// The operations on one run within a batch, merged into one.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// The post that the later patch was merged into, or the patch whose post left earlier.
    pub op: RunOp,
    /// How many operations it stands for.
    pub ops: u64,
    /// Their size by estimate.
    pub(super) bytes: usize,
}

/// Groups of operations that travel in one request.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    groups: Vec<Group>,
}

impl Batch {
    /// Merges operations into groups, one a run, in the order of first mention.
    ///
    /// A post and its patch become one post, as the Python SDK 0.15 does without compression: half the
    /// parts, and no moment at which the server knows half a run.
    pub fn merge(ops: impl IntoIterator<Item = RunOp>) -> Self {
        Self::merge_sized(ops.into_iter().map(|op| (op, 0)))
    }

    pub(super) fn merge_sized(ops: impl IntoIterator<Item = (RunOp, usize)>) -> Self {
        let ops = ops.into_iter();
        let mut groups: Vec<Group> = Vec::with_capacity(ops.size_hint().0);
        let mut at: HashMap<Uuid, usize> = HashMap::with_capacity(ops.size_hint().0);
        for (op, bytes) in ops {
            let index = *at.entry(op.id()).or_insert(groups.len());
            match groups.get_mut(index) {
                Some(group) => group.absorb(op, bytes),
                None => groups.push(Group { op, ops: 1, bytes }),
            }
        }
        Self { groups }
    }

    /// Returns the groups.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Returns the number of operations.
    pub fn ops(&self) -> u64 {
        self.groups.iter().map(|group| group.ops).sum()
    }

    pub(super) fn bytes(&self) -> usize {
        self.groups.iter().map(|group| group.bytes).sum()
    }

    /// Cuts the batch into two halves; the second is empty if there is only one group.
    pub fn split(mut self) -> (Self, Self) {
        let half = self.groups.len().div_ceil(2);
        let rest = self.groups.split_off(half);
        (self, Self { groups: rest })
    }
}

impl Group {
    fn absorb(&mut self, op: RunOp, bytes: usize) {
        self.ops += 1;
        self.bytes += bytes;
        match (&mut self.op, op) {
            (RunOp::Post(run), RunOp::Patch(update))
            | (RunOp::Patch(run), RunOp::Patch(update)) => {
                run.absorb(*update);
            }
            (RunOp::Patch(_), RunOp::Post(post)) => {
                let update = std::mem::replace(&mut self.op, RunOp::Post(post));
                if let (RunOp::Post(run), RunOp::Patch(update)) = (&mut self.op, update) {
                    run.absorb(*update);
                }
            }
            // The same thing said again.
            (earlier, again) => *earlier = again,
        }
    }
}
