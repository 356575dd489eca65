//! What the pages read from the store, taken while it is locked; all keys are cut out of it.
//!
//! ```text
//! Store ──traces──► [TraceFacts]      one per trace, for the list; known keeps them
//!       ──tree────► Traced            runs without inputs, outputs and events, and what is derived
//!       ──run─────► RunFacts          one run whole
//!       ──wrong───► Wrong             what was dropped, and why; all_wrong of all traces
//!       ──counts──► Counts
//!   └─ stored: what stands in one run, without its payloads; they all read by it
//! ```
//!
//! Pages are written after the lock is free. Start at [`traces`].

mod counts;
mod one;
mod stored;
mod traces;
mod wrong;

pub(super) use counts::{Counts, counts};
pub(super) use one::{Traced, run, sender, trace_of, tree};
pub(super) use traces::{TraceFacts, traces};
pub(super) use wrong::{Dropped, Wrong, all_wrong, wrong};

/// Longest name, project or error that a list keeps, in characters.
const SHORT: usize = 1_000;
