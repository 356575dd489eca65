//! Operations leave the queue together: taken, changed, merged, and never lost sight of.
//!
//! ```text
//!          worker: take ──► transform ──► merge ──► Sender
//! queue ─────────►  Taken ─► Changing ──► Held ───► settled piece by piece
//!                     └──── in_flight ─────┘
//! ```
//!
//! Start at [`Worker`], and at [`Batch`] for what travels.

mod carried;
mod changing;
mod in_flight;
mod merge;
mod worker;

pub(super) use self::carried::Carried;
pub(super) use self::in_flight::Held;
#[cfg(test)]
pub(super) use self::in_flight::InFlight;
pub(super) use self::merge::next_groups;
pub use self::merge::{Batch, Group};
pub(super) use self::worker::{Worker, limits, warn_refused};
