//! A graph that can run.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::builder::GraphBuilder;
use super::checkpoint::{Checkpoint, CheckpointError, Checkpoints};
use super::context::NodeContext;
use super::error::{GraphError, NodeError};
use super::invocation::{Begin, Invocation};
use super::route::{Route, Target};
use super::state::{Reducer, Refused, State};
use super::update::Update;
use crate::analysis::{END, GraphEdge, GraphNode, GraphNodeKind, GraphShape, START};
use crate::model::JsonMap;

/// How many supersteps an invocation takes at most, unless it says another number.
pub const RECURSION_LIMIT: u64 = 25;

/// How many graphs deep a graph may be within others: one that calls itself without end fails there. Unoptimized, a
/// level takes some 40 KiB of stack, and a thread of Rust's or tokio's has 2 MiB; nodes need theirs too.
pub const MAX_DEPTH: usize = 16;

/// A graph that can run: any number of times, also at once. A cheap clone.
///
/// ```
/// use common::lab::graph::{Graph, END, Outcome, Reducer, State};
/// use serde_json::json;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), common::lab::graph::GraphError> {
/// let graph = Graph::builder("research")
///     .channel("notes", Reducer::append())
///     .node("search", async |_: State, _| Ok(json!({"notes": ["found one"]})))
///     .node("write", async |state: State, _| Ok(json!({"text": state.list("notes").len()})))
///     .start("search")
///     .route("search", "enough", |state: &State| if state.list("notes").len() < 2 { "search" } else { "write" },
///         ["search", "write"])
///     .edge("write", END)
///     .compile()
///     .expect("a graph");
/// let outcome: Outcome = graph.invoke(json!({"notes": []})).await?;
/// assert_eq!(outcome.state()["text"], 2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Graph {
    pub(super) plan: Arc<Plan>,
}

pub(super) struct Plan {
    pub(super) name: String,
    pub(super) channels: HashMap<String, Reducer>,
    /// The nodes' names as they were added.
    pub(super) order: Vec<String>,
    pub(super) nodes: BTreeMap<String, Node>,
    pub(super) edges: Vec<(String, String)>,
    pub(super) joins: Vec<Join>,
    pub(super) routers: Vec<Router>,
    pub(super) destinations: Vec<(String, String)>,
    pub(super) kinds: HashMap<String, GraphNodeKind>,
    pub(super) checkpoints: Arc<dyn Checkpoints>,
}

pub(super) struct Node {
    pub(super) work: Work,
    pub(super) triggers: Vec<String>,
}

type Function =
    dyn Fn(State, NodeContext) -> BoxFuture<'static, Result<Update, NodeError>> + Send + Sync;

#[derive(Clone)]
pub(super) enum Work {
    Function(Arc<Function>),
    Subgraph(Graph),
}

pub(super) struct Join {
    pub(super) from: BTreeSet<String>,
    pub(super) to: String,
}

impl Join {
    pub(super) fn trigger(&self) -> String {
        let from: Vec<_> = self.from.iter().map(String::as_str).collect();
        format!("join:{}:{}", from.join("+"), self.to)
    }
}

pub(super) struct Router {
    pub(super) from: String,
    pub(super) name: String,
    pub(super) decide: Arc<dyn Fn(&State) -> Route + Send + Sync>,
    /// What it says, and which node that means.
    pub(super) targets: Vec<(String, String)>,
}

impl Router {
    /// Returns the nodes that a route means.
    pub(super) fn read(&self, route: Route, plan: &Plan) -> Result<Vec<Target>, NodeError> {
        let read = |target: Target| match target {
            Target::Node(word) => {
                let mut targets = self.targets.iter();
                match targets.find(|(known, _)| *known == word) {
                    Some((_, node)) => Ok(Target::Node(node.clone())),
                    None => {
                        let words = self.targets.iter().map(|(word, _)| format!("`{word}`"));
                        let words = words.collect::<Vec<_>>().join(", ");
                        Err(NodeError::new(format!(
                            "router `{}` said `{word}`, which is none of its targets: {words}",
                            self.name
                        )))
                    }
                }
            }
            Target::Send(send) => plan.known(Target::Send(send), &self.name),
        };
        route.targets.into_iter().map(read).collect()
    }
}

impl Plan {
    /// Returns the target if there is such a node.
    pub(super) fn known(&self, target: Target, by: &str) -> Result<Target, NodeError> {
        let name = match &target {
            Target::Node(name) => name,
            Target::Send(send) => &send.node,
        };
        if name == END || self.nodes.contains_key(name) {
            return Ok(target);
        }
        let message = format!("`{by}` goes on at `{name}`, which is no node of this graph");
        Err(NodeError::new(message))
    }

