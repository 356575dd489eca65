//! What is asked of the services, when, and the book of it.
//!
//! ```text
//! seed · rate · shares ──► Plan ──send, nobody waits──► gateway
//!                                       └─ answers ──► Ledger { Entry… } ──► expected runs · scorecard's ledger
//! ```
//!
//! Start at [`Plan::new`].

mod arrivals;
mod ledger;
mod sender;

pub use arrivals::{Plan, Planned, Scenario, Shares};
pub use ledger::{Asked, Call, CallOutcome, Entry, Ledger, RUNS_OF_A_CALL};
pub use sender::{LoadMetrics, Sender, Sent};
