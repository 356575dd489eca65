//! Why a graph cannot be built, or does not come to its end.

use std::any::Any;
use std::fmt;

use serde_json::Value;

use super::checkpoint::{Asker, CheckpointError};

/// What is wrong with a graph, said before it runs. Its `Debug` is its `Display`, so that `expect` reads well.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// Two nodes have one name: rename one of them.
    #[error("there are two nodes `{0}`")]
    Duplicate(String),
    /// `__start__` and `__end__` are taken, and `|`, `:` and `+` stand between names: choose another name.
    #[error("`{0}` cannot be the name of a node")]
    Name(String),
    /// Add a node of that name, or correct the name.
    #[error("{by} names `{node}`, which is no node of this graph")]
    Unknown {
        /// The name that nobody has.
        node: String,
        /// Who says it.
        by: String,
    },
    /// Add an edge from [`START`](super::START), as [`GraphBuilder::start`](super::GraphBuilder::start) does.
    #[error("the graph has no entry: no edge leaves `__start__`")]
    NoEntry,
    /// A join of no nodes would never run: name those that it waits for.
    #[error("the join to `{0}` waits for nobody")]
    Join(String),
    /// An edge into `__start__` or out of `__end__`: turn it around.
    #[error("no edge can go from `{from}` to `{to}`")]
    Edge {
        /// Where it begins.
        from: String,
        /// Where it ends.
        to: String,
    },
}

impl fmt::Debug for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a graph did not come to its end. Its `Debug` is its `Display`, so that `expect` reads well.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// A node, or a router that leaves it, returned an error or panicked; its run has it too.
    #[error("node `{node}` failed in step {step}: {message}")]
    Node {
        /// Which node.
        node: String,
        /// In which superstep, from 1.
        step: u64,
        /// What it said.
        message: String,
    },
    /// The graph goes round and round: see what its routers say, or raise the limit.
    #[error(
        "Recursion limit of {0} reached without hitting a stop condition. \
         `recursion_limit` of the invocation raises it."
    )]
    RecursionLimit(u64),
    /// Two nodes of one superstep wrote a channel that takes one value: declare it with another reducer, or
    /// let one of the nodes run later.
    #[error(
        "channel `{channel}` takes one value a step and got several, the last from node `{node}`; \
         declare it with a reducer such as `Reducer::append()`"
    )]
    SeveralValues {
        /// Which channel.
        channel: String,
        /// Who wrote it again.
        node: String,
    },
    /// The channel's reducer cannot take that value.
    #[error("channel `{channel}` is a sum and cannot take {value}")]
    Reducer {
        /// Which channel.
        channel: String,
        /// What it was to take.
        value: Value,
    },
    /// The channel's own reducer panicked.
    #[error("the reducer of channel `{channel}` panicked: {message}")]
    ReducerPanicked {
        /// Which channel.
        channel: String,
        /// What the panic said.
        message: String,
    },
    /// A node asks a human, and nobody could answer: name a thread with
    /// [`Invocation::thread`](super::Invocation::thread). A graph that a node invokes has no thread either; one that it
    /// runs with [`NodeContext::subgraph`](super::NodeContext::subgraph) has the node's.
    #[error(
        "node `{0}` asks a question, so the invocation needs a thread: `.thread(\"…\")`; \
         within a node use `context.subgraph`"
    )]
    NoThread(String),
    /// Nothing waits on that thread: invoke the graph on it first.
    #[error("no question waits for an answer on thread `{0}`")]
    NothingToResume(String),
    /// Checkpoints cannot be kept or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

impl fmt::Debug for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a node did not give back an update.
///
/// A [`std::error::Error`] becomes one with `?`; a text, and what is no such error, as `anyhow::Error` and
/// `Box<dyn Error>` are not, with `.map_err(NodeError::new)`.
pub struct NodeError(pub(super) Why);

pub(super) enum Why {
    Failed(String),
    /// It asks a human.
    Asks {
        question: Value,
        by: Asker,
    },
    /// The graph's own trouble, such as with a checkpoint.
    Graph(GraphError),
}

impl NodeError {
    /// Makes an error of a text.
    pub fn new(message: impl fmt::Display) -> Self {
        Self(Why::Failed(message.to_string()))
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for NodeError {
    fn from(error: E) -> Self {
        Self::new(error)
    }
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Why::Failed(message) => f.write_str(message),
            Why::Asks { question, .. } => write!(f, "asks: {question}"),
            Why::Graph(error) => write!(f, "{error}"),
        }
    }
}

impl fmt::Debug for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Returns what a panic said.
pub(super) fn said_by(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "no text".to_owned())
}
