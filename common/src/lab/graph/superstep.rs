//! The nodes of one superstep, all at once, each with its run and its routers.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use serde_json::{Value, json};

use super::checkpoint::{Checkpoint, Progress, Task};
use super::compiled::{Graph, Work};
use super::context::NodeContext;
use super::convention::{
    CHECKPOINT_NS, FIRST_ROUTER, HIDDEN, interrupt, namespace, of_node, task_id,
};
use super::error::{GraphError, NodeError, Why, said_by};
use super::event::GraphEvent;
use super::route::Target;
use super::run::{Around, fail, failed};
use super::state::State;
use super::subgraph::as_node;
use crate::analysis::START;
use crate::trace::{RunTree, Scope, TraceFutureExt as _, with_run};

/// What a node gave back, and what its edges and routers make of it.
struct Done {
    told: Value,
    values: Value,
    next: Vec<Target>,
}

/// Runs what is due. The first error drops the nodes that still run, which ends their runs.
pub(super) async fn superstep(
    graph: &Graph,
    run: &RunTree,
    around: &Around,
    point: &mut Checkpoint,
) -> Result<(), GraphError> {
    let step = point.step;
    let is_due = |task: &&Task| task.progress == Progress::Due;
    around.tell(|| GraphEvent::StepBegan {
        step,
        nodes: point
            .tasks
            .iter()
            .filter(is_due)
            .map(|task| task.node.clone())
            .collect(),
        within: around.within.clone(),
    });
    let tasks = point.tasks.iter().enumerate();
    let mut running: FuturesUnordered<_> = tasks
        .filter(|(_, task)| is_due(task))
        .map(|(index, task)| {
            let done = node(graph, run, around, point.state.clone(), step, task.clone());
            async move { (index, done.await) }
        })
        .collect();
    let mut progress = Vec::new();
    while let Some((index, done)) = running.next().await {
        progress.push((
            index,
            match done {
                Ok(Done { values, next, .. }) => Progress::Done { values, next },
                Err(NodeError(Why::Asks { question, by })) => Progress::Asks { question, by },
                Err(error) => return Err(failed(&point.tasks[index].node, step, error)),
            },
        ));
    }
    drop(running);
    for (index, progress) in progress {
        point.tasks[index].progress = progress;
    }
    Ok(())
}

async fn node(
    graph: &Graph,
    graph_run: &RunTree,
    around: &Around,
    state: State,
    step: u64,
    task: Task,
) -> Result<Done, NodeError> {
    let name = task.node.clone();
    let Some(node) = graph.plan.nodes.get(&name) else {
        // A checkpoint of another graph.
        return Err(NodeError::new("there is no such node"));
    };
    let sent = task.sent.as_ref().map(|(index, _)| *index);
    let ns = namespace(&around.ns, &name, task.id);
    let input = match task.sent {
        Some((_, input)) => State::from(input),
        None => state.clone(),
    };
    let run = graph_run
        .child(&name)
        .local_tag(format!("graph:step:{step}"))
        .metadata_from(of_node(step, &name, &node.triggers, sent, &ns))
        .inputs_of(&input)
        .start();
    let context = NodeContext::new(run.clone(), &name, step, &ns, task.answers, around.clone());
    // What a node starts has the namespace of the outermost node; in a subgraph it is inherited.
    let scope = match around.ns.is_empty() {
        true => Scope::new().metadata(CHECKPOINT_NS, ns.as_str()),
        false => Scope::new(),
    };
    let work = node.work.clone();
    let work = async move {
        match work {
            Work::Function(work) => work(input, context).await,
            Work::Subgraph(inner) => as_node(&context, graph, &inner, input).await,
        }
    };
    let work = AssertUnwindSafe(work).catch_unwind().in_scope(&scope);
    let (of_run, node_run) = (ns.clone(), run.clone());
    let whole = async {
        let mut update = match work.await {
            Ok(update) => update?,
            Err(panic) => return Err(panicked(&*panic)),
        };
        if !update.values.is_object() && !update.values.is_null() {
            let values = &update.values;
            let message = format!("gave back {values}, which is no object of channels");
            return Err(NodeError::new(message));
        }
        let told = update.told();
        let mut next = Vec::new();
        for target in update.take_targets() {
            next.push(graph.plan.known(target, &name)?);
        }
        let values = update.values;
        let after = graph.plan.reduce(&state, [(name.as_str(), &values)]);
        let after = after.map_err(|error| NodeError(Why::Graph(error)))?;
        next.extend(leave(graph, &name, &node_run, &after, FIRST_ROUTER, false)?);
        around.tell(|| GraphEvent::Update {
            step,
            node: name.clone(),
            update: values.clone(),
            within: around.within.clone(),
        });
        Ok(Done { told, values, next })
    };
    whole
        .traced_with(run, move |run, done| match done {
            Ok(done) => run.end_with(done.told.clone()),
            Err(error) => end_with(run, error, &of_run),
        })
        .await
}

