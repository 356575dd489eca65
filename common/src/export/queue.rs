//! The bounded queue between the traced program and the exporter's thread, and the books it keeps.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::callbacks::Losses;
use super::config::{BatchConfig, Delivery};
use super::ledger::{AttachmentLoss, DropReason, ExportStats, FlushError, RefuseReason};
use super::size::estimated_size;
use super::stall::Stall;
use crate::model::RunOp;

/// An operation in the queue, with what it counts against the bounds.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) op: RunOp,
    pub(super) bytes: usize,
}

/// How much one request may hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) ops: usize,
    pub(super) bytes: usize,
}

/// The queue and the ledger. One lock guards both, so the books balance at every moment.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    max_ops: u64,
    max_bytes: usize,
    linger: Duration,
    pub(super) losses: Arc<Losses>,
    // Wakes the exporter's thread: something to send, or an order to stop.
    work: Notify,
    // Wakes the exporter's thread to log the first refusal of its kind.
    refused: Notify,
    // Wake those who flush, in either kind of code.
    settled: Notify,
    settled_blocking: Condvar,
}

#[derive(Debug)]
struct State {
    ops: VecDeque<Queued>,
    waiting_bytes: usize,
    // Waiting and in flight together: a slow server must not make room for more memory.
    held_bytes: usize,
    oldest: Option<Instant>,
    stall: Stall,
    limits: Limits,
    stats: ExportStats,
    // Everything up to this number of accepted operations is wanted now.
    wanted: u64,
    closed: bool,
    stopped: bool,
    // The worker has left.
    gone: bool,
    reported_drops: u64,
    last_drop: Option<DropReason>,
    reported_refused: u64,
    last_refusal: Option<RefuseReason>,
    // What the endpoint takes nothing for at the moment.
    trouble: Option<DropReason>,
}

