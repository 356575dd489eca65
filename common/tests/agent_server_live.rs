//! LangGraph's Agent Server, live: a compiled graph stands alone, a factory joins.
//!
//! Its license is not ours to accept for anybody, so it is nowhere installed: the test runs where
//! `WORKBOOK_AGENT_SERVER` names the program `langgraph`, as `docs/agent_server.md` says, and is skipped elsewhere.
#![cfg(feature = "lab")]
#![allow(
    clippy::print_stdout,
    reason = "a skipped test says so, a live one shows"
)]

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::prelude::*;

/// The server imports much, and a busy machine takes its time.
const START: Duration = Duration::from_secs(180);

/// The server, in a folder of its own, which it writes to.
struct AgentServer {
    child: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl AgentServer {
    async fn start(program: &Path, env: &PeerEnv) -> Self {
        let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../setup/python");
        let folder = tempfile::tempdir().expect("a folder");
        for part in ["peers", "agent_server"] {
            copy(&python.join(part), &folder.path().join(part));
        }
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("bound").port();
        drop(free);
        let said = folder.path().join("said");
        let log = File::create(&said).expect("a file");
        let mut command = Command::new(program);
        env.apply(&mut command);
        let child = command
            .args([
                "dev",
                "--no-browser",
                "--no-reload",
                "--config",
                "langgraph.json",
            ])
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            .current_dir(folder.path().join("agent_server"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the same file"))
            .stderr(log)
            .spawn()
            .expect("the program that WORKBOOK_AGENT_SERVER names");
        let mut server = Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
            _folder: folder,
        };
        let deadline = Instant::now() + START;
        let ok = format!("{}/ok", server.url);
        while http_client().get(&ok).send().await.is_err() {
            let ended = server.child.try_wait().expect("its state");
            assert!(ended.is_none(), "it ended: {ended:?}\n{}", end_of(&said));
            let late = Instant::now() >= deadline;
            assert!(!late, "it does not answer\n{}", end_of(&said));
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        server
    }

    /// Asks a graph for an answer below `run`.
    async fn ask(&self, graph: &str, run: &RunTree) -> Value {
        let message = json!({"role": "user", "content": story::QUESTION});
        let body = json!({"assistant_id": graph, "input": {"messages": [message]}});
        let request = http_client()
            .post(format!("{}/runs/wait", self.url))
            .json(&body);
        let answer = request.trace(run).send().await.expect("an answer");
        answer.json().await.expect("JSON")
    }
}

impl Drop for AgentServer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the last lines of a file.
fn end_of(file: &Path) -> String {
    let bytes = std::fs::read(file).expect("the server's words");
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_file() {
            let name = path.file_name().expect("a name");
            std::fs::copy(&path, to.join(name)).expect("copied");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_server_leaves_the_callers_trace_unless_the_graph_is_a_factory() {
    let Some(program) = std::env::var_os("WORKBOOK_AGENT_SERVER").map(PathBuf::from) else {
        println!("skipped: WORKBOOK_AGENT_SERVER is not set; docs/agent_server.md says how");
        return;
    };
    let lesson = Lesson::start("agent-server").await;
    let server = AgentServer::start(&program, &lesson.peer_env()).await;
    let client = lesson.client("gateway");
    for (graph, tops) in [("docs_agent", 2), ("docs_agent_traced", 1)] {
        lesson.clear();
        let root = client.run("rust_gateway").start();
        let answer = server.ask(graph, &root).await;
        assert!(answer["messages"].is_array(), "{answer}");
        root.end();
        // The caller, and the nine runs of the graph, which the server sends by itself.
        let tree = lesson.tree(10).await;
        println!("{graph}\n{}", text_tree(&tree));
        assert_eq!(tree.tops().len(), tops, "{graph}");
        assert!(tree.orphans().is_empty(), "{graph}");
        let agent = tree.find("docs_agent").expect("the graph's run");
        assert_eq!(agent.extra.metadata["graph_id"], graph);
    }
}
