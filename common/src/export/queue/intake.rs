//! The way in, on the caller's thread.

use std::sync::PoisonError;
use std::time::Duration;

use super::size::shallow_size;
use super::{Queue, Queued, State, Storing, Ticket};
use crate::export::ledger::RefuseReason;
use crate::export::life::sync::{Clock, Instant, MutexGuard, this_thread};
use crate::model::RunOp;

impl Queue {
    /// Takes an operation in, or counts why not. Blocks in durable mode only, and boundedly.
    ///
    /// What is nested too deep is cut: a tracer has seen to it, and others submit too.
    pub(in crate::export) fn submit(&self, mut op: RunOp) {
        let bytes = shallow_size(&mut op);
        if let Storing::Durable(timeout) = self.storing {
            return self.submit_durably(op, bytes, timeout);
        }
        let (wake, spill) = {
            let mut guard = self.lock();
            let state = &mut *guard;
            if let Some(reason) = state.refusal(&op, bytes) {
                return self.refuse(state, reason);
            }
            let queued = state.accept(op, bytes);
            let spill = self.storing == Storing::Overflow && self.is_over_half(state);
            (state.push(queued), spill)
        };
        if wake {
            self.work.notify_one();
        }
        if spill {
            self.to_keep.notify_one();
        }
    }

    /// Takes an operation in once it is on disk, or once that takes too long.
    fn submit_durably(&self, op: RunOp, bytes: usize, timeout: Duration) {
        let deadline = Clock::now() + timeout;
        let mut guard = self.lock();
        // The keeper cannot wait for itself; what a transform traces goes on from memory.
        let waits = guard.keeping.keeper != Some(this_thread());
        while waits && !guard.closed && self.is_full(&guard, bytes) {
            let left = deadline.saturating_duration_since(Clock::now());
            if left.is_zero() {
                break;
            }
            guard = self.wait_stored(guard, left);
        }
        if let Some(reason) = guard.refusal(&op, bytes) {
            return self.refuse(&mut guard, reason);
        }
        let mut queued = guard.accept(op, bytes);
        if guard.keeping.gone || !waits {
            guard.stats.spool.unstored += 1;
            if guard.push(queued) {
                self.work.notify_one();
            }
            return;
        }
        let ticket = guard.keeping.ticket();
        queued.record = Some(ticket);
        guard.keeping.fresh.push_back(queued);
        self.to_keep.notify_one();
        loop {
            if guard.keeping.written >= ticket.0.get() {
                return;
            }
            let left = deadline.saturating_duration_since(Clock::now());
            if left.is_zero() {
                break;
            }
            guard = self.wait_stored(guard, left);
        }
        guard.stats.spool.unstored += 1;
        let keeping = &mut guard.keeping;
        let place = keeping
            .fresh
            .binary_search_by_key(&Some(ticket), |it| it.record);
        match place.ok().filter(|_| !keeping.is_last) {
            // The disk holds the keeper up; sending does not wait for that.
            Some(place) => {
                let untouched = keeping.fresh.remove(place);
                if let Some(queued) = untouched
                    && guard.push(Queued {
                        record: None,
                        ..queued
                    })
                {
                    self.work.notify_one();
                }
            }
            None => {
                keeping.late.insert(ticket);
            }
        }
    }

    fn wait_stored<'a>(
        &'a self,
        guard: MutexGuard<'a, State>,
        timeout: Duration,
    ) -> MutexGuard<'a, State> {
        let waited = self.stored.wait_timeout(guard, timeout);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Returns true if waiting may make room for that much.
    fn is_full(&self, state: &State, bytes: usize) -> bool {
        let ops = state.stats.queued >= self.max_ops;
        bytes <= self.max_bytes && (ops || state.held_bytes.saturating_add(bytes) > self.max_bytes)
    }

    fn refuse(&self, state: &mut State, reason: RefuseReason) {
        let count = state.stats.refused.entry(reason).or_default();
        *count += 1;
        // Logging could block the caller, so the exporter's thread does it, once a reason.
        if *count == 1 {
            self.refused.notify_one();
        }
        state.last_refusal = Some(reason);
    }

    /// Returns true if memory holds more than half of what it may.
    pub(super) fn is_over_half(&self, state: &State) -> bool {
        state.stats.queued > self.max_ops / 2 || state.held_bytes > self.max_bytes / 2
    }
}

impl State {
    /// Says why an operation of that size is not taken in.
    fn refusal(&mut self, op: &RunOp, bytes: usize) -> Option<RefuseReason> {
        if self.closed {
            return Some(RefuseReason::Closed);
        }
        let (queued, held) = (self.stats.queued, self.held_bytes);
        self.admission.refusal(op, bytes, queued, held)
    }

    /// Books a new operation.
    fn accept(&mut self, op: RunOp, bytes: usize) -> Queued {
        self.held_bytes += bytes;
        self.stats.accepted += 1;
        self.stats.queued += 1;
        self.note_stall();
        Queued {
            op,
            bytes,
            ops: 1,
            epoch: self.epochs.accept(),
            record: None,
            changed: false,
        }
    }

    /// Makes an operation ready to be sent; true if the worker has to hear of it.
    ///
    /// Only the operations that change what the worker does wake it: the first one starts its clock,
    /// the one that completes a batch ends the wait.
    pub(super) fn push(&mut self, queued: Queued) -> bool {
        let bytes_before = self.waiting_bytes;
        self.waiting_bytes += queued.bytes;
        self.ops.push_back(queued);
        if self.ops.len() == 1 {
            self.oldest = Some(Instant::now());
        }
        self.ops.len() == 1
            || self.ops.len() == self.limits.ops
            || (bytes_before < self.limits.bytes && self.waiting_bytes >= self.limits.bytes)
    }
}

impl super::Keeping {
    /// Numbers a record that is to be written or was read.
    pub(super) fn ticket(&mut self) -> Ticket {
        let next = self
            .last_ticket
            .map_or(std::num::NonZeroU64::MIN, |last| last.0.saturating_add(1));
        *self.last_ticket.insert(Ticket(next))
    }
}
