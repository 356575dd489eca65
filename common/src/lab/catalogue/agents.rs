//! Rows 55, 57 and 58: what frameworks of agents say of their work.

use serde_json::json;

use super::stage::{Played, Stage, Way};
use crate::model::{RunType, Usage};

/// Row 55: a graph asks a human, and says so with an exception.
pub(super) async fn interrupt(stage: &Stage, way: Way) -> Played {
    let client = stage.client("agent")?;
    let turn = || client.run("agent").metadata("thread_id", "t-1").start();
    let asks = turn();
    let node = asks.child("approve").start();
    for run in [node, asks] {
        if !way.is_broken() {
            run.add_metadata("ls_is_error_interrupt", true);
        }
        run.fail("GraphInterrupt((Interrupt(value='send it?', resumable=True),))");
    }
    let goes_on = turn();
    goes_on.child("send").run_type(RunType::Tool).start().end();
    goes_on.end();
    Ok(())
}

/// Row 57: the framework traces its model, and so does the wrapper around the model's client.
pub(super) async fn counted_twice(stage: &Stage, way: Way) -> Played {
    let client = stage.client("agent")?;
    let root = client.run("agent").start();
    let kind = way.pick(RunType::Llm, RunType::Chain);
    let framework = root.child("ChatModel").run_type(kind).start();
    let wrapper = framework.child("openai").run_type(RunType::Llm).start();
    wrapper.set_usage(Usage::tokens(90, 20));
    wrapper.end_with(json!({ "answer": "because" }));
    if way.is_broken() {
        framework.set_usage(Usage::tokens(90, 20));
    }
    framework.end_with(json!({ "answer": "because" }));
    root.end();
    Ok(())
}

/// Row 58: the conversation's id is said to the model, and not to the root.
pub(super) async fn thread_below_the_root(stage: &Stage, way: Way) -> Played {
    let client = stage.client("agent")?;
    for _ in 0..2 {
        let root = client.run("turn");
        let root = match way {
            Way::Broken => root.start(),
            Way::Repaired => root.metadata("thread_id", "t-1").start(),
        };
        let call = root.child("model").run_type(RunType::Llm);
        call.metadata("thread_id", "t-1")
            .inputs(json!({ "question": "why?" }))
            .start()
            .end_with(json!({ "answer": "because" }));
        root.end();
    }
    Ok(())
}
