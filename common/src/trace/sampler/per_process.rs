//! A state that each process has for itself, also one that was forked off.

use std::fmt;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::model::Process;

/// A state under a lock. A forked process begins with an empty one: what its parent holds is the parent's to
/// send, and the lock may be held by a thread that the child has not.
pub(super) struct PerProcess<T> {
    process: Process,
    state: Mutex<T>,
    child: OnceLock<Box<Self>>,
}

impl<T: Default> Default for PerProcess<T> {
    fn default() -> Self {
        Self {
            process: Process::current(),
            state: Mutex::default(),
            child: OnceLock::new(),
        }
    }
}

impl<T: Default> PerProcess<T> {
    pub(super) fn lock(&self) -> MutexGuard<'_, T> {
        let mut found = self;
        while !found.process.is_current() {
            found = found.child.get().unwrap_or_else(|| {
                // Made before it is put there, so that a fork within the fork finds no half of it.
                let made = Box::new(Self::default());
                found.child.get_or_init(|| made)
            });
        }
        // A panic while the lock was held leaves a count or a list as it was.
        found.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> fmt::Debug for PerProcess<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PerProcess")
    }
}
