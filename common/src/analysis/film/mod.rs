//! Time travel: a trace as it grew, operation by operation, and when it went wrong.
//!
//! ```text
//! ingest log of the stand-in ─┐
//! the same as JSON lines ─────┼─► FilmStep … ─► Film ─┬─ tree_after(n)    the tree at that moment
//! runs alone (starts, ends) ──┘                       ├─ faults()         what is broken at the end, since when
//!                                                     ├─ Display          a line a step, faults where they begin
//!                                                     └─ figure()         a strip of moments
//! ```
//!
//! Between the first operation and the last a trace is always in pieces. Broken is what never heals: so the
//! whole log is read before anything is called broken. Start at [`Film::of`].

mod faults;
mod reel;
mod step;
mod strip;

pub use faults::{FilmFault, FilmFaultKind};
pub use reel::Film;
pub use step::{FilmStep, ReadFilmError, StepEffect};
