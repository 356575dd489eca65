//! A graph runs: superstep after superstep, until nothing is left to run or somebody asks.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use uuid::Uuid;

use super::checkpoint::{Checkpoint, Checkpoints, Progress, Task};
use super::compiled::Graph;
use super::convention::task_id;
use super::error::{GraphError, NodeError, Why};
use super::event::{Events, GraphEvent};
use super::invocation::{Begin, Outcome};
use super::route::{SendTo, Target};
use super::state::State;
use super::superstep::{enter, superstep};
use crate::analysis::{END, START};
use crate::trace::RunTree;

/// What a graph runs in.
#[derive(Clone)]
pub(super) struct Around {
    pub(super) thread: Option<String>,
    /// The namespace of the node that the graph is in; empty outside.
    pub(super) ns: String,
    /// The names of the nodes that the graph is in.
    pub(super) within: Vec<String>,
    pub(super) events: Option<Events>,
    pub(super) limit: u64,
    pub(super) checkpoints: Arc<dyn Checkpoints>,
}

impl Around {
    pub(super) fn tell(&self, event: impl FnOnce() -> GraphEvent) {
        if let Some(events) = &self.events {
            // Nobody listens any more.
            let _ = events.send(event());
        }
    }

    pub(super) async fn load(&self) -> Result<Option<Checkpoint>, GraphError> {
        let Some(thread) = &self.thread else {
            return Ok(None);
        };
        Ok(self.checkpoints.load(thread, &self.ns).await?)
    }

    async fn save(&self, checkpoint: &Checkpoint) -> Result<(), GraphError> {
        let Some(thread) = &self.thread else {
            return Ok(());
        };
        let saved = self.checkpoints.save(thread, &self.ns, checkpoint.clone());
        Ok(saved.await?)
    }

    /// Drops what is kept of subgraphs, unless this is one: they may go on as long as the graph around is not done.
    async fn forget_subgraphs(&self) -> Result<(), GraphError> {
        match &self.thread {
            Some(thread) if self.ns.is_empty() => {
                Ok(self.checkpoints.forget(thread, &self.ns).await?)
            }
            _ => Ok(()),
        }
    }
}

/// Runs a graph whose run has started. Boxed, as a graph runs within another, or within itself.
pub(super) fn drive(
    graph: Graph,
    run: RunTree,
    around: Around,
    begin: Begin,
) -> BoxFuture<'static, Result<Outcome, GraphError>> {
    steps(graph, run, around, begin).boxed()
}

async fn steps(
    graph: Graph,
    run: RunTree,
    around: Around,
    begin: Begin,
) -> Result<Outcome, GraphError> {
    let kept = around.load().await?;
    let nothing = || GraphError::NothingToResume(around.thread.clone().unwrap_or_default());
    let mut point = match begin {
        Begin::Input(input) => {
            // As LangGraph counts: taking the input and entering are steps too, of which the first ones do not show.
            // A subgraph begins anew.
            let kept = kept.filter(|_| around.ns.is_empty());
            let fresh = (State::default(), 1);
            let (state, step) = kept.map_or(fresh, |kept| (kept.state, kept.step + 2));
            let input = input.to_value();
            let mut point = Checkpoint {
                state: graph.plan.reduce(&state, [(START, &input)])?,
                step,
                seed: run.id().map_or_else(Uuid::now_v7, |id| id.0),
                ..Checkpoint::default()
            };
            let targets = enter(&graph, &run, &point, &around);
            let targets = targets.map_err(|error| failed(START, step - 1, error))?;
            plan_next(
                &graph,
                &mut point,
                &around,
                vec![(START.to_owned(), targets)],
            );
            // Perhaps nothing runs, or what does fails: the input stays.
            around.save(&point).await?;
            around.forget_subgraphs().await?;
            point
        }
        Begin::Answer(answer) => {
            let mut point = kept.ok_or_else(nothing)?;
            if !point.tasks.iter_mut().any(|task| task.take(&answer)) {
                return Err(nothing());
            }
            point.answered += 1;
            point
        }
        Begin::Again => kept.ok_or_else(nothing)?,
    };
    for _ in 0..around.limit {
        if point.tasks.is_empty() {
            break;
        }
        superstep(&graph, &run, &around, &mut point).await?;
        if point.tasks.iter().any(|task| task.question().is_some()) {
            around.save(&point).await?;
            return interrupted(&graph, &around, &point);
        }
        advance(&graph, &around, &mut point)?;
        around.save(&point).await?;
    }
    if point.tasks.is_empty() {
        around.forget_subgraphs().await?;
        return Ok(Outcome::Finished(point.state));
    }
    Err(GraphError::RecursionLimit(around.limit))
}

