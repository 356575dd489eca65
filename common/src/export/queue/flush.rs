//! What a flush waits for: everything that was accepted before it began, and nothing later.
//!
//! ```text
//! epoch 0        │ epoch 1       │ epoch 2        a flush ends an epoch, and waits until all operations
//! op op op op    │ op op         │ op …           of it and of those before are settled
//!                flush           flush
//! ```

use std::collections::VecDeque;
use std::sync::PoisonError;
use std::time::Duration;

use super::{Queue, State, Waiting};
use crate::export::ledger::{DropReason, FlushError, RefuseReason};
use crate::export::life::sync::{Clock, Instant, timeout_at};

/// How long a flush waits, once all is delivered, for the disk to forget it: a program that ends at once
/// after a flush must not leave behind what the next one would send again.
const FORGET_TIME: Duration = Duration::from_secs(1);

/// How many operations of each epoch are not settled yet. Counting all of them together would let a new
/// one that is settled early stand for an old one that is not.
#[derive(Debug)]
pub(super) struct Epochs {
    // The number of the first count.
    first: u32,
    // The last is the present.
    counts: VecDeque<Count>,
    // What earlier processes left is being looked for. It belongs to the first epoch, so that one is
    // not over.
    is_looking: bool,
}

#[derive(Debug, Default, Clone, Copy)]
struct Count {
    memory: u64,
    disk: u64,
}

impl Epochs {
    pub(super) fn new(is_looking: bool) -> Self {
        Self {
            first: 0,
            counts: VecDeque::from([Count::default()]),
            is_looking,
        }
    }

    pub(super) fn present(&self) -> u32 {
        self.first + (self.counts.len() as u32 - 1)
    }

    /// Returns the count of an epoch; one that is over counts in the oldest that is not.
    fn at(&mut self, epoch: u32) -> &mut Count {
        let index = (epoch.saturating_sub(self.first) as usize).min(self.counts.len() - 1);
        &mut self.counts[index]
    }

    /// Counts a new operation in; returns its epoch.
    pub(super) fn accept(&mut self) -> u32 {
        let present = self.present();
        self.at(present).memory += 1;
        present
    }

    /// Counts operations in that were found on disk; returns their epoch.
    pub(super) fn adopt(&mut self, ops: u64) -> u32 {
        let epoch = match self.is_looking {
            true => self.first,
            false => self.present(),
        };
        self.at(epoch).disk += ops;
        epoch
    }

    /// Ends the first look for what earlier processes left.
    pub(super) fn stop_looking(&mut self) {
        self.is_looking = false;
        self.forget();
    }

    pub(super) fn settle(&mut self, epoch: u32, ops: u64) {
        let count = self.at(epoch);
        count.memory = count.memory.saturating_sub(ops);
        self.forget();
    }

    pub(super) fn settle_on_disk(&mut self, epoch: u32, ops: u64) {
        let count = self.at(epoch);
        count.disk = count.disk.saturating_sub(ops);
        self.forget();
    }

    pub(super) fn put_on_disk(&mut self, epoch: u32, ops: u64) {
        let count = self.at(epoch);
        count.memory = count.memory.saturating_sub(ops);
        count.disk += ops;
    }

    pub(super) fn put_in_memory(&mut self, epoch: u32, ops: u64) {
        let count = self.at(epoch);
        count.disk = count.disk.saturating_sub(ops);
        count.memory += ops;
    }

    /// Makes what travels together be of one epoch, the oldest of theirs: a flush may then wait for
    /// more than it must, never for less.
    pub(super) fn join(&mut self, taken: &mut [Waiting]) {
        let Some(oldest) = taken.iter().map(|queued| queued.epoch).min() else {
            return;
        };
        for queued in taken.iter_mut().filter(|queued| queued.epoch != oldest) {
            let count = self.at(queued.epoch);
            count.memory = count.memory.saturating_sub(queued.ops);
            self.at(oldest).memory += queued.ops;
            queued.epoch = oldest;
        }
    }

    /// Ends the present epoch; returns the number of the next one.
    fn end(&mut self) -> u32 {
        if self.is_looking || self.counts.back().is_some_and(|count| !count.is_empty()) {
            self.counts.push_back(Count::default());
        }
        self.present()
    }

