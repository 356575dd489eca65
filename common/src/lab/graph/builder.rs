//! A graph that is being put together.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use futures_util::FutureExt as _;

use super::checkpoint::{Checkpoints, MemoryCheckpoints};
use super::compiled::{Graph, Join, Node, Plan, Router, Work};
use super::context::NodeContext;
use super::error::{CompileError, NodeError};
use super::route::Route;
use super::state::{Reducer, State};
use super::update::Update;
use crate::analysis::{END, GraphNodeKind, START};

/// Puts a graph together. Made by [`Graph::builder`]; [`compile`](Self::compile) says what is wrong with it.
#[must_use = "a graph is made by `.compile()`"]
pub struct GraphBuilder {
    name: String,
    channels: HashMap<String, Reducer>,
    nodes: Vec<(String, Work)>,
    edges: Vec<(String, String)>,
    joins: Vec<Join>,
    routers: Vec<Router>,
    destinations: Vec<(String, String)>,
    kinds: HashMap<String, GraphNodeKind>,
    checkpoints: Arc<dyn Checkpoints>,
}

impl GraphBuilder {
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            channels: HashMap::new(),
            nodes: Vec::new(),
            edges: Vec::new(),
            joins: Vec::new(),
            routers: Vec::new(),
            destinations: Vec::new(),
            kinds: HashMap::new(),
            checkpoints: Arc::new(MemoryCheckpoints::default()),
        }
    }

    /// Says how a channel of the state takes an update; [`Reducer::overwrite`] by default.
    pub fn channel(mut self, name: impl Into<String>, reducer: Reducer) -> Self {
        self.channels.insert(name.into(), reducer);
        self
    }

    /// Adds a node: what it is given is the state, what it gives back an [`Update`], such as a JSON object of the
    /// channels that it changes.
    ///
    /// `async |state: State, context: NodeContext| { … }` is one, and so is an `async fn`. One that uses something
    /// from outside clones it for each call: `move |state: State, context: NodeContext| { let model =
    /// model.clone(); async move { … } }`.
    pub fn node<W, F, U>(mut self, name: impl Into<String>, work: W) -> Self
    where
        W: Fn(State, NodeContext) -> F + Send + Sync + 'static,
        F: Future<Output = Result<U, NodeError>> + Send + 'static,
        U: Into<Update>,
    {
        let work = Arc::new(work);
        let work = move |state, context| {
            let work = work.clone();
            // Called when it is polled: it may panic before it has made a future.
            async move { work(state, context).await.map(Into::into) }.boxed()
        };
        self.nodes
            .push((name.into(), Work::Function(Arc::new(work))));
        self
    }

    /// Adds a graph as a node. It begins with the state of this one; what it has changed when it finishes is the
    /// node's update, of channels with [`append`](Reducer::append) or [`sum`](Reducer::sum) what it has added.
    pub fn subgraph(mut self, name: impl Into<String>, graph: &Graph) -> Self {
        self.nodes
            .push((name.into(), Work::Subgraph(graph.clone())));
        self
    }

    /// Begins the graph at a node: an edge from [`START`]. Several may begin at once.
    pub fn start(self, node: impl Into<String>) -> Self {
        self.edge(START, node)
    }

    /// Goes from one node to another, or to [`END`]. A node without an edge is where its branch ends.
    pub fn edge(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        self.edges.push((from.into(), to.into()));
        self
    }

    /// Goes to a node once all of several have run, in whatever supersteps. Two plain edges would run it twice
    /// if those before it run in different ones.
    pub fn join<T: Into<String>>(
        mut self,
        from: impl IntoIterator<Item = T>,
        to: impl Into<String>,
    ) -> Self {
        let from = from.into_iter().map(Into::into).collect();
        self.joins.push(Join {
            from,
            to: to.into(),
        });
        self
    }

    /// Goes where a router says, a function with a name: it is a run. It sees the state with the update of the
    /// node that it leaves, and says one or several of the targets, or [`SendTo`](super::SendTo).
    pub fn route<R: Into<Route>, T: Into<String>>(
        self,
        from: impl Into<String>,
        name: impl Into<String>,
        decide: impl Fn(&State) -> R + Send + Sync + 'static,
        targets: impl IntoIterator<Item = T>,
    ) -> Self {
        let same = |target: T| {
            let target = target.into();
            (target.clone(), target)
        };
        self.route_map(from, name, decide, targets.into_iter().map(same))
    }

    /// Goes where a router says in words of its own: each pair is a word and the node that it means.
    pub fn route_map<R: Into<Route>, L: Into<String>, T: Into<String>>(
        mut self,
        from: impl Into<String>,
        name: impl Into<String>,
        decide: impl Fn(&State) -> R + Send + Sync + 'static,
        targets: impl IntoIterator<Item = (L, T)>,
    ) -> Self {
        let targets = targets.into_iter();
        self.routers.push(Router {
            from: from.into(),
            name: name.into(),
            decide: Arc::new(move |state| decide(state).into()),
            targets: targets
                .map(|(word, node)| (word.into(), node.into()))
                .collect(),
        });
        self
    }

    /// Says where a node may go by [`Update::goto`], for pictures and checks.
    pub fn destinations<T: Into<String>>(
        mut self,
        from: impl Into<String>,
        targets: impl IntoIterator<Item = T>,
    ) -> Self {
        let from = from.into();
        let pairs = targets.into_iter().map(|to| (from.clone(), to.into()));
        self.destinations.extend(pairs);
        self
    }

    /// Says what works at a node, for pictures: tools, another process, a person.
    pub fn kind(mut self, node: impl Into<String>, kind: GraphNodeKind) -> Self {
        self.kinds.insert(node.into(), kind);
        self
    }

    /// Sets where checkpoints are kept: in memory, as long as the graph lives, by default. A graph that runs within
    /// another has its checkpoints there, beside the other's; what was set for it is not used.
    pub fn checkpoints(mut self, checkpoints: Arc<dyn Checkpoints>) -> Self {
        self.checkpoints = checkpoints;
        self
    }

    /// Makes the graph.
    ///
    /// # Errors
    /// When two nodes have one name, an edge or router names a node that is not there, a join waits for nobody, or
    /// no node is the entry.
    pub fn compile(self) -> Result<Graph, CompileError> {
        let order: Vec<String> = self.nodes.iter().map(|(name, _)| name.clone()).collect();
        let mut nodes = BTreeMap::new();
        for (name, work) in self.nodes {
            if name.is_empty() || name == START || name == END || name.contains(['|', ':', '+']) {
                return Err(CompileError::Name(name));
            }
            let joins = self.joins.iter().filter(|join| join.to == name);
            let triggers = std::iter::once(format!("branch:to:{name}"))
                .chain(joins.map(Join::trigger))
                .collect();
            if nodes
                .insert(name.clone(), Node { work, triggers })
                .is_some()
            {
                return Err(CompileError::Duplicate(name));
            }
        }
        let plan = Plan {
            name: self.name,
            channels: self.channels,
            order,
            nodes,
            edges: self.edges,
            joins: self.joins,
            routers: self.routers,
            destinations: self.destinations,
            kinds: self.kinds,
            checkpoints: self.checkpoints,
        };
        plan.check()?;
        Ok(Graph::new(plan))
    }
}

