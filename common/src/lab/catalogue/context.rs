//! Rows 4, 9 and 56: the current run is not there where work goes on.

use futures_util::{StreamExt as _, stream};

use super::stage::{Played, REQUEST, SceneError, Stage, Way};
use crate::client::Client;
use crate::trace::{Parent, RunTree, Scope, TraceFutureExt as _, child, current, spawn};

/// Row 4: the handler returns its stream and ends, and only then is the stream read.
pub(super) async fn streamed_answer(stage: &Stage, way: Way) -> Played {
    let client = stage.client("gateway")?;
    let root = client.run("answer").metadata(REQUEST.0, REQUEST.1).start();
    let parent = way.pick(None, Some(root.clone()));
    let body = stream::once(async move {
        let run = client.run("generate").metadata(REQUEST.0, REQUEST.1);
        let run = run.parent(Parent::from(parent.clone())).start();
        run.end_with("because");
        // Held to the end of the stream, and so is what is above.
        if let Some(root) = parent {
            root.end();
        }
    });
    if way.is_broken() {
        root.end();
    }
    drop(root);
    body.collect::<Vec<()>>().await;
    Ok(())
}

/// Row 9: a tool's call in a task of its own.
pub(super) async fn spawned_tool(stage: &Stage, way: Way) -> Played {
    let client = stage.client("gateway")?;
    let root = client.run("answer").metadata(REQUEST.0, REQUEST.1).start();
    let work = async {
        let tool = tool(client.clone());
        let task = match way {
            Way::Broken => tokio::spawn(tool),
            Way::Repaired => spawn(tool),
        };
        task.await
    };
    work.in_run(&root).await.map_err(SceneError::of)?;
    root.end();
    Ok(())
}

async fn tool(client: Client) {
    let run = client.run("search").metadata(REQUEST.0, REQUEST.1);
    let run = run.run_type("tool").parent_from_current().start();
    run.end_with("three pages");
}

/// Row 56: a framework of agents that brings tracing of its own.
pub(super) async fn framework(stage: &Stage, way: Way) -> Played {
    let client = stage.client("gateway")?;
    let root = client.run("answer").metadata(REQUEST.0, REQUEST.1).start();
    let agents = Agents {
        client,
        looks_around: !way.is_broken(),
    };
    agents.run("plan").in_run(&root).await;
    root.end();
    Ok(())
}

/// The framework: it makes a run of each agent, and calls of tools below.
struct Agents {
    client: Client,
    looks_around: bool,
}

impl Agents {
    async fn run(&self, name: &str) {
        let above: Option<RunTree> = current().filter(|_| self.looks_around);
        let run = self.client.run(name).metadata(REQUEST.0, REQUEST.1);
        let run = run.parent(Parent::from(above)).start();
        let tools = async {
            child("lookup").run_type("tool").start().end();
        };
        let scope = Scope::new().parent(run.clone());
        tools.in_scope(&scope).await;
        run.end();
    }
}
