//! What is kept of a thread between supersteps.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::route::Target;
use super::state::State;

/// How far a thread has come: enough for any process with the same graph to go on.
///
/// Serialize it to keep it elsewhere. Of a superstep that waits for an answer it holds what the other nodes gave
/// back, so that they do not run again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    pub(super) state: State,
    pub(super) step: u64,
    pub(super) seed: Uuid,
    pub(super) tasks: Vec<Task>,
    /// Of each join that waits, the nodes that have come.
    pub(super) joins: BTreeMap<usize, BTreeSet<String>>,
    /// How many answers it has been given in all: of those that the node around has for it, the first ones.
    pub(super) answered: usize,
}

/// One execution of one node in one superstep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Task {
    pub(super) id: Uuid,
    pub(super) node: String,
    /// The input of its own, and which one it is of those that were sent.
    pub(super) sent: Option<(usize, Value)>,
    pub(super) answers: Vec<Answer>,
    pub(super) progress: Progress,
}

/// Who asks in a task: the node, or one of the graphs that run in it, which it may do at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Asker {
    Node,
    /// In the order in which they began, from 0.
    Subgraph(usize),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) to: Asker,
    pub(super) value: Value,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Progress {
    Due,
    Asks { question: Value, by: Asker },
    Done { values: Value, next: Vec<Target> },
}

impl Checkpoint {
    /// Returns the state as it was before the superstep that comes next, or waits.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Returns the number of the superstep that comes next, or waits.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Returns the nodes that are still to run, those that ask among them; none if the graph has finished.
    pub fn next(&self) -> Vec<&str> {
        let tasks = self.tasks.iter();
        let open = tasks.filter(|task| !matches!(task.progress, Progress::Done { .. }));
        open.map(|task| task.node.as_str()).collect()
    }

    /// Returns the questions that wait for an answer, the next one to be answered first.
    pub fn questions(&self) -> Vec<&Value> {
        let tasks = self.tasks.iter();
        tasks.filter_map(|task| task.question()).collect()
    }
}

impl Task {
    pub(super) fn question(&self) -> Option<&Value> {
        match &self.progress {
            Progress::Asks { question, .. } => Some(question),
            Progress::Due | Progress::Done { .. } => None,
        }
    }

    /// Takes an answer to its question; false if it asks nothing.
    pub(super) fn take(&mut self, answer: &Value) -> bool {
        let Progress::Asks { by, .. } = self.progress else {
            return false;
        };
        self.answers.push(Answer {
            to: by,
            value: answer.clone(),
        });
        self.progress = Progress::Due;
        true
    }
}

/// Why a checkpoint cannot be kept or read; the text is of whoever keeps it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the checkpoint of thread `{thread}`: {message}")]
pub struct CheckpointError {
    /// Which thread.
    pub thread: String,
    /// What went wrong.
    pub message: String,
}

/// Where checkpoints are kept: LangGraph's checkpointer.
///
/// There is one checkpoint for each thread and namespace, the last. The namespace of a graph that is nobody's
/// subgraph is empty; that of a graph within a node begins with its outer graph's, and `|` stands between.
pub trait Checkpoints: Send + Sync + fmt::Debug {
    /// Returns the last one.
    fn load<'a>(
        &'a self,
        thread: &'a str,
        namespace: &'a str,
    ) -> BoxFuture<'a, Result<Option<Checkpoint>, CheckpointError>>;

    /// Keeps one in place of the last.
    fn save<'a>(
        &'a self,
        thread: &'a str,
        namespace: &'a str,
        checkpoint: Checkpoint,
    ) -> BoxFuture<'a, Result<(), CheckpointError>>;

    /// Drops those of all subgraphs below a namespace, whose own stays: called when a graph that is nobody's subgraph
    /// takes an input, and when it finishes, as nothing goes on in them then. Keeps them by default; nothing but
    /// room depends on it.
    fn forget<'a>(
        &'a self,
        thread: &'a str,
        below: &'a str,
    ) -> BoxFuture<'a, Result<(), CheckpointError>> {
        let _ = (thread, below);
        std::future::ready(Ok(())).boxed()
    }
}

/// Keeps checkpoints in memory, as long as the graph lives. The default.
#[derive(Default)]
pub struct MemoryCheckpoints(Mutex<HashMap<String, Thread>>);

/// The checkpoints of a thread, by namespace.
type Thread = HashMap<String, Checkpoint>;

impl MemoryCheckpoints {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Thread>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Checkpoints for MemoryCheckpoints {
    fn load<'a>(
        &'a self,
        thread: &'a str,
        namespace: &'a str,
    ) -> BoxFuture<'a, Result<Option<Checkpoint>, CheckpointError>> {
        let kept = self.lock();
        let kept = kept.get(thread).and_then(|kept| kept.get(namespace));
        std::future::ready(Ok(kept.cloned())).boxed()
    }

    fn save<'a>(
        &'a self,
        thread: &'a str,
        namespace: &'a str,
        checkpoint: Checkpoint,
    ) -> BoxFuture<'a, Result<(), CheckpointError>> {
        let mut kept = self.lock();
        let kept = kept.entry(thread.to_owned()).or_default();
        kept.insert(namespace.to_owned(), checkpoint);
        std::future::ready(Ok(())).boxed()
    }

    fn forget<'a>(
        &'a self,
        thread: &'a str,
        below: &'a str,
    ) -> BoxFuture<'a, Result<(), CheckpointError>> {
        let is_below = |namespace: &str| match namespace.strip_prefix(below) {
            Some(rest) if below.is_empty() => !rest.is_empty(),
            Some(rest) => rest.starts_with('|'),
            None => false,
        };
        if let Some(kept) = self.lock().get_mut(thread) {
            kept.retain(|namespace, _| !is_below(namespace));
        }
        std::future::ready(Ok(())).boxed()
    }
}

impl fmt::Debug for MemoryCheckpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryCheckpoints")
    }
}
