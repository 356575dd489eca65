//! Operations that left the queue and whose fate is open.

use std::sync::Arc;

use super::batch::Batch;
use super::ledger::DropReason;
use super::queue::{Queue, Queued};

/// What a batch still owes the books.
///
/// However the sending ends, also by a panic or because the future is dropped, what is left here is
/// booked, so that the ledger balances.
pub(super) struct InFlight {
    queue: Arc<Queue>,
    ops: u64,
    bytes: usize,
}

impl InFlight {
    pub(super) fn new(queue: Arc<Queue>, taken: &[Queued]) -> Self {
        Self {
            queue,
            ops: taken.len() as u64,
            bytes: taken.iter().map(|queued| queued.bytes).sum(),
        }
    }

    /// Books the fate of a part of the operations.
    pub(super) fn settle(&mut self, batch: &Batch, fate: Result<(), DropReason>) {
        self.ops -= batch.ops();
        self.bytes -= batch.bytes();
        self.queue.settle(batch.ops(), batch.bytes(), fate);
    }

    /// Books all that is left as given up.
    pub(super) fn give_up(&mut self, reason: DropReason) {
        let (ops, bytes) = (
            std::mem::take(&mut self.ops),
            std::mem::take(&mut self.bytes),
        );
        if ops > 0 {
            self.queue.settle(ops, bytes, Err(reason));
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.give_up(if self.queue.is_stopped() {
            DropReason::Shutdown
        } else {
            DropReason::ExporterFailed
        });
    }
}
