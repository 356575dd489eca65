//! By how much the clocks of services differ, from their traces alone.
//!
//! ```text
//! caller's clock   ├──────── call ────────┤           sent at a1, answered at a2
//! callee's clock      ├──── serve ────┤               received at b1, answered at b2
//!
//! offset = callee's clock − caller's:   b2 − a2  ≤  offset  ≤  b1 − a1
//! many traces ──► many intervals ──► the one that most of them share (Marzullo, as NTP does)
//! ```
//!
//! Start at [`ClockSkew::of`].

mod bounds;
mod correct;
mod estimate;
mod figure;
mod shared;

pub use estimate::{ClockSkew, HostPair};
