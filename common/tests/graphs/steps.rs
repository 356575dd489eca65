//! Graphs that a test runs, and their runs as a tree of steps.

use std::sync::Arc;
use std::time::Duration;

use common::lab::graph::{GraphError, NodeContext, NodeError, Outcome, State};
use common::model::Run;
use common::trace::{MemorySink, Tracer};
use serde_json::{Value, json};

/// A bound, not a pause.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn tracer() -> (Arc<MemorySink>, Tracer) {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).build();
    (sink, tracer)
}

/// Draws runs as a tree: name, step tag, and error.
pub(crate) fn tree(runs: &[Run]) -> String {
    let mut runs: Vec<&Run> = runs.iter().collect();
    runs.sort_by_key(|run| run.dotted_order.as_str().to_owned());
    let line = |run: &&Run| {
        assert!(run.end_time.is_some(), "{} has not ended", run.name);
        let depth = run.dotted_order.as_str().matches('.').count();
        let steps = run.tags.iter().filter(|tag| tag.contains(":step:"));
        let tags: String = steps.map(|tag| format!(" {tag}")).collect();
        let error = run.error.as_deref();
        let error = error.map_or_else(String::new, |error| format!(" ✗ {error}"));
        format!("{}{}{tags}{error}\n", "  ".repeat(depth), run.name)
    };
    runs.iter().map(line).collect()
}

pub(crate) fn finished(outcome: Result<Outcome, GraphError>) -> State {
    match outcome.expect("an outcome") {
        Outcome::Finished(state) => state,
        other => panic!("{other:?}"),
    }
}

/// Says its node's name in the channel `log`.
pub(crate) async fn log(_: State, context: NodeContext) -> Result<Value, NodeError> {
    Ok(json!({"log": [context.node()]}))
}
