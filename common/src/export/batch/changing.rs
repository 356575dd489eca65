//! What a transform is at work on, beside the exporter's thread.
//!
//! ```text
//! Taken ──► Changing ──► a thread of the program's function ──► Held, or the reason why there is none
//!              └── whoever waits may go away and come back: an order to stop does not lose it
//! ```
//!
//! Start at [`Changing::begin`].

use tokio::task::JoinHandle;

use super::in_flight::{Held, Taken};
use super::merge::Batch;
use crate::export::config::Delivery;
use crate::export::ledger::DropReason;
use crate::export::life::Transform;
use crate::export::queue::{Queued, Waiting};

/// Operations that left the queue and are no batch yet.
pub(super) struct Changing {
    owed: Taken,
    work: Work,
}

enum Work {
    /// Nobody changes them.
    AsItIs(Vec<Waiting>),
    /// They are changed.
    Done(Vec<Queued>),
    /// Requests are under way on the exporter's thread, and deadlines pass: the function runs elsewhere.
    Beside(JoinHandle<(Vec<Queued>, Result<(), DropReason>)>),
    /// The thread ended without giving them back.
    Lost,
}

impl Changing {
    /// Has what was taken changed, if the program wants to.
    pub(super) fn begin(owed: Taken, taken: Vec<Waiting>, transform: Option<Transform>) -> Self {
        let work = match transform {
            None => Work::AsItIs(taken),
            Some(transform) => {
                let mut taken: Vec<Queued> = taken.into_iter().map(Waiting::write).collect();
                Work::Beside(tokio::task::spawn_blocking(move || {
                    let changed = transform.change(&mut taken);
                    (taken, changed)
                }))
            }
        };
        Self { owed, work }
    }

    /// Waits until nothing changes it any more. Whoever waits may give up and begin again: what was
    /// taken stays here.
    ///
    /// # Errors
    /// Why it must not be sent.
    pub(super) async fn changed(&mut self) -> Result<(), DropReason> {
        let Work::Beside(beside) = &mut self.work else {
            return Ok(());
        };
        let Ok((taken, changed)) = beside.await else {
            self.work = Work::Lost;
            return Err(DropReason::ExporterFailed);
        };
        self.work = Work::Done(taken);
        changed
    }

    /// Makes a batch of it; none if its content is lost, which is booked.
    pub(super) fn into_batch(self, delivery: Delivery) -> Option<Held> {
        let batch = match (self.work, delivery) {
            (Work::AsItIs(taken), Delivery::Batched) => Batch::merge_waiting(taken),
            (Work::AsItIs(taken), Delivery::Unbatched) => Batch::apart_waiting(taken),
            (Work::Done(taken), Delivery::Batched) => Batch::merge_queued(taken),
            (Work::Done(taken), Delivery::Unbatched) => Batch::apart_queued(taken),
            (Work::Beside(_) | Work::Lost, _) => return None,
        };
        Some(self.owed.becomes(batch))
    }
}
