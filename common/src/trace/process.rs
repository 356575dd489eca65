//! What a process may set once for all its code: a tracer and a scope. Both are opt-in.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use super::scope::Scope;
use super::tracer::Tracer;

/// A value for the whole process. Reading it costs one load while it is not set.
struct Slot<T> {
    is_set: AtomicBool,
    value: RwLock<Option<T>>,
}

impl<T: Clone> Slot<T> {
    const fn new() -> Self {
        Self {
            is_set: AtomicBool::new(false),
            value: RwLock::new(None),
        }
    }

    fn is_set(&self) -> bool {
        self.is_set.load(Ordering::Acquire)
    }

    fn get(&self) -> Option<T> {
        if !self.is_set() {
            return None;
        }
        let value = self.value.read().unwrap_or_else(PoisonError::into_inner);
        value.clone()
    }

    fn replace(&self, value: Option<T>) -> Option<T> {
        let mut slot = self.value.write().unwrap_or_else(PoisonError::into_inner);
        self.is_set.store(value.is_some(), Ordering::Release);
        std::mem::replace(&mut slot, value)
    }

    /// Sets the value unless there is one.
    fn fill(&self, value: T) -> bool {
        let mut slot = self.value.write().unwrap_or_else(PoisonError::into_inner);
        let free = slot.is_none();
        if free {
            *slot = Some(value);
            self.is_set.store(true, Ordering::Release);
        }
        free
    }
}

static TRACER: Slot<Tracer> = Slot::new();
static SCOPE: Slot<Scope> = Slot::new();

/// Makes `tracer` the one that [`#[traceable]`](macro@crate::traceable) functions use outside of any
/// run, until the guard is dropped.
///
/// It is opt-in, and for programs: a library, and a test, passes its tracer, or a
/// [`Scope`] that names it. A program with a client calls
/// [`Client::install_default`](crate::client::Client::install_default) instead.
///
/// # Errors
/// If the process has a default already; it stays.
pub fn install_default(tracer: &Tracer) -> Result<DefaultGuard, AlreadyInstalled> {
    if TRACER.fill(tracer.clone()) {
        Ok(DefaultGuard { _private: () })
    } else {
        Err(AlreadyInstalled)
    }
}

/// Returns the process's default tracer, if one is installed.
pub fn default_tracer() -> Option<Tracer> {
    TRACER.get()
}

/// Sets what holds for all runs of the process where neither a scope nor a run says otherwise:
/// project, tags, metadata, and whether runs are recorded. Python's `configure`.
///
/// It replaces what was set before; `configure(Scope::new())` takes it back. It acts like a
/// [`Scope`] around everything; the table there tells what wins. A parent or a tracer in it is ignored.
///
/// ```
/// use common::trace::{Scope, configure};
///
/// configure(Scope::new().metadata("revision", "3f2a9c"));
/// # configure(Scope::new());
/// ```
pub fn configure(scope: Scope) {
    let says = scope.says();
    let empty = says.project.is_none()
        && says.tags.is_empty()
        && says.metadata.is_empty()
        && says.enabled.is_none();
    let before = SCOPE.replace((!empty).then_some(scope));
    drop(before);
}

/// Returns what [`configure`] set.
pub(super) fn configured() -> Option<Scope> {
    SCOPE.get()
}

/// Returns true if [`configure`] set anything.
pub(super) fn is_configured() -> bool {
    SCOPE.is_set()
}

/// Uninstalls the process's default when it is dropped. Made by [`install_default`].
///
/// Bind it to a name: `let _default = …` lives to the end of the block, `let _ = …` is dropped at once.
#[derive(Debug)]
#[must_use = "dropped at once it uninstalls at once; bind it as `let _default = …`"]
pub struct DefaultGuard {
    _private: (),
}

impl Drop for DefaultGuard {
    fn drop(&mut self) {
        // The tracer may end exporters as it goes, so it goes after the lock.
        let tracer = TRACER.replace(None);
        drop(tracer);
    }
}

/// The process has a default already. Install it in one place, best in `main`; elsewhere pass handles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the process has a default tracer already: install it in one place, and pass handles elsewhere"
)]
pub struct AlreadyInstalled;
