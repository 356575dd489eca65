//! How the learner stands: what was done, in a file on this machine, and the card that shows it.
//!
//! ```text
//! check · hint ──► Journal ──one line each──► progress.jsonl ──► Standing ──► LessonCard at the top of a page
//! ```
//!
//! Start at [`LessonCard`].

mod card;
mod journal;

pub use card::LessonCard;
pub(super) use journal::Journal;
pub use journal::PROGRESS_VARIABLE;
