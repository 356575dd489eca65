//! How a process ends, and what of its runs arrives: each ending is lived through, by a process of its own.
//!
//! ```text
//! Ending ──► a program, `stopped-service` ◄── requests, one a line ── and then: SIGTERM · SIGKILL · SIGSTOP · exit · fork
//!                 │ runs                        answered ID ──► accepted
//!                 ▼                                             │
//!           stand-in of its own ──► arrived, whole or not ──────┴──► Stopped: asked = arrived + lost, by reason
//! ```
//!
//! Endings come in pairs: what is lost when nobody thought of the end, and the same with what this crate has for
//! it. The program gathers runs for a minute before it sends them by itself, so that what would be left to luck
//! is lost for certain. Start at [`stop`].

mod ending;
mod life;
mod stop;
mod stopped;

pub use ending::Ending;
pub use stop::{GRACE, StoppingError, stop, stop_all};
pub use stopped::{Stopped, stopping_chart, stopping_table};
