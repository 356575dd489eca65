//! The shape of a graph: what may follow what.
//!
//! ```text
//! by hand, or get_graph().to_json() ──┐                ┌─► to_mermaid()
//!                                     ├─► GraphShape ──┤
//! TraceTree ──of_trace: as walked─────┘                └─► GraphDiagram
//! ```
//!
//! Start at [`GraphShape`].

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::visits::{Visits, is_paused};
use super::walked::walked;
use super::{GraphDiagram, mermaid, name};
use crate::analysis::label::count;
use crate::model::{Run, RunType, TraceTree};

/// The name of the node where each graph begins; LangGraph's.
pub const START: &str = "__start__";
/// The name of the node where each graph ends; LangGraph's.
pub const END: &str = "__end__";

/// Most lines of edges in a text.
const MAX_LINES: usize = 200;

/// What may follow what in a graph of agents.
///
/// What LangGraph's `get_graph().to_json()` gives can be read as it is. Written as JSON, a shape has the names
/// of its own fields: `name` where LangGraph says `id`, `from`, `to` and `label` where it says `source`,
/// `target` and `data`.
///
/// ```
/// use common::analysis::GraphShape;
///
/// let shape = GraphShape::new()
///     .edge("__start__", "agent")
///     .conditional_edge("agent", "tools", "tools_condition")
///     .conditional_edge("agent", "__end__", "tools_condition")
///     .edge("tools", "agent");
/// assert_eq!(shape.nodes.len(), 4);
/// assert!(shape.to_mermaid().contains("agent -. tools_condition .-> tools"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GraphShape {
    /// The nodes, each name once. A node that only an edge names is drawn as well.
    #[serde(default)]
    pub nodes: Vec<GraphNode>,
    /// The edges.
    #[serde(default)]
    pub edges: Vec<GraphEdge>,
    /// Beyond the 2,000 edges that are taken from a trace, how often another one was walked.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub edges_left_out: usize,
}

// Serde hands over a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// A node of a [`GraphShape`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphNode {
    /// Its name, as in `langgraph_node`; [`START`] and [`END`] for where the graph begins and ends.
    #[serde(alias = "id")]
    pub name: String,
    /// What works there.
    #[serde(default)]
    pub kind: GraphNodeKind,
}

/// What works at a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GraphNodeKind {
    /// A function, with a model or without.
    #[default]
    Node,
    /// Another graph, in the same process.
    Subgraph,
    /// Tools, such as those of an MCP server.
    ToolServer,
    /// A graph in another process.
    Remote,
    /// A person, who is waited for.
    Human,
}

impl GraphNodeKind {
    /// Returns the kind as a picture names it; nothing for a plain node.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Node => "",
            Self::Subgraph => "subgraph",
            Self::ToolServer => "tools",
            Self::Remote => "remote",
            Self::Human => "human",
        }
    }
}

/// An edge of a [`GraphShape`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphEdge {
    /// Name of the node that it leaves.
    #[serde(alias = "source")]
    pub from: String,
    /// Name of the node that it leads to.
    #[serde(alias = "target")]
    pub to: String,
    /// What decides, such as the router's name.
    #[serde(default, alias = "data", skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// It is one of several ways, and something chooses.
    #[serde(default)]
    pub conditional: bool,
}

impl GraphShape {
    /// Begins a graph without a node.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a node, or says of what kind one is that was named before.
    #[must_use]
    pub fn node(mut self, name: impl Into<String>, kind: GraphNodeKind) -> Self {
        let name = name.into();
        match self.nodes.iter_mut().find(|node| node.name == name) {
            Some(known) => known.kind = kind,
            None => self.nodes.push(GraphNode { name, kind }),
        }
        self
    }

    /// Adds an edge that is always taken. Nodes that are new become plain ones.
    #[must_use]
    pub fn edge(self, from: impl Into<String>, to: impl Into<String>) -> Self {
        self.with(from.into(), to.into(), None, false)
    }

    /// Adds an edge that a router may choose.
    #[must_use]
    pub fn conditional_edge(
        self,
        from: impl Into<String>,
        to: impl Into<String>,
        router: impl Into<String>,
    ) -> Self {
        self.with(from.into(), to.into(), Some(router.into()), true)
    }

    fn with(mut self, from: String, to: String, label: Option<String>, conditional: bool) -> Self {
        for name in [&from, &to] {
            if self.nodes.iter().all(|node| node.name != *name) {
                let (name, kind) = (name.clone(), GraphNodeKind::Node);
                self.nodes.push(GraphNode { name, kind });
            }
        }
        self.edges.push(GraphEdge {
            from,
            to,
            label,
            conditional,
        });
        self
    }

    /// Derives the shape of the outermost graph from its trace: what was walked, and no more.
    ///
    /// It needs the metadata `langgraph_node` and `langgraph_step`, which LangGraph writes in every
    /// language. Edges follow from routers, triggers and the order of supersteps; behind several parallel
    /// nodes without a router, each is taken to lead on. After 2,000 edges the rest is counted. A trace
    /// without a graph has an empty shape.
    pub fn of_trace(tree: &TraceTree) -> Self {
        let visits = Visits::of(tree);
        match visits.outermost() {
            Some(graph) => Self::as_walked(&visits, graph),
            None => Self::new(),
        }
    }

