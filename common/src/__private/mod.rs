//! What `#[traceable]` expands to.
//!
//! ```text
//! begin(tracer, enabled, parent) ──► Call ──input · tag · metadata · start──► Traced ──call · poll──► value
//!        └── nothing to record: Traced at once                                  └──── end · fail ◄──── Returned
//! ```
//!
//! It is public only because the expansion is the caller's code; it may change with any release. No
//! code of the caller's that runs here for the sake of tracing (serializing, showing an error, hooks)
//! can panic through it. Start at `begin`.

mod call;
mod hook;
mod traced;
mod values;

pub use call::{Call, begin, tracer};
pub use hook::Payload;
pub use traced::{Polled, Traced};
pub use values::{OfResult, OfValue, RecordInput, RecordOutput, Returned, ShowError};
