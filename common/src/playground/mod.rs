//! What a receiver makes of the headers that somebody pasted, and what the official SDKs made of the same bytes.
//!
//! ```text
//! text (curl -v, curl -H, lines) ──► pasted ──► HeaderReading ─┬─ place, members, budget, warnings
//!                                                  ▲           ├─ Display · to_html · evcxr_display
//!                 recorded (header_cases.json) ────┘           └─ a page of the stand-in: /playground
//! ```
//!
//! What is said of us is what [`LangSmithPropagator`](crate::propagation::LangSmithPropagator) does with the bytes, with a
//! policy that trusts the caller and any project. What is said of others was recorded; of bytes that nobody fed to them it
//! says so. Start at [`read`].

mod classes;
mod member;
mod pasted;
mod print;
mod reading;
mod recorded;

pub use member::{MemberReading, MemberVerdict};
pub use reading::{BudgetUse, HeaderReading, PlaceReading, read};
pub use recorded::{PeerLine, PeerReading};