    /// Derives the shape of the graph of that name, such as a subgraph, from the trace.
    pub fn of_graph(tree: &TraceTree, graph: &str) -> Self {
        Self::as_walked(&Visits::of(tree), graph)
    }

    pub(super) fn as_walked(visits: &Visits<'_>, graph: &str) -> Self {
        let walked = walked(visits, graph, |_, _| false);
        let edges = walked.edges;
        let mut nodes: Vec<GraphNode> = Vec::new();
        let mut place: HashMap<&str, usize> = HashMap::new();
        let mut add = |name, kind| {
            let at = *place.entry(name).or_insert_with(|| {
                let name = name.to_owned();
                nodes.push(GraphNode { name, kind });
                nodes.len() - 1
            });
            // A node that called nothing this time may have done so before.
            if kind != GraphNodeKind::Node && nodes[at].kind != GraphNodeKind::Human {
                nodes[at].kind = kind;
            }
        };
        if edges.iter().any(|edge| edge.from == START) {
            add(START, GraphNodeKind::Node);
        }
        for (at, visit) in visits.all.iter().enumerate() {
            if visits.invocations[visit.invocation].graph == graph {
                add(visit.node, kind_of(visits, at));
            }
        }
        // What a join waits for may have run in another trace.
        for edge in &edges {
            add(&edge.from, GraphNodeKind::Node);
            add(&edge.to, GraphNodeKind::Node);
        }
        let edges = edges.iter().map(|edge| GraphEdge {
            from: edge.from.clone(),
            to: edge.to.clone(),
            label: edge.router.clone(),
            conditional: edge.conditional,
        });
        Self {
            edges: edges.collect(),
            nodes,
            edges_left_out: walked.left_out,
        }
    }

    /// Says edges and kinds in words, so many lines of each at most.
    pub(super) fn lines(&self, most: usize) -> Vec<String> {
        if self.nodes.is_empty() && self.edges.is_empty() {
            return vec!["(no graph)".to_owned()];
        }
        let mut lines = Vec::new();
        for edge in self.edges.iter().take(most) {
            let arrow = if edge.conditional { '⇢' } else { '→' };
            let label = edge.label.as_deref().map(name);
            let label = label.map_or_else(String::new, |label| format!(": {label}"));
            lines.push(format!(
                "{} {arrow} {}{label}",
                name(&edge.from),
                name(&edge.to)
            ));
        }
        let more = self.edges.len().saturating_sub(most) + self.edges_left_out;
        if more > 0 {
            lines.push(format!("… {}", count(more, "more edge")));
        }
        let ends = self.edges.iter().flat_map(|edge| [&*edge.from, &*edge.to]);
        let joined: HashSet<&str> = ends.collect();
        // Where edges are left out, a node without one may have had one.
        let is_alone = |node: &GraphNode| self.edges_left_out == 0 && !joined.contains(&*node.name);
        let is_told = |node: &&GraphNode| node.kind != GraphNodeKind::Node || is_alone(node);
        let mut told = self.nodes.iter().filter(is_told);
        for node in told.by_ref().take(most) {
            let kind = node.kind.words();
            let kind = if kind.is_empty() { "no edge" } else { kind };
            lines.push(format!("{}: {kind}", name(&node.name)));
        }
        match told.count() {
            0 => {}
            more => lines.push(format!("… {}", count(more, "more node"))),
        }
        lines
    }

    /// Returns the graph in Mermaid's language, as pages on GitHub and JupyterLab draw it.
    pub fn to_mermaid(&self) -> String {
        mermaid::written(self)
    }

    /// Shows the graph as the result of a notebook cell: as a [`GraphDiagram`].
    pub fn evcxr_display(&self) {
        GraphDiagram::of(self).evcxr_display();
    }
}

/// Tells what worked at a node from what ran below it.
fn kind_of(visits: &Visits<'_>, visit: usize) -> GraphNodeKind {
    let nodes = visits.tree.nodes();
    let (own, at) = (visits.all[visit].run, visits.all[visit].at);
    let below = || nodes[at].children.iter().map(|child| &nodes[*child].run);
    if is_paused(own) {
        return GraphNodeKind::Human;
    }
    if let Some(inner) = visits.called_by(visit) {
        let is_elsewhere = inner
            .run
            .is_some_and(|inner| process(inner) != process(own));
        return match is_elsewhere {
            true => GraphNodeKind::Remote,
            false => GraphNodeKind::Subgraph,
        };
    }
    let is_tool = |run: &Run| run.run_type == RunType::Tool;
    match below().any(is_tool) && !below().any(|run| run.run_type == RunType::Llm) {
        true => GraphNodeKind::ToolServer,
        false => GraphNodeKind::Node,
    }
}

/// Returns what tells processes apart: the service, and the SDK that wrote the run.
fn process(run: &Run) -> [Option<&Value>; 3] {
    let metadata = &run.extra.metadata;
    let sdk = run
        .extra
        .runtime
        .as_ref()
        .and_then(|runtime| runtime.get("sdk"));
    [metadata.get("service"), metadata.get("service.name"), sdk]
}

impl fmt::Display for GraphShape {
    /// Writes a line for each edge, `→` if it is always taken and `⇢` if something chooses, then
    /// the kinds of nodes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines(MAX_LINES)
            .iter()
            .try_for_each(|line| writeln!(f, "{line}"))
    }
}
