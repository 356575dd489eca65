//! A state that each process has for itself, also one that was forked off.

use std::fmt;
use std::sync::{OnceLock, PoisonError};
use std::time::Duration;

#[cfg(test)]
use shuttle::sync::{Condvar, Mutex};
#[cfg(not(test))]
use std::sync::{Condvar, Mutex};

// In the tests inside of this crate they are shuttle's: `tail/model.rs` runs these files under thousands of schedules.
#[cfg(test)]
pub(super) use shuttle::{sync::MutexGuard, thread::ThreadId};
#[cfg(not(test))]
pub(super) use std::{sync::MutexGuard, thread::ThreadId};

use crate::model::Process;

/// Names the thread that calls.
pub(super) fn this_thread() -> ThreadId {
    #[cfg(test)]
    use shuttle::thread;
    #[cfg(not(test))]
    use std::thread;
    thread::current().id()
}

/// A state under a lock. A forked process begins with an empty one: what its parent holds is the parent's to
/// send, and the lock may be held by a thread that the child has not.
pub(super) struct PerProcess<T> {
    process: Process,
    state: Mutex<T>,
    changed: Condvar,
    child: OnceLock<Box<Self>>,
}

impl<T: Default> Default for PerProcess<T> {
    fn default() -> Self {
        Self {
            process: Process::current(),
            state: Mutex::default(),
            changed: Condvar::new(),
            child: OnceLock::new(),
        }
    }
}

impl<T: Default> PerProcess<T> {
    fn here(&self) -> &Self {
        let mut found = self;
        while !found.process.is_current() {
            found = found.child.get().unwrap_or_else(|| {
                // Made before it is put there, so that a fork within the fork finds no half of it.
                let made = Box::new(Self::default());
                found.child.get_or_init(|| made)
            });
        }
        found
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, T> {
        // A panic while the lock was held leaves a count or a list as it was.
        let locked = self.here().state.lock();
        locked.unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes who waits for the state to change.
    pub(super) fn tell(&self) {
        self.here().changed.notify_all();
    }

    /// Waits for at most `timeout` as long as `busy` says so; false if time ran out.
    pub(super) fn wait_while(
        &self,
        guard: MutexGuard<'_, T>,
        timeout: Duration,
        busy: impl FnMut(&mut T) -> bool,
    ) -> bool {
        let changed = &self.here().changed;
        let waited = changed.wait_timeout_while(guard, timeout, busy);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

impl<T> fmt::Debug for PerProcess<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PerProcess")
    }
}