impl Queue {
    pub(super) fn new(config: &BatchConfig, limits: Limits) -> Self {
        Self {
            state: Mutex::new(State {
                ops: VecDeque::new(),
                waiting_bytes: 0,
                held_bytes: 0,
                oldest: None,
                stall: Stall::default(),
                limits,
                stats: ExportStats::default(),
                wanted: 0,
                closed: false,
                stopped: false,
                gone: false,
                reported_drops: 0,
                last_drop: None,
                reported_refused: 0,
                last_refusal: None,
                trouble: None,
            }),
            max_ops: config.queue_ops as u64,
            max_bytes: config.queue_bytes,
            linger: match config.delivery {
                Delivery::Batched => config.linger.min(MAX_LINGER),
                Delivery::Unbatched => Duration::ZERO,
            },
            losses: Arc::new(Losses::new(config.on_drop.clone())),
            work: Notify::new(),
            refused: Notify::new(),
            settled: Notify::new(),
            settled_blocking: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an operation in, or counts why not.
    pub(super) fn submit(&self, op: RunOp) {
        let bytes = estimated_size(&op);
        let wake = {
            let mut guard = self.lock();
            let state = &mut *guard;
            let full = state.stats.queued >= self.max_ops
                || state.held_bytes.saturating_add(bytes) > self.max_bytes;
            let refusal = if state.closed {
                Some(RefuseReason::Closed)
            } else if bytes > self.max_bytes {
                Some(RefuseReason::TooLarge)
            } else if full {
                Some(RefuseReason::QueueFull)
            } else {
                None
            };
            if let Some(reason) = refusal {
                let count = state.stats.refused.entry(reason).or_default();
                *count += 1;
                state.last_refusal = Some(reason);
                // Logging could block the caller, so the exporter's thread does it, once a reason.
                if *count == 1 {
                    self.refused.notify_one();
                }
                return;
            }
            state.ops.push_back(Queued { op, bytes });
            state.held_bytes += bytes;
            let bytes_before = state.waiting_bytes;
            state.waiting_bytes += bytes;
            state.stats.accepted += 1;
            state.stats.queued += 1;
            state.note_stall();
            if state.ops.len() == 1 {
                state.oldest = Some(Instant::now());
            }
            // Only the operations that change what the worker does wake it: the first one starts its
            // clock, the one that completes a batch ends the wait.
            state.ops.len() == 1
                || state.ops.len() == state.limits.ops
                || (bytes_before < state.limits.bytes && state.waiting_bytes >= state.limits.bytes)
        };
        if wake {
            self.work.notify_one();
        }
    }

    /// Waits until there is something to send; false once the queue is closed and empty.
    pub(super) async fn wait_for_work(&self) -> bool {
        loop {
            {
                let state = self.lock();
                if !state.ops.is_empty() {
                    return true;
                }
                if state.closed {
                    return false;
                }
            }
            self.work.notified().await;
        }
    }

    /// Waits until a batch is due and takes it; none once the queue is closed and empty.
    ///
    /// Due is a batch that is full by count or bytes, whose oldest operation has waited long enough, or
    /// that somebody flushes.
    pub(super) async fn next_batch(&self) -> Option<Vec<Queued>> {
        loop {
            let due = {
                let mut guard = self.lock();
                let state = &mut *guard;
                match state.oldest {
                    None if state.closed => return None,
                    None => None,
                    Some(oldest) => {
                        let due = oldest + self.linger;
                        let now = state.closed
                            || state.ops.len() >= state.limits.ops
                            || state.waiting_bytes >= state.limits.bytes
                            || state.stats.settled() < state.wanted
                            || due <= Instant::now();
                        if now {
                            return Some(state.take());
                        }
                        Some(due)
                    }
                }
            };
            match due {
                None => self.work.notified().await,
                Some(due) => {
                    // Either way the state is looked at again.
                    let _ = tokio::time::timeout_at(due, self.work.notified()).await;
                }
            }
        }
    }

    /// Waits until operations are refused for a reason that was not there before.
    pub(super) async fn refused_anew(&self) {
        self.refused.notified().await;
    }

    /// Sets what one request may hold.
    pub(super) fn set_limits(&self, limits: Limits) {
        self.lock().limits = limits;
    }

    /// Returns what one request may hold.
    pub(super) fn limits(&self) -> Limits {
        self.lock().limits
    }

    /// Books the fate of operations that were taken.
    pub(super) fn settle(&self, ops: u64, bytes: usize, fate: Result<(), DropReason>) {
        {
            let mut state = self.lock();
            state.stats.queued -= ops;
            state.held_bytes = state.held_bytes.saturating_sub(bytes);
            match fate {
                Ok(()) => state.stats.delivered += ops,
                Err(reason) => {
                    *state.stats.dropped.entry(reason).or_default() += ops;
                    state.last_drop = Some(reason);
                }
            }
            state.note_stall();
        }
        if let Err(reason) = fate {
            self.losses.note(reason, ops);
        }
        self.settled.notify_waiters();
        self.settled_blocking.notify_all();
    }

    /// Gives up everything that still waits.
    pub(super) fn abandon(&self, reason: DropReason) {
        let (left, bytes) = {
            let mut state = self.lock();
            state.closed = true;
            state.oldest = None;
            let bytes = std::mem::take(&mut state.waiting_bytes);
            (std::mem::take(&mut state.ops), bytes)
        };
        if !left.is_empty() {
            self.settle(left.len() as u64, bytes, Err(reason));
        }
    }

    /// Notes why the endpoint takes nothing at the moment, or that it does.
    pub(super) fn set_trouble(&self, trouble: Option<DropReason>) {
        self.lock().trouble = trouble;
    }

    /// Returns why the endpoint takes nothing at the moment.
    pub(super) fn trouble(&self) -> Option<DropReason> {
        self.lock().trouble
    }

    /// Counts a request, and whether it repeats an earlier one.
    pub(super) fn count_request(&self, again: bool) {
        let mut state = self.lock();
        state.stats.requests += 1;
        state.stats.retries += u64::from(again);
    }

    /// Counts attachments that runs arrived without.
    pub(super) fn count_attachments_lost(&self, reason: AttachmentLoss, count: u64) {
        let mut state = self.lock();
        *state.stats.attachments_lost.entry(reason).or_default() += count;
    }

    /// Takes nothing in any more; what is held is still sent.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.work.notify_one();
    }

    /// Orders the worker to leave at once.
    pub(super) fn stop(&self) {
        self.lock().stopped = true;
        self.settled.notify_waiters();
    }

    /// Waits for the order to leave.
    pub(super) async fn stopped(&self) {
        self.wait_until(|state| state.stopped).await;
    }

    /// Returns true once the order to leave was given.
    pub(super) fn is_stopped(&self) -> bool {
        self.lock().stopped
    }

    /// Says that the worker has left.
    pub(super) fn leave(&self) {
        self.lock().gone = true;
        self.settled_blocking.notify_all();
    }

    /// Waits on this thread until the worker has left, for at most `timeout`; true if it has.
    pub(super) fn wait_gone_blocking(&self, timeout: Duration) -> bool {
        let guard = self.lock();
        let waited = self
            .settled_blocking
            .wait_timeout_while(guard, timeout, |state| !state.gone);
        waited.unwrap_or_else(PoisonError::into_inner).0.gone
    }

    /// Returns the books.
    pub(super) fn stats(&self) -> ExportStats {
        let state = self.lock();
        ExportStats {
            queued_bytes: state.held_bytes,
            stalled: state.stall.lasts(),
            ..state.stats.clone()
        }
    }

    /// Begins a flush: everything accepted so far is wanted now.
    pub(super) fn begin_flush(&self) -> FlushMark {
        let mark = {
            let mut state = self.lock();
            state.wanted = state.wanted.max(state.stats.accepted);
            FlushMark {
                target: state.stats.accepted,
                dropped_before: state.reported_drops,
                refused_before: state.reported_refused,
            }
        };
        self.work.notify_one();
        mark
    }

    /// Waits for a flush on this thread; at most `timeout`.
    pub(super) fn wait_settled_blocking(&self, mark: &FlushMark, timeout: Duration) {
        let guard = self.lock();
        let _ = self
            .settled_blocking
            .wait_timeout_while(guard, timeout, |state| state.stats.settled() < mark.target);
    }

    /// Waits for a flush.
    pub(super) async fn wait_settled(&self, mark: &FlushMark) {
        self.wait_until(|state| state.stats.settled() >= mark.target)
            .await;
    }

    /// Ends a flush: says what is left, else what was lost since the last one.
    ///
    /// One flush reports one thing; what it has no room for is left to the next, so that every loss
    /// is reported once.
    pub(super) fn end_flush(&self, mark: &FlushMark) -> Result<(), FlushError> {
        let mut state = self.lock();
        let left = mark.target.saturating_sub(state.stats.settled());
        if left > 0 {
            let because = state.trouble;
            return Err(FlushError::Timeout { left, because });
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

    async fn wait_until(&self, done: impl Fn(&State) -> bool) {
        let mut changed = std::pin::pin!(self.settled.notified());
        loop {
            // Listening begins before looking, so no change falls in between.
            changed.as_mut().enable();
            if done(&self.lock()) {
                return;
            }
            changed.as_mut().await;
            changed.set(self.settled.notified());
        }
    }
}

/// A longer wait is cut, so that no setting can overflow the clock.
const MAX_LINGER: Duration = Duration::from_secs(24 * 60 * 60);

/// What a flush waits for.
#[derive(Debug, Clone, Copy)]
pub(super) struct FlushMark {
    target: u64,
    dropped_before: u64,
    refused_before: u64,
}

impl State {
    fn note_stall(&mut self) {
        self.stall.note(self.stats.accepted, self.stats.settled());
    }

    fn take(&mut self) -> Vec<Queued> {
        let mut count = 0;
        let mut bytes = 0;
        for queued in &self.ops {
            // An operation larger than a whole request goes alone; the server may take it.
            let over = bytes + queued.bytes > self.limits.bytes && count > 0;
            if count == self.limits.ops || over {
                break;
            }
            bytes += queued.bytes;
            count += 1;
        }
        self.waiting_bytes -= bytes;
        let taken = self.ops.drain(..count).collect();
        self.oldest = (!self.ops.is_empty()).then(Instant::now);
        taken
    }
}
