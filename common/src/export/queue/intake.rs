//! The way in, on the caller's thread.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::admission::Newcomer;
use super::size::shallow_size;
use super::waiting::Content;
use super::{Queue, Queued, State, Storing, Ticket, Waiting};
use crate::export::ledger::RefuseReason;
use crate::export::life::sync::{Clock, Instant, MutexGuard, this_thread};
use crate::model::{Part, Place, RunOp, Unwritten};

impl Queue {
    /// Takes an operation in, or counts why not. Blocks in durable mode only, and boundedly.
    ///
    /// What is nested too deep is cut: a tracer has seen to it, and others submit too.
    ///
    /// Returns false if it was not taken in.
    pub(in crate::export) fn submit(&self, mut op: RunOp) -> bool {
        let bytes = shallow_size(&mut op);
        if let Storing::Durable(timeout) = self.storing {
            return self.submit_durably([(op, bytes)], timeout);
        }
        let newcomer = Newcomer::of(&op);
        self.take_in(newcomer, Content::Op(op), bytes).is_some()
    }

    /// Takes operations in that belong together, in order. In durable mode it waits once for all of them.
    pub(in crate::export) fn submit_all(&self, ops: Vec<RunOp>) {
        let Storing::Durable(timeout) = self.storing else {
            for op in ops {
                self.submit(op);
            }
            return;
        };
        let sized = |mut op| {
            let bytes = shallow_size(&mut op);
            (op, bytes)
        };
        let ops: Vec<(RunOp, usize)> = ops.into_iter().map(sized).collect();
        self.submit_durably(ops, timeout);
    }

    /// Takes a run in that has begun; returns where it waits, to be joined by its end.
    pub(in crate::export) fn begin(&self, run: Arc<dyn Unwritten>, bytes: usize) -> Option<Place> {
        if let Storing::Durable(timeout) = self.storing {
            self.submit_durably([(run.write(Part::Begin), bytes)], timeout);
            return None;
        }
        let newcomer = Newcomer::Begin(run.run_id());
        let place = self.take_in(newcomer, Content::Run(run, Part::Begin), bytes);
        place.filter(|_| self.joins)
    }

    /// Takes the end of a run in: where its beginning waits, if it still does.
    pub(in crate::export) fn end(
        &self,
        run: Arc<dyn Unwritten>,
        place: Option<Place>,
        bytes: usize,
    ) {
        if let Storing::Durable(timeout) = self.storing {
            let bytes = bytes + run.size_again();
            self.submit_durably([(run.write(Part::End), bytes)], timeout);
            return;
        }
        let newcomer = Newcomer::End(run.run_id());
        if let Some(place) = place.filter(|place| place.queue == self.number) {
            let wake = {
                let mut guard = self.lock();
                let state = &mut *guard;
                if state.waits_at(place.at) {
                    if let Some(reason) = state.refusal(newcomer, bytes) {
                        self.refuse(state, reason);
                        drop(guard);
                        return run.forget(Part::End);
                    }
                    Some(state.join(place.at, bytes))
                } else {
                    None
                }
            };
            match wake {
                Some(true) => return self.work.notify_one(),
                Some(false) => return,
                None => {}
            }
        }
        let bytes = bytes + run.size_again();
        self.take_in(newcomer, Content::Run(run, Part::End), bytes);
    }

    fn take_in(&self, newcomer: Newcomer, content: Content, bytes: usize) -> Option<Place> {
        let (at, wake, spill) = {
            let mut guard = self.lock();
            let state = &mut *guard;
            if let Some(reason) = state.refusal(newcomer, bytes) {
                self.refuse(state, reason);
                drop(guard);
                content.forget();
                return None;
            }
            let epoch = state.accept(bytes);
            let at = state.passed + state.ops.len() as u64;
            let wake = state.push(Waiting::new(content, bytes, epoch));
            let spill = self.storing == Storing::Overflow && self.is_over_half(state);
            (at, wake, spill)
        };
        if wake {
            self.work.notify_one();
        }
        if spill {
            self.to_keep.notify_one();
        }
        let queue = self.number;
        Some(Place { queue, at })
    }

