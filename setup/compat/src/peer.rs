//! An official SDK in a process of its own, which is asked for one scenario after the other.
//!
//! ```text
//!   ask ─► {"scenario", "url", …} ─► stdin ┐
//!                                           scenarios.py · scenarios.mjs ─► the SDK ─► stand-in
//!   answer ◄─ {"ok", "said" | "error"} ◄─ stdout ┘
//! ```
//!
//! One process serves all scenarios of an SDK, because importing it costs more than a scenario does. It
//! ends when its input closes. Start at [`Peer::start`].

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::sdk::Sdk;

/// A scenario takes a second or two; an SDK that retries for ever is cut off here.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many of its last lines a peer that fails is quoted with.
const QUOTED_LINES: usize = 12;

/// Everything that would change what an SDK sends, and comes from outside of the scenario.
const FOREIGN: [&str; 5] = ["LANGSMITH_", "LANGCHAIN_", "OTEL_", "NODE_", "PYTHON"];

/// A running peer.
#[derive(Debug)]
pub(crate) struct Peer {
    /// What it says it is, such as `langsmith 0.15.0`.
    pub(crate) version: String,
    /// Where its own service listens, for calls across services.
    pub(crate) service: String,
    sdk: Sdk,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    log: PathBuf,
    // Both end with this: the process first, then its folder.
    _child: Child,
    _folder: TempDir,
}

impl Peer {
    /// Starts the SDK's half of the scenarios; `program` is the interpreter, `script` the half.
    pub(crate) async fn start(sdk: Sdk, mut command: Command) -> Result<Self> {
        // Outside of any repository: the Python SDK puts what `git describe` says into metadata.
        let folder = tempfile::tempdir().context("making a folder for the peer")?;
        let log = folder.path().join("stderr.log");
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            let foreign = FOREIGN.iter().any(|prefix| name.starts_with(prefix));
            if foreign || name.to_ascii_lowercase().ends_with("_proxy") {
                command.env_remove(&*name);
            }
        }
        command
            .current_dir(folder.path())
            // A profile of the LangSmith command line would change endpoint and key.
            .env("HOME", folder.path())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONUTF8", "1")
            .env("LANGSMITH_TRACING", "true")
            // Runs that a scenario forgot to give a client go nowhere, rather than to the real service.
            .env("LANGSMITH_ENDPOINT", "http://127.0.0.1:9")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).context("making a log for the peer")?)
            .kill_on_drop(true);
        if sdk == Sdk::JavaScript {
            let modules = crate::sdk::modules()?;
            command.env("COMPAT_MODULES", modules);
        }
        let mut child = command
            .spawn()
            .with_context(|| format!("starting the {sdk} SDK"))?;
        let input = child.stdin.take().context("the peer has no input")?;
        let output = child.stdout.take().context("the peer has no output")?;
        let mut peer = Self {
            version: String::new(),
            service: String::new(),
            sdk,
            input,
            output: BufReader::new(output).lines(),
            log,
            _child: child,
            _folder: folder,
        };
        let ready = peer.hear().await?;
        peer.version = text(&ready, "sdk");
        peer.service = text(&ready, "service");
        Ok(peer)
    }

    /// Has the peer do `scenario` against the stand-in at `url`; returns what it says about it.
    pub(crate) async fn ask(&mut self, scenario: &str, url: &str, input: &Value) -> Result<Value> {
        let request = json!({ "scenario": scenario, "url": url, "input": input });
        let sent = self
            .input
            .write_all(format!("{request}\n").as_bytes())
            .await;
        if sent.is_err() {
            bail!(self.ended());
        }
        let mut answer = self.hear().await?;
        match answer["ok"].as_bool() {
            Some(true) => Ok(answer["said"].take()),
            _ => bail!(
                "the {} SDK's half of the scenario failed: {}",
                self.sdk,
                text(&answer, "error")
            ),
        }
    }

    async fn hear(&mut self) -> Result<Value> {
        let line = timeout(PATIENCE, self.output.next_line()).await;
        let Ok(line) = line else {
            bail!(
                "the {} SDK gave no answer within {PATIENCE:?}{}",
                self.sdk,
                quoted(&self.log)
            );
        };
        let Some(line) = line.context("reading the peer's answer")? else {
            bail!(self.ended());
        };
        serde_json::from_str(&line).with_context(|| format!("the peer said: {line}"))
    }

    fn ended(&self) -> String {
        format!(
            "the process of the {} SDK has ended{}",
            self.sdk,
            quoted(&self.log)
        )
    }
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

/// Returns the end of a peer's log, to be put behind a sentence.
fn quoted(log: &Path) -> String {
    let said = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = said.lines().collect();
    let last = &lines[lines.len().saturating_sub(QUOTED_LINES)..];
    if last.is_empty() {
        return String::new();
    }
    format!("; its last lines:\n    {}", last.join("\n    "))
}
