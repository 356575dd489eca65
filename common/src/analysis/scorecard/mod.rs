//! The scorecard: five numbers that say whether tracing does what it is there for.
//!
//! ```text
//! what was asked     Ledger ───┐                 ┌ completeness   complete traces / requests
//!                              │                 │ propagation    linked calls / calls · nodes
//! what was captured  TraceTree ┴─► scorecard ───►┤ impact         time added, bytes and CPU a run
//!                                  Scorecard     │ debugging      time to a diagnosis, by means
//!                                                └ visibility     visible errors / errors
//!                                     └─► Display · card() · to_json() · to_prometheus()
//! ```
//!
//! A number that nobody measured is absent, never 100 %. Start at [`scorecard`].

mod capture;
mod card;
mod completeness;
mod debugging;
mod impact;
mod ledger;
mod prometheus;
mod propagation;
mod share;
mod visibility;

use serde::Serialize;
use serde_json::Value;

use super::figure::Figure;
use crate::model::TraceTree;

pub use completeness::{Completeness, Flaw};
pub use debugging::{Debugging, Found};
pub use impact::{Added, Impact, Timing};
pub use ledger::{Asked, Cost, Cut, Diagnosis, Drill, Failure, Ledger, Load, Means};
pub use propagation::{EdgeScore, Propagation};
pub use share::Share;
pub use visibility::{ScenarioScore, Unseen, Visibility};

/// Metadata key that joins a run with its request's entry in the [`Ledger`].
pub const REQUEST_ID: &str = "request_id";

/// The five success metrics of one load. Made by [`scorecard`].
///
/// Shown as text with `Display`, as a picture with [`card`](Self::card), to programs as JSON with
/// [`to_json`](Self::to_json), to Prometheus with [`to_prometheus`](Self::to_prometheus).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scorecard {
    /// Runs that were captured.
    pub runs: usize,
    /// Whether each request became one whole trace.
    pub completeness: Completeness,
    /// Whether context crossed each boundary.
    pub propagation: Propagation,
    /// What tracing cost the traced.
    pub impact: Impact,
    /// How fast faults are found.
    pub debugging: Debugging,
    /// Which errors can be seen.
    pub visibility: Visibility,
}

/// Holds what was captured against what was asked.
///
/// Runs belong to a request if one run of their trace carries its id in the metadata
/// [`REQUEST_ID`]. A trace that a service began because it did not trust its caller belongs to the
/// request that its metadata `incoming_trace_id` leads to.
///
/// ```
/// use std::sync::Arc;
/// use common::analysis::{Asked, Ledger, scorecard};
/// use common::model::TraceTree;
/// use common::trace::{MemorySink, Tracer};
///
/// let sink = Arc::new(MemorySink::new());
/// let tracer = Tracer::builder(sink.clone()).service("gateway").build();
/// let mut ledger = Ledger::new();
/// for id in ["r-1", "r-2"] {
///     ledger.ask(Asked::new(id).hop("gateway"));
/// }
/// // The second request leaves no trace.
/// tracer.run("answer").metadata("request_id", "r-1").start().end();
///
/// let card = scorecard(&TraceTree::build(sink.runs()), &ledger);
/// assert_eq!(card.completeness.complete.ratio(), Some(0.5));
/// assert_eq!(card.completeness.missing, 1);
/// assert!(card.to_prometheus().contains("scorecard_trace_completeness_ratio 0.5\n"));
/// ```
pub fn scorecard(tree: &TraceTree, ledger: &Ledger) -> Scorecard {
    let capture = capture::Capture::new(tree, ledger);
    Scorecard {
        runs: tree.len(),
        completeness: completeness::score(&capture, ledger),
        propagation: propagation::score(&capture, ledger),
        impact: impact::score(ledger),
        debugging: debugging::score(ledger),
        visibility: visibility::score(&capture, ledger),
    }
}

impl Scorecard {
    /// Draws the card.
    pub fn card(&self) -> Figure {
        card::draw(self)
    }

    /// Returns the numbers as JSON. Shares are `{"of": …, "ratio": …, "got": …}`, times are seconds.
    pub fn to_json(&self) -> Value {
        // A value of numbers and texts has no way not to be JSON.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Returns the numbers in the text format of Prometheus; a number that was not measured is left
    /// out. Labels are names of the ledger and of this crate, never of captured runs.
    pub fn to_prometheus(&self) -> String {
        prometheus::page(self)
    }

    /// Shows the card as the result of a notebook cell.
    pub fn evcxr_display(&self) {
        self.card().evcxr_display();
    }
}

impl std::fmt::Display for Scorecard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&card::words(self))
    }
}
