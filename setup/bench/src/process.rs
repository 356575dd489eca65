//! A driver's process: started with an order, heard line by line, ended in whatever way a round wants.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::de::DeserializeOwned;
use tempfile::TempDir;

use crate::contestants::{Contestant, Role};
use crate::folders;
use crate::protocol::Order;

/// Everything that would change what a library does, and comes from outside.
const FOREIGN: [&str; 5] = ["LANGSMITH_", "LANGCHAIN_", "OTEL_", "NODE_", "PYTHON"];

/// How many of its last lines a driver that fails is quoted with.
const QUOTED_LINES: usize = 8;

/// A driver at work.
#[derive(Debug)]
pub(crate) struct Process {
    title: &'static str,
    child: Child,
    lines: Receiver<String>,
    log: PathBuf,
    /// Held open for a service, which ends when it closes: so it never outlives this program.
    _input: Option<ChildStdin>,
    /// Outside of any repository: the Python SDK puts what `git describe` says into metadata.
    _folder: TempDir,
}

impl Process {
    /// Starts a driver and gives it its order.
    pub(crate) fn start(contestant: Contestant, order: &Order) -> Result<Self> {
        let line = serde_json::to_string(order).context("writing an order")?;
        let mut settings = Vec::new();
        if let (Some(mode), Some(folder)) = (contestant.spool_mode(), &order.spool) {
            settings.push(("LANGSMITH_SPOOL_MODE", mode.into()));
            settings.push(("LANGSMITH_SPOOL_DIR", folder.clone().into_os_string()));
        }
        Self::of(contestant, Role::Drive, &line, settings)
    }

    /// Starts a service that sends its runs to the sink.
    pub(crate) fn serve(contestant: Contestant, sink: &str) -> Result<Self> {
        Self::of(contestant, Role::Serve, sink, Vec::new())
    }

    /// Starts what writes and reads headers.
    pub(crate) fn headers(contestant: Contestant) -> Result<Self> {
        Self::of(contestant, Role::Headers, "", Vec::new())
    }

    /// Starts a process in a role and gives it its one line of input.
    fn of(
        contestant: Contestant,
        role: Role,
        order: &str,
        settings: Vec<(&str, OsString)>,
    ) -> Result<Self> {
        let folder = folders::make()?;
        let log = folder.path().join("stderr.log");
        let mut command = contestant.command(role)?;
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            let foreign = FOREIGN.iter().any(|prefix| name.starts_with(prefix));
            if foreign || name.to_ascii_lowercase().ends_with("_proxy") {
                command.env_remove(&*name);
            }
        }
        let mut child = command
            .current_dir(folder.path())
            // What it forks ends with it.
            .process_group(0)
            // A profile of the LangSmith command line would change endpoint and key.
            .env("HOME", folder.path())
            .env("LANGSMITH_TRACING", "true")
            .envs(settings)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).context("making a log for a driver")?)
            .spawn()
            .with_context(|| format!("starting {}", contestant.title))?;
        folders::note(child.id());
        let mut input = child.stdin.take().context("a driver without an input")?;
        // One that ends before it has read says why in its log.
        let _ = input.write_all(format!("{order}\n").as_bytes());
        let output = child.stdout.take().context("a driver without an output")?;
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            title: contestant.title,
            child,
            lines,
            log,
            _input: (role == Role::Serve).then_some(input),
            _folder: folder,
        })
    }

    /// Waits for the next line; nothing if the process said its last one, or time is up.
    pub(crate) fn line(&self, until: Instant) -> Option<String> {
        let left = until.saturating_duration_since(Instant::now());
        self.lines.recv_timeout(left).ok()
    }

    /// Waits for the report; each line before it goes to `heard`.
    pub(crate) fn report<T: DeserializeOwned>(
        &self,
        patience: Duration,
        mut heard: impl FnMut(&str),
    ) -> Result<T> {
        let until = Instant::now() + patience;
        while let Some(line) = self.line(until) {
            if line.starts_with('{') {
                return serde_json::from_str(&line).context("reading a driver's report");
            }
            heard(&line);
        }
        let said = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = said.lines().collect();
        let last = lines[lines.len().saturating_sub(QUOTED_LINES)..].join("\n    ");
        bail!("{} gave no report; its last lines:\n    {last}", self.title)
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(id.context("a process without a number")?, signal).context("signalling")
    }

    /// Waits until it has ended, and kills it when it takes longer than `patience`.
    pub(crate) fn end(&mut self, patience: Duration) -> Result<Option<ExitStatus>> {
        let until = Instant::now() + patience;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().context("waiting for a driver")? {
                folders::end(self.child.id());
                return Ok(Some(status));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        folders::end(self.child.id());
        self.child.wait().context("waiting for a driver")?;
        Ok(None)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        folders::end(self.child.id());
        let _ = self.child.wait();
    }
}
