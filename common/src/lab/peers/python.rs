//! A real Python service with the official LangSmith SDK, as a peer of a lesson.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::env::PeerEnv;
use super::peer::{Peer, PeerError};
use crate::lab::lesson::root;
use crate::trace::RunTree;

/// A Python service in a process of its own.
///
/// It ends when this handle is dropped, and also when the process behind a notebook is killed, because
/// it watches its standard input.
#[derive(Debug)]
pub struct PythonService(Peer);

impl PythonService {
    /// Starts `setup/python/peers/<name>.py` with the given environment, and waits until it answers.
    ///
    /// # Errors
    /// When the peers are not installed, or the service does not start.
    pub async fn start(name: &str, env: &PeerEnv) -> Result<Self, PeerError> {
        let root = root().ok_or(PeerError::NotInstalled)?;
        let script = root.join("setup/python/peers").join(format!("{name}.py"));
        Self::start_script(name, &script, env).await
    }

    /// Starts a script of your own in the workbook's Python environment, and waits until it answers.
    ///
    /// It has to keep the manners of the peers: the first line on its standard output is
    /// `{"url": …, "sdk": …}`, it sends its runs on `POST /flush`, and it ends when its standard input
    /// closes.
    ///
    /// # Errors
    /// When the peers are not installed, or the service does not start.
    pub async fn start_script(name: &str, script: &Path, env: &PeerEnv) -> Result<Self, PeerError> {
        let python = root().and_then(|root| python(&root));
        let mut command = Command::new(python.ok_or(PeerError::NotInstalled)?);
        env.apply(&mut command);
        let what = format!("Python service `{name}`");
        let peer = Peer::start(what, command.arg(script), PeerError::NotInstalled);
        peer.await.map(Self)
    }

    /// Returns true if there is a Python environment to start peers in. Whether it holds all they need
    /// shows when one is started.
    pub fn is_installed() -> bool {
        root().is_some_and(|root| python(&root).is_some())
    }

    /// Returns the interpreter that has the official SDK, for a program that serves nothing.
    pub(in crate::lab) fn interpreter() -> Option<PathBuf> {
        root().and_then(|root| python(&root))
    }

    /// Returns the address of a path of the service.
    pub fn url(&self, path: &str) -> String {
        self.0.url(path)
    }

    /// Returns which SDK the service runs, such as `langsmith 0.15.0`.
    pub fn sdk(&self) -> &str {
        self.0.sdk()
    }

    /// Posts JSON below `run`, and returns the JSON of the answer.
    ///
    /// # Errors
    /// When the service has ended, takes too long, or answers with an error.
    pub async fn call(&self, path: &str, body: &Value, run: &RunTree) -> Result<Value, PeerError> {
        self.0.call(path, body, run).await
    }

    /// Posts JSON below `run`, and returns the answer as soon as it begins.
    pub(super) async fn open(
        &self,
        path: &str,
        body: &Value,
        run: &RunTree,
    ) -> Result<reqwest::Response, PeerError> {
        self.0.open(path, body, run).await
    }

    /// Gets JSON, below no run.
    pub(super) async fn get(&self, path: &str) -> Result<Value, PeerError> {
        self.0.get(path).await
    }

    /// Asks the service to send the runs it has kept back.
    ///
    /// # Errors
    /// When the service has ended, takes too long, or answers with an error.
    pub async fn flush(&self) -> Result<(), PeerError> {
        self.0.flush().await
    }

    /// Kills the service without warning, as an out-of-memory killer would.
    pub fn kill(&self) {
        self.0.kill();
    }
}

/// Returns the interpreter that has the peers: `WORKBOOK_PYTHON`, else the workbook's own environment.
fn python(root: &Path) -> Option<PathBuf> {
    let own = std::env::var_os("WORKBOOK_PYTHON").map(PathBuf::from);
    let path = own.unwrap_or_else(|| root.join(".workbook/python/bin/python"));
    path.exists().then_some(path)
}
