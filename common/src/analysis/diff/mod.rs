//! Two traces beside each other: what is missing, new, moved, changed; and a trace as text for snapshots.
//!
//! ```text
//! TraceTree ─┐
//!            ├─ align ──► pairs ──► changes ──► TraceDiff ──► Display (a tree diff) · figure
//! TraceTree ─┘    └ by place, name, type, then content
//! TraceTree ── mask ──► Golden ──► Display: the same text for the same work
//! ```
//!
//! Ids and times differ between any two traces, so nothing is compared by them. Start at [`TraceDiff::of`]
//! and [`Golden::of`].

mod align;
mod changes;
mod figure;
mod golden;
mod mask;
mod rows;

pub use changes::{DiffChange, DiffOptions};
pub use golden::Golden;
pub use rows::{DiffMark, DiffRow, TraceDiff};
