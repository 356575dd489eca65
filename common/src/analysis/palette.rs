//! The colors of all pictures.
//!
//! Two base colors, blue and green, in steps of lightness, so that run types differ in gray as
//! well; one accent for what is broken. The same type has the same color in every picture. Pictures
//! bring their own paper: as an `<img>` they do not follow the theme of the page. Start at
//! [`of_type`].

use crate::model::RunType;

/// The ground of every picture.
pub(super) const PAPER: &str = "#fcfcfa";
/// The edge of the ground, seen on a white page.
pub(super) const PAPER_EDGE: &str = "#dfdfd8";
/// Titles and names.
pub(super) const INK: &str = "#20262e";
/// Everything second to them; 6:1 on paper.
pub(super) const MUTED: &str = "#5b636e";
/// Grid lines and connectors that should stay behind.
pub(super) const HAIRLINE: &str = "#e4e5e1";
/// Connectors that carry meaning.
pub(super) const LINE: &str = "#8a929c";
/// A band behind every second group.
pub(super) const BAND: &str = "#f3f4ef";
/// First base color.
pub(super) const BLUE: &str = "#2f5d8c";
/// Second base color.
pub(super) const GREEN: &str = "#4c8f78";
/// What is broken: errors, lost parents, stripped headers; 5:1 on paper.
pub(super) const BROKEN: &str = "#c2401c";
/// The ground of something broken.
pub(super) const BROKEN_TINT: &str = "#fbeee9";

/// The face of a node of a graph and the color of words on it, by the node's number from 0. Beyond eight
/// they come again: the number that is written on them tells nodes apart, also in gray.
pub(super) fn of_node(number: usize) -> (&'static str, &'static str) {
    const NODES: [(&str, &str); 8] = [
        ("#26466b", "#ffffff"),
        ("#86b8a4", INK),
        ("#5f89b5", "#ffffff"),
        ("#35705c", "#ffffff"),
        ("#b5cbe2", INK),
        ("#1d3d32", "#ffffff"),
        ("#cfe4da", INK),
        ("#2f5d8c", "#ffffff"),
    ];
    NODES[number % NODES.len()]
}

/// How a run type is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TypeColor {
    /// The face.
    pub(crate) fill: &'static str,
    /// The edge, where the face is too light to stand alone.
    pub(crate) edge: &'static str,
}

/// Returns the color of a run type. In gray their lightness runs from 30 % (`llm`) to 93 %
/// (`parser`).
pub(crate) fn of_type(run_type: &RunType) -> TypeColor {
    let (fill, edge) = match run_type {
        RunType::Llm => ("#26466b", "#26466b"),
        RunType::Retriever => ("#35705c", "#35705c"),
        RunType::Tool => ("#5f89b5", "#5f89b5"),
        RunType::Embedding => ("#86b8a4", "#5f9a83"),
        RunType::Chain => ("#b5cbe2", "#7f9fc2"),
        RunType::Prompt => ("#cfe4da", "#86b8a4"),
        RunType::Parser => ("#e6eef6", "#9db7d3"),
        RunType::Other(_) => ("#a3a6a8", "#85898c"),
    };
    TypeColor { fill, edge }
}
