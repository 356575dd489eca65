//! A tool server over MCP and what strangers write to it: by hand, line by line.
#![cfg(feature = "lab")]

mod mcp_support;

use std::collections::BTreeSet;
use std::time::Duration;

use common::prelude::*;
use mcp_support::{HURRIED, PATIENCE, drawn, trusting};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _};

/// Starts a server in this process and says `initialize` to it, by hand.
async fn by_hand(server: &McpServer) -> (Writing, Lines, tokio::task::JoinHandle<()>) {
    let (ours, theirs) = tokio::io::duplex(1 << 22);
    let (read, write) = tokio::io::split(theirs);
    let server = server.clone();
    let serving = tokio::spawn(async move { server.serve(read, write).await });
    let (read, mut write) = tokio::io::split(ours);
    let mut lines = tokio::io::BufReader::new(read).lines();
    for line in &HURRIED[..2] {
        write
            .write_all(format!("{line}\n").as_bytes())
            .await
            .expect("written");
    }
    lines.next_line().await.expect("a line").expect("an answer");
    (write, lines, serving)
}

type Writing = tokio::io::WriteHalf<tokio::io::DuplexStream>;
type Lines = tokio::io::Lines<tokio::io::BufReader<tokio::io::ReadHalf<tokio::io::DuplexStream>>>;

#[tokio::test]
async fn whatever_stands_in_meta_the_call_is_answered_and_what_is_not_believed_is_counted() {
    let lesson = Lesson::start("mcp-hostile").await;
    let ours = trusting();
    let server = McpServer::new("tools", &lesson.client("tools"), ours.clone());
    let server = docs_tools(server, Duration::ZERO);
    let (mut write, mut lines, serving) = by_hand(&server).await;
    let order = "20261122T100538926531Z01a202b7-f0ee-7646-9e7b-a245c1fc89c2";
    let megabyte = "x".repeat(1 << 20);
    let metas = [
        json!({}),
        json!({"langsmith-trace": 7, "baggage": [1, 2], "traceparent": null}),
        json!({"langsmith-trace": {"order": order}, "progressToken": {"a": 1}}),
        json!({"langsmith-trace": "not an order"}),
        json!({"langsmith-trace": megabyte}),
        json!({"langsmith-trace": order, "Langsmith-Trace": order}),
        json!({"langsmith-trace": order, "baggage": format!("langsmith-metadata={megabyte}")}),
        json!({"langsmith-trace": order, "baggage": "langsmith-project=payroll,langsmith-api_url=http%3A%2F%2Fevil"}),
        json!({(megabyte.clone()): megabyte}),
    ];
    for (id, meta) in metas.iter().enumerate() {
        let call = json!({
            "jsonrpc": "2.0", "id": id + 1, "method": "tools/call",
            "params": {"name": "count_words", "arguments": {"text": "a b"}, "_meta": meta},
        });
        write
            .write_all(format!("{call}\n").as_bytes())
            .await
            .expect("written");
        let answer = tokio::time::timeout(PATIENCE, lines.next_line())
            .await
            .expect("an answer");
        let answer: Value =
            serde_json::from_str(&answer.expect("a line").expect("an answer")).expect("JSON");
        assert_eq!(answer["id"], id + 1);
        assert_eq!(
            answer["result"]["structuredContent"],
            json!({"words": 2}),
            "{id}: {answer}"
        );
    }
    let tree = lesson.tree(metas.len()).await;
    assert_eq!(tree.len(), metas.len());
    assert_eq!(
        ours.counters().to_string(),
        "continued 2, absent 4, malformed 1, oversize 1, ambiguous 1; ignored entries: over_budget 1, \
         project_not_allowed 1, never_read 1"
    );
    assert_eq!(server.counters(), ours.counters());
    let continued = tree
        .nodes()
        .iter()
        .filter(|node| node.run.dotted_order.as_str().starts_with(order));
    assert_eq!(continued.count(), 2);
    let projects: BTreeSet<_> = lesson
        .mock()
        .runs()
        .into_iter()
        .map(|run| run.project)
        .collect();
    assert_eq!(
        projects,
        BTreeSet::from([Some("workbook-mcp-hostile".to_owned())])
    );

    // `_meta` that is no object at all is no call of MCP; the next one is answered all the same.
    let broken = json!({"jsonrpc": "2.0", "id": 90, "method": "tools/call",
        "params": {"name": "count_words", "arguments": {"text": "a"}, "_meta": 7}});
    let sound = json!({"jsonrpc": "2.0", "id": 91, "method": "tools/call",
        "params": {"name": "count_words", "arguments": {"text": "a"}}});
    write
        .write_all(format!("{broken}\n{sound}\n").as_bytes())
        .await
        .expect("written");
    loop {
        let answer = tokio::time::timeout(PATIENCE, lines.next_line())
            .await
            .expect("an answer");
        let answer: Value =
            serde_json::from_str(&answer.expect("a line").expect("an answer")).expect("JSON");
        if answer["id"] == 91 {
            assert_eq!(answer["result"]["structuredContent"], json!({"words": 1}));
            break;
        }
    }
    drop((write, lines));
    serving.await.expect("it ends when the pipe does");
    assert_eq!(lesson.tree(metas.len() + 1).await.len(), metas.len() + 1);
}

#[tokio::test]
async fn by_default_nobody_is_believed_and_who_called_is_kept_as_metadata() {
    let lesson = Lesson::start("mcp-public").await;
    let server = McpServer::new("tools", &lesson.client("tools"), LangSmithPropagator::new());
    let server = docs_tools(server, Duration::ZERO);
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (read, write) = tokio::io::split(theirs);
    let serving = tokio::spawn({
        let server = server.clone();
        async move { server.serve(read, write).await }
    });
    let (read, write) = tokio::io::split(ours);
    let tools = McpTools::over(read, write).await.expect("it answers");
    let agent = lesson.client("agent").run("agent").start();
    tools
        .call("count_words", json!({"text": "a"}))
        .below(&agent)
        .await
        .expect("counted");
    agent.end();
    tools.close().await;
    serving.await.expect("it ends when the pipe does");
    drawn(&lesson, 3).await;
    let tree = lesson.mock().tree();
    let served = tree.find("tools/call count_words").expect("arrived");
    assert_eq!(served.parent_run_id, None);
    assert_eq!(
        Some(served.extra.metadata["incoming_trace_id"].clone()),
        agent.trace_id().map(|id| json!(id.to_string()))
    );
    assert_eq!(server.counters().untrusted, 1);
}

#[tokio::test]
async fn a_tool_that_panics_answers_with_an_error_and_its_run_says_so() {
    let lesson = Lesson::start("mcp-panic").await;
    let server = McpServer::new("tools", &lesson.client("tools"), trusting());
    let server = server.tool("falls", "Panics.", json!({}), async |_| {
        let none: Option<Value> = None;
        none.ok_or_else(|| panic!("on purpose"))
    });
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (read, write) = tokio::io::split(theirs);
    tokio::spawn(async move { server.serve(read, write).await });
    let (read, write) = tokio::io::split(ours);
    let tools = McpTools::over(read, write).await.expect("it answers");
    let agent = lesson.client("agent").run("agent").start();
    let error = tools
        .call("falls", json!({}))
        .below(&agent)
        .await
        .expect_err("it panicked");
    assert_eq!(error.to_string(), "ToolError: the tool panicked");
    agent.end();
    assert_eq!(
        drawn(&lesson, 3).await,
        "agent (chain)\n  falls (tool) ✗ ToolError: the tool panicked\n    \
         tools/call falls (chain) ✗ Panicked: the future panicked before its end\n"
    );
}
