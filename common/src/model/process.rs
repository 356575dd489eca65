//! Which process this is, for what must not be used on both sides of a fork.

use std::fmt;

/// Remembers the process that it was made in.
///
/// A look costs one read of memory. `getpid` would cost a call of the system each time, 200 ns on the
/// machine that this was measured on, so a hook of the C library's counts the forks instead. A child that
/// was made around that library, by a bare system call, is not noticed.
#[derive(Clone, Default)]
pub(crate) struct Process(Option<forkguard::Guard>);

impl Process {
    /// Returns the process that this is.
    pub(crate) fn current() -> Self {
        // Without the hook, which fails only for want of memory, every process is taken for one.
        Self(forkguard::Guard::try_new().ok())
    }

    /// Returns false in a child that was forked off since.
    pub(crate) fn is_current(&self) -> bool {
        // The guard forgets what it has noticed; a copy of it does that for nobody else.
        !self.0.clone().is_some_and(|mut seen| seen.detected_fork())
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_current() {
            "current"
        } else {
            "parent"
        })
    }
}
