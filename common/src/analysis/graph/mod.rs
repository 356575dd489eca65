//! Graphs of agents: their shape, what a trace did in them, and both beside each other.
//!
//! ```text
//! TraceTree ─► visits (which node, which superstep) ─► walked (along which edges) ─► Loops
//!                                     └────┬──────────────┘
//! GraphShape (by hand, from JSON, as walked) ─► layout ─► GraphDiagram · walked · beside the runs
//!     └─► Mermaid
//! ```
//!
//! Start at [`GraphShape`] and [`GraphDiagram`].

mod beside;
mod diagram;
mod draw;
mod layout;
mod loops;
mod mermaid;
mod overlay;
mod shape;
pub(super) mod visits;
mod walked;

use std::collections::HashSet;

use super::label::{fit, or_else};

pub use diagram::GraphDiagram;
pub use loops::{Cycle, Loops, NodeVisits, RUNS_PER_TRACE, TraceSize};
pub use shape::{END, GraphEdge, GraphNode, GraphNodeKind, GraphShape, START};
pub(super) use walked::together;

/// Most edges that the text alternative of a picture lists.
const MAX_SAID: usize = 60;

/// Returns a node's name as all texts have it.
fn name(name: &str) -> String {
    or_else(fit(name, 48), "(no name)")
}

/// Returns each node once: those that are listed, then those that only an edge names.
fn names(shape: &GraphShape) -> Vec<(&str, GraphNodeKind)> {
    let listed = shape.nodes.iter().map(|node| (&*node.name, node.kind));
    let ends = shape.edges.iter().flat_map(|edge| [&edge.from, &edge.to]);
    let ends = ends.map(|name| (name.as_str(), GraphNodeKind::Node));
    let mut met = HashSet::new();
    let all = listed.chain(ends);
    all.filter(|(name, _)| met.insert(*name)).collect()
}
