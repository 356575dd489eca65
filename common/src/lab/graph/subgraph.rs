//! A graph within a node of another.

use super::compiled::Graph;
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

/// Runs a graph below a node. If it was interrupted in this very node, it goes on with the answer; if it has
/// finished in it, and the node runs again for another question's sake, it does not run again.
pub(super) async fn within(
    context: &NodeContext,
    graph: &Graph,
    input: State,
) -> Result<State, NodeError> {
    let around = context.around_of_subgraph();
    let in_trouble = |error| NodeError(Why::Graph(error));
    let kept = around.load().await.map_err(in_trouble)?;
    let begin = match kept {
        None => Begin::Input(input.clone()),
        Some(kept) if kept.tasks.is_empty() => {
            context.skip_answers(kept.answered);
            return Ok(kept.state);
        }
        Some(kept) => match (context.answer(kept.answered), kept.questions().first()) {
            (Some(answer), Some(_)) => Begin::Answer(answer),
            (None, Some(question)) => return Err(NodeError(Why::Asks((*question).clone()))),
            // It was broken off in between.
            (_, None) => Begin::Input(input.clone()),
        },
    };
    let ns = around.ns.clone();
    let run = context.begin(graph.name()).inputs_of(&input).start();
    let ended = drive(graph.clone(), run.clone(), around.clone(), begin)
        .traced_with(run, move |run, result| end_of_subgraph(run, result, &ns))
        .await;
    match ended.map_err(in_trouble)? {
        Outcome::Finished(state) => {
            let kept = around.load().await.map_err(in_trouble)?;
            context.skip_answers(kept.map_or(0, |kept| kept.answered));
            Ok(state)
        }
        Outcome::Interrupted { value, .. } => Err(NodeError(Why::Asks(value))),
    }
}

/// Ends the run of a subgraph: a question shows as an error here, as in the node around.
fn end_of_subgraph(run: &RunTree, result: &Result<Outcome, GraphError>, ns: &str) {
    match result {
        Ok(Outcome::Finished(state)) => run.end_of(state),
        Ok(Outcome::Interrupted { value, .. }) => {
            end_with(run, &NodeError(Why::Asks(value.clone())), ns);
        }
        Err(error) => fail(run, error),
    }
}

impl NodeContext {
    fn around_of_subgraph(&self) -> Around {
        let mut around = self.around().clone();
        around.within.push(self.node().to_owned());
        around.ns = self.namespace_of_subgraph();
        around
    }
}
