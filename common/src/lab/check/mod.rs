//! Exercises, and checks that look at what really arrived.
//!
//! ```text
//! Exercise (facts in order) ─┐
//!                            ├─ check ──► Check ──┬─ ✓ and why it works
//! Lesson ──capture──► Capture┘                    └─ ✗ the first wrong fact, in words
//!   tree · headers as they arrived · losses            as it is │ as it should be · hints
//! ```
//!
//! A check never passes on an empty trace, never panics, and never shows the solution. Start at
//! [`Exercise`].

mod about;
mod apart;
mod capture;
mod exercise;
mod facts;
mod hints;
mod of_headers;
mod of_run;
mod of_trace;
mod of_words;
mod outcome;
mod wrong;

pub use about::{AboutHeader, AboutRun};
pub use capture::{Arrival, Capture};
pub use exercise::Exercise;
pub use hints::Hint;
pub(super) use hints::HintBook;
pub use outcome::Check;
