//! Rejected operations on their way to be written down.

use crate::export::batch::Group;
use crate::export::ledger::DropReason;

/// Most that wait.
const MOST: usize = 1_024;

/// Most bytes of those that wait, by estimate. They are settled, so the queue's bound counts them no more.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// What waits to be written down. Of what finds no place only the count is kept, in the ledger.
#[derive(Debug, Default)]
pub(super) struct Letters {
    waiting: Vec<(Group, DropReason)>,
    bytes: usize,
}

impl Letters {
    /// Adds one, if there is room; the first always has it.
    pub(super) fn push(&mut self, group: Group, reason: DropReason) {
        let bytes = self.bytes.saturating_add(group.bytes);
        if self.is_empty() || (self.waiting.len() < MOST && bytes <= MOST_BYTES) {
            self.bytes = bytes;
            self.waiting.push((group, reason));
        }
    }

    /// Takes all of them.
    pub(super) fn take(&mut self) -> Vec<(Group, DropReason)> {
        std::mem::take(self).waiting
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::batch::Batch;
    use crate::model::{DottedOrder, Run, RunId, RunOp, RunType, Segment};

    fn group(bytes: usize) -> Group {
        let start = chrono::DateTime::UNIX_EPOCH;
        let id = RunId(uuid::Uuid::from_u128(7));
        let order = DottedOrder::root(Segment { start, id });
        let run = Run::begin(order, "run", RunType::Chain, start);
        let batch = Batch::merge([RunOp::Post(Box::new(run))]);
        let mut group = batch.into_groups().remove(0);
        group.bytes = bytes;
        group
    }

    #[test]
    fn what_waits_is_bounded_in_count_and_bytes() {
        let reason = DropReason::Rejected;
        let mut letters = Letters::default();
        letters.push(group(2 * MOST_BYTES), reason);
        letters.push(group(1), reason);
        assert_eq!(letters.take().len(), 1, "the first has room");
        assert!(letters.is_empty());
        for _ in 0..100 {
            letters.push(group(MOST_BYTES / 10), reason);
        }
        assert_eq!(letters.take().len(), 10);
        for _ in 0..2 * MOST {
            letters.push(group(1), reason);
        }
        assert_eq!(letters.take().len(), MOST);
    }
}