impl Plan {
    fn check(&self) -> Result<(), CompileError> {
        let named: BTreeSet<&str> = self.nodes.keys().map(String::as_str).collect();
        let knows = |node: &str, by: &dyn Fn() -> String| {
            let known = named.contains(node) || node == START || node == END;
            let (node, by) = (node.to_owned(), by());
            known
                .then_some(())
                .ok_or(CompileError::Unknown { node, by })
        };
        let runs = |from: &str, to: &str, by: &dyn Fn() -> String| {
            knows(from, by)?;
            knows(to, by)?;
            if from == END || to == START {
                let (from, to) = (from.to_owned(), to.to_owned());
                return Err(CompileError::Edge { from, to });
            }
            Ok(())
        };
        for (from, to) in &self.edges {
            runs(from, to, &|| format!("the edge from `{from}` to `{to}`"))?;
        }
        for join in &self.joins {
            if join.from.is_empty() {
                return Err(CompileError::Join(join.to.clone()));
            }
            for from in &join.from {
                runs(from, &join.to, &|| format!("the join to `{}`", join.to))?;
            }
        }
        for router in &self.routers {
            let by = || format!("router `{}`", router.name);
            for (_, to) in &router.targets {
                runs(&router.from, to, &by)?;
            }
            knows(&router.from, &by)?;
        }
        for node in self.kinds.keys() {
            knows(node, &|| "its kind".to_owned())?;
        }
        for (from, to) in &self.destinations {
            runs(from, to, &|| format!("a destination of `{from}`"))?;
        }
        let enters = |from: &String| from == START;
        let entered = self.edges.iter().any(|(from, _)| enters(from))
            || self.routers.iter().any(|router| enters(&router.from));
        entered.then_some(()).ok_or(CompileError::NoEntry)
    }
}

impl fmt::Debug for GraphBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes: Vec<_> = self.nodes.iter().map(|(name, _)| name).collect();
        write!(f, "GraphBuilder({}, {nodes:?})", self.name)
    }
}
