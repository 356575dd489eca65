//! The bounded queue between the traced program and the exporter's thread, and the books it keeps.
//!
//! ```text
//!            intake                 outlet                     books
//! submit ──► ready ───────────────► next_batch ──► in flight ──► settle ──► delivered, dropped
//!   └──► fresh ─┘▲                                                  └──► parked ─┐
//!         └──────┼──────── work, keeping ◄──────────────────────────────────────┘
//!        durable └ read back        the keeper's thread, only with a spool
//! ```
//!
//! One lock guards all of it, so the books balance at every moment. Nothing slow and nothing that can
//! panic runs under it. Start at [`Queue`].

mod admission;
mod books;
mod flush;
mod intake;
mod keeping;
mod letters;
#[cfg(test)]
mod model;
mod outlet;
mod size;
mod stall;
mod waiting;
mod work;

use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use self::admission::Admission;
use self::flush::Epochs;
use self::keeping::Keeping;
use self::stall::Stall;
use super::config::{BatchConfig, Delivery};
use super::ledger::{DropReason, ExportStats, RefuseReason};
use super::life::Losses;
use super::life::sync::{Condvar, Instant, Mutex, MutexGuard, Notify};
use crate::model::RunOp;

pub(super) use self::books::Forsaken;
pub(super) use self::flush::FlushMark;
pub(super) use self::keeping::{Parked, Storing};
pub(super) use self::size::shallow_size;
pub(super) use self::waiting::Waiting;
pub(super) use self::work::Work;

/// Names the record of an operation on disk, as long as this process lives. The keeper knows where it
/// is, or that writing it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Ticket(pub(super) NonZeroU64);

/// An operation that was in the queue, with what it counts against the bounds.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) op: RunOp,
    pub(super) bytes: usize,
    /// How many operations it stands for: one that comes back from disk may be several, merged.
    pub(super) ops: u64,
    /// Which flushes wait for it.
    pub(super) epoch: u32,
    /// Its record, if it is or will be on disk as well.
    pub(super) record: Option<Ticket>,
    /// Whether the program's transform has seen it: it never sees one twice.
    pub(super) changed: bool,
    /// Whether the endpoint may have it already: it was read from disk, and who wrote it may have sent it.
    pub(super) known: bool,
}

/// How much one request may hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) ops: usize,
    pub(super) bytes: usize,
}

/// The queue and the ledger.
#[derive(Debug)]
pub(super) struct Queue {
    // No other queue has it, in this process or in one that is forked off.
    number: u64,
    state: Mutex<State>,
    max_ops: u64,
    max_bytes: usize,
    linger: Duration,
    // What an operation waits for others that finds the lane idle.
    idle_linger: Duration,
    // Whether the end of a run may join its beginning here. Not where each is to be seen by itself.
    joins: bool,
    pub(super) losses: Arc<Losses>,
    // What a spool changes; nothing without one.
    storing: Storing,
    // Wakes the exporter's thread: something to send, or an order to stop.
    work: Notify,
    // Wakes the exporter's thread to log the first refusal of its kind.
    refused: Notify,
    // Wake those who flush, in either kind of code.
    settled: Notify,
    settled_blocking: Condvar,
    // Wakes the keeper's thread.
    to_keep: Condvar,
    // Wakes those who wait for the disk, or for room.
    stored: Condvar,
}

#[derive(Debug)]
struct State {
    // Ready to be sent.
    ops: VecDeque<Waiting>,
    // How many have left it by its front.
    passed: u64,
    // How many operations they stand for.
    waiting_ops: u64,
    waiting_bytes: usize,
    // When the last batch left.
    left_at: Option<Instant>,
    // Waiting and in flight together: a slow server must not make room for more memory.
    held_bytes: usize,
    oldest: Option<Instant>,
    stall: Stall,
    admission: Admission,
    limits: Limits,
    stats: ExportStats,
    epochs: Epochs,
    // Every epoch before this one is wanted now.
    wanted: u32,
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
    // With a spool only.
    keeping: Keeping,
}

/// A longer wait is cut, so that no setting can overflow the clock.
const MAX_LINGER: Duration = Duration::from_secs(24 * 60 * 60);

/// Who lets operations wait for longer than this wants few requests, also of a lane that is idle.
const MAX_IDLE_LINGER: Duration = Duration::from_secs(1);

impl Queue {
    pub(super) fn new(config: &BatchConfig, limits: Limits) -> Self {
        let storing = Storing::of(config.spool.as_ref());
        let linger = match config.delivery {
            Delivery::Batched => config.linger.min(MAX_LINGER),
            Delivery::Unbatched => Duration::ZERO,
        };
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        Self {
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            joins: config.delivery == Delivery::Batched && config.transform.is_none(),
            state: Mutex::new(State {
                ops: VecDeque::new(),
                passed: 0,
                waiting_ops: 0,
                waiting_bytes: 0,
                left_at: None,
                held_bytes: 0,
                oldest: None,
                stall: Stall::default(),
                admission: Admission::new(config.queue_ops, config.queue_bytes),
                limits,
                stats: ExportStats::default(),
                epochs: Epochs::new(storing != Storing::No),
                wanted: 0,
                closed: false,
                stopped: false,
                gone: false,
                reported_drops: 0,
                last_drop: None,
                reported_refused: 0,
                last_refusal: None,
                trouble: None,
                keeping: Keeping::new(storing),
            }),
            max_ops: config.queue_ops as u64,
            max_bytes: config.queue_bytes,
            linger,
            idle_linger: match linger {
                asked_for if asked_for > MAX_IDLE_LINGER => asked_for,
                linger => linger / 10,
            },
            losses: Arc::new(Losses::new(config.on_drop.clone())),
            storing,
            work: Notify::new(),
            refused: Notify::new(),
            settled: Notify::new(),
            settled_blocking: Condvar::new(),
            to_keep: Condvar::new(),
            stored: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets what one request may hold.
    pub(super) fn set_limits(&self, limits: Limits) {
        self.lock().limits = limits;
    }

    /// Returns what one request may hold.
    pub(super) fn limits(&self) -> Limits {
        self.lock().limits
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

    /// Takes nothing in any more; what is held is still sent.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.work.notify_one();
        self.stored.notify_all();
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
        self.settled.notify_waiters();
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

    /// Waits until the keeper has left; without a spool there is none.
    pub(super) async fn kept(&self) {
        self.wait_until(|state| state.keeping.gone).await;
    }

    /// Waits until nothing is held in memory any more and the keeper has left, or the worker has.
    pub(super) async fn emptied(&self) {
        let is_over = |state: &State| state.stats.queued == 0 && state.keeping.gone;
        self.wait_until(|state| is_over(state) || state.gone).await;
    }

    /// Waits until operations are refused for a reason that was not there before.
    pub(super) async fn refused_anew(&self) {
        self.refused.notified().await;
    }

    /// Wakes whoever waits for the books to change.
    fn tell_settled(&self) {
        self.settled.notify_waiters();
        self.settled_blocking.notify_all();
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

impl State {
    /// Has the watch look at how far things are.
    fn note_stall(&mut self) {
        let accepted = self.stats.accepted;
        self.stall.note(accepted, accepted - self.stats.queued);
    }
}
