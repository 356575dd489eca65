//! The third service: Express with the official JavaScript SDK, where Node.js is there.
//!
//! ```text
//! node peer/service.mjs ──first line──► {"url", "sdk"}      it ends when its input closes
//! ```
//!
//! Start at [`Node::start`].

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result};
use common::lab::{PeerEnv, http_client};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};

const HERE: &str = env!("CARGO_MANIFEST_DIR");
/// Where `cargo workbook` installs the packages, if it says so itself.
const VARIABLE: &str = "WORKBOOK_JAVASCRIPT";
/// How long the service may take to start.
const START: Duration = Duration::from_secs(30);

/// A running service. Its process ends with this handle, and with this program.
#[derive(Debug)]
pub struct Node {
    /// Its address.
    pub url: String,
    /// Which SDK it runs, such as `langsmith 0.12.0`.
    pub sdk: String,
    // Held open: the service ends when it closes.
    _input: ChildStdin,
    _child: Child,
}

/// What the service says first.
#[derive(Deserialize)]
struct Ready {
    url: String,
    sdk: String,
}

impl Node {
    /// Returns the folder with the packages; none if they, or Node.js itself, are not there.
    pub fn modules() -> Option<PathBuf> {
        let named = std::env::var_os(VARIABLE).map(PathBuf::from);
        let folder = named.unwrap_or_else(|| Path::new(HERE).join("../../.workbook/javascript"));
        let has = |package: &str| folder.join("node_modules").join(package).is_dir();
        let mut node = std::process::Command::new("node");
        let node = node
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        (has("express") && has("langsmith") && node.status().is_ok_and(|ended| ended.success()))
            .then_some(folder)
    }

    /// Starts the service with the packages of a folder; `env` tells it where runs go.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn start(modules: &Path, env: PeerEnv) -> Result<Self> {
        let mut command = Command::new("node");
        let env = env.with("PEER_MODULES", modules.to_string_lossy());
        env.apply(command.as_std_mut());
        let mut child = command
            .arg(Path::new(HERE).join("peer/service.mjs"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("node cannot be started")?;
        let input = child.stdin.take().context("the service has no input")?;
        let output = child.stdout.take().context("the service has no output")?;
        let mut lines = BufReader::new(output).lines();
        let first = tokio::time::timeout(START, lines.next_line()).await;
        let first = first.context("the Express service takes too long to start")??;
        let first = first.context("the Express service has ended; its error is above")?;
        let ready: Ready = serde_json::from_str(&first).context("the Express service says")?;
        Ok(Self {
            url: ready.url,
            sdk: ready.sdk,
            _input: input,
            _child: child,
        })
    }

    /// Has the service send the runs that it still holds.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn flush(&self) -> Result<()> {
        let reply = http_client()
            .post(format!("{}/flush", self.url))
            .send()
            .await;
        let reply = reply.and_then(reqwest::Response::error_for_status);
        reply
            .map(drop)
            .context("the Express service keeps its runs")
    }
}