    fn forget(&mut self) {
        while !self.is_looking
            && self.counts.len() > 1
            && self.counts.front().is_some_and(Count::is_empty)
        {
            self.counts.pop_front();
            self.first += 1;
        }
    }

    /// Returns true if everything before that epoch is settled.
    pub(super) fn are_done(&self, before: u32) -> bool {
        self.first >= before
    }

    /// Returns how many operations before that epoch are in memory, and how many on disk.
    fn left(&self, before: u32) -> (u64, u64) {
        let before = before.saturating_sub(self.first) as usize;
        let left = self.counts.iter().take(before);
        left.fold((0, 0), |(memory, disk), count| {
            (memory + count.memory, disk + count.disk)
        })
    }
}

impl Count {
    fn is_empty(&self) -> bool {
        self.memory == 0 && self.disk == 0
    }
}

/// What a flush waits for.
#[derive(Debug, Clone, Copy)]
pub(in crate::export) struct FlushMark {
    before: u32,
    dropped_before: u64,
    refused_before: u64,
}

impl Queue {
    /// Begins a flush: everything accepted so far is wanted now.
    pub(in crate::export) fn begin_flush(&self) -> FlushMark {
        let mark = {
            let mut state = self.lock();
            let before = state.epochs.end();
            state.wanted = state.wanted.max(before);
            FlushMark {
                before,
                dropped_before: state.reported_drops,
                refused_before: state.reported_refused,
            }
        };
        self.work.notify_one();
        mark
    }

    /// Waits for a flush on this thread; at most `timeout`.
    pub(in crate::export) fn wait_settled_blocking(&self, mark: &FlushMark, timeout: Duration) {
        let begun = Clock::now();
        // Once the worker has left, what is on disk alone stays there: nothing more is to be waited for.
        let open = |state: &mut State| !state.gone && !state.epochs.are_done(mark.before);
        let waited = (self.settled_blocking).wait_timeout_while(self.lock(), timeout, open);
        let guard = waited.unwrap_or_else(PoisonError::into_inner).0;
        if guard.epochs.are_done(mark.before) {
            let finished = guard.keeping.finished;
            let remembers = |state: &mut State| !state.keeping.has_forgotten(finished);
            let left = timeout.saturating_sub(Clock::now().saturating_duration_since(begun));
            let left = left.min(FORGET_TIME);
            let _ = (self.settled_blocking).wait_timeout_while(guard, left, remembers);
        }
    }

    /// Waits for a flush.
    pub(in crate::export) async fn wait_settled(&self, mark: &FlushMark) {
        self.wait_until(|state| state.gone || state.epochs.are_done(mark.before))
            .await;
        let finished = self.lock().keeping.finished;
        let forgotten = self.wait_until(|state| state.keeping.has_forgotten(finished));
        let _ = timeout_at(Instant::now() + FORGET_TIME, forgotten).await;
    }

    /// Ends a flush: says what is left, else what was lost since the last one.
    ///
    /// One flush reports one thing; what it has no room for is left to the next, so that every loss
    /// is reported once.
    pub(in crate::export) fn end_flush(&self, mark: &FlushMark) -> Result<(), FlushError> {
        let mut state = self.lock();
        match state.epochs.left(mark.before) {
            (0, 0) => {}
            (0, spooled) => return Err(FlushError::Stored { spooled }),
            (left, _) => {
                let because = state.trouble;
                return Err(FlushError::Timeout { left, because });
            }
        }
        let (total_dropped, total_refused) =
            (state.stats.total_dropped(), state.stats.total_refused());
        let dropped = total_dropped - mark.dropped_before;
        if dropped > 0 {
            state.reported_drops = state.reported_drops.max(total_dropped);
            return Err(FlushError::Dropped {
                dropped,
                reason: state.last_drop.unwrap_or(DropReason::ExporterFailed),
            });
        }
        let refused = total_refused - mark.refused_before;
        if refused > 0 {
            state.reported_refused = state.reported_refused.max(total_refused);
            return Err(FlushError::Refused {
                refused,
                reason: state.last_refusal.unwrap_or(RefuseReason::QueueFull),
            });
        }
        Ok(())
    }
}
