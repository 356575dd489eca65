//! Rows 37 to 40 and 60: whose project, whose workspace.

use axum::Router;
use axum::http::Method;

use super::edges::{asked_below, retriever};
use super::naive::Naive;
use super::queue::NaiveQueue;
use super::stage::{PROJECT, Played, REQUEST, SceneError, Stage, Way};
use crate::analysis::doctor::Process;
use crate::client::{Config, Replica};
use crate::middleware::TracingLayer;
use crate::propagation::{INCOMING_TRACE_ID, TrustPolicy};

const TEAM: &str = "team-b";

/// Row 37: a step within a trace names a project of its own.
pub(super) async fn nested_project(stage: &Stage, way: Way) -> Played {
    let client = stage.client("gateway")?;
    let (root, child) = (client.run("answer"), TEAM);
    let root = match way {
        Way::Broken => root.start(),
        Way::Repaired => root.project(child).start(),
    };
    let search = root.child("search");
    match way {
        Way::Broken => search.project(child).start().end(),
        Way::Repaired => search.start().end(),
    }
    root.end();
    Ok(())
}

/// Row 38: a callee is set to a project, and the caller's header names another.
pub(super) async fn header_wins(stage: &Stage, way: Way) -> Played {
    let callee = stage.client_with("retriever", Config::default(), |b| b.project(TEAM))?;
    let layer = TracingLayer::new(callee.tracer());
    let layer = match way {
        Way::Broken => layer
            .policy(TrustPolicy::Continue)
            .allow_projects([PROJECT]),
        // Said out loud: here the local setting counts, and the caller's trace is a link.
        Way::Repaired => layer.policy(TrustPolicy::Restart),
    };
    let public = !way.is_broken();
    let service = stage.serve("retriever", public, retriever(Router::new()).layer(layer));
    let root = stage.client("gateway")?.run("answer").start();
    let headers = asked_below(&root);
    let url = service.url("/search");
    stage
        .call(Method::GET, url, "gateway", "retriever", headers)
        .await?;
    root.end();
    stage.process(&Process {
        process: "retriever".to_owned(),
        tracing: Some(true),
        has_key: Some(true),
        project: Some(TEAM.to_owned()),
        ..Process::default()
    });
    Ok(())
}

/// Row 39: team A calls team B, which calls team A again; each wants to see its own runs as a trace.
pub(super) async fn slice(stage: &Stage, way: Way) -> Played {
    let client = stage.client("gateway")?;
    let begin = |name: &str, team: &str| {
        let run = client.run(name).project(team);
        run.metadata(REQUEST.0, REQUEST.1)
    };
    let a = begin("order", "team-a").start();
    let (b, again) = match way {
        Way::Broken => {
            let b = a.child("check stock").project(TEAM).start();
            let again = b.child("read order").project("team-a").start();
            (b, again)
        }
        Way::Repaired => {
            let id = |run: &crate::trace::RunTree| run.trace_id().map(|id| id.to_string());
            let b = begin("check stock", TEAM).metadata(INCOMING_TRACE_ID, id(&a));
            let b = b.start();
            let again = begin("read order", "team-a").metadata(INCOMING_TRACE_ID, id(&b));
            (b, again.start())
        }
    };
    for run in [again, b, a] {
        run.end();
    }
    Ok(())
}

/// Row 40: the same work for a second project.
pub(super) async fn two_projects(stage: &Stage, way: Way) -> Played {
    match way {
        Way::Broken => {
            let naive = Naive::new(stage, "gateway");
            let mut root = naive.begin("answer", None);
            let mut child = naive.whole("search", Some(&root));
            naive.end(&mut root);
            naive.post(&[&root]);
            for run in [&mut root, &mut child] {
                run["session_name"] = "audit".into();
            }
            naive.post(&[&root, &child]);
        }
        Way::Repaired => {
            let client = stage.client("gateway")?;
            let both = [Replica::own(), Replica::in_project("audit")];
            let both = client.only_replicas(both)?;
            let root = both.run("answer").metadata(REQUEST.0, REQUEST.1).start();
            root.child("search").start().end();
            root.end();
            client
                .flush_async(super::stage::PATIENCE)
                .await
                .map_err(SceneError::of)?;
        }
    }
    Ok(())
}

/// Row 60: one queue for two tenants, and a batch that goes where its first run goes.
pub(super) async fn mixed_workspaces(stage: &Stage, way: Way) -> Played {
    let naive = Naive::new(stage, "gateway");
    let mut queue = NaiveQueue::new(stage, "gateway");
    let send = |queue: &mut NaiveQueue<'_>| match way {
        Way::Broken => {
            queue.flush();
        }
        Way::Repaired => queue.flush_each(),
    };
    let (a, b) = ("tenant-a", "tenant-b");
    let mut of_a = naive.begin("answer", None);
    let below_a = naive.whole("search", Some(&of_a));
    naive.end(&mut of_a);
    queue.post_for(a, &of_a);
    send(&mut queue);
    queue.post_for(b, &naive.whole("answer", None));
    queue.post_for(a, &below_a);
    send(&mut queue);
    Ok(())
}