    /// Returns the state that comes of updates, in this order, all of one superstep.
    pub(super) fn reduce<'a>(
        &self,
        state: &State,
        updates: impl IntoIterator<Item = (&'a str, &'a Value)>,
    ) -> Result<State, GraphError> {
        let overwrite = Reducer::overwrite();
        let (mut state, mut written) = (state.clone(), BTreeSet::new());
        for (node, update) in updates {
            for (channel, value) in update.as_object().into_iter().flatten() {
                let reducer = self.channels.get(channel).unwrap_or(&overwrite);
                if reducer.takes_one_value() && !written.insert(channel) {
                    return Err(GraphError::SeveralValues {
                        channel: channel.clone(),
                        node: node.to_owned(),
                    });
                }
                let reduced = reducer.reduce(&state[channel], value);
                let reduced = reduced.map_err(|refused| {
                    let channel = channel.clone();
                    match refused {
                        Refused::NoNumber => GraphError::Reducer {
                            channel,
                            value: value.clone(),
                        },
                        Refused::Panicked(message) => {
                            GraphError::ReducerPanicked { channel, message }
                        }
                    }
                })?;
                state.set(channel, reduced);
            }
        }
        Ok(state)
    }

    /// Returns the update that leads from one state to another.
    pub(super) fn difference(&self, before: &State, after: &State) -> JsonMap {
        let overwrite = Reducer::overwrite();
        let changed = |(channel, after): (&String, &Value)| {
            let reducer = self.channels.get(channel).unwrap_or(&overwrite);
            let difference = reducer.difference(&before[channel], after)?;
            Some((channel.clone(), difference))
        };
        after.channels().iter().filter_map(changed).collect()
    }
}

impl Graph {
    /// Begins a graph of that name; its runs are named so.
    pub fn builder(name: impl Into<String>) -> GraphBuilder {
        GraphBuilder::new(name)
    }

    pub(super) fn new(plan: Plan) -> Self {
        Self {
            plan: Arc::new(plan),
        }
    }

    /// Returns the graph's name.
    pub fn name(&self) -> &str {
        &self.plan.name
    }

    /// Begins an invocation with an input, which the channels' reducers take. Await it, or
    /// [`stream`](Invocation::stream) it.
    ///
    /// On a thread that was invoked before it goes on with the state as it was left.
    pub fn invoke(&self, input: impl Into<State>) -> Invocation {
        Invocation::new(self, Begin::Input(input.into()))
    }

    /// Begins an invocation that answers the question which the thread waits for. The node that asked runs again
    /// from its top, and [`interrupt`](NodeContext::interrupt) returns the answer; what else has finished does not.
    ///
    /// Where several nodes have asked, the first one by name is answered, and the outcome is the next question.
    pub fn resume(&self, thread: impl Into<String>, answer: impl Into<Value>) -> Invocation {
        Invocation::new(self, Begin::Answer(answer.into())).thread(thread)
    }

    /// Returns how far a thread has come; none if it was never invoked.
    ///
    /// # Errors
    /// When the checkpoint cannot be read.
    pub async fn checkpoint(&self, thread: &str) -> Result<Option<Checkpoint>, CheckpointError> {
        self.plan.checkpoints.load(thread, "").await
    }

    /// Returns nodes and edges, without running anything.
    pub fn shape(&self) -> GraphShape {
        let plan = &self.plan;
        let kind = |name: &String| match plan.nodes.get(name).map(|node| &node.work) {
            _ if plan.kinds.contains_key(name) => plan.kinds[name],
            Some(Work::Subgraph(_)) => GraphNodeKind::Subgraph,
            _ => GraphNodeKind::Node,
        };
        let node = |name: &str, kind| GraphNode {
            name: name.to_owned(),
            kind,
        };
        let mut nodes = vec![node(START, GraphNodeKind::Node)];
        nodes.extend(plan.order.iter().map(|name| node(name, kind(name))));
        nodes.push(node(END, GraphNodeKind::Node));
        let mut edges = Vec::new();
        let mut add = |from: &str, to: &str, label: Option<&str>, conditional| {
            let edge = GraphEdge {
                from: from.to_owned(),
                to: to.to_owned(),
                label: label.map(str::to_owned),
                conditional,
            };
            if !edges.contains(&edge) {
                edges.push(edge);
            }
        };
        for (from, to) in &plan.edges {
            add(from, to, None, false);
        }
        for join in &plan.joins {
            for from in &join.from {
                add(from, &join.to, None, false);
            }
        }
        for router in &plan.routers {
            for (word, to) in &router.targets {
                add(&router.from, to, (word != to).then_some(word), true);
            }
        }
        for (from, to) in &plan.destinations {
            add(from, to, None, true);
        }
        // What has no edge out is where a branch ends.
        for name in &plan.order {
            if !edges.iter().any(|edge| edge.from == *name) {
                edges.push(GraphEdge {
                    from: name.clone(),
                    to: END.to_owned(),
                    label: None,
                    conditional: false,
                });
            }
        }
        GraphShape {
            nodes,
            edges,
            edges_left_out: 0,
        }
    }
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Graph({}, {:?})", self.plan.name, self.plan.order)
    }
}
