//! What an open run says before its end.

use std::cell::Cell;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError, TryLockError};
use std::time::Instant;

use serde_json::Value;

use super::{Inner, RunTree};
use crate::model::Unwritten as _;

/// What is known of a run that may be updated.
#[derive(Debug, Default)]
pub(super) struct Updating {
    // Whether one was sent. Held while one is given to the sink, so that none comes after the end.
    sent: Mutex<bool>,
    last: Mutex<Option<Instant>>,
}

thread_local! {
    // Whether this thread is giving an update to a sink, which may be code of the program's.
    static SENDING: Cell<bool> = const { Cell::new(false) };
}

impl RunTree {
    /// Sends what the run says so far, and leaves it open: its outputs, events, metadata and tags.
    ///
    /// It does nothing unless [`Updates`](crate::trace::Updates) are switched on, or if the last one was too
    /// short a time ago.
    pub fn update(&self) {
        if let Some(inner) = self.due() {
            inner.send_update();
        }
    }

    /// Sets what the work gave back until now, and sends it, if an update is due.
    pub(crate) fn update_with(&self, outputs: impl FnOnce() -> Value) {
        let Some(inner) = self.due() else { return };
        let outputs = inner.tracer.shallow_outputs(outputs());
        inner.change(|run| run.outputs = outputs);
        inner.send_update();
    }

    fn due(&self) -> Option<&Inner> {
        let inner = self.recorded()?;
        let throttle = inner.tracer.throttle()?;
        let mut last = inner.live.updating.as_ref()?.last.try_lock().ok()?;
        throttle.allows(&mut last).then_some(inner)
    }
}

impl Inner {
    fn send_update(&self) {
        let Some(updating) = &self.live.updating else {
            return;
        };
        // Masked before: that is code of the program's, which may end this run.
        let Some(update) = self.tracer.mask(self.live.write_so_far()) else {
            return;
        };
        let mut sent = match updating.sent.try_lock() {
            Ok(sent) => sent,
            Err(TryLockError::Poisoned(sent)) => sent.into_inner(),
            // Another thread is sending one, and nobody waits for an update's sake.
            Err(TryLockError::WouldBlock) => return,
        };
        if !self.live.ended.load(Ordering::Acquire) {
            *sent = true;
            let _sending = Sending::begin();
            self.tracer
                .submit_masked(update, || self.live.glance().kept);
        }
    }

    /// Waits until an update is through that another thread is giving to the sink, as a sink takes an
    /// operation without waiting; says whether there was one. Called when the run has its end.
    pub(super) fn stop_updating(&self) -> bool {
        let Some(updating) = &self.live.updating else {
            return false;
        };
        // A sink that ends the run from its `submit` would wait for itself, and a forked process for a
        // thread that it has not.
        let waits = self.live.process.is_current() && SENDING.try_with(Cell::get) == Ok(false);
        if waits {
            return *updating.sent.lock().unwrap_or_else(PoisonError::into_inner);
        }
        updating.sent.try_lock().map_or(true, |sent| *sent)
    }
}

/// Says of this thread that it is sending, also when the sink panics.
struct Sending {
    before: bool,
}

impl Sending {
    fn begin() -> Self {
        let before = SENDING.try_with(|sending| sending.replace(true));
        Self {
            before: before.unwrap_or(true),
        }
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        let _ = SENDING.try_with(|sending| sending.set(self.before));
    }
}
