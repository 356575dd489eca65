//! Tools behind MCP over streamable HTTP: a real server process, real rmcp on both sides.
#![cfg(feature = "lab")]

mod mcp_support;

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::prelude::*;
use common::propagation::Egress;
use mcp_support::{begun, drawn, trusting};

#[tokio::test(flavor = "multi_thread")]
async fn a_call_over_http_is_one_trace_through_two_processes() {
    let lesson = Lesson::start("mcp-http").await;
    let server = ToolServer::start(&lesson.peer_env())
        .await
        .expect("it starts");
    assert!(server.sdk().starts_with("rmcp "), "{}", server.sdk());
    let tools = McpTools::http(&server.url()).await.expect("it answers");
    assert_eq!((tools.server(), tools.process_id()), ("docs-tools", None));
    let agent = lesson.client("agent").run("agent").start();
    let call = tools
        .call(
            "search_docs",
            json!({"question": "what travels in baggage?"}),
        )
        .below(&agent);
    let found = call.await.expect("found");
    assert_eq!(
        found["documents"][0]["metadata"]["source"], "baggage",
        "{found}"
    );
    let meta = tools.last_call().expect("sent")["params"]["_meta"].clone();
    agent.end();
    server.flush().await.expect("flushed");
    assert_eq!(
        drawn(&lesson, 4).await,
        "agent (chain)\n  search_docs (tool)\n    tools/call search_docs (chain)\n      search docs (retriever)\n"
    );
    let tree = lesson.mock().tree();
    let tool = tree.find("search_docs").expect("arrived");
    assert_eq!(meta["langsmith-trace"], tool.dotted_order.as_str());
    tools.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn to_a_host_that_is_not_on_the_list_no_context_goes() {
    let lesson = Lesson::start("mcp-egress").await;
    let server = ToolServer::start(&lesson.peer_env())
        .await
        .expect("it starts");
    let list = Egress::to(["tools.internal"]);
    let tools = McpTools::http(&server.url())
        .await
        .expect("it answers")
        .egress(list.clone());
    let agent = lesson.client("agent").run("agent").start();
    let call = tools
        .call("count_words", json!({"text": "a"}))
        .below(&agent);
    // Nor one that was somebody else's.
    call.meta("langsmith-trace", "stale")
        .meta("x-theirs", 1)
        .await
        .expect("counted");
    let meta = tools.last_call().expect("sent")["params"]["_meta"].clone();
    assert_eq!(
        (&meta["langsmith-trace"], &meta["x-theirs"]),
        (&Value::Null, &json!(1)),
        "{meta}"
    );
    assert_eq!((list.counters().sent, list.counters().withheld), (0, 1));
    agent.end();
    server.flush().await.expect("flushed");
    drawn(&lesson, 3).await;
    assert_eq!(lesson.mock().tree().trace_ids().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_calls_at_once_over_http_each_keep_their_own_parent() {
    let lesson = Lesson::start("mcp-http-many").await;
    let server = ToolServer::start(&lesson.peer_env())
        .await
        .expect("it starts");
    let tools = McpTools::http(&server.url()).await.expect("it answers");
    let root = lesson.client("agent").run("agent").start();
    let mut calls = JoinSet::new();
    for number in 0..50 {
        let (tools, run) = (
            tools.clone(),
            root.child(format!("branch {number}")).start(),
        );
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
    root.end();
    server.flush().await.expect("flushed");
    drawn(&lesson, 151).await;
    let tree = lesson.mock().tree();
    assert!(tree.is_whole(), "one trace: {}", text_tree(&tree));
    for node in tree.nodes() {
        let served = &node.run;
        if served.name != "tools/call count_words" {
            continue;
        }
        let tool = tree.parent_of(served.id).expect("the tool run");
        let branch = tree.parent_of(tool.id).expect("the branch");
        let words = json!(served.outputs)["output"]["words"].clone();
        assert_eq!(branch.name, format!("branch {words}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_http_that_is_killed_in_the_middle_of_a_call_ends_the_tool_run_once() {
    let lesson = Lesson::start("mcp-http-killed").await;
    let (env, for_ever) = (lesson.peer_env(), Duration::from_secs(600));
    let server = ToolServer::start_with(&env, for_ever)
        .await
        .expect("it starts");
    let tools = McpTools::http(&server.url()).await.expect("it answers");
    let agent = lesson.client("agent").run("agent").start();
    let mut call = tools
        .call("read_page", json!({"page": "spawn"}))
        .below(&agent)
        .into_future();
    tokio::select! {
        biased;
        answer = &mut call => panic!("{answer:?}"),
        () = begun(&lesson, "tools/call read_page") => {}
    }
    server.kill();
    let error = call.await.expect_err("it is dead");
    agent.end();
    let tree = lesson.tree(2).await;
    let tool = tree.find("read_page").expect("arrived");
    assert_eq!(tool.error, Some(error.to_string()));
    assert!(tool.end_time.is_some());
    assert_eq!((tree.len(), tree.orphans().len()), (3, 0));
    assert_eq!(lesson.mock().violations(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_http_sends_its_runs_when_its_handle_is_dropped() {
    let lesson = Lesson::start("mcp-http-end").await;
    let server = ToolServer::start(&lesson.peer_env())
        .await
        .expect("it starts");
    let tools = McpTools::http(&server.url()).await.expect("it answers");
    let agent = lesson.client("agent").run("agent").start();
    tools
        .call("count_words", json!({"text": "a"}))
        .below(&agent)
        .await
        .expect("counted");
    agent.end();
    drop(server);
    assert_eq!(
        drawn(&lesson, 3).await,
        "agent (chain)\n  count_words (tool)\n    tools/call count_words (chain)\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_ones_own_is_a_router_among_others() {
    let lesson = Lesson::start("mcp-router").await;
    let server = McpServer::new("own", &lesson.client("tools"), trusting());
    let server = server.tool(
        "echo",
        "Gives back.",
        json!({"type": "object"}),
        async |said| Ok(said),
    );
    let service = Service::start("tools", server.router());
    let tools = McpTools::http(&service.url("/mcp"))
        .await
        .expect("it answers");
    let agent = lesson.client("agent").run("agent").start();
    let said = json!({"größe": [1, null, "日本"]});
    assert_eq!(
        tools
            .call("echo", said.clone())
            .below(&agent)
            .await
            .expect("an answer"),
        said
    );
    agent.end();
    drawn(&lesson, 3).await;
    assert!(lesson.mock().tree().is_whole());
    for nowhere in [
        "http://127.0.0.1:9/mcp",
        "ftp://127.0.0.1/mcp",
        "no address",
    ] {
        let error = McpTools::http(nowhere).await.expect_err("nobody is there");
        assert!(
            matches!(error, McpError::Connect(_) | McpError::Address(_)),
            "{error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_error_shows_what_stands_in_the_address_behind_the_host() {
    for address in [
        "http://127.0.0.1:9/mcp?key=s3cret",
        "http://user:s3cret@127.0.0.1:9/mcp",
        "ftp://user:s3cret@127.0.0.1/mcp?key=s3cret",
        "https://127.0.0.1:port/s3cret?key=s3cret",
        "no address?key=s3cret",
    ] {
        let error = McpTools::http(address)
            .await
            .expect_err("nobody is there")
            .to_string();
        assert!(!error.contains("s3cret"), "{error}");
    }
    let lesson = Lesson::start("mcp-secret").await;
    let server = ToolServer::start(&lesson.peer_env())
        .await
        .expect("it starts");
    let url = format!("{}?key=s3cret", server.url());
    let tools = McpTools::http(&url).await.expect("it answers");
    server.kill();
    let agent = lesson.client("agent").run("agent").start();
    let call = tools.call("count_words", json!({"text": ""})).below(&agent);
    let error = call.await.expect_err("it is dead").to_string();
    agent.end();
    let tree = lesson.tree(2).await;
    let tool = tree.find("count_words").expect("arrived");
    assert_eq!(tool.error.as_deref(), Some(error.as_str()));
    assert!(!error.contains("s3cret"), "{error}");
}

/// Answers as the server does that is asked by hand: the status.
async fn status(request: reqwest::RequestBuilder) -> u16 {
    let answer = request.send().await.expect("an answer");
    answer.status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_page_of_elsewhere_can_ask_nothing() {
    let lesson = Lesson::start("mcp-pages").await;
    let server = ToolServer::start(&lesson.peer_env())
        .await
        .expect("it starts");
    let flush = server.url().replace("/mcp", "/flush");
    let foreign = [
        ("host", "evil.example"),
        ("origin", "http://evil.example"),
        ("origin", "null"),
    ];
    let initialize = mcp_support::HURRIED[0];
    let http = http_client();
    let mcp = || {
        let request = http.post(server.url()).body(initialize);
        let request = request.header("content-type", "application/json");
        request.header("accept", "application/json, text/event-stream")
    };
    assert_eq!(status(mcp()).await, 200);
    assert_eq!(status(http.post(&flush)).await, 200);
    for (name, value) in foreign {
        let statuses = [
            status(mcp().header(name, value)).await,
            status(http.post(&flush).header(name, value)).await,
        ];
        assert_eq!(statuses, [403, 403], "{name}: {value}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_another_host_is_not_followed() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let elsewhere = axum::Router::new().fallback(move || async move {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    let elsewhere = Service::start("elsewhere", elsewhere);
    let there = elsewhere.url("/mcp").replace("127.0.0.1", "localhost");
    let moved = axum::Router::new()
        .fallback(move || async move { axum::response::Redirect::temporary(&there) });
    let moved = Service::start("moved", moved);
    let error = McpTools::http(&moved.url("/mcp"))
        .await
        .expect_err("it has moved");
    assert!(matches!(error, McpError::Connect(_)), "{error}");
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[test]
fn the_program_takes_localhost_names_an_argument_it_does_not_know_and_says_why_it_ends() {
    let run = |arguments: &[&str]| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_docs-tools"));
        PeerEnv::untraced().apply(&mut program);
        let output = program.args(arguments).stdin(Stdio::null()).output();
        let output = output.expect("it runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    let (code, ready, why) = run(&["--http", "localhost:0"]);
    let ready: Value = serde_json::from_str(&ready).expect("a line of JSON");
    let url = ready["url"].as_str().expect("an address");
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    assert_eq!(
        (code, &*why),
        (Some(0), "docs-tools ends: its standard input is closed\n")
    );
    let (code, _, why) = run(&["--stdoi"]);
    assert_eq!(code, Some(2));
    assert!(why.contains("`--stdoi` is no argument"), "{why}");
    let (code, _, why) = run(&["--http", "10.0.0.1:0"]);
    assert_eq!(code, Some(1), "{why}");
}
