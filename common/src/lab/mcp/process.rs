//! The tool server of the docs assistant, as a process.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::error::McpError;
use super::listen::MCP_PATH;
use crate::lab::PeerEnv;
use crate::lab::peers::{Peer, PeerError};
use crate::lab::program;

/// The program, among the binaries of this crate.
const PROGRAM: &str = "docs-tools";

/// The server of [`docs_tools`](super::docs_tools) in a process of its own, which sends its own runs.
///
/// Over stdio the server is the child of its client: [`command`](Self::command), for
/// [`McpTools::stdio`](super::McpTools::stdio). Over HTTP it stands by itself: [`start`](Self::start), and
/// [`url`](Self::url) for [`McpTools::http`](super::McpTools::http). It ends with this handle, and with the
/// process that holds it.
#[derive(Debug)]
pub struct ToolServer(Peer);

impl ToolServer {
    /// Returns the command that serves the tools on its standard input and output, and sends its runs to where
    /// `env` says. `--pause MILLISECONDS` makes each tool slow.
    ///
    /// # Errors
    /// When the program is not built.
    pub fn command(env: &PeerEnv) -> Result<Command, McpError> {
        let mut command = Command::new(find()?);
        env.apply(&mut command);
        command.arg("--stdio");
        Ok(command)
    }

    /// Starts the server at a free port of this machine, and waits until it answers.
    ///
    /// # Errors
    /// When the program is not built, or does not start.
    pub async fn start(env: &PeerEnv) -> Result<Self, McpError> {
        Self::start_with(env, Duration::ZERO).await
    }

    /// Starts the server as [`start`](Self::start) does, with tools that each take `pause` longer than they need.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_with(env: &PeerEnv, pause: Duration) -> Result<Self, McpError> {
        let program = find()?;
        let mut command = Command::new(&program);
        env.apply(&mut command);
        let pause = pause.as_millis().to_string();
        command.args(["--http", "127.0.0.1:0", "--pause", &pause]);
        let what = format!("tool server `{PROGRAM}`");
        let peer = Peer::start(what, &mut command, PeerError::NotInstalled);
        // It was there a moment ago.
        let peer = peer.await.map_err(|error| match error {
            PeerError::NotInstalled => McpError::Start(std::io::Error::other(format!(
                "`{}` cannot be executed",
                program.display()
            ))),
            other => McpError::Connect(other.to_string()),
        })?;
        Ok(Self(peer))
    }

    /// Returns the address for [`McpTools::http`](super::McpTools::http).
    pub fn url(&self) -> String {
        self.0.url(MCP_PATH)
    }

    /// Returns which implementation of MCP the server runs, such as `rmcp 3.9.0`.
    pub fn sdk(&self) -> &str {
        self.0.sdk()
    }

    /// Asks the server to send the runs that it has kept back.
    ///
    /// # Errors
    /// When it has ended, takes too long, or could not send them.
    pub async fn flush(&self) -> Result<(), PeerError> {
        self.0.flush().await
    }

    /// Kills the server without warning, as an out-of-memory killer would.
    pub fn kill(&self) {
        self.0.kill();
    }
}

fn find() -> Result<PathBuf, McpError> {
    Ok(program::find(PROGRAM)?)
}
