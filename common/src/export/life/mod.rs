//! The life of an exporter in a process: its threads, whom they call, and what they meet at.
//!
//! ```text
//! running ──┬─ thread langsmith-export: worker ── a thread beside it: Transform, OnDrop (callbacks)
//!           ├─ thread langsmith-spool: keeper
//!           └─ after a fork: a running of the child's own
//! sync      locks, waits and clocks of all of them; in the tests of the queue, shuttle's (shuttled)
//! ```
//!
//! Start at [`Running`].

mod callbacks;
mod running;
#[cfg(test)]
pub(super) mod shuttled;
pub(super) mod sync;

pub(super) use self::callbacks::Losses;
pub use self::callbacks::{OnDrop, Transform};
pub(crate) use self::running::after_fork;
pub(super) use self::running::{Running, Storage};
