//! What tracing costs: the same requests in turns, not traced, traced, sampled, and with a backend that is slow or away.
//!
//! ```text
//! turn 1   off · on · sampled · slow backend · dead backend      each state: a thread, a client and an endpoint of its own
//! turn 2   on · sampled · slow backend · dead backend · off      every turn begins with another, so that a neighbor on
//!   …                                                            the machine disturbs all of them alike
//!   ▼
//! Measured: times ──► Impact (percentiles, the difference and where it lies) · cpu · bytes · queue ──► table, charts
//! ```
//!
//! Times are of this machine and this moment, ratios carry over. Start at [`Overhead::new`].

mod cpu;
mod measured;
mod measuring;
mod work;

pub use measured::{Measured, StateBooks};
pub use measuring::Overhead;
pub use work::docs_request;
