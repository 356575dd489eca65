//! Runs that last as long as a piece of work.
//!
//! ```text
//! RunTree · RunBuilder · child(name)
//!           │ traced(run)
//!           ▼            poll: the run is current           done · error · dropped · panic
//! future ─► Traced ───────────────────────────────────────────► one end of the run
//! stream ─► TracedStream ─ chunk ─► first token · Reduce::take ─┴─► outputs, usage, chunk_count
//!                                        └ from time to time: RunTree::update
//! ```
//!
//! Whatever becomes of the work, its run ends once: with what the work gave back, with its error, with
//! `Cancelled: …` if it was dropped before its end, or with `Panicked: …`. In the last three cases a stream's
//! run says what came until then. Start at [`TraceStreamExt::traced`].

mod budget;
mod child;
mod future;
mod gathered;
mod lasting;
mod openai;
mod reduce;
mod stream;
#[cfg(feature = "client")]
mod timeout;

pub use budget::CAPTURE_BYTES;
pub use child::child;
pub use future::{End, Traced};
pub(super) use future::{end_with_result, end_with_value};
pub use lasting::IntoRun;
#[cfg(feature = "middleware")]
pub(crate) use lasting::{Lasting, why_dropped};
pub use openai::OpenAiChat;
pub use reduce::{Fold, Items, JoinedText, Reduce, fold};
pub use stream::{CHUNK_COUNT, TraceStreamExt, TracedStream};
#[cfg(feature = "client")]
pub use timeout::{TimedOut, WithTimeout};
