//! What became of everything that was taken.

use super::{Parked, Queue, State, Ticket, Waiting};
use crate::export::batch::{Batch, Group};
use crate::export::ledger::{AttachmentLoss, DropReason};

/// Operations whose content is out of reach, and the duty to book them.
#[derive(Debug, Default)]
pub(in crate::export) struct Forsaken {
    pub(in crate::export) ops: u64,
    pub(in crate::export) bytes: usize,
    pub(in crate::export) epoch: u32,
    pub(in crate::export) records: Vec<Ticket>,
}

impl Forsaken {
    pub(in crate::export) fn of(taken: &[Waiting]) -> Self {
        Self {
            ops: taken.iter().map(|queued| queued.ops).sum(),
            bytes: taken.iter().map(|queued| queued.bytes).sum(),
            epoch: taken.first().map_or(0, |queued| queued.epoch),
            records: taken.iter().filter_map(|queued| queued.record).collect(),
        }
    }
}

impl Queue {
    /// Books the fate of a piece of a batch: delivered, or else why not.
    ///
    /// With a spool, what the endpoint does not take goes back to disk, and what it rejects is kept
    /// beside the spool. Returns true if it was given up.
    pub(in crate::export) fn settle(&self, batch: Batch, fate: Result<(), DropReason>) -> bool {
        let (ops, bytes) = (batch.ops(), batch.bytes());
        if ops == 0 {
            return false;
        }
        {
            let mut guard = self.lock();
            let state = &mut *guard;
            state.keeping.hear(fate);
            let is_kept = state.keeping.is_at_work();
            match fate {
                Err(reason) if is_kept && reason.is_of_endpoint() => {
                    let parked = Parked::Groups(batch.into_groups(), reason);
                    state.keeping.parked.push(parked);
                    drop(guard);
                    self.to_keep.notify_one();
                    return false;
                }
                _ => {}
            }
            for group in batch.groups() {
                state.epochs.settle(group.epoch, group.ops);
            }
            state.book(ops, bytes, fate);
            if is_kept {
                state.keeping.finish(batch, fate.err());
                self.to_keep.notify_one();
            } else {
                drop(guard);
                drop(batch);
            }
        }
        self.tell_fate(ops, fate);
        fate.is_err()
    }

    /// Leaves a piece of a batch to the disk, to be sent after what lies there already.
    ///
    /// # Errors
    /// The piece, if there is no spool.
    pub(in crate::export) fn set_back(&self, batch: Batch) -> Result<(), Batch> {
        let mut state = self.lock();
        if !state.keeping.is_at_work() {
            return Err(batch);
        }
        let parked = Parked::Groups(batch.into_groups(), DropReason::Rejected);
        state.keeping.parked.push(parked);
        self.to_keep.notify_one();
        Ok(())
    }

    /// Books operations whose content is lost to this process; a record on disk still has it.
    pub(in crate::export) fn forsake(&self, left: Forsaken, reason: DropReason) {
        if left.ops == 0 {
            return;
        }
        {
            let mut state = self.lock();
            if state.keeping.is_at_work() && reason.is_of_endpoint() && !left.records.is_empty() {
                state.keeping.parked.push(Parked::Records(left, reason));
                self.to_keep.notify_one();
                return;
            }
            state.epochs.settle(left.epoch, left.ops);
            state.book(left.ops, left.bytes, Err(reason));
            state.keeping.forget(&left.records);
            // There may be room now to read something back.
            self.to_keep.notify_one();
        }
        self.tell_fate(left.ops, Err(reason));
    }

    /// Gives up everything that still waits; with a spool it goes to disk.
    pub(in crate::export) fn abandon(&self, reason: DropReason) {
        let mut state = self.lock();
        state.closed = true;
        let count = state.ops.len();
        let left = state.take_first(count);
        if state.keeping.is_at_work() {
            drop(state);
            let mut left: Vec<_> = left.into_iter().map(Waiting::write).collect();
            let mut state = self.lock();
            // What the keeper has brought meanwhile is written already.
            let count = state.ops.len();
            left.extend(state.take_first(count).into_iter().map(Waiting::write));
            state.keeping.is_last = true;
            let parked = Parked::Waiting(left, reason);
            if !state.keeping.is_at_work() {
                // It has failed meanwhile, and nobody looks there any more.
                drop(state);
                return self.give_up(parked);
            }
            state.keeping.parked.push(parked);
            drop(state);
            self.to_keep.notify_one();
            return;
        }
        state.keeping.is_last = true;
        for queued in &left {
            state.epochs.settle(queued.epoch, queued.ops);
        }
        let ops: u64 = left.iter().map(|queued| queued.ops).sum();
        let bytes = left.iter().map(|queued| queued.bytes).sum();
        if ops == 0 {
            return;
        }
        state.book(ops, bytes, Err(reason));
        drop(state);
        self.tell_fate(ops, Err(reason));
    }

    /// Tells the program of a loss, and those who flush that the books have changed.
    pub(super) fn tell_fate(&self, ops: u64, fate: Result<(), DropReason>) {
        if let Err(reason) = fate {
            self.losses.note(reason, ops);
        }
        self.tell_settled();
        self.stored.notify_all();
    }

    /// Notes why the endpoint takes nothing at the moment, or that it does.
    pub(in crate::export) fn set_trouble(&self, trouble: Option<DropReason>) {
        self.lock().trouble = trouble;
    }

    /// Returns why the endpoint takes nothing at the moment.
    pub(in crate::export) fn trouble(&self) -> Option<DropReason> {
        self.lock().trouble
    }

    /// Counts runs that arrived truncated.
    pub(in crate::export) fn count_truncated(&self, count: u64) {
        self.lock().stats.truncated += count;
    }

    /// Counts a request, and whether it repeats an earlier one.
    pub(in crate::export) fn count_request(&self, again: bool) {
        let mut state = self.lock();
        state.stats.requests += 1;
        state.stats.retries += u64::from(again);
    }

    /// Counts attachments that runs arrived without.
    pub(in crate::export) fn count_attachments_lost(&self, reason: AttachmentLoss, count: u64) {
        let mut state = self.lock();
        *state.stats.attachments_lost.entry(reason).or_default() += count;
    }
}

impl State {
    /// Moves operations out of memory, in the books.
    pub(super) fn book(&mut self, ops: u64, bytes: usize, fate: Result<(), DropReason>) {
        self.stats.queued -= ops;
        self.held_bytes = self.held_bytes.saturating_sub(bytes);
        match fate {
            Ok(()) => self.stats.delivered += ops,
            Err(reason) => {
                *self.stats.dropped.entry(reason).or_default() += ops;
                self.last_drop = Some(reason);
            }
        }
        self.note_stall();
    }

    /// Books a group that is on disk alone from now on.
    pub(super) fn book_spooled(&mut self, group: &Group) {
        self.stats.queued -= group.ops;
        self.stats.spooled += group.ops;
        self.held_bytes = self.held_bytes.saturating_sub(group.bytes);
        self.epochs.put_on_disk(group.epoch, group.ops);
        self.note_stall();
    }
}
