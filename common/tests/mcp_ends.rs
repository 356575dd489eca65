//! How calls of MCP tools end that do not come to a good end, and how their servers do: given up, dropped, killed,
//! closed, or never answered.
#![cfg(feature = "lab")]

mod mcp_support;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use common::prelude::*;
use mcp_support::{FOR_EVER, HURRIED, begun, command, drawn};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _};

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
