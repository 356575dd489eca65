//! The program's own code on the way out: what changes a batch, and what hears of losses.
//!
//! ```text
//! exporter's thread   queue ──┐   ┌─► batch ──► encode ──► transport
//!                             ▼   │     └───────────────────────┴──► given up ──┐
//! a thread beside         Transform                                          OnDrop
//! ```
//!
//! Both run beside the exporter's thread, so that neither holds up requests that are under way, or a
//! deadline. With several destinations each calls both. Start at [`Transform`].

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use uuid::Uuid;

use crate::export::ledger::DropReason;
use crate::export::queue::Queued;
use crate::model::{DottedOrder, RunId, RunOp, TraceId};

/// A function that changes operations before they are written: the Python SDK's
/// `process_buffered_run_ops`.
///
/// It is called on a thread beside the exporter's with what is about to be sent together, in order, one
/// batch after the other; what is behind it waits. Masking comes earlier, so what it adds is sent as it is.
///
/// With a spool ([`SpoolConfig`](crate::export::SpoolConfig)) it is called before an operation is written to disk,
/// on the thread that does so, and not again when the operation is read back.
///
/// It may change what it likes but the ids, the places in traces and the order. If it does, or panics,
/// that batch is dropped as [`TransformFailed`](crate::export::DropReason::TransformFailed): it may hold what the
/// function was to remove.
///
/// ```
/// use common::export::{BatchConfig, Transform};
///
/// let config = BatchConfig {
///     transform: Some(Transform::new(|ops| {
///         for run in ops.iter_mut().filter_map(|op| op.run_mut()) {
///             run.tags.push("nightly".to_owned());
///         }
///     })),
///     ..BatchConfig::default()
/// };
/// # assert_eq!(config.clone(), config);
/// ```
#[derive(Clone)]
pub struct Transform(Arc<Change>);

type Change = dyn Fn(&mut [RunOp]) + Send + Sync;

/// What a transform must leave as it is.
type Identity = (
    std::mem::Discriminant<RunOp>,
    Uuid,
    Option<(TraceId, Option<RunId>, DottedOrder)>,
);

impl Transform {
    /// Wraps a function.
    pub fn new(change: impl Fn(&mut [RunOp]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(change))
    }

    /// Changes what was taken from the queue, as far as it did not already.
    ///
    /// # Errors
    /// If the function panicked, or changed what it must not.
    pub(in crate::export) fn change(&self, taken: &mut Vec<Queued>) -> Result<(), DropReason> {
        let (mut ops, mut places) = (Vec::with_capacity(taken.len()), Vec::new());
        let mut rest = Vec::with_capacity(taken.len());
        for queued in taken.drain(..) {
            match queued.changed {
                true => rest.push(queued),
                false => {
                    let Queued { op, .. } = queued;
                    ops.push(op);
                    places.push((
                        rest.len(),
                        (queued.bytes, queued.ops, queued.epoch, queued.record),
                    ));
                }
            }
        }
        let changed = self.apply(&mut ops);
        let mut known = rest.into_iter();
        let mut passed = 0;
        for (mut op, (before, (bytes, count, epoch, record))) in ops.into_iter().zip(places) {
            taken.extend(known.by_ref().take(before - passed));
            passed = before;
            // What it adds is the user's.
            op.withhold_deep();
            taken.push(Queued {
                op,
                bytes,
                ops: count,
                epoch,
                record,
                changed: true,
                known: false,
            });
        }
        taken.extend(known);
        changed
    }

    /// Changes operations.
    ///
    /// # Errors
    /// If the function panicked, or changed what it must not.
    fn apply(&self, ops: &mut [RunOp]) -> Result<(), DropReason> {
        let before: Vec<Identity> = ops.iter().map(identity).collect();
        catch_unwind(AssertUnwindSafe(|| (self.0)(ops)))
            .ok()
            .filter(|()| ops.iter().map(identity).eq(before))
            .ok_or(DropReason::TransformFailed)
    }
}

