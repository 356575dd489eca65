//! What one request carries.

use std::collections::HashMap;
use std::iter::Peekable;

use uuid::Uuid;

use crate::export::queue::{Queued, Ticket};
use crate::model::{Run, RunOp};

/// The operations on one run within a batch, merged into one.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// The post that the later patch was merged into, or the patch whose post left earlier.
    pub op: RunOp,
    /// How many operations it stands for.
    pub ops: u64,
    /// Their size by estimate.
    pub(in crate::export) bytes: usize,
    /// Attachments that were taken out because the server would not take the run with them.
    pub(in crate::export) stripped: u64,
    /// Which flushes wait for them.
    pub(in crate::export) epoch: u32,
    /// Their records on disk.
    pub(in crate::export) records: Vec<Ticket>,
    /// Whether something of it was cut because the server would not take it whole.
    pub(in crate::export) truncated: bool,
}

/// Groups of operations that travel in one request.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    groups: Vec<Group>,
}

impl Batch {
    /// Nothing.
    pub(in crate::export) const EMPTY: Self = Self { groups: Vec::new() };

    /// Merges operations into groups, one a run, in the order of first mention.
    ///
    /// A post and its patch become one post, as the Python SDK 0.15 does without compression; we do it
    /// with compression too. Half the parts, and no moment at which the server knows half a run.
    pub fn merge(ops: impl IntoIterator<Item = RunOp>) -> Self {
        Self::merge_groups(ops.into_iter().map(|op| Group::new(op, 0)))
    }

    /// Merges what was taken from the queue.
    pub(in crate::export) fn merge_queued(taken: Vec<Queued>) -> Self {
        Self::merge_groups(taken.into_iter().map(Group::of))
    }

    fn merge_groups(ops: impl Iterator<Item = Group>) -> Self {
        let mut groups: Vec<Group> = Vec::with_capacity(ops.size_hint().0);
        // Nothing keeps a caller from giving a judgement the id of its run.
        let mut at: HashMap<(Uuid, bool), usize> = HashMap::with_capacity(ops.size_hint().0);
        for group in ops {
            let key = (group.op.id(), group.op.run().is_some());
            let index = *at.entry(key).or_insert(groups.len());
            match groups.get_mut(index) {
                Some(earlier) => earlier.absorb(group),
                None => groups.push(group),
            }
        }
        Self { groups }
    }

    /// Makes a group of each operation that was taken from the queue.
    pub(in crate::export) fn apart_queued(taken: Vec<Queued>) -> Self {
        Self {
            groups: taken.into_iter().map(Group::of).collect(),
        }
    }

    /// Makes a batch of one group.
    pub(in crate::export) fn of(group: Group) -> Self {
        Self {
            groups: vec![group],
        }
    }

    /// Returns the groups by themselves.
    pub(in crate::export) fn into_groups(self) -> Vec<Group> {
        self.groups
    }

    /// Returns the groups.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Returns the number of operations.
    pub fn ops(&self) -> u64 {
        self.groups.iter().map(|group| group.ops).sum()
    }

    pub(in crate::export) fn bytes(&self) -> usize {
        self.groups.iter().map(|group| group.bytes).sum()
    }

    /// Cuts the batch into two halves; the second is empty if there is only one group.
    pub fn split(mut self) -> (Self, Self) {
        let half = self.groups.len().div_ceil(2);
        let rest = self.groups.split_off(half);
        (self, Self { groups: rest })
    }

    /// Parts the groups whose operation is such from the others.
    pub(in crate::export) fn partition(self, such: impl Fn(&RunOp) -> bool) -> (Self, Self) {
        let (such, others) = self.groups.into_iter().partition(|group| such(&group.op));
        (Self { groups: such }, Self { groups: others })
    }

    /// Makes a batch of each group.
    pub(in crate::export) fn into_singles(self) -> impl Iterator<Item = Self> {
        self.groups.into_iter().map(Self::of)
    }

    /// Shortens the runs; true if one of them is shorter now.
    pub(in crate::export) fn shorten(&mut self, shorten: impl Fn(&mut Run) -> bool) -> bool {
        let mut is_shorter = false;
        for group in &mut self.groups {
            if group.op.run_mut().is_some_and(&shorten) {
                group.truncated = true;
                is_shorter = true;
            }
        }
        is_shorter
    }

    /// Takes out the attachments of such a name; returns how many there were.
    pub(in crate::export) fn strip_attachments(&mut self, such: impl Fn(&str) -> bool) -> u64 {
        let mut all = 0;
        for group in &mut self.groups {
            let Some(run) = group.op.run_mut() else {
                continue;
            };
            let before = run.attachments.len();
            run.attachments.retain(|attachment| !such(&attachment.name));
            let stripped = (before - run.attachments.len()) as u64;
            group.stripped += stripped;
            all += stripped;
        }
        all
    }
}

impl Group {
    fn new(op: RunOp, bytes: usize) -> Self {
        Self {
            op,
            ops: 1,
            bytes,
            stripped: 0,
            epoch: 0,
            records: Vec::new(),
            truncated: false,
        }
    }

    /// Makes a group of an operation that was taken from the queue.
    pub(in crate::export) fn of(queued: Queued) -> Self {
        Self {
            ops: queued.ops,
            epoch: queued.epoch,
            records: queued.record.into_iter().collect(),
            ..Self::new(queued.op, queued.bytes)
        }
    }

    /// Takes over a later group on the same run; what is taken together is of one epoch.
    fn absorb(&mut self, later: Self) {
        self.ops += later.ops;
        self.bytes += later.bytes;
        self.records.extend(later.records);
        match (&mut self.op, later.op) {
            // Nothing is said of an open run that its end does not say, and more.
            (RunOp::Patch(run), RunOp::Patch(update))
                if run.end_time.is_some() && update.end_time.is_none() => {}
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

/// Takes the next groups: one, and as many more as both bounds allow.
pub(in crate::export) fn next_groups(
    groups: &mut Peekable<impl Iterator<Item = Group>>,
    most: usize,
    most_bytes: usize,
) -> Vec<Group> {
    let mut taken = Vec::from_iter(groups.next());
    let mut bytes = taken.first().map_or(0, |group| group.bytes);
    while taken.len() < most {
        let fits = |group: &Group| bytes.saturating_add(group.bytes) <= most_bytes;
        let Some(group) = groups.next_if(fits) else {
            break;
        };
        bytes += group.bytes;
        taken.push(group);
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DottedOrder, RunId, RunType, Segment};

    #[test]
    fn what_is_taken_together_is_bounded_in_count_and_bytes() {
        let group = |bytes| {
            let start = chrono::DateTime::UNIX_EPOCH;
            let id = RunId(Uuid::from_u128(7));
            let order = DottedOrder::root(Segment { start, id });
            let run = Run::begin(order, "run", RunType::Chain, start);
            Group::new(RunOp::Post(Box::new(run)), bytes)
        };
        let sizes = [50, 4, 4, 4, 1, 1, 1, 1, 1];
        let mut groups = sizes.map(group).into_iter().peekable();
        let mut taken = Vec::new();
        while groups.peek().is_some() {
            let next = next_groups(&mut groups, 4, 10);
            taken.push(next.iter().map(|it| it.bytes).collect::<Vec<_>>());
        }
        let expected = [vec![50], vec![4, 4], vec![4, 1, 1, 1], vec![1, 1]];
        assert_eq!(taken, expected);
    }
}
