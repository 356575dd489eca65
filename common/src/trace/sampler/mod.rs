//! Which traces are kept.
//!
//! ```text
//! a trace begins, or comes in from a caller                                      its runs end
//!   └─► carried? ─no─► rule ─► rate ─► limit ──kept────────────────────────────────────────────► sink
//!         │  the caller's word    the first that fits       │ left out                             ▲
//!         └────────────────────────────────────────────────►│                 error · slow · chosen │
//!                                                           └─► tail: waits, bounded ───────────────┘
//!                                                                  └─► nothing worth keeping: forgotten
//! ```
//!
//! Everything up to the limit is the head: it decides when the first run of a trace begins in this process, and
//! every run below follows. The tail is a second chance for what the head leaves out: it holds the runs back
//! until one of them fails, or the whole took too long. Without one, a run that is left out is not recorded.
//!
//! | file | stage |
//! |---|---|
//! | `rate` | by the id of the trace, the same in every process and SDK |
//! | `rule` | by name, project, tags or metadata; the first rule that fits |
//! | `limit` | so many a second |
//! | `sampling` | the configuration of all of it |
//! | `verdict` | what can be decided, and why |
//! | `head` · `memory` | deciding, and what of it the id does not tell |
//! | `tail/` | holding back, bounded; letting go |
//! | `books` | what became of every trace |
//!
//! Start at [`Sampler`] for a rate, at [`Sampling`] for more.

mod books;
mod head;
mod limit;
mod memory;
mod per_process;
mod rate;
mod rule;
mod sampling;
mod tail;
mod verdict;
#[cfg(feature = "prometheus")]
mod watched;

pub use books::{HeldRuns, RuleTally, SamplingStats};
pub(super) use head::{Facts, Head};
pub use limit::TraceLimit;
pub use rate::{InvalidSamplingRate, SAMPLE_RATE, Sampler, SamplingRate};
pub use rule::SamplingRule;
pub use sampling::{
    CARRIED_DECISION, InvalidSampling, MAX_LABEL_BYTES, MAX_SAMPLING_RULES, Sampling,
};
#[cfg(any(feature = "client", feature = "prometheus"))]
pub(crate) use tail::TailBuffer;
pub(super) use tail::TailSampler;
pub use tail::{
    DEFAULT_TAIL_BYTES, DEFAULT_TAIL_REMEMBERED, DEFAULT_TAIL_RUNS, DEFAULT_TAIL_TRACES,
    DEFAULT_TAIL_WAIT, TailPolicy,
};
pub(super) use verdict::{Decision, Verdict};
pub use verdict::{KeepReason, LeaveReason};
#[cfg(feature = "prometheus")]
pub(crate) use watched::SamplingBooks;
