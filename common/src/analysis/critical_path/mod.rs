//! Where the time of a trace went: what was waited for, what each run did itself, when nothing ran.
//!
//! ```text
//!               ┌─ CriticalPath   every moment of the root, given to the one run it waited for
//! TraceTree ─ spans ─ SelfTimes   by name and service: time outside of the runs below
//!               └─ Gaps           stretches of a run in which none of its children ran
//! ```
//!
//! All three read the same spans, so that they agree: whole microseconds, an end before its start is the
//! start, and a run that has not ended lasts as long as is known. Start at [`CriticalPath::of`].

mod gaps;
mod path;
mod self_time;
mod spans;
mod walk;

pub use gaps::{Gap, Gaps};
pub use path::{CriticalPath, PathSegment, Unwaited, UnwaitedBecause};
pub use self_time::{SelfTime, SelfTimes};
pub(super) use spans::{Spans, micros, tolerance};
