//! What one request carries.

use std::collections::HashMap;
use std::iter::Peekable;

use uuid::Uuid;

use super::carried::Carried;
use crate::export::queue::{Queued, Ticket, Waiting};
use crate::model::{OpView, Run, RunOp};

/// The operations on one run within a batch, merged into one.
#[derive(Debug)]
pub struct Group {
    /// The post that the later patch was merged into, or the patch whose post left earlier.
    pub(in crate::export) content: Carried,
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
    /// Whether the endpoint may have it already.
    pub(in crate::export) known: bool,
}

/// Groups of operations that travel in one request.
#[derive(Debug, Default)]
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
        Self::merge_groups(ops.into_iter().map(|op| Group::new(Carried::Op(op), 0)))
    }

    /// Merges what was taken from the queue, as it is.
    pub(in crate::export) fn merge_waiting(taken: Vec<Waiting>) -> Self {
        Self::merge_groups(taken.into_iter().map(Waiting::carry))
    }

    /// Makes a group of each thing that was taken from the queue, as it is.
    pub(in crate::export) fn apart_waiting(taken: Vec<Waiting>) -> Self {
        Self {
            groups: taken.into_iter().map(Waiting::carry).collect(),
        }
    }

    /// Merges what was taken from the queue and written.
    pub(in crate::export) fn merge_queued(taken: Vec<Queued>) -> Self {
        Self::merge_groups(taken.into_iter().map(Group::of))
    }

    fn merge_groups(ops: impl Iterator<Item = Group>) -> Self {
        let mut groups: Vec<Group> = Vec::with_capacity(ops.size_hint().0);
        // Nothing keeps a caller from giving a judgement the id of its run.
        let mut at: HashMap<(Uuid, bool), usize> = HashMap::with_capacity(ops.size_hint().0);
        for group in ops {
            let key = (group.content.id(), group.content.is_of_run());
            let earlier = at
                .get(&key)
                .and_then(|index: &usize| groups.get_mut(*index));
            match earlier {
                Some(earlier) if earlier.goes_with(&group) => earlier.absorb(group),
                _ => {
                    at.insert(key, groups.len());
                    groups.push(group);
                }
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

    /// Parts such groups from the others.
    pub(in crate::export) fn partition(self, such: impl Fn(&Group) -> bool) -> (Self, Self) {
        let (such, others) = self.groups.into_iter().partition(such);
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
            if group.content.written().run_mut().is_some_and(&shorten) {
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
            if !group.content.attachments().iter().any(|it| such(&it.name)) {
                continue;
            }
            let Some(run) = group.content.written().run_mut() else {
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
    fn new(content: Carried, bytes: usize) -> Self {
        Self {
            content,
            ops: 1,
            bytes,
            stripped: 0,
            epoch: 0,
            records: Vec::new(),
            truncated: false,
            known: false,
        }
    }

    /// Makes a group of an operation that was taken from the queue.
    pub(in crate::export) fn of(queued: Queued) -> Self {
        Waiting::from(queued).carry()
    }

    /// Makes a group of what waited in the queue.
    pub(in crate::export) fn carrying(
        content: Carried,
        bytes: usize,
        ops: u64,
        epoch: u32,
        record: Option<Ticket>,
    ) -> Self {
        Self {
            ops,
            epoch,
            records: record.into_iter().collect(),
            ..Self::new(content, bytes)
        }
    }

    /// Returns the operation; none, if it is a run that is sent from where it is.
    pub fn op(&self) -> Option<&RunOp> {
        match &self.content {
            Carried::Op(op) => Some(op),
            Carried::Run(_) => None,
        }
    }

    /// Shows the operation to an encoder.
    pub fn view(&self) -> OpView<'_> {
        self.content.view()
    }

    /// Returns true if a later group on the same run can become a part of this one.
    ///
    /// A beginning that the endpoint may have already is said again as it was. LangSmith makes nothing of a
    /// second one, so that an end within it would be lost, and the run be pending for ever.
    fn goes_with(&self, later: &Self) -> bool {
        let begins = |group: &Self| matches!(group.op(), Some(RunOp::Post(_)));
        let is_said_again = |group: &Self| group.known && begins(group);
        begins(self) == begins(later) || !(is_said_again(self) || is_said_again(later))
    }

    /// Takes over a later group on the same run; what is taken together is of one epoch.
    fn absorb(&mut self, later: Self) {
        self.ops += later.ops;
        self.bytes += later.bytes;
        self.records.extend(later.records);
        self.known |= later.known;
        let earlier = self.content.written();
        match (earlier, later.content.into_written()) {
            // Nothing is said of an open run that its end does not say, and more.
            (RunOp::Patch(run), RunOp::Patch(update))
                if run.end_time.is_some() && update.end_time.is_none() => {}
            (RunOp::Post(run), RunOp::Patch(update))
            | (RunOp::Patch(run), RunOp::Patch(update)) => {
                run.absorb(*update);
            }
            (earlier @ RunOp::Patch(_), RunOp::Post(post)) => {
                let update = std::mem::replace(earlier, RunOp::Post(post));
                if let (RunOp::Post(run), RunOp::Patch(update)) = (earlier, update) {
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
            Group::new(Carried::Op(RunOp::Post(Box::new(run))), bytes)
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
