//! One run of a graph: where it goes in the trace, on which thread, and what comes of it.

use std::fmt;
use std::future::IntoFuture;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::compiled::{Graph, RECURSION_LIMIT};
use super::convention::{INTEGRATION, LANGGRAPH, THREAD};
use super::error::GraphError;
use super::event::{Events, GraphEvents};
use super::run::{Around, drive, end_of_graph};
use super::state::State;
use crate::client::Client;
use crate::trace::{IntoParent, Parent, RunBuilder, TraceFutureExt as _, Tracer, child};

/// A graph that is about to run: await it, or [`stream`](Self::stream) it.
///
/// Its run is below the current one, if there is one, with that one's tracer; [`client`](Self::client),
/// [`tracer`](Self::tracer) and [`parent`](Self::parent) say otherwise. Where there is no tracer, nothing is
/// recorded.
#[derive(Clone)]
#[must_use = "a graph runs when its invocation is awaited"]
pub struct Invocation {
    graph: Graph,
    begin: Begin,
    thread: Option<String>,
    tracer: Option<Tracer>,
    parent: Option<Parent>,
    name: Option<String>,
    tags: Vec<String>,
    metadata: Vec<(String, Value)>,
    limit: u64,
}

/// What an invocation begins with.
#[derive(Debug, Clone)]
pub(super) enum Begin {
    Input(State),
    Answer(Value),
    /// What was broken off goes on, in a subgraph.
    Again,
}

/// What came of an invocation.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The graph has come to its end.
    Finished(State),
    /// A node asks, and the graph waits. [`Graph::resume`] answers.
    Interrupted {
        /// The question, as [`NodeContext::interrupt`](super::NodeContext::interrupt) was given it.
        value: Value,
        /// Who asks.
        node: String,
        /// Where the answer goes.
        thread: String,
        /// The state so far.
        state: State,
    },
}

impl Outcome {
    /// Returns the state, final or so far.
    pub fn state(&self) -> &State {
        match self {
            Self::Finished(state) | Self::Interrupted { state, .. } => state,
        }
    }

    /// Returns the question, if the graph waits for an answer.
    pub fn question(&self) -> Option<&Value> {
        match self {
            Self::Finished(_) => None,
            Self::Interrupted { value, .. } => Some(value),
        }
    }
}

impl Invocation {
    pub(super) fn new(graph: &Graph, begin: Begin) -> Self {
        Self {
            graph: graph.clone(),
            begin,
            thread: None,
            tracer: None,
            parent: None,
            name: None,
            tags: Vec::new(),
            metadata: Vec::new(),
            limit: RECURSION_LIMIT,
        }
    }

    /// Names the thread: its checkpoints are kept under that id, all runs carry it as `thread_id`, and LangSmith
    /// shows its traces together. A graph that asks questions needs one. One thread runs one invocation at a time.
    pub fn thread(mut self, id: impl Into<String>) -> Self {
        self.thread = Some(id.into());
        self
    }

    /// Records the runs with a client.
    pub fn client(self, client: &Client) -> Self {
        self.tracer(client.tracer())
    }

    /// Records the runs with a tracer.
    pub fn tracer(mut self, tracer: &Tracer) -> Self {
        self.tracer = Some(tracer.clone());
        self
    }

    /// Puts the graph's run below another, here or in another process: a [`RunTree`](crate::trace::RunTree) as
    /// [`Parent`], a [`RunContext`](crate::model::RunContext) that came in a header, none for a root.
    pub fn parent(mut self, parent: impl IntoParent) -> Self {
        self.parent = Some(parent.into_parent());
        self
    }

    /// Names the graph's run; it has the graph's name by default.
    pub fn run_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Adds a tag to all runs.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Adds one key of metadata to all runs.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.metadata.push((key.into(), value.into()));
        self
    }

    /// Sets how many supersteps it may take, subgraphs each for themselves; [`RECURSION_LIMIT`] by default.
    pub fn recursion_limit(mut self, supersteps: u64) -> Self {
        self.limit = supersteps;
        self
    }

    /// Runs the graph, and tells what happens while it happens.
    ///
    /// What is current here is current in the graph, wherever the stream is polled.
    pub fn stream(self) -> GraphEvents {
        GraphEvents::of(|events| self.start(Some(events)).in_current_run().boxed())
    }

    fn start(self, events: Option<Events>) -> BoxFuture<'static, Result<Outcome, GraphError>> {
        let run = async move {
            let run = self.run().start();
            let around = Around {
                thread: self.thread,
                ns: String::new(),
                within: Vec::new(),
                events,
                limit: self.limit,
                checkpoints: self.graph.plan.checkpoints.clone(),
            };
            drive(self.graph, run.clone(), around, self.begin)
                .traced_with(run, end_of_graph)
                .await
        };
        run.boxed()
    }

    fn run(&self) -> RunBuilder {
        let name = self.name.as_deref().unwrap_or(self.graph.name());
        let run = match (&self.tracer, &self.parent) {
            (Some(tracer), Some(parent)) => tracer.run(name).parent(parent.clone()),
            (Some(tracer), None) => tracer.run(name).parent_from_current(),
            (None, Some(Parent::Run(run))) => run.child(name),
            (None, Some(parent)) => child(name).parent(parent.clone()),
            (None, None) => child(name),
        };
        let run = run.tags(self.tags.iter().cloned());
        let thread = self.thread.iter().map(|id| (THREAD, id.clone().into()));
        let told = self.metadata.iter();
        let told = told.map(|(key, value)| (key.as_str(), value.clone()));
        let metadata = thread.chain(told).chain([(INTEGRATION, LANGGRAPH.into())]);
        let run = metadata.fold(run, |run, (key, value)| run.metadata(key, value));
        match &self.begin {
            Begin::Input(input) => run.inputs_of(input),
            Begin::Answer(answer) => run.inputs(json!({"input": {
                "graph": null, "update": null, "resume": answer, "goto": [],
            }})),
            Begin::Again => run,
        }
    }
}

impl IntoFuture for Invocation {
    type Output = Result<Outcome, GraphError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        self.start(None)
    }
}

impl fmt::Debug for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Invocation({}, {:?})", self.graph.name(), self.thread)
    }
}
