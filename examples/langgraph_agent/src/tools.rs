//! A tool in a process of its own, behind MCP: `--mcp`.
//!
//! ```text
//! tools ──call──► count_words (tool) ──`_meta`──► langgraph_agent --tool-server ──► tools/call count_words
//! ```
//!
//! The server is this very program, started a second time, so there is nothing to build or to find. Start at
//! [`start`].

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use common::client::{ClientBuilder, Config};
use common::lab::{Lesson, McpServer, McpTools, ToolError};
use common::propagation::{LangSmithPropagator, TrustPolicy};
use serde_json::{Value, json};

/// The argument that makes the program a tool server.
pub const TOOL_SERVER: &str = "--tool-server";

/// Starts the tool server as a child of this process, and speaks to it over its standard streams.
///
/// # Errors
/// If the program does not start, or does not answer in MCP.
pub async fn start(lesson: &Lesson, program: &Path) -> Result<McpTools> {
    let mut command = Command::new(program);
    lesson.peer_env().apply(&mut command);
    command.arg(TOOL_SERVER);
    let tools = McpTools::stdio(command).await;
    tools.with_context(|| format!("{} is no tool server", program.display()))
}

/// Serves the tools on standard input and output until the client closes them, and sends the runs.
///
/// # Errors
/// If the environment says nothing that can be used of where runs go.
pub async fn serve() -> Result<()> {
    let config = Config::from_env()?;
    let project = config.project.clone();
    let client = ClientBuilder::from(config).service("tools").build()?;
    // Whoever starts this process is a caller of ours.
    let ours = LangSmithPropagator::new()
        .policy(TrustPolicy::Continue)
        .allow_projects([project])
        .allow_metadata(["thread_id"]);
    server(McpServer::new("words", &client, ours))
        .serve_stdio()
        .await;
    Ok(())
}

fn server(server: McpServer) -> McpServer {
    let schema = json!({
        "type": "object",
        "properties": {"text": {"type": "string", "description": "the text"}},
        "required": ["text"],
    });
    let count = async |arguments: Value| match arguments["text"].as_str() {
        Some(text) => Ok(json!({"words": text.split_whitespace().count()})),
        None => Err(ToolError::new("the argument `text` is a text")),
    };
    server.tool("count_words", "Counts the words of a text.", schema, count)
}
