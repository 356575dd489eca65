//! Nodes and edges of a graph, as plain values for whoever draws it.

use std::fmt::Write as _;

/// Nodes and edges of a graph, in the order in which they were added. `__start__` and `__end__` are nodes too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphShape {
    /// The nodes, `__start__` first and `__end__` last.
    pub nodes: Vec<GraphNode>,
    /// The edges.
    pub edges: Vec<GraphEdge>,
}

/// A node of a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphNode {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: GraphNodeKind,
}

/// What a node of a graph is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GraphNodeKind {
    /// Where the graph begins: `__start__`.
    Start,
    /// Something that runs.
    Node,
    /// A graph that runs as a node.
    Subgraph,
    /// Where the graph ends: `__end__`.
    End,
}

/// An edge of a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphEdge {
    /// The node that it leaves.
    pub from: String,
    /// The node that it goes to.
    pub to: String,
    /// What the router says, where that is not the node's name.
    pub label: Option<String>,
    /// Whether it is a router's, or [`Update::goto`](super::Update::goto)'s.
    pub conditional: bool,
}

impl GraphShape {
    /// Returns the shape as a Mermaid diagram: conditional edges are dotted.
    pub fn mermaid(&self) -> String {
        let mut text = String::from("graph TD;\n");
        for node in &self.nodes {
            let (name, id) = (&node.name, id(&node.name));
            // Nothing can fail that is written to a text.
            let _ = match node.kind {
                GraphNodeKind::Start => writeln!(text, "\t{id}([{name}]):::first"),
                GraphNodeKind::Node => writeln!(text, "\t{id}(\"{}\")", shown(name)),
                GraphNodeKind::Subgraph => writeln!(text, "\t{id}[[\"{}\"]]", shown(name)),
                GraphNodeKind::End => writeln!(text, "\t{id}([{name}]):::last"),
            };
        }
        for edge in &self.edges {
            let (from, to) = (id(&edge.from), id(&edge.to));
            let _ = match (&edge.label, edge.conditional) {
                (Some(label), true) => {
                    writeln!(text, "\t{from} -. \"{}\" .-> {to};", shown(label))
                }
                (Some(label), false) => {
                    writeln!(text, "\t{from} -- \"{}\" --> {to};", shown(label))
                }
                (None, true) => writeln!(text, "\t{from} -.-> {to};"),
                (None, false) => writeln!(text, "\t{from} --> {to};"),
            };
        }
        text
    }
}

/// Returns a name without what would be read as Mermaid.
fn id(name: &str) -> String {
    let mut id = String::new();
    for letter in name.chars() {
        match letter {
            letter if letter.is_ascii_alphanumeric() || letter == '_' => id.push(letter),
            letter => {
                let _ = write!(id, "\\{:x}", u32::from(letter));
            }
        }
    }
    id
}

fn shown(text: &str) -> String {
    text.replace('"', "#quot;")
}
