//! The diagram of a graph, and what a trace did in it.
//!
//! ```text
//!      __start__
//!          ↓
//!      ┌ agent ┐ ◄──┐
//!      └ 2×────┘    │
//!     ╎         ╎   │      ╎ something chooses
//!   tools    __end__│
//!     └─────────────┘
//! ```
//!
//! Start at [`GraphDiagram::of`].

use std::fmt;

use super::draw::{self, Look};
use super::layout::{Layout, Room};
use super::overlay::Overlay;
use super::shape::{END, GraphShape, START};
use super::visits::Visits;
use super::{MAX_SAID, beside, names};
use crate::analysis::Figure;
use crate::analysis::figure::{MARGIN, WIDTH};
use crate::analysis::label::count;
use crate::analysis::svg::{NAME, NOTE, Type, text};
use crate::model::TraceTree;

/// A drawing of a [`GraphShape`]: layers from top to bottom, what goes back beside them, dashed where
/// something chooses.
///
/// After 9 layers of 7 nodes, or 90 edges, the rest is counted. The text alternative lists the edges and,
/// if a trace was laid over it, the way, visits and tokens.
///
/// ```
/// use common::analysis::{GraphDiagram, GraphShape};
///
/// let shape = GraphShape::new().edge("__start__", "agent").edge("agent", "__end__");
/// let figure = GraphDiagram::of(&shape).figure();
/// assert!(figure.is_light());
/// assert!(figure.to_string().contains("__start__ → agent"));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct GraphDiagram {
    shape: GraphShape,
    overlay: Option<Overlay>,
}

impl GraphDiagram {
    /// Draws a graph.
    pub fn of(shape: &GraphShape) -> Self {
        Self {
            shape: shape.clone(),
            overlay: None,
        }
    }

    /// Draws the outermost graph of a trace as it was walked.
    pub fn of_trace(tree: &TraceTree) -> Self {
        Self::of(&GraphShape::of_trace(tree)).walked(tree)
    }

    /// Lays over it what a trace did: visits and tokens of each node, and the edges that were taken.
    ///
    /// Of several graphs in the trace that one counts which has most of the nodes. Tokens are those of the
    /// calls below a node, subgraphs included, each call once as in
    /// [`SpendByAgent`](crate::analysis::SpendByAgent).
    #[must_use]
    pub fn walked(mut self, tree: &TraceTree) -> Self {
        self.overlay = Some(Overlay::of(&self.shape, &Visits::of(tree)));
        self
    }

    /// Returns the picture.
    pub fn figure(&self) -> Figure {
        let has_notes = self.overlay.is_some() || self.has_kinds();
        let room = self.room(WIDTH - 2.0 * MARGIN, has_notes);
        let layout = Layout::of(&self.shape, room);
        let look = Look {
            overlay: self.overlay.as_ref(),
            is_numbered: false,
            room,
            right: WIDTH - 2.0 * MARGIN + 8.0,
        };
        let foot = layout.height + 24.0;
        let body = maud::html! {
            g transform=(format!("translate({MARGIN} 4)")) {
                (draw::graph(&self.shape, &layout, look))
                (draw::foot(&self.shape, &layout, look, (0.0, foot)))
            }
            @if layout.spots.is_empty() {
                (text(MARGIN, 14.0, Type::new(NOTE, crate::analysis::palette::MUTED), "(no graph)"))
            }
        };
        let mut alt = self.in_words();
        alt.extend(draw::left_out(&layout).map(|words| format!("{words} than drawn")));
        let size = (WIDTH, foot + 24.0);
        Figure::new(&self.finding(), &alt.join("\n"), size, body).subtitle(&self.inventory())
    }

    /// Returns one picture of the graph and, at its right, the tree of runs: a node and its runs have the
    /// same number and color.
    pub fn beside(&self, tree: &TraceTree) -> Figure {
        beside::drawn(&self.shape, tree)
    }

    /// Returns the picture as SVG.
    pub fn svg(&self) -> String {
        self.figure().svg()
    }

    /// Returns the picture as HTML.
    pub fn to_html(&self) -> String {
        self.figure().to_html()
    }

    /// Shows the picture as the result of a notebook cell, with its text alternative.
    pub fn evcxr_display(&self) {
        self.figure().evcxr_display();
    }

    pub(super) fn has_kinds(&self) -> bool {
        self.shape
            .nodes
            .iter()
            .any(|node| !node.kind.words().is_empty())
    }

    pub(super) fn room(&self, width: f64, has_notes: bool) -> Room {
        let node_height = if has_notes { 38.0 } else { 28.0 };
        let bold = Type::new(NAME, "").bold();
        let names = names(&self.shape);
        let widest = names.iter().map(|(name, _)| bold.px(&super::name(name)));
        let widest = widest.fold(0.0, f64::max) + 28.0;
        Room {
            width,
            node_height,
            pitch: node_height + 40.0,
            wish: widest.clamp(if has_notes { 128.0 } else { 84.0 }, 190.0),
            least: 40.0,
            label: 84.0,
            gap: 14.0,
        }
    }

    /// Says edges and way in words.
    fn in_words(&self) -> Vec<String> {
        let mut lines = self.shape.lines(MAX_SAID);
        if let Some(overlay) = &self.overlay {
            lines.push(String::new());
            lines.extend(overlay.in_words(&self.shape));
        }
        lines
    }

    fn finding(&self) -> String {
        match &self.overlay {
            Some(overlay) => overlay.finding(&self.shape),
            None if self.shape.nodes.is_empty() && self.shape.edges.is_empty() => {
                "There is no graph".to_owned()
            }
            None => "What may follow what".to_owned(),
        }
    }

    fn inventory(&self) -> String {
        let chosen = self
            .shape
            .edges
            .iter()
            .filter(|edge| edge.conditional)
            .count();
        // Begin and end do no work.
        let nodes = names(&self.shape).into_iter().map(|(name, _)| name);
        let nodes = nodes.filter(|name| *name != START && *name != END);
        let nodes = count(nodes.count(), "node");
        let edges = self.shape.edges.len() + self.shape.edges_left_out;
        let edges = count(edges, "edge");
        let graph = self.overlay.as_ref().and_then(Overlay::graph_name);
        let mut parts: Vec<String> = graph.into_iter().collect();
        parts.extend([nodes, edges]);
        if chosen > 0 {
            parts.push(format!("{chosen} of them chosen"));
        }
        parts.join(" · ")
    }
}

impl fmt::Display for GraphDiagram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.figure().fmt(f)
    }
}
