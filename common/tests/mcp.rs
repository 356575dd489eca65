//! Tools behind MCP over standard input and output: a real child process, real rmcp on both sides.
#![cfg(feature = "lab")]

mod mcp_support;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use common::prelude::*;
use common::propagation::Egress;
use mcp_support::{FOR_EVER, HURRIED, begun, command, drawn, over_stdio};
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
async fn a_call_that_takes_too_long_and_one_that_is_dropped_end_once_on_both_sides() {
    let lesson = Lesson::start("mcp-slow").await;
    let mut slow = command(&lesson);
    slow.args(["--pause", FOR_EVER]);
    let tools = McpTools::stdio(slow).await.expect("it starts");
    let agent = lesson.client("agent").run("agent").start();
    let hurried = tools.clone().timeout(Duration::from_millis(30));
    let call = hurried
        .call("count_words", json!({"text": ""}))
        .below(&agent);
    let error = call.await.expect_err("it takes ten minutes");
    assert!(matches!(error, McpError::Timeout(_)), "{error}");

    let mut call = tools
        .call("read_page", json!({"page": "spawn"}))
        .below(&agent)
        .into_future();
    tokio::select! {
        biased;
        answer = &mut call => panic!("{answer:?}"),
        () = begun(&lesson, "tools/call read_page") => {}
    }
    drop(call);
    agent.end();
    let gone = "Cancelled: the future was dropped before its end";
    assert_eq!(
        drawn(&lesson, 5).await,
        format!(
            "agent (chain)\n  count_words (tool) ✗ Timeout: not done after 30ms\n    \
             tools/call count_words (chain) ✗ {gone}\n  \
             read_page (tool) ✗ {gone}\n    tools/call read_page (chain) ✗ {gone}\n"
        )
    );
    tools.close().await;
}

