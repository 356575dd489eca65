//! A real JavaScript service with the official LangSmith SDK, as a peer of a lesson, where Node.js is there.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::env::PeerEnv;
use super::peer::{Peer, PeerError};
use crate::lab::lesson::root;
use crate::trace::RunTree;

/// A Node.js service in a process of its own: Express, and the official SDK.
///
/// It ends when this handle is dropped, and also when the process behind a notebook is killed, because
/// it watches its standard input.
///
/// ```no_run
/// use common::lab::{Lesson, NodeService};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), common::lab::PeerError> {
/// let lesson = Lesson::start("express").await;
/// match NodeService::missing() {
///     Some(why) => println!("skipped: {why}"),
///     None => println!("{}", NodeService::start("generator", &lesson.peer_env()).await?.sdk()),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct NodeService(Peer);

impl NodeService {
    /// Starts `setup/javascript/peers/<name>.mjs` with the given environment, and waits until it answers.
    ///
    /// # Errors
    /// When Node.js or its packages are not installed, or the service does not start.
    pub async fn start(name: &str, env: &PeerEnv) -> Result<Self, PeerError> {
        let root = root().ok_or(NO_PACKAGES)?;
        let script = root
            .join("setup/javascript/peers")
            .join(format!("{name}.mjs"));
        Self::start_script(name, &script, env).await
    }

    /// Starts a script of your own with the workbook's packages, whose folder it finds in `PEER_MODULES`, and
    /// waits until it answers. It has to keep the manners of the peers, as
    /// [`PythonService::start_script`](super::PythonService::start_script) says them.
    ///
    /// # Errors
    /// When Node.js or its packages are not installed, or the service does not start.
    pub async fn start_script(name: &str, script: &Path, env: &PeerEnv) -> Result<Self, PeerError> {
        let modules = Self::installed()?;
        let mut command = Command::new("node");
        env.apply(&mut command);
        command.env("PEER_MODULES", modules).arg(script);
        let what = format!("Node.js service `{name}`");
        let peer = Peer::start(what, &mut command, NO_NODE);
        peer.await.map(Self)
    }

    /// Says why no such service can be started here; nothing if one can.
    pub fn missing() -> Option<String> {
        Self::installed().err().map(|error| error.to_string())
    }

    /// Returns the folder with the packages.
    fn installed() -> Result<PathBuf, PeerError> {
        let modules = modules(&root().ok_or(NO_PACKAGES)?);
        let mut node = Command::new("node");
        let node = node
            .arg("--version")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if !node.status().is_ok_and(|ended| ended.success()) {
            return Err(NO_NODE);
        }
        let has = |package: &&str| modules.join("node_modules").join(package).is_dir();
        match ["express", "langsmith"].iter().all(has) {
            true => Ok(modules),
            false => Err(NO_PACKAGES),
        }
    }

    /// Returns the address of a path of the service.
    pub fn url(&self, path: &str) -> String {
        self.0.url(path)
    }

    /// Returns which SDK the service runs, such as `langsmith 0.12.0`.
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

    /// Asks the service to send the runs it has kept back.
    ///
    /// # Errors
    /// When the service has ended, takes too long, or answers with an error.
    pub async fn flush(&self) -> Result<(), PeerError> {
        self.0.flush().await
    }
}

pub(in crate::lab) const NO_NODE: PeerError = PeerError::NoNode(
    "Node.js is not installed; with version 20 or newer, the next `cargo workbook open` brings the \
     packages of the Express service",
);
const NO_PACKAGES: PeerError = PeerError::NoNode(
    "the packages of the Express service are not installed; with a network, `cargo workbook open` \
     brings them",
);

/// Returns the folder with the packages: `WORKBOOK_JAVASCRIPT`, else the workbook's own.
fn modules(root: &Path) -> PathBuf {
    let own = std::env::var_os("WORKBOOK_JAVASCRIPT").map(PathBuf::from);
    own.unwrap_or_else(|| root.join(".workbook/javascript"))
}
