//! A graph within a node of another.

use super::checkpoint::Asker;
use super::compiled::{Graph, MAX_DEPTH};
use super::context::NodeContext;
use super::error::{GraphError, NodeError, Why};
use super::invocation::{Begin, Outcome};
use super::run::{Around, drive, fail};
use super::state::State;
use super::superstep::end_with;
use super::update::Update;
use crate::trace::{RunTree, TraceFutureExt as _};

/// Runs a graph as a node of `outer`.
pub(super) async fn as_node(
    context: &NodeContext,
    outer: &Graph,
    inner: &Graph,
    input: State,
) -> Result<Update, NodeError> {
    let state = within(context, inner, input.clone()).await?;
    Ok(outer.plan.difference(&input, &state).into())
}

/// Runs a graph below a node. If it was interrupted in this very node, it goes on with the answer; if it was broken
/// off, where that was; and if it has finished in it, and the node runs again for another question's sake, it does
/// not run again.
pub(super) async fn within(
    context: &NodeContext,
    graph: &Graph,
    input: State,
) -> Result<State, NodeError> {
    let (nth, around) = context.around_of_subgraph();
    if around.within.len() > MAX_DEPTH {
        let depth = around.within.len();
        return Err(NodeError::new(format!(
            "graph `{}` would be {depth} graphs deep, and {MAX_DEPTH} are the most; does it call itself without end?",
            graph.name()
        )));
    }
    let by = Asker::Subgraph(nth);
    let in_trouble = |error| NodeError(Why::Graph(error));
    let kept = around.load().await.map_err(in_trouble)?;
    let begin = match kept {
        None => Begin::Input(input.clone()),
        Some(kept) if kept.tasks.is_empty() => return Ok(kept.state),
        Some(kept) => match (context.answer(by, kept.answered), kept.questions().first()) {
            (Some(answer), Some(_)) => Begin::Answer(answer),
            (None, Some(question)) => {
                let question = (*question).clone();
                return Err(NodeError(Why::Asks { question, by }));
            }
            // It was broken off in between. To begin anew would give its answers to other questions than it asked.
            (_, None) => Begin::Again,
        },
    };
    let ns = around.ns.clone();
    let run = context.begin(graph.name()).inputs_of(&input).start();
    let ended = drive(graph.clone(), run.clone(), around.clone(), begin)
        .traced_with(run, move |run, result| {
            end_of_subgraph(run, result, by, &ns)
        })
        .await;
    match ended.map_err(in_trouble)? {
        Outcome::Finished(state) => Ok(state),
        Outcome::Interrupted {
            value: question, ..
        } => Err(NodeError(Why::Asks { question, by })),
    }
}

/// Ends the run of a subgraph: a question shows as an error here, as in the node around.
fn end_of_subgraph(run: &RunTree, result: &Result<Outcome, GraphError>, by: Asker, ns: &str) {
    match result {
        Ok(Outcome::Finished(state)) => run.end_of(state),
        Ok(Outcome::Interrupted { value, .. }) => {
            let question = value.clone();
            end_with(run, &NodeError(Why::Asks { question, by }), ns);
        }
        Err(error) => fail(run, error),
    }
}

impl NodeContext {
    fn around_of_subgraph(&self) -> (usize, Around) {
        let mut around = self.around().clone();
        around.within.push(self.node().to_owned());
        let nth;
        (nth, around.ns) = self.next_subgraph();
        (nth, around)
    }
}
