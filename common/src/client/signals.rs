//! What differs between systems: how a process hears of its termination, and how it dies of it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

#[cfg(unix)]
mod system {
    use super::{Arc, AtomicBool, io};
    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::{flag, iterator, low_level};

    /// The signals that end a process, one after the other.
    pub(in crate::client) struct Signals(iterator::Signals);

    impl Signals {
        /// Takes the signals over. While `by_default` is set, and after the first, they do what they did.
        pub(in crate::client) fn watch(by_default: &Arc<AtomicBool>) -> io::Result<Self> {
            for signal in [SIGTERM, SIGINT] {
                // In this order: the first signal finds the flag as it was, and sets it for the second.
                flag::register_conditional_default(signal, by_default.clone())?;
                flag::register(signal, by_default.clone())?;
            }
            iterator::Signals::new([SIGTERM, SIGINT]).map(Self)
        }

        pub(in crate::client) fn next(&mut self) -> Option<i32> {
            self.0.forever().next()
        }
    }

    /// Ends the process as the signal does by default.
    pub(in crate::client) fn die(signal: i32) {
        // Fails for signals that it does not know only.
        let _ = low_level::emulate_default_handler(signal);
    }
}

#[cfg(not(unix))]
mod system {
    use super::{Arc, AtomicBool, io};
    use std::sync::atomic::Ordering;

    /// Each Ctrl-C, one after the other.
    pub(in crate::client) struct Signals {
        runtime: tokio::runtime::Runtime,
        by_default: Arc<AtomicBool>,
    }

    impl Signals {
        /// Takes Ctrl-C over. While `by_default` is set it ends the process.
        pub(in crate::client) fn watch(by_default: &Arc<AtomicBool>) -> io::Result<Self> {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            Ok(Self {
                runtime: runtime.enable_all().build()?,
                by_default: by_default.clone(),
            })
        }

        pub(in crate::client) fn next(&mut self) -> Option<i32> {
            self.runtime.block_on(tokio::signal::ctrl_c()).ok()?;
            if self.by_default.swap(true, Ordering::SeqCst) {
                die(INTERRUPTED);
            }
            Some(INTERRUPTED)
        }
    }

    /// The exit status of a program that Ctrl-C ended, as Windows has it.
    const INTERRUPTED: i32 = 0xC000_013A_u32.cast_signed();

    /// Ends the process with that status.
    pub(in crate::client) fn die(status: i32) {
        std::process::exit(status);
    }
}

pub(super) use system::{Signals, die};