fn identity(op: &RunOp) -> Identity {
    let place = op
        .run()
        .map(|run| (run.trace_id, run.parent_run_id, run.dotted_order.clone()));
    (std::mem::discriminant(op), op.id(), place)
}

/// A function that hears of operations that were taken in and given up: the Python SDK's
/// `tracing_error_callback`.
///
/// It is called on a thread beside the exporter's with the reason and the number of operations, soon after
/// they are booked and before a shutdown ends; a call that hangs is waited for no longer than a second.
/// Meanwhile at most 64 losses wait one by one, and what else is lost is added up by reason.
/// It must not hold a client, which would keep the exporter alive for ever. A panic of its own is caught
/// and changes nothing. What was never taken in is in
/// [`ExportStats::refused`](crate::export::ExportStats::refused).
///
/// ```
/// use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
/// use common::export::{BatchConfig, OnDrop};
///
/// let lost = Arc::new(AtomicU64::new(0));
/// let counter = lost.clone();
/// let config = BatchConfig {
///     on_drop: Some(OnDrop::new(move |_reason, count| {
///         counter.fetch_add(count, Ordering::Relaxed);
///     })),
///     ..BatchConfig::default()
/// };
/// # assert_eq!(config.clone(), config);
/// ```
#[derive(Clone)]
pub struct OnDrop(Arc<dyn Fn(DropReason, u64) + Send + Sync>);

impl OnDrop {
    /// Wraps a function.
    pub fn new(hear: impl Fn(DropReason, u64) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hear))
    }

    fn tell(&self, reason: DropReason, count: u64) {
        let told = catch_unwind(AssertUnwindSafe(|| (self.0)(reason, count)));
        if told.is_err() {
            tracing::warn!("the function that hears of dropped runs panicked");
        }
    }
}

/// How many losses are remembered one by one while a call lasts; later ones are told together, by reason.
const MOST_UNTOLD: usize = 64;

/// What is still to be told to an [`OnDrop`], in order.
#[derive(Debug, Default)]
pub(in crate::export) struct Losses {
    hears: Option<OnDrop>,
    untold: Mutex<VecDeque<(DropReason, u64)>>,
    more: Notify,
    // One call at a time.
    turn: Mutex<()>,
}

impl Losses {
    pub(in crate::export) fn new(hears: Option<OnDrop>) -> Self {
        Self {
            hears,
            ..Self::default()
        }
    }

    /// Notes a loss, to be told soon.
    pub(in crate::export) fn note(&self, reason: DropReason, count: u64) {
        if self.hears.is_none() {
            return;
        }
        let mut untold = lock(&self.untold);
        // While a call hangs the list is not to grow; no loss stays untold for that.
        let known = match untold.len() < MOST_UNTOLD {
            true => None,
            false => untold.iter_mut().rfind(|(known, _)| *known == reason),
        };
        match known {
            Some((_, before)) => *before += count,
            None => untold.push_back((reason, count)),
        }
        drop(untold);
        self.more.notify_one();
    }

    /// Tells losses as they come, beside the runtime's thread. Never ends.
    pub(in crate::export) async fn tell(self: Arc<Self>) {
        loop {
            self.more.notified().await;
            let this = self.clone();
            // Panics are caught within.
            let _ = tokio::task::spawn_blocking(move || this.tell_rest()).await;
        }
    }

    /// Tells what is untold, on this thread.
    pub(in crate::export) fn tell_rest(&self) {
        let Some(hears) = &self.hears else {
            return;
        };
        let _turn = lock(&self.turn);
        loop {
            let Some((reason, count)) = lock(&self.untold).pop_front() else {
                return;
            };
            hears.tell(reason, count);
        }
    }
}

fn lock<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Two are equal if they are clones of one.
impl PartialEq for Transform {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Two are equal if they are clones of one.
impl PartialEq for OnDrop {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transform")
    }
}

impl fmt::Debug for OnDrop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnDrop")
    }
}