    /// Takes operations in once they are on disk, or once that takes too long. Returns false if one of them
    /// was not taken in.
    fn submit_durably(
        &self,
        ops: impl IntoIterator<Item = (RunOp, usize)>,
        timeout: Duration,
    ) -> bool {
        let deadline = Clock::now() + timeout;
        // What is refused is dropped when the lock is given back.
        let (mut refused, mut tickets) = (Vec::new(), Vec::new());
        let mut guard = self.lock();
        // The keeper cannot wait for itself; what a transform traces goes on from memory.
        let waits = guard.keeping.keeper != Some(this_thread());
        for (op, bytes) in ops {
            while waits && !guard.closed && self.is_full(&guard, bytes) && !guard.is_jammed() {
                let left = deadline.saturating_duration_since(Clock::now());
                if left.is_zero() {
                    guard.note_jam();
                    break;
                }
                guard = self.wait_stored(guard, left);
            }
            if let Some(reason) = guard.refusal(Newcomer::of(&op), bytes) {
                self.refuse(&mut guard, reason);
                refused.push(op);
                continue;
            }
            let mut queued = Queued {
                bytes,
                ops: 1,
                epoch: guard.accept(bytes),
                record: None,
                changed: false,
                known: false,
                op,
            };
            if guard.keeping.gone || !waits {
                guard.stats.spool.unstored += 1;
                if guard.push(queued.into()) {
                    self.work.notify_one();
                }
                continue;
            }
            let ticket = guard.keeping.ticket();
            queued.record = Some(ticket);
            guard.keeping.fresh.push_back(queued);
            self.to_keep.notify_one();
            tickets.push(ticket);
        }
        let all = refused.is_empty();
        let Some(last) = tickets.last().copied() else {
            return all;
        };
        loop {
            if guard.keeping.written >= last.0.get() {
                return all;
            }
            let left = deadline.saturating_duration_since(Clock::now());
            if left.is_zero() || guard.keeping.hangs {
                break;
            }
            guard = self.wait_stored(guard, left);
        }
        // The next ones need not wait as long, if it is the disk that hangs.
        guard.keeping.hangs = guard.keeping.busy;
        for ticket in tickets {
            if guard.keeping.written < ticket.0.get() {
                self.go_on_unstored(&mut guard, ticket);
            }
        }
        all
    }

    /// Lets an operation go on from memory that was to be on disk by now.
    fn go_on_unstored(&self, state: &mut State, ticket: Ticket) {
        state.stats.spool.unstored += 1;
        let keeping = &mut state.keeping;
        let place = keeping
            .fresh
            .binary_search_by_key(&Some(ticket), |it| it.record);
        match place.ok().filter(|_| !keeping.is_last) {
            // The disk holds the keeper up; sending does not wait for that.
            Some(place) => {
                let untouched = keeping.fresh.remove(place);
                if let Some(queued) = untouched
                    && state.push(Waiting::from(Queued {
                        record: None,
                        ..queued
                    }))
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
    fn refusal(&mut self, what: Newcomer, bytes: usize) -> Option<RefuseReason> {
        if self.closed {
            return Some(RefuseReason::Closed);
        }
        let (queued, held) = (self.stats.queued, self.held_bytes);
        self.admission.refusal(what, bytes, queued, held)
    }

    /// Books a new operation; returns its epoch.
    fn accept(&mut self, bytes: usize) -> u32 {
        self.held_bytes += bytes;
        self.stats.accepted += 1;
        self.stats.queued += 1;
        self.note_stall();
        self.epochs.accept()
    }

    /// Returns true if the beginning of a run still waits at that place, and is of the present epoch: a
    /// flush that began since waits for it alone.
    fn waits_at(&self, at: u64) -> bool {
        let index = at.checked_sub(self.passed).map(|index| index as usize);
        let found = index.and_then(|index| self.ops.get(index));
        found.is_some_and(|it| {
            let begins = matches!(it.content, Content::Run(_, Part::Begin));
            begins && it.epoch == self.epochs.present()
        })
    }

    /// Adds the end of a run to its beginning, which waits there; true if the worker has to hear of it.
    fn join(&mut self, at: u64, bytes: usize) -> bool {
        self.accept(bytes);
        let bytes_before = self.waiting_bytes;
        self.waiting_bytes += bytes;
        self.waiting_ops += 1;
        if let Some(it) = self.ops.get_mut((at - self.passed) as usize) {
            it.bytes += bytes;
            it.ops += 1;
            if let Content::Run(_, part) = &mut it.content {
                *part = Part::Whole;
            }
        }
        self.fills(bytes_before)
    }

    /// Makes something ready to be sent; true if the worker has to hear of it.
    ///
    /// Only what changes what the worker does wakes it: the first one starts its clock, the one that
    /// completes a batch ends the wait.
    pub(super) fn push(&mut self, waiting: Waiting) -> bool {
        let bytes_before = self.waiting_bytes;
        self.waiting_bytes += waiting.bytes;
        self.waiting_ops += waiting.ops;
        self.ops.push_back(waiting);
        if self.ops.len() == 1 {
            self.oldest = Some(Instant::now());
        }
        self.ops.len() == 1 || self.ops.len() == self.limits.ops || self.fills(bytes_before)
    }

    /// Returns true if what waits has become a whole request, by its bytes.
    fn fills(&self, bytes_before: usize) -> bool {
        bytes_before < self.limits.bytes && self.waiting_bytes >= self.limits.bytes
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
