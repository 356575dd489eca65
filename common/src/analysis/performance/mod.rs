//! Where a trace loses time in a way that can be mended.
//!
//! ```text
//!             ┌─ fan_out   LT051  siblings one after the other that could run at once
//!             ├─ retries   LT052  the same call fails again and again
//! TraceTree ──┼─ tokens    LT053  the first token comes when the answer is nearly done
//!             ├─ queues    LT054  a run begins long after what sent it has ended
//!             └─ repeats   LT055  the same call, the same answer, several times
//!                               └─► PerformanceFinding { code, runs, lost, words }
//! ```
//!
//! Codes are those of the trace doctor. A rule that cannot tell says nothing: without inputs nobody knows
//! whether two calls need each other. Start at [`performance_findings`].

mod calls;
mod fan_out;
mod finding;
mod limits;
mod queues;
mod repeats;
mod retries;
mod tokens;

pub use finding::{PerformanceCode, PerformanceFinding, PerformanceReport};
pub use limits::PerformanceLimits;

use super::critical_path::Spans;
use crate::model::TraceTree;

/// Looks for lost time, with limits that suit services that people wait for; the most lost time first.
///
/// ```
/// use common::analysis::performance_findings;
/// use common::model::TraceTree;
///
/// let report = performance_findings(&TraceTree::default());
/// assert_eq!(report.to_string(), "no time is lost in a way that this looks for\n");
/// ```
pub fn performance_findings(tree: &TraceTree) -> PerformanceReport {
    performance_findings_within(tree, &PerformanceLimits::default())
}

/// Looks for lost time with other limits.
pub fn performance_findings_within(
    tree: &TraceTree,
    limits: &PerformanceLimits,
) -> PerformanceReport {
    let seen = Seen {
        tree,
        spans: Spans::of(tree),
        limits,
    };
    let mut found = fan_out::find(&seen);
    found.extend(retries::find(&seen));
    found.extend(tokens::find(&seen));
    found.extend(queues::find(&seen));
    found.extend(repeats::find(&seen));
    found.sort_by_key(|finding| (std::cmp::Reverse(finding.lost), finding.code));
    PerformanceReport::new(found)
}

/// What the rules look at.
struct Seen<'a> {
    tree: &'a TraceTree,
    spans: Spans,
    limits: &'a PerformanceLimits,
}
