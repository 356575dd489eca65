//! Operations that left the queue and whose fate is open.
//!
//! ```text
//! queue ──► Taken ──► Held ──┬─► Held      each piece ends in one InFlight::settle: when its fate
//!           by count  a batch└─► Held      is known, or when it is dropped with whoever held it
//! ```
//!
//! However the sending ends, also by a panic, by an order to stop or because a future is dropped, the
//! ledger balances. Start at [`InFlight::settle`].

use std::ops::Deref;
use std::sync::Arc;

use super::merge::{Batch, Group};
use crate::export::ledger::DropReason;
use crate::export::queue::{Forsaken, Queue, Waiting};
use crate::export::send::Warnings;

/// Books what became of pieces of batches. A clone keeps the same books.
#[derive(Clone)]
pub(in crate::export) struct InFlight {
    queue: Arc<Queue>,
    warnings: Arc<Warnings>,
}

impl InFlight {
    pub(in crate::export) fn new(queue: Arc<Queue>, warnings: Arc<Warnings>) -> Self {
        Self { queue, warnings }
    }

    /// Books the fate of a piece. Every piece of a batch comes here, once.
    pub(in crate::export) fn settle(&self, batch: Batch, fate: Result<(), DropReason>) {
        let is_given_up = self.queue.settle(batch, fate);
        if let (true, Err(reason)) = (is_given_up, fate) {
            self.warnings.dropped(reason);
        }
    }

    /// Takes over what was taken from the queue, until it is a batch.
    pub(in crate::export) fn take(&self, taken: &[Waiting]) -> Taken {
        Taken {
            in_flight: self.clone(),
            left: Forsaken::of(taken),
        }
    }

    /// Returns why something is given up whose fate nobody decided.
    fn forsaken(&self) -> DropReason {
        if self.queue.is_stopped() {
            self.queue.trouble().unwrap_or(DropReason::Shutdown)
        } else {
            DropReason::ExporterFailed
        }
    }
}

/// Operations on the way from the queue to a batch, held by their count.
pub(in crate::export) struct Taken {
    in_flight: InFlight,
    left: Forsaken,
}

impl Taken {
    /// Makes them a piece. It stands for all that was taken.
    pub(in crate::export) fn becomes(mut self, batch: Batch) -> Held {
        self.left = Forsaken::default();
        Held {
            batch: Some(batch),
            in_flight: self.in_flight.clone(),
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let left = std::mem::take(&mut self.left);
        let reason = self.in_flight.forsaken();
        self.in_flight.queue.forsake(left, reason);
    }
}

/// A piece of a batch, and the duty to settle it.
pub(in crate::export) struct Held {
    // None once it is settled or part of other pieces.
    batch: Option<Batch>,
    in_flight: InFlight,
}

impl Held {
    /// Books its fate.
    pub(in crate::export) fn settle(mut self, fate: Result<(), DropReason>) {
        if let Some(batch) = self.batch.take() {
            self.in_flight.settle(batch, fate);
        }
    }

    /// Leaves it to the disk, to be sent after what lies there; without a spool it is rejected.
    pub(in crate::export) fn set_back(mut self) {
        if let Some(batch) = self.batch.take()
            && let Err(batch) = self.in_flight.queue.set_back(batch)
        {
            self.in_flight.settle(batch, Err(DropReason::Rejected));
        }
    }

    /// Cuts it into two halves; the second is empty if there is only one group.
    pub(in crate::export) fn split(self) -> [Self; 2] {
        let (first, second) = self.cut(Batch::split);
        [first, second]
    }

    /// Parts such groups from the others.
    pub(in crate::export) fn partition(self, such: impl Fn(&Group) -> bool) -> (Self, Self) {
        self.cut(|batch| batch.partition(such))
    }

    /// Makes a piece of each group.
    pub(in crate::export) fn into_singles(mut self) -> Vec<Self> {
        let batch = self.batch.take().unwrap_or_default();
        let singles = batch.into_singles().map(|single| self.beside(single));
        singles.collect()
    }

    /// Changes what it carries, not how much of it there is.
    pub(in crate::export) fn change<T>(
        &mut self,
        change: impl FnOnce(&mut Batch) -> T,
    ) -> Option<T> {
        self.batch.as_mut().map(change)
    }

    fn cut(mut self, cut: impl FnOnce(Batch) -> (Batch, Batch)) -> (Self, Self) {
        let (first, second) = cut(self.batch.take().unwrap_or_default());
        (self.beside(first), self.beside(second))
    }

    fn beside(&self, batch: Batch) -> Self {
        Self {
            batch: Some(batch),
            in_flight: self.in_flight.clone(),
        }
    }
}

impl Deref for Held {
    type Target = Batch;

    fn deref(&self) -> &Batch {
        const NOTHING: &Batch = &Batch::EMPTY;
        self.batch.as_ref().unwrap_or(NOTHING)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let left = self.batch.take();
        if let Some(batch) = left.filter(|batch| !batch.groups().is_empty()) {
            let reason = self.in_flight.forsaken();
            self.in_flight.settle(batch, Err(reason));
        }
    }
}