#[cfg(unix)]
fn signal(name: &str, process: u32) {
    let status = Command::new("kill")
        .args([name, &process.to_string()])
        .status();
    assert!(status.expect("it runs").success());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_in_the_middle_of_a_call_ends_the_tool_run_once() {
    let lesson = Lesson::start("mcp-killed").await;
    let mut slow = command(&lesson);
    slow.args(["--pause", FOR_EVER]);
    let tools = McpTools::stdio(slow).await.expect("it starts");
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
    signal("-KILL", tools.process_id().expect("a child"));
    let error = call.await.expect_err("it is dead");
    assert!(matches!(error, McpError::Gone), "{error}");
    let later = tools
        .call("count_words", json!({"text": ""}))
        .below(&agent)
        .await;
    assert!(matches!(later, Err(McpError::Gone)), "{later:?}");
    agent.end();

    let tree = lesson.tree(3).await;
    let ended = |name| {
        let run = tree.find(name).expect("arrived");
        (run.end_time.is_some(), run.error.clone())
    };
    let gone = "ServerGone: the MCP server ended before it answered".to_owned();
    assert_eq!(ended("read_page"), (true, Some(gone.clone())));
    assert_eq!(ended("count_words"), (true, Some(gone)));
    // Nobody was left to end this one: that is what a killed process looks like.
    assert_eq!(ended("tools/call read_page"), (false, None));
    assert_eq!((tree.len(), tree.orphans().len()), (4, 0));
    assert_eq!(lesson.mock().violations(), []);
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

#[tokio::test(flavor = "multi_thread")]
async fn when_the_client_closes_the_pipe_the_answers_and_the_runs_still_go_out() {
    let lesson = Lesson::start("mcp-closed").await;
    let mut server = command(&lesson)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = server.stdin.take().expect("piped");
    for line in HURRIED {
        writeln!(stdin, "{line}").expect("written");
    }
    drop(stdin);
    let stdout = server.stdout.take().expect("piped");
    let answers: Vec<Value> = BufReader::new(stdout)
        .lines()
        .map(|line| serde_json::from_str(&line.expect("a line")).expect("JSON and nothing else"))
        .collect();
    let status = server.wait().expect("it ends");
    assert!(status.success(), "{status}");
    let ids: BTreeSet<u64> = answers
        .iter()
        .filter_map(|answer| answer["id"].as_u64())
        .collect();
    assert_eq!(ids, BTreeSet::from([0, 1, 2]), "{answers:?}");
    // It has ended, so whatever it had to send has arrived.
    let runs = lesson.mock().runs();
    let ended: BTreeSet<&str> = runs
        .iter()
        .filter(|run| run.end_time.is_some())
        .map(|run| run.name.as_str())
        .collect();
    assert_eq!(
        ended,
        BTreeSet::from([
            "search docs",
            "tools/call count_words",
            "tools/call search_docs"
        ])
    );
    assert_eq!(lesson.mock().violations(), []);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn on_sigterm_the_server_gives_up_its_calls_and_sends_their_ends() {
    let lesson = Lesson::start("mcp-term").await;
    let mut slow = command(&lesson);
    slow.args(["--pause", FOR_EVER]);
    let tools = McpTools::stdio(slow).await.expect("it starts");
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
    signal("-TERM", tools.process_id().expect("a child"));
    call.await.expect_err("it was given up");
    agent.end();
    let tree = lesson.tree(3).await;
    let served = tree.find("tools/call read_page").expect("arrived");
    assert_eq!(
        served.error.as_deref(),
        Some("Cancelled: the future was dropped before its end")
    );
    assert!(
        tree.find("read_page")
            .is_some_and(|run| run.error.is_some())
    );
    assert_eq!(lesson.mock().violations(), []);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_langsmith_does_not_answer_ends_before_its_client_kills_it() {
    let lesson = Lesson::start("mcp-mute").await;
    // The system takes the connections, and nobody answers.
    let mute = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let mute_url = format!("http://{}", mute.local_addr().expect("bound"));
    let folder = tempfile::tempdir().expect("a folder");
    let end = folder.path().join("end");
    let mut shell = with_last_word(&lesson, &end);
    shell.env("LANGSMITH_ENDPOINT", mute_url);
    let tools = McpTools::stdio(shell).await.expect("it starts");
    let arguments = json!({"text": "two words"});
    let counted = tools.call("count_words", arguments).await;
    assert_eq!(counted.expect("counted"), json!({"words": 2}));
    tools.close().await;
    let end = std::fs::read_to_string(end).expect("it came to its end");
    assert_eq!(end, "ended with 0\n");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn whoever_closes_waits_for_the_end_also_as_the_second() {
    let lesson = Lesson::start("mcp-twice").await;
    let folder = tempfile::tempdir().expect("a folder");
    let end = folder.path().join("end");
    let tools = McpTools::stdio(with_last_word(&lesson, &end)).await;
    let tools = tools.expect("it starts");
    tokio::select! {
        biased;
        () = tools.close() => {}
        () = tools.close() => {}
    }
    let end = std::fs::read_to_string(end).expect("it came to its end");
    assert_eq!(end, "ended with 0\n");
}

/// Returns a command for the server in a shell, which writes how the server ended. The shell outlives SIGTERM, but
/// not SIGKILL: then it does not come to its last word.
#[cfg(unix)]
fn with_last_word(lesson: &Lesson, end: &std::path::Path) -> Command {
    let script = r#"trap : TERM; "$@"; echo "ended with $?" > "$END""#;
    let server = command(lesson);
    let mut shell = Command::new("sh");
    lesson.peer_env().apply(&mut shell);
    shell.args(["-c", script, "sh"]).arg(server.get_program());
    shell.args(server.get_args()).env("END", end);
    shell
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_given_up() {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (read, write) = tokio::io::split(ours);
    let silent = tokio::time::timeout(AN_HOUR, McpTools::over(read, write));
    let silent = silent.await.expect("within an hour");
    assert!(matches!(silent, Err(McpError::Timeout(_))), "{silent:?}");
    drop(theirs);
    // The system takes the connection, and nobody answers.
    let mute = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/mcp", mute.local_addr().expect("bound"));
    let silent = tokio::time::timeout(AN_HOUR, McpTools::http(&url)).await;
    let silent = silent.expect("within an hour");
    assert!(matches!(silent, Err(McpError::Timeout(_))), "{silent:?}");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_has_no_end_is_given_up() {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    tokio::spawn(endless_by_hand(theirs));
    let (read, write) = tokio::io::split(ours);
    let tools = McpTools::over(read, write).await.expect("it answers");
    let listed = tokio::time::timeout(AN_HOUR, tools.list()).await;
    let listed = listed.expect("within an hour");
    assert!(matches!(listed, Err(McpError::Timeout(_))), "{listed:?}");
}

/// Longer than any patience.
const AN_HOUR: Duration = Duration::from_secs(3600);

/// Offers a page of tools a second, and after each there is another.
async fn endless_by_hand(pipe: tokio::io::DuplexStream) {
    let (read, mut write) = tokio::io::split(pipe);
    let mut lines = tokio::io::BufReader::new(read).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let message: Value = serde_json::from_str(&line).expect("JSON");
        let result = match message["method"].as_str() {
            Some("initialize") => json!({
                "protocolVersion": message["params"]["protocolVersion"], "capabilities": {"tools": {}},
                "serverInfo": {"name": "by hand", "version": "1"},
            }),
            Some("tools/list") => {
                tokio::time::advance(Duration::from_secs(1)).await;
                json!({"tools": [], "nextCursor": "more"})
            }
            _ => continue,
        };
        let answer = json!({"jsonrpc": "2.0", "id": message["id"], "result": result});
        let written = write.write_all(format!("{answer}\n").as_bytes()).await;
        if written.is_err() {
            return;
        }
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