/// Ends the run of a node, or of what it does, with what went wrong.
pub(super) fn end_with(run: &RunTree, error: &NodeError, ns: &str) {
    match &error.0 {
        Why::Asks { question, .. } => fail(run, interrupt(question, ns)),
        _ => fail(run, error),
    }
}

/// Returns where edges and routers lead from a node. Each router is a run below the node's.
fn leave(
    graph: &Graph,
    from: &str,
    node: &RunTree,
    state: &State,
    first: usize,
    hidden: bool,
) -> Result<Vec<Target>, NodeError> {
    let edges = graph.plan.edges.iter().filter(|edge| edge.0 == from);
    let mut next: Vec<_> = edges.map(|edge| Target::Node(edge.1.clone())).collect();
    let routers = graph.plan.routers.iter();
    for (index, router) in routers.filter(|router| router.from == from).enumerate() {
        let run = node
            .child(&router.name)
            .local_tag(format!("seq:step:{}", first + index));
        let run = if hidden { run.local_tag(HIDDEN) } else { run };
        let run = run.inputs_of(state).start();
        let decide = || with_run(&run, || (router.decide)(state));
        let said = catch_unwind(AssertUnwindSafe(decide)).map_err(|panic| panicked(&*panic));
        let said = said.and_then(|route| {
            let told = json!({"output": route.told()});
            router
                .read(route, &graph.plan)
                .map(|targets| (told, targets))
        });
        match said {
            Ok((told, targets)) => {
                run.end_with(told);
                next.extend(targets);
            }
            Err(error) => {
                fail(&run, &error);
                return Err(error);
            }
        }
    }
    Ok(next)
}

/// Returns where the graph begins. Where a router decides that, the entry is a run, which LangSmith hides.
pub(super) fn enter(
    graph: &Graph,
    graph_run: &RunTree,
    point: &Checkpoint,
    around: &Around,
) -> Result<Vec<Target>, NodeError> {
    let mut routers = graph.plan.routers.iter();
    if !routers.any(|router| router.from == START) {
        return leave(graph, START, graph_run, &point.state, FIRST_ROUTER, false);
    }
    let step = point.step - 1;
    let ns = namespace(
        &around.ns,
        START,
        task_id(point.seed, &around.ns, step, START, None),
    );
    let run = graph_run
        .child(START)
        .local_tag(format!("graph:step:{step}"))
        .local_tag(HIDDEN)
        .metadata_from(of_node(step, START, &[START.to_owned()], None, &ns))
        .inputs_of(&point.state)
        .start();
    // Its function is the write, so the routers come one earlier.
    let next = leave(graph, START, &run, &point.state, FIRST_ROUTER - 1, true);
    match &next {
        Ok(_) => run.end_of(&point.state),
        Err(error) => fail(&run, error),
    }
    next
}

fn panicked(panic: &(dyn Any + Send)) -> NodeError {
    NodeError::new(format!("Panicked: {}", said_by(panic)))
}
