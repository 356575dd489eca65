//! Rows 52 to 54: ways between two processes that no middleware for HTTP looks at.

use std::sync::Arc;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use super::broken::Broken;
use super::edges::{asked_below, said};
use super::stage::{Played, SceneError, Stage, Way};
use crate::analysis::doctor::Hop;
use crate::client::Client;
use crate::lab::Recorded;
use crate::model::{JsonMap, Run, TraceTree};
use crate::propagation::carrier::mcp;
use crate::propagation::{LangSmithPropagator, Propagator as _, TRACE_HEADER, TrustPolicy};

fn trusting() -> LangSmithPropagator {
    LangSmithPropagator::new().policy(TrustPolicy::Continue)
}

/// Row 52: the session of a WebSocket, which is no request.
pub(super) async fn web_socket(stage: &Stage, way: Way) -> Played {
    let client = stage.client("chat")?;
    let reads = !way.is_broken();
    let upgrade = move |upgrade: WebSocketUpgrade, headers: HeaderMap| {
        let client = client.clone();
        async move { session(&client, reads, upgrade, &headers) }
    };
    let router = Router::new().route("/chat", get(upgrade));
    let service = stage.serve("chat", false, router);
    let root = stage.client("gateway")?.run("answer").start();
    let address = service.url("/chat").replace("http:", "ws:");
    let mut request = address.into_client_request().map_err(SceneError::of)?;
    request.headers_mut().extend(asked_below(&root));
    let (mut socket, _) = connect_async(request).await.map_err(SceneError::of)?;
    // The session ends before its socket does.
    while let Some(Ok(_)) = socket.next().await {}
    root.end();
    Ok(())
}

fn session(
    client: &Client,
    reads: bool,
    upgrade: WebSocketUpgrade,
    headers: &HeaderMap,
) -> Response {
    let parent = trusting().extract(headers).context.filter(|_| reads);
    let run = client.run("session").parent(parent).start();
    let told = said(Some(&run));
    let upgraded = upgrade.on_upgrade(move |socket| async move {
        run.end();
        drop(socket);
    });
    (told, upgraded).into_response()
}

/// Row 53: a graph behind LangGraph's Agent Server, recorded: with a plain graph, and with a function that enters the
/// caller's trace before it makes one.
pub(super) async fn remote_graph(stage: &Stage, way: Way) -> Played {
    let recorded = way.pick(Recorded::AgentServerPlain, Recorded::AgentServerFactory);
    let mut runs: Vec<Run> = recorded
        .tree()
        .nodes()
        .iter()
        .map(|node| node.run.clone())
        .collect();
    if !way.is_broken() {
        // The caller's own run is no part of the server: it knows the conversation that it asks the graph for.
        let told = runs.iter().find(|run| run.name == "docs_agent");
        let thread = told.and_then(|run| run.extra.metadata.get("thread_id").cloned());
        for root in runs.iter_mut().filter(|run| run.name == "rust_gateway") {
            Arc::make_mut(&mut root.extra.metadata)
                .extend(thread.clone().map(|id| ("thread_id".to_owned(), id)));
        }
    }
    let tree = TraceTree::build(runs);
    let runs = || tree.nodes().iter().map(|node| &node.run);
    let gateway = runs().find(|run| run.name == "rust_gateway");
    let graph = runs().find(|run| run.name == "docs_agent");
    let (Some(gateway), Some(graph)) = (gateway, graph) else {
        return Err(SceneError::Other("the recording has no such runs".into()));
    };
    let hop = Hop {
        call: "call-1".to_owned(),
        direction: "in".to_owned(),
        service: "agent server".to_owned(),
        peer: "gateway".to_owned(),
        carrier: "langgraph".to_owned(),
        method: "POST".to_owned(),
        headers: vec![(
            TRACE_HEADER.to_owned(),
            gateway.dotted_order.as_str().to_owned(),
        )],
        status: 200,
        run: Some(graph.id.to_string()),
        ..Hop::default()
    };
    stage.take(capture_of(&tree, &hop));
    Ok(())
}

fn capture_of(tree: &TraceTree, hop: &Hop) -> Broken {
    let line = |run: &Run| json!({ "run": run }).to_string() + "\n";
    let mut lines: String = tree.nodes().iter().map(|node| line(&node.run)).collect();
    lines.push_str(&json!({ "headers": hop }).to_string());
    lines.push('\n');
    Broken::new(lines, tree.clone())
}

/// Row 54: the call of a tool behind MCP.
pub(super) async fn tool_call(stage: &Stage, way: Way) -> Played {
    let (gateway, tools) = (stage.client("gateway")?, stage.client("tools")?);
    let root = gateway.run("answer").start();
    let arguments = json!({ "name": "search", "arguments": { "question": "why?" } });
    let mut call =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": arguments });
    if !way.is_broken()
        && let (Some(context), Some(meta)) = (root.context(), mcp::meta_mut(&mut call))
    {
        trusting().inject(&context, meta);
    }
    let hop = |direction: &str, run: Option<String>| Hop {
        call: "call-1".to_owned(),
        direction: direction.to_owned(),
        service: if direction == "out" {
            "gateway"
        } else {
            "tools"
        }
        .to_owned(),
        peer: if direction == "out" {
            "tools"
        } else {
            "gateway"
        }
        .to_owned(),
        carrier: "mcp".to_owned(),
        method: "tools/call".to_owned(),
        headers: texts(mcp::meta(&call)),
        run,
        ..Hop::default()
    };
    stage.hop(&hop("out", None));
    // The server of the tools, on its side of the pipe.
    let parent = trusting().extract(mcp::meta(&call)).context;
    let run = tools.run("search").run_type("tool").parent(parent).start();
    run.end_with("three pages");
    stage.hop(&hop("in", run.id().map(|id| id.to_string())));
    root.end();
    Ok(())
}

fn texts(meta: &JsonMap) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let entries = meta.iter();
    entries
        .map(|(name, value)| (name.clone(), text(value)))
        .collect()
}
