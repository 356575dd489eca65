//! Reading back: what is stored, as a reader asks for it.
//!
//! ```text
//! Store ─ahead─► Scene: runs with usage, thread, feedback ─► Conditions: body, filter ─► page ─► render
//!                                                                                   └─► stats
//! ```
//!
//! Start at [`Scene`].

mod ahead;
mod conditions;
mod fields;
mod filter;
mod holds;
mod page;
mod render;
mod scene;
mod stats;
mod tally;

pub(super) use ahead::{Wanted, scene_for};
pub(super) use conditions::{Body, Conditions, Unclear};
pub(super) use page::{Cursor, cut};
pub(super) use render::{first, preview, second, selected};
pub(super) use scene::{Scene, Seen};
#[cfg(feature = "analysis")]
pub(super) use stats::total;
pub(super) use stats::{feedback_stats, stats};
#[cfg(feature = "analysis")]
pub(super) use tally::Tally;