fn updates(point: &Checkpoint) -> Vec<(&str, &Value)> {
    let tasks = point.tasks.iter();
    let done = tasks.filter_map(|task| match &task.progress {
        Progress::Done { values, .. } => Some((task.node.as_str(), values)),
        Progress::Due | Progress::Asks { .. } => None,
    });
    done.collect()
}

fn interrupted(graph: &Graph, around: &Around, point: &Checkpoint) -> Result<Outcome, GraphError> {
    let asks = point.tasks.iter().find(|task| task.question().is_some());
    let (Some(task), Some(thread)) = (asks, &around.thread) else {
        let node = asks.map_or_else(String::new, |task| task.node.clone());
        return Err(GraphError::NoThread(node));
    };
    Ok(Outcome::Interrupted {
        value: task.question().cloned().unwrap_or_default(),
        node: task.node.clone(),
        thread: thread.clone(),
        state: graph.plan.reduce(&point.state, updates(point))?,
    })
}

/// Ends a superstep: all updates at once, then what comes next.
fn advance(graph: &Graph, around: &Around, point: &mut Checkpoint) -> Result<(), GraphError> {
    point.state = graph.plan.reduce(&point.state, updates(point))?;
    point.step += 1;
    let said = std::mem::take(&mut point.tasks).into_iter();
    let said = said.map(|task| match task.progress {
        Progress::Done { next, .. } => (task.node, next),
        Progress::Due | Progress::Asks { .. } => (task.node, Vec::new()),
    });
    let said = said.collect();
    plan_next(graph, point, around, said);
    Ok(())
}

/// Makes the tasks of the next superstep: nodes by name, then what was sent, in its order. It is the order in
/// which reducers take their updates, whoever is done first.
fn plan_next(
    graph: &Graph,
    point: &mut Checkpoint,
    around: &Around,
    said: Vec<(String, Vec<Target>)>,
) {
    let (mut pulled, mut sent) = (BTreeSet::new(), Vec::new());
    for (index, join) in graph.plan.joins.iter().enumerate() {
        // All of the superstep have come before it is looked who is missing: a node that ran twice came once.
        let come = said.iter().map(|(node, _)| node);
        let mut come = come.filter(|node| join.from.contains(*node)).peekable();
        if come.peek().is_some() {
            let known = point.joins.entry(index).or_default();
            known.extend(come.cloned());
            if *known == join.from {
                point.joins.remove(&index);
                pulled.insert(join.to.clone());
            }
        }
    }
    for (_, targets) in said {
        for target in targets {
            match target {
                Target::Node(name) => {
                    pulled.insert(name);
                }
                Target::Send(send) => sent.push(send),
            }
        }
    }
    pulled.remove(END);
    sent.retain(|send| send.node != END);
    let task = |node: String, sent: Option<(usize, Value)>| Task {
        id: task_id(
            point.seed,
            &around.ns,
            point.step,
            &node,
            sent.as_ref().map(|it| it.0),
        ),
        node,
        sent,
        answers: Vec::new(),
        progress: Progress::Due,
    };
    let pulled = pulled.into_iter().map(|node| task(node, None));
    let sent = sent.into_iter().enumerate();
    let sent = sent.map(|(index, SendTo { node, input })| task(node, Some((index, input))));
    point.tasks = pulled.chain(sent).collect();
}

pub(super) fn failed(node: &str, step: u64, error: NodeError) -> GraphError {
    match error.0 {
        Why::Graph(error @ (GraphError::NoThread(_) | GraphError::Checkpoint(_))) => error,
        Why::Graph(error) => GraphError::Node {
            node: node.to_owned(),
            step,
            message: error.to_string(),
        },
        Why::Failed(message) => GraphError::Node {
            node: node.to_owned(),
            step,
            message,
        },
        // Questions are no failures; nobody comes here with one.
        Why::Asks { .. } => GraphError::NoThread(node.to_owned()),
    }
}

/// Ends the run of a graph that is nobody's subgraph: a question is no error of it.
pub(super) fn end_of_graph(run: &RunTree, result: &Result<Outcome, GraphError>) {
    match result {
        Ok(outcome) => run.end_of(outcome.state()),
        Err(error) => fail(run, error),
    }
}

/// Ends a run with an error, and outputs that are empty, as LangGraph's are.
pub(super) fn fail(run: &RunTree, error: impl std::fmt::Display) {
    run.set_outputs(json!({}));
    run.fail(error);
}
