//! Holding back, bounded, and letting go: what the head leaves out gets a second chance.
//!
//! ```text
//! begin · end ──► sink: kept by the head? ──────────────yes───────────────► next sink
//!                            │ no                                             ▲
//!                            ▼            error · slow · chosen               │ release: the whole part
//!                         buffer: part ───────────────────────────────────────┤
//!                            │ ended without, or past a bound                 │
//!                            ▼                                                │ late runs of a part that was kept
//!                         forgotten ── late runs of it too      remembered ───┘
//! ```
//!
//! `policy` says what is worth keeping and how much may wait, `part` is what waits, `buffer` decides, `release` lets
//! go, `fates` remembers, `sink` stands between the tracer and where runs go. Nothing has a thread: time is looked at
//! when an operation comes.

mod buffer;
mod fates;
#[cfg(all(test, feature = "client"))]
mod model;
mod part;
mod policy;
mod release;
mod sink;

pub(crate) use buffer::TailBuffer;
pub use policy::{
    DEFAULT_TAIL_BYTES, DEFAULT_TAIL_REMEMBERED, DEFAULT_TAIL_RUNS, DEFAULT_TAIL_TRACES,
    DEFAULT_TAIL_WAIT, TailPolicy,
};
pub(in crate::trace) use sink::TailSampler;
