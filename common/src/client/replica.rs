//! One more place that runs go to.

use secrecy::SecretString;
use serde_json::Value;

use crate::export::{Destination, trimmed_key};
use crate::model::JsonMap;

/// One more place that runs go to: another project, workspace or server.
///
/// What a replica says of a run is typed, and it comes from this program alone: nothing of a replica is
/// ever read from a header or written to one, and a key goes to its own address and nowhere else.
///
/// Which ids the runs have there follows the official SDKs: the replica that is [`primary`](Self::primary)
/// keeps the ids of the trace, and all others get new ones, made from id and project
/// ([`replica_id`](crate::model::replica_id)), alike in every service. Without a primary one, a replica of
/// the run's own project keeps the ids, and those of other projects get new ones.
///
/// ```
/// use common::client::{Client, Replica};
/// use common::export::Destination;
///
/// let client = Client::builder()
///     .endpoint("http://127.0.0.1:1984")
///     .project("docs-assistant")
///     .replica(Replica::in_project("audit").metadata("copy", true))
///     .replica(Replica::at(Destination::new("http://127.0.0.1:1985")))
///     .build()?;
/// # client.shutdown(std::time::Duration::ZERO).ok();
/// # Ok::<(), common::client::ConfigError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Replica {
    pub(super) to: Option<Destination>,
    pub(super) api_key: Option<SecretString>,
    pub(super) workspace_id: Option<String>,
    pub(super) project: Option<String>,
    // Three answers, as in the official SDKs: said not to be primary, a replica has new ids always.
    pub(super) primary: Option<bool>,
    pub(super) same_ids: bool,
    pub(super) reroot: bool,
    pub(super) metadata: JsonMap,
    pub(super) tags: Option<Vec<String>>,
    // From `LANGSMITH_RUNS_ENDPOINTS`: an address in code takes its place.
    pub(super) listed: bool,
}

impl Replica {
    /// Names the client's own destination and each run's own project: the place where runs go without
    /// replicas.
    pub fn own() -> Self {
        Self::default()
    }

    /// Names another project at the client's own destination.
    pub fn in_project(project: impl Into<String>) -> Self {
        Self::default().project(project)
    }

    /// Names another destination, with a key of its own: the client's is not given to it.
    pub fn at(destination: Destination) -> Self {
        Self {
            to: Some(destination),
            ..Self::default()
        }
    }

    /// Sets the project; without one, each run's own.
    #[must_use]
    pub fn project(mut self, project: impl Into<String>) -> Self {
        self.project = Some(project.into());
        self
    }

    /// Sets another key. The client's workspace is not sent with it: it is the key's own, unless it is
    /// named too.
    #[must_use]
    pub fn api_key(mut self, key: impl Into<SecretString>) -> Self {
        self.api_key = trimmed_key(&key.into());
        self
    }

    /// Sets another workspace.
    #[must_use]
    pub fn workspace_id(mut self, workspace: impl Into<String>) -> Self {
        self.workspace_id = Some(workspace.into());
        self
    }

    /// Says whether this is the one place that keeps the ids of the trace, so that the ids in logs and
    /// headers are found there.
    #[must_use]
    pub fn primary(mut self, primary: bool) -> Self {
        self.primary = Some(primary);
        self
    }

    /// Keeps the ids whatever the others do. For a server of its own: at one place an id belongs to one
    /// run of one project.
    #[must_use]
    pub fn same_ids(mut self) -> Self {
        self.same_ids = true;
        self
    }

    /// Makes what this process adds to another's trace a trace of its own here: the slice of one team.
    #[must_use]
    pub fn reroot(mut self) -> Self {
        self.reroot = true;
        self
    }

    /// Adds one key of metadata to every run here; it wins over the run's own.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// Sets the tags of every run here, in the place of its own, as the official SDKs do.
    #[must_use]
    pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.tags = Some(tags.into_iter().map(Into::into).collect());
        self
    }

    /// Returns where the replica sends, for a client with this destination of its own.
    pub(super) fn destination(&self, own: &Destination) -> Destination {
        let mut to = self.to.clone().unwrap_or_else(|| own.clone());
        if let Some(key) = &self.api_key {
            to.api_key = Some(key.clone());
            to.api_key_from = None;
            if self.to.is_none() {
                // It goes with the client's key; what a destination of its own names stays.
                to.workspace_id = None;
            }
        }
        if let Some(workspace) = &self.workspace_id {
            to.workspace_id = Some(workspace.clone());
        }
        to
    }
}
