//! What the tests of MCP have in common: a server that is a process, pipes, and a tree without times.
#![allow(dead_code, reason = "each test uses its part")]

use std::process::Command;
use std::time::Duration;

use common::prelude::*;

/// Longer than anything here takes; a bound, not a pause.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// What `--pause` is given where a tool must not come to its end.
pub(crate) const FOR_EVER: &str = "600000";

/// Returns a command for the real server, as a child whose runs go to the lesson's stand-in.
pub(crate) fn command(lesson: &Lesson) -> Command {
    ToolServer::command(&lesson.peer_env()).expect("cargo has built it")
}

/// Starts the real server as a child.
pub(crate) async fn over_stdio(lesson: &Lesson) -> McpTools {
    McpTools::stdio(command(lesson)).await.expect("it starts")
}

/// Believes its callers.
pub(crate) fn trusting() -> LangSmithPropagator {
    LangSmithPropagator::new().policy(TrustPolicy::Continue)
}

/// Draws what has arrived: names, types and errors; a call that the stand-in finds fault with fails.
pub(crate) async fn drawn(lesson: &Lesson, runs: usize) -> String {
    let tree = lesson.tree(runs).await;
    assert_eq!(tree.len(), runs, "{}", text_tree(&tree));
    assert_eq!(lesson.mock().violations(), []);
    assert!(tree.orphans().is_empty(), "{}", text_tree(&tree));
    let mut text = String::new();
    for index in tree.walk() {
        let node = &tree.nodes()[index];
        let run = &node.run;
        assert!(run.end_time.is_some(), "{} has not ended", run.name);
        let error = run.error.as_deref().map(|error| format!(" ✗ {error}"));
        let indent = "  ".repeat(node.depth);
        let run_type = run.run_type.as_str();
        text += &format!(
            "{indent}{} ({run_type}){}\n",
            run.name,
            error.unwrap_or_default()
        );
    }
    text
}

/// Waits until a run of this name has begun, wherever its end may be.
pub(crate) async fn begun(lesson: &Lesson, name: &str) {
    let mock = lesson.mock();
    let is_there = |runs: &[Run]| runs.iter().any(|run| run.name == name);
    let waited = mock.wait_until(is_there, PATIENCE).await;
    waited.expect("the server sends the beginning of its run");
}
