//! What a run *is*: plain values with serde, no I/O.
//!
//! ```text
//! Run ──dotted_order──► DottedOrder = Segment . Segment . Segment      (root first, own segment last)
//!  │                                   └ start time + run id
//!  └─context()──► RunContext = DottedOrder + Baggage                   (what crosses a service boundary)
//!
//! RunOp::Post(Run) · RunOp::Patch(Run)  ──any interleaving──►  Vec<Run>  ──►  TraceTree
//! ```
//!
//! Every other room of the crate imports this one; it imports none of them. Start at [`Run`].

mod attachment;
mod baggage;
mod clock;
mod context;
mod depth;
mod dotted_order;
mod feedback;
mod glance;
mod ids;
mod op;
mod process;
mod replica;
mod run;
mod short_text;
mod size;
mod to_value;
mod tree;
mod unwritten;
mod usage;
mod view;

pub use attachment::Attachment;
pub use baggage::LazyBaggage;
pub(crate) use baggage::UnreadBaggage;
pub use clock::{Clock, SteppingClock, SystemClock, Timestamp};
pub use context::{Baggage, RunContext};
pub use depth::{MAX_VALUE_DEPTH, TOO_DEEP};
pub(crate) use depth::{discard, withhold_deep, withhold_deep_in, withhold_deep_in_shared};
pub use dotted_order::{DottedOrder, ParseDottedOrderError, Segment};
#[cfg(feature = "client")]
pub(crate) use feedback::round_score;
pub use feedback::{Feedback, FeedbackCategory, FeedbackConfig};
pub use glance::{EndedRun, Glance};
pub use ids::{IdGenerator, RandomIds, RunId, SeededIds, TraceId};
pub use op::{RunOp, merge_ops};
pub(crate) use process::Process;
pub use replica::replica_id;
pub use run::{Extra, NEW_TOKEN, Run, RunEvent, RunStatus, RunType};
pub(crate) use short_text::ShortText;
pub(crate) use size::{FIXED_SIZE, size_of, size_of_events, size_of_map, size_of_op, size_of_rest};
pub(crate) use to_value::to_value;
pub use tree::{TraceTree, TreeNode};
pub use unwritten::{Part, Place, Taken, Unwritten};
pub use usage::{ParseUsageError, USAGE_METADATA, Usage};
pub use view::{FieldsView, OpView, OrderView, RunView};

/// A JSON object with its keys in the order of insertion.
pub type JsonMap = serde_json::Map<String, serde_json::Value>;
