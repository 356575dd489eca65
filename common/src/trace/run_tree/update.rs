//! What an open run says before its end.

use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use std::sync::atomic::Ordering;

use serde_json::Value;

use super::{Inner, RunTree};

/// What is known of a run that may be updated.
#[derive(Debug, Default)]
pub(super) struct Updating {
    // Held while an update is given to the sink, so that none comes after the end.
    submitting: Mutex<()>,
    last: Mutex<Option<Instant>>,
}

/// How often an end looks whether an update is through that another thread is sending.
const LOOKS: usize = 1_000;

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
        let mut last = inner.updating.as_ref()?.last.try_lock().ok()?;
        throttle.allows(&mut last).then_some(inner)
    }
}

impl Inner {
    fn send_update(&self) {
        let Some(updating) = &self.updating else {
            return;
        };
        // Masked before: that is code of the program's, which may end this run.
        let Some(update) = self.tracer.mask(self.live.write_so_far()) else {
            return;
        };
        let submitting = &updating.submitting;
        let _submitting = submitting.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.ended.load(Ordering::Acquire) {
            self.tracer.submit_masked(update);
        }
    }

    /// Waits, boundedly, until an update is through that another thread is sending; says whether there may
    /// have been one. Called when the run has its end.
    pub(super) fn stop_updating(&self) -> bool {
        let Some(updating) = &self.updating else {
            return false;
        };
        for _ in 0..LOOKS {
            if updating.submitting.try_lock().is_ok() {
                break;
            }
            // A sink that ends the run from its `submit` would wait for itself.
            thread::yield_now();
        }
        true
    }
}
