//! Calls of tools behind MCP over standard input and output: a real child process, real rmcp on both sides.
//!
//! How calls and servers end that do not come to a good end is in `mcp_ends.rs`.
#![cfg(feature = "lab")]

mod mcp_support;

use std::collections::BTreeSet;
use std::process::Command;

use common::prelude::*;
use common::propagation::Egress;
use mcp_support::{command, drawn, over_stdio};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _};

#[tokio::test(flavor = "multi_thread")]
async fn a_call_over_stdio_is_one_trace_through_two_processes() {
    let lesson = Lesson::start("mcp").await;
    assert_eq!(
        command(&lesson).get_program(),
        env!("CARGO_BIN_EXE_docs-tools"),
        "the one that was built with this test"
    );
    let tools = over_stdio(&lesson).await;
    let names: Vec<String> = tools
        .list()
        .await
        .expect("listed")
        .into_iter()
        .map(|tool| tool.name)
        .collect();
    assert_eq!(names, ["search_docs", "read_page", "count_words"]);
    assert_eq!(tools.server(), "docs-tools");

    let agent = lesson
        .client("agent")
        .run("agent")
        .tag("beta")
        .metadata("user", "ada")
        .metadata("thread_id", "th-1")
        .start();
    let question = json!({"question": "what travels in baggage?"});
    let found = tools
        .call("search_docs", question.clone())
        .below(&agent)
        .await
        .expect("found");
    // Below the current run, without being told.
    let page = tools.call("read_page", json!({"page": "baggage"}));
    let page = async { page.await }.in_run(&agent).await.expect("read");
    agent.end();
    tools.close().await;

    let tree = drawn(&lesson, 6).await;
    assert_eq!(
        tree,
        "agent (chain)\n  search_docs (tool)\n    tools/call search_docs (chain)\n      search docs (retriever)\n  \
         read_page (tool)\n    tools/call read_page (chain)\n"
    );
    let tree = lesson.mock().tree();
    assert!(tree.is_whole());
    let run = |name| tree.find(name).expect("arrived");
    assert_eq!(json!(run("search_docs").inputs), question);
    assert_eq!(json!(run("search_docs").outputs), json!({"output": found}));
    assert_eq!(json!(run("read_page").outputs), json!({"output": page}));
    assert_eq!(json!(run("tools/call search_docs").inputs), question);
    for run in tree.nodes().iter().map(|node| &node.run) {
        assert_eq!(run.project.as_deref(), Some("workbook-mcp"), "{}", run.name);
        assert_eq!(run.extra.metadata["user"], "ada", "{}", run.name);
        assert_eq!(run.tags, ["beta"], "{}", run.name);
        assert_eq!(run.extra.metadata["thread_id"], "th-1", "{}", run.name);
    }
    let services = ["search_docs", "tools/call search_docs", "search docs"]
        .map(|name| run(name).extra.metadata["service"].clone());
    assert_eq!(services, ["agent", "docs-tools", "docs-tools"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_context_the_tool_is_a_black_box_and_its_server_another_trace() {
    let lesson = Lesson::start("mcp-box").await;
    let tools = over_stdio(&lesson).await;
    let agent = lesson.client("agent").run("agent").start();
    let blind = tools.without_context();
    let arguments = json!({"text": "two words"});
    let answer = blind
        .call("count_words", arguments)
        .below(&agent)
        .await
        .expect("counted");
    assert_eq!(answer, json!({"words": 2}));
    let meta = &tools.last_call().expect("sent")["params"]["_meta"];
    assert_eq!(
        meta.as_object().map(|meta| meta.keys().collect::<Vec<_>>()),
        Some(vec![&"progressToken".to_owned()])
    );
    agent.end();
    tools.close().await;

    let tree = drawn(&lesson, 3).await;
    let pieces = BTreeSet::from([
        "agent (chain)\n  count_words (tool)\n",
        "tools/call count_words (chain)\n",
    ]);
    let either: Vec<String> = [
        pieces.iter().copied().collect(),
        pieces.iter().rev().copied().collect(),
    ]
    .into();
    assert!(either.contains(&tree), "{tree}");
    assert_eq!(lesson.mock().tree().trace_ids().len(), 2);
}

/// Answers as an MCP server does, line by line and without rmcp, and returns the call as it came.
async fn answered_by_hand(pipe: tokio::io::DuplexStream) -> Value {
    let (read, mut write) = tokio::io::split(pipe);
    let mut lines = tokio::io::BufReader::new(read).lines();
    while let Some(line) = lines.next_line().await.expect("a line") {
        let message: Value = serde_json::from_str(&line).expect("JSON");
        let result = match message["method"].as_str() {
            Some("initialize") => json!({
                "protocolVersion": message["params"]["protocolVersion"], "capabilities": {"tools": {}},
                "serverInfo": {"name": "by hand", "version": "1"},
            }),
            Some("tools/call") => json!({"content": [{"type": "text", "text": "done"}]}),
            _ => continue,
        };
        let answer = json!({"jsonrpc": "2.0", "id": message["id"], "result": result});
        write
            .write_all(format!("{answer}\n").as_bytes())
            .await
            .expect("written");
        if message["method"] == "tools/call" {
            return message;
        }
    }
    panic!("nobody called a tool")
}

#[tokio::test]
async fn on_the_wire_the_context_stands_in_meta_beside_what_others_keep_there() {
    let lesson = Lesson::start("mcp-wire").await;
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let server = tokio::spawn(answered_by_hand(theirs));
    let (read, write) = tokio::io::split(ours);
    let tools = McpTools::over(read, write).await.expect("it answers");
    let agent = lesson
        .client("agent")
        .run("agent")
        .metadata("user", "ada")
        .start();
    let call = tools
        .call("anything", json!({}))
        .below(&agent)
        .meta("com.example/tenant", json!({"id": 7}))
        .meta("baggage", "theirs=1")
        .meta("progressToken", "ours");
    assert_eq!(call.await.expect("answered"), "done");
    agent.end();
    let message = server.await.expect("it ends");
    assert_eq!(
        Some(&message),
        tools.last_call().as_ref(),
        "what is shown is what was sent"
    );

    drawn(&lesson, 2).await;
    let tree = lesson.mock().tree();
    let tool = tree.find("anything").expect("arrived");
    let meta = &message["params"]["_meta"];
    assert_eq!(meta["langsmith-trace"], tool.dotted_order.as_str());
    assert_eq!(meta["com.example/tenant"]["id"], 7);
    assert!(meta["progressToken"].is_number(), "rmcp's own: {meta}");
    let baggage = meta["baggage"].as_str().expect("text");
    assert!(
        baggage.starts_with("theirs=1,langsmith-metadata="),
        "{baggage}"
    );
    assert!(
        meta.get("traceparent").is_none(),
        "no span is active: {meta}"
    );
}

#[tokio::test]
async fn to_a_server_behind_a_pipe_that_is_not_on_the_list_no_context_goes() {
    let lesson = Lesson::start("mcp-pipe-egress").await;
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let server = tokio::spawn(answered_by_hand(theirs));
    let (read, write) = tokio::io::split(ours);
    let list = Egress::to(["tools.internal"]);
    let tools = McpTools::over(read, write)
        .await
        .expect("it answers")
        .egress(list.clone());
    let agent = lesson
        .client("agent")
        .run("agent")
        .metadata("user", "ada")
        .start();
    let traceparent = format!("00-{:032x}-{:016x}-01", 7, 9);
    let call = tools
        .call("anything", json!({}))
        .below(&agent)
        .meta("traceparent", traceparent)
        .meta("tracestate", "ours=1")
        .meta("baggage", "theirs=1,langsmith-project=payroll")
        .meta("x-theirs", 1);
    assert_eq!(call.await.expect("answered"), "done");
    agent.end();
    let message = server.await.expect("it ends");
    let meta = message["params"]["_meta"].as_object().expect("an object");
    let mut meta = meta.clone();
    // rmcp's own entries are no context.
    meta.retain(|key, _| key != "progressToken" && !key.starts_with("io.modelcontextprotocol/"));
    assert_eq!(json!(meta), json!({"baggage": "theirs=1", "x-theirs": 1}));
    assert_eq!((list.counters().sent, list.counters().withheld), (0, 1));
    drawn(&lesson, 2).await;
}

#[cfg(feature = "otel")]
#[tokio::test]
async fn a_span_that_is_active_travels_as_traceparent_beside_the_run() {
    use common::otel::opentelemetry::baggage::BaggageExt as _;
    use common::otel::opentelemetry::trace::{
        FutureExt as _, SpanContext, TraceContextExt as _, TraceFlags, TraceState,
    };
    use common::otel::opentelemetry::{Context, KeyValue};

    let lesson = Lesson::start("mcp-span").await;
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let server = tokio::spawn(answered_by_hand(theirs));
    let (read, write) = tokio::io::split(ours);
    let tools = McpTools::over(read, write).await.expect("it answers");
    let agent = lesson.client("agent").run("agent").start();
    let span = SpanContext::new(
        7.into(),
        9.into(),
        TraceFlags::SAMPLED,
        false,
        TraceState::NONE,
    );
    let here = Context::new()
        .with_remote_span_context(span)
        .with_baggage([KeyValue::new("tenant", "7")]);
    let call = tools
        .call("anything", json!({}))
        .below(&agent)
        .meta("baggage", "theirs=1")
        .into_future();
    call.with_context(here).await.expect("answered");
    agent.end();
    let message = server.await.expect("it ends");
    let meta = &message["params"]["_meta"];
    assert_eq!(meta["traceparent"], format!("00-{:032x}-{:016x}-01", 7, 9));
    assert!(meta["langsmith-trace"].is_string(), "{meta}");
    let baggage = meta["baggage"].as_str().expect("text");
    assert!(baggage.starts_with("theirs=1,tenant=7"), "{baggage}");
    drawn(&lesson, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_tool_says_is_the_error_of_both_runs_and_what_the_server_refuses_of_one() {
    let lesson = Lesson::start("mcp-error").await;
    let tools = over_stdio(&lesson).await;
    let agent = lesson.client("agent").run("agent").start();
    let call = tools
        .call("read_page", json!({"page": "prices"}))
        .below(&agent);
    let error = call.await.expect_err("there is none");
    assert!(matches!(error, McpError::Tool(_)), "{error}");
    let error = tools
        .call("read_mail", json!({}))
        .below(&agent)
        .await
        .expect_err("there is none");
    assert!(
        matches!(error, McpError::Refused { code: -32602, .. }),
        "{error}"
    );
    // A tool's arguments have names.
    let error = tools
        .call("count_words", "bare")
        .below(&agent)
        .await
        .expect_err("no text");
    assert!(matches!(error, McpError::Tool(_)), "{error}");
    agent.end();
    tools.close().await;
    let why = "ToolError: there is no page `prices`; there are headers, middleware, baggage, spawn";
    let no_text = "ToolError: the argument `text` is a text";
    assert_eq!(
        drawn(&lesson, 6).await,
        format!(
            "agent (chain)\n  read_page (tool) ✗ {why}\n    tools/call read_page (chain) ✗ {why}\n  \
             read_mail (tool) ✗ McpError -32602: there is no such tool\n  \
             count_words (tool) ✗ {no_text}\n    tools/call count_words (chain) ✗ {no_text}\n"
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_calls_at_once_each_keep_their_own_parent() {
    let lesson = Lesson::start("mcp-many").await;
    let tools = over_stdio(&lesson).await;
    let agent = lesson.client("agent");
    let mut calls = JoinSet::new();
    for number in 0..50 {
        let (tools, run) = (tools.clone(), agent.run(format!("agent {number}")).start());
        calls.spawn(async move {
            let text = "word ".repeat(number);
            let call = tools.call("count_words", json!({"text": text})).below(&run);
            assert_eq!(call.await.expect("counted"), json!({"words": number}));
            run.end();
        });
    }
    while let Some(done) = calls.join_next().await {
        done.expect("it did not panic");
    }
    tools.close().await;
    drawn(&lesson, 150).await;
    let tree = lesson.mock().tree();
    assert_eq!(tree.trace_ids().len(), 50);
    for number in 0..50 {
        let agent = tree.find(&format!("agent {number}")).expect("arrived");
        let below = |parent: RunId| {
            let mut runs = tree.nodes().iter().map(|node| &node.run);
            let found = runs.find(|run| run.parent_run_id == Some(parent));
            found.expect("one below").clone()
        };
        let tool = below(agent.id);
        let served = below(tool.id);
        let words = served
            .outputs
            .as_ref()
            .map(|outputs| json!(outputs)["output"]["words"].clone());
        assert_eq!(words, Some(json!(number)), "{}", agent.name);
        assert_eq!(served.trace_id, agent.trace_id);
    }
}

#[test]
fn the_workbook_names_the_program_by_the_variable_that_is_read() {
    // `setup` does not depend on this crate, so it has the name a second time.
    let launch = include_str!("../../setup/src/kernel/launch.rs");
    let named = format!(
        "const TOOLS_VARIABLE: &str = {:?};",
        common::lab::TOOLS_VARIABLE
    );
    assert!(launch.contains(&named), "{named}");
}

#[tokio::test]
async fn a_program_that_is_no_server_is_told_in_words() {
    let missing = McpTools::stdio(Command::new("/nonexistent/docs-tools")).await;
    assert!(matches!(missing, Err(McpError::Start(_))), "{missing:?}");
    #[cfg(unix)]
    {
        let mute = McpTools::stdio(Command::new("true")).await;
        assert!(matches!(mute, Err(McpError::Connect(_))), "{mute:?}");
    }
}
