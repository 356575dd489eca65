//! The trace doctor: names what is wrong with captured traces, why, and what to do.
//!
//! ```text
//! read ──► Evidence ──► rules ──► Findings ──► print: text · JSON · SARIF · notebook
//!  capture · runs · OTLP   └─ each fault is a row of `code`'s table
//! ```
//!
//! Start at [`faults`].

mod code;
mod table;

pub use code::{Cause, Chapter, EvidenceKind, Fault, Level, fault, faults};
