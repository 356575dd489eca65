//! Which services end up in one trace: the table, measured.
//!
//! ```text
//! Joins::start ──► peers, one a mode of the SDK ──► run(Row) ──► stand-in ──► Met: joined, apart, orphan, dropped
//! ```
//!
//! A row is a caller, a callee and what is sent along; what became of it is read from the stand-in. Start at
//! [`Joins::start`].

mod row;
mod scene;

pub use row::{Join, Kind, Met, Row, Sends};
pub use scene::Joins;
