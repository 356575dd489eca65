//! From a broken trace back to a whole one.
//!
//! ```text
//! what is stored (read back, or a capture) ─┬─ close_pending    runs of a process that is gone: an end
//!                                           ├─ adopt_orphans    a placeholder under the id of a lost parent
//!                                           └─ replay           the whole trace anew, with fresh ids
//!                                                 │
//!                                                 ▼
//!                                           RecoveryPlan ── Display: what would be done (nothing is sent)
//!                                                 │      └─ applied_to: the runs as they would be
//!                                                 ▼
//! Client::carry_out ── checks, paces, sends ──► RecoveryReport          Client::resend_spooled
//! ```
//!
//! What LangSmith has stored of a run's place cannot be changed: trace, dotted order and parent stay. A run
//! can be given an end that it lacks, and a run can be made that was lost. A trace that is in two pieces with
//! two trace ids is made whole by [`replay`] alone, as a new trace. Start at [`RecoveryPlan`].

mod carry_out;
mod orphans;
mod pending;
mod plan;
mod replay;

pub use carry_out::{Pace, RecoveryReport, ResendReport};
pub use orphans::{PLACEHOLDER, adopt_orphans};
pub use pending::{PendingRule, close_pending};
pub use plan::{RecoveryPlan, RecoveryStep};
pub use replay::{REPLAYED_FROM, ReplayOptions, replay};
