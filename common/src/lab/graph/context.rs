//! What a node knows beside the state, and what it can do.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use super::checkpoint::{Answer, Asker};
use super::compiled::Graph;
use super::convention::{CHECKPOINT_NS, INNER};
use super::error::{NodeError, Why};
use super::event::GraphEvent;
use super::run::Around;
use super::state::State;
use super::subgraph;
use crate::trace::{RunBuilder, RunTree, child, current};

/// What a node knows beside the state, and what it can do. A cheap clone.
///
/// The node's run is the current one in it, so runs that [`child`] starts are below it.
#[derive(Clone)]
pub struct NodeContext(Arc<Inner>);

struct Inner {
    run: RunTree,
    node: String,
    step: u64,
    ns: String,
    around: Around,
    answers: Vec<Answer>,
    asked: AtomicUsize,
    subgraphs: AtomicUsize,
}

impl NodeContext {
    pub(super) fn new(
        run: RunTree,
        node: &str,
        step: u64,
        ns: &str,
        answers: Vec<Answer>,
        around: Around,
    ) -> Self {
        Self(Arc::new(Inner {
            run,
            node: node.to_owned(),
            step,
            ns: ns.to_owned(),
            around,
            answers,
            asked: AtomicUsize::new(0),
            subgraphs: AtomicUsize::new(0),
        }))
    }

    /// Returns the node's run.
    pub fn run(&self) -> &RunTree {
        &self.0.run
    }

    /// Returns the node's name.
    pub fn node(&self) -> &str {
        &self.0.node
    }

    /// Returns the number of the superstep, from 1.
    pub fn step(&self) -> u64 {
        self.0.step
    }

    /// Returns the thread, if the invocation has one.
    pub fn thread(&self) -> Option<&str> {
        self.0.around.thread.as_deref()
    }

    /// Asks a human. The first time it returns an error, which the node hands on with `?`: the graph stops when
    /// the other nodes of the superstep are done. After [`Graph::resume`] the node runs again from its top, and
    /// this returns the answer. Whatever the node does before it, it does twice.
    ///
    /// # Errors
    /// When there is no answer yet.
    pub fn interrupt(&self, question: impl Into<Value>) -> Result<Value, NodeError> {
        let nth = self.0.asked.fetch_add(1, Ordering::Relaxed);
        let asks = || Why::Asks {
            question: question.into(),
            by: Asker::Node,
        };
        self.answer(Asker::Node, nth)
            .ok_or_else(|| NodeError(asks()))
    }

    /// Runs a graph below this node, with an input of its own: for a graph whose channels are others, or that is
    /// asked as a tool is. A question of its is this node's. When the node runs again, the graph goes on where it was
    /// left, so the node must begin its graphs in the same order each time.
    ///
    /// # Errors
    /// When the graph fails, or asks; when it would be more than [`MAX_DEPTH`](super::MAX_DEPTH) graphs deep.
    pub async fn subgraph(
        &self,
        graph: &Graph,
        input: impl Into<State>,
    ) -> Result<State, NodeError> {
        // Boxed: a graph may be a part of itself.
        Box::pin(subgraph::within(self, graph, input.into())).await
    }

    /// Tells a piece of an answer to whoever [streams](super::Invocation::stream) the graph.
    pub fn token(&self, text: impl Into<String>) {
        self.0.around.tell(|| GraphEvent::Token {
            node: self.0.node.clone(),
            text: text.into(),
            within: self.0.around.within.clone(),
        });
    }

    pub(super) fn is_streamed(&self) -> bool {
        self.0.around.events.is_some()
    }

    /// Begins a run of what the node does: below the current one, which is the node's or below it. In a task
    /// that has none, below the node's.
    pub(super) fn begin(&self, name: impl Into<String>) -> RunBuilder {
        match current() {
            Some(run) if run.id() == self.0.run.id() => child(name).local_tag(INNER),
            Some(_) => child(name),
            None => {
                let run = self.0.run.child(name).local_tag(INNER);
                match self.0.around.ns.is_empty() {
                    true => run.metadata(CHECKPOINT_NS, self.0.ns.as_str()),
                    false => run,
                }
            }
        }
    }

    pub(super) fn namespace(&self) -> &str {
        &self.0.ns
    }

    /// Returns which one the next graph is that runs in this node, and its namespace.
    pub(super) fn next_subgraph(&self) -> (usize, String) {
        let ns = &self.0.ns;
        match self.0.subgraphs.fetch_add(1, Ordering::Relaxed) {
            0 => (0, ns.clone()),
            nth => (nth, format!("{ns}|{nth}")),
        }
    }

    pub(super) fn around(&self) -> &Around {
        &self.0.around
    }

    /// Returns what somebody in this node was answered, from 0.
    pub(super) fn answer(&self, to: Asker, nth: usize) -> Option<Value> {
        let mut answers = self.0.answers.iter().filter(|answer| answer.to == to);
        answers.nth(nth).map(|answer| answer.value.clone())
    }
}

impl fmt::Debug for NodeContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeContext({}, step {})", self.0.node, self.0.step)
    }
}
