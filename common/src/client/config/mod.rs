//! Where a client's settings come from.
//!
//! ```text
//! environment ──► Config::from_env ──► Config ──► ClientBuilder ──► Client       (code wins)
//!                       │                 └──► explain(): what was understood, and from where
//!                       └──► warnings: what was not
//! ```
//!
//! | setting | variable | default |
//! |---|---|---|
//! | on or off | `LANGSMITH_TRACING_V2`, else `LANGSMITH_TRACING`; exactly `true` is on | off |
//! | address | `LANGSMITH_ENDPOINT` | `https://api.smith.langchain.com` |
//! | key | `LANGSMITH_API_KEY`; in code also a function, asked for each request | none |
//! | workspace | `LANGSMITH_WORKSPACE_ID`, else `LANGSMITH_TENANT_ID` | none |
//! | project | `HOSTED_LANGSERVE_PROJECT_NAME`, `LANGSMITH_PROJECT`, `LANGSMITH_SESSION` | `default` |
//! | replicas | `LANGSMITH_RUNS_ENDPOINTS`; not together with `LANGSMITH_ENDPOINT` | none |
//! | further headers | `LANGSMITH_CUSTOM_HEADERS`, a line `Name: value` for each | none |
//! | revision | `LANGSMITH_REVISION_ID`, as metadata `revision_id` | none |
//! | inputs again with the end | `LANGSMITH_EXCLUDE_INPUTS_ON_PATCH`; `true` in any case, or `1`, is no | no |
//! | operations a request | `LANGSMITH_BATCH_INGEST_SIZE_LIMIT` | the server's, else 100 |
//! | operations held | `LANGSMITH_TRACING_QUEUE_MAX_SIZE` | 1 000 000 |
//! | bytes held | `LANGSMITH_MAX_INGEST_MEMORY_BYTES` | 256 MiB |
//! | no compression | `LANGSMITH_DISABLE_RUN_COMPRESSION`; `true` in any case, or `1` | as the server's `/info` allows |
//! | level of compression | `LANGSMITH_RUN_COMPRESSION_LEVEL`, -7 to 22 | 1 |
//! | folder of the spool | `LANGSMITH_SPOOL_DIR` | none: nothing is kept on disk |
//! | when it is written | `LANGSMITH_SPOOL_MODE`, `overflow` or `durable` | `overflow` |
//! | bytes on disk | `LANGSMITH_SPOOL_MAX_BYTES` | 256 MiB |
//! | part of all traces that is kept | `LANGSMITH_TRACING_SAMPLING_RATE`, from 0 to 1 | all |
//! | inputs sent as `{}` | `LANGSMITH_HIDE_INPUTS`; exactly `true` is on | off |
//! | outputs sent as `{}` | `LANGSMITH_HIDE_OUTPUTS`; exactly `true` is on | off |
//! | metadata sent as `{}` | `LANGSMITH_HIDE_METADATA`; exactly `true` is on | off |
//! | fields sent although their masking function panicked | `LANGSMITH_ALLOW_UNPROCESSED_PAYLOADS`; `true` in any case, or `1` | off |
//!
//! Each `LANGSMITH_X` is also read as `LANGCHAIN_X`, which counts only if the first is not there. A
//! blank value is no value. Quotes around an address, a key or an id are removed. The environment is
//! read once, when [`Config::from_env`] is called: what changes later changes nothing.
//!
//! `LANGSMITH_RUNS_ENDPOINTS` is JSON: a list of `{"api_url", "api_key", "project_name"?, "primary"?,
//! "workspace_id"?}`, or an object of address and key. Runs then go to these places only, as with the
//! official SDKs; the default address is asked nothing, and key, workspace and headers of the other
//! variables are not given to them. An address set in code
//! ([`ClientBuilder::endpoint`](super::ClientBuilder::endpoint)) takes the place of the whole list.
//!
//! No other variable goes into metadata unless it is asked for by name
//! ([`ClientBuilder::metadata_from_env`](super::ClientBuilder::metadata_from_env)). Not read are
//! `LANGSMITH_TRACING_MODE` and `LANGSMITH_OTEL_*` (OpenTelemetry is a choice of code here),
//! `LANGSMITH_AGENT_*`, `LANGSMITH_PROFILE`, `LANGSMITH_CONFIG_FILE`, `LANGSMITH_FAILED_TRACES_*`,
//! `LANGSMITH_RUN_COMPRESSION_THREADS`, `LANGSMITH_RUN_COMPRESSION_WINDOW_LOG` and
//! `LANGSMITH_TRACING_BACKGROUND`; if one is set, a warning says so. A switch with a value that is neither
//! of the two it knows is off, and a warning says so too. Start at [`Config`].

mod endpoints;
mod environment;
mod explain;
mod region;

use std::fmt;
use std::time::Duration;

use secrecy::SecretString;

use super::asking::DEFAULT_ASK_TIMEOUT;
use super::replica::Replica;
use crate::export::{BatchConfig, DEFAULT_ENDPOINT, Destination, KeySource, StartError};
use crate::model::JsonMap;
use crate::trace::Redactor;

pub(super) use environment::{copy_into, set_revision};
pub use explain::{Explanation, Setting, Sources};
pub use region::Region;

/// The project that runs go to if nobody says otherwise: `LANGSMITH_PROJECT`.
pub const DEFAULT_PROJECT: &str = "default";

/// The settings of a client.
///
/// [`Config::default`] is a client in code: on, to the hosted service. [`Config::from_env`] follows the
/// environment like the official SDKs, where tracing is off until it is switched on.
#[derive(Clone)]
pub struct Config {
    /// Whether runs are recorded.
    pub tracing: bool,
    /// The address of LangSmith.
    pub endpoint: String,
    /// The key.
    pub api_key: Option<SecretString>,
    /// Says the key for each request, in the place of [`api_key`](Self::api_key).
    pub api_key_from: Option<KeySource>,
    /// The workspace; keys of a whole organization need one.
    pub workspace_id: Option<String>,
    /// The project of new traces.
    pub project: String,
    /// Further headers of every request; they never replace ours.
    pub headers: Vec<(String, String)>,
    /// Certificate authorities, in PEM, to trust besides the platform's own.
    pub extra_ca_pem: Vec<Vec<u8>>,
    /// Further places that runs go to.
    pub replicas: Vec<Replica>,
    /// Whether runs go to the replicas only, and not to [`endpoint`](Self::endpoint).
    pub only_replicas: bool,
    /// Metadata of every run, where the run has none of that key. It does not travel to other services.
    pub metadata: JsonMap,
    /// Whether the inputs are sent again with a run's end. A run then holds them until it ends.
    pub inputs_on_patch: bool,
    /// How operations are gathered and sent.
    pub batch: BatchConfig,
    /// Where the web app is; none derives it from the endpoint.
    pub web_url: Option<String>,
    /// How long a question may take in all; [`DEFAULT_ASK_TIMEOUT`](super::DEFAULT_ASK_TIMEOUT).
    pub ask_timeout: Duration,
    /// The part of all traces that is kept, from 0 to 1; all if nobody says.
    pub sampling_rate: Option<f64>,
    /// What is masked before it leaves.
    pub redactor: Redactor,
    /// Which variables were read, and what in them was not understood.
    pub sources: Sources,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            tracing: true,
            endpoint: DEFAULT_ENDPOINT.to_owned(),
            api_key: None,
            api_key_from: None,
            workspace_id: None,
            project: DEFAULT_PROJECT.to_owned(),
            headers: Vec::new(),
            extra_ca_pem: Vec::new(),
            replicas: Vec::new(),
            only_replicas: false,
            metadata: JsonMap::new(),
            inputs_on_patch: false,
            batch: BatchConfig::default(),
            web_url: None,
            ask_timeout: DEFAULT_ASK_TIMEOUT,
            sampling_rate: None,
            redactor: Redactor::default(),
            sources: Sources::default(),
        }
    }
}

impl Config {
    /// Returns where this configuration sends.
    pub fn destination(&self) -> Destination {
        Destination {
            api_key: self.api_key.clone(),
            api_key_from: self.api_key_from.clone(),
            workspace_id: self.workspace_id.clone(),
            headers: self.headers.clone(),
            extra_ca_pem: self.extra_ca_pem.clone(),
            ..Destination::new(without_slash(&self.endpoint))
        }
    }

    /// Forgets the places of `LANGSMITH_RUNS_ENDPOINTS`, because code names one.
    pub(super) fn unlist(&mut self) {
        let before = self.replicas.len();
        self.replicas.retain(|replica| !replica.listed);
        if self.replicas.len() < before {
            self.only_replicas = false;
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("tracing", &self.tracing)
            .field("destination", &self.destination())
            .field("project", &self.project)
            .field("replicas", &self.replicas)
            .field("batch", &self.batch)
            .field("web_url", &self.web_url)
            .field("ask_timeout", &self.ask_timeout)
            .field("sampling_rate", &self.sampling_rate)
            .field("redactor", &self.redactor)
            .finish()
    }
}

/// Why a client cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Set the variable to a whole number above zero, or remove it.
    #[error("{variable} must be a whole number above zero")]
    NotANumber {
        /// The variable, as it was found.
        variable: String,
    },
    /// Set the variable to a level of Zstandard from -7 (fast) to 22 (small), or remove it.
    #[error("{variable} must be a whole number from -7 to 22")]
    NotALevel {
        /// The variable, as it was found.
        variable: String,
    },
    /// Set the rate to a number from 0 to 1, or leave it out to keep every trace.
    #[error("{setting} must be a number from 0 to 1")]
    InvalidSamplingRate {
        /// The variable, as it was found; else the setting in code.
        setting: String,
    },
    /// Set the variable to `overflow` or `durable`, or remove it.
    #[error("{variable} must be `overflow` or `durable`")]
    NotASpoolMode {
        /// The variable, as it was found.
        variable: String,
    },
    /// What a spool keeps is told apart by address and workspace, never by the key; so what one key
    /// sent would be delivered with the other. Name the workspace of each, or use two clients with a
    /// folder each.
    #[error(
        "two destinations of one client at {endpoint} cannot share a spool; name the workspace of each, or give each a client with a folder of its own"
    )]
    SharedSpool {
        /// The address.
        endpoint: String,
    },
    /// The hosted service takes no runs without a key. Make one in its settings and set
    /// `LANGSMITH_API_KEY`, or switch tracing off.
    #[error(
        "the hosted LangSmith needs an API key: set LANGSMITH_API_KEY, or switch LANGSMITH_TRACING off"
    )]
    MissingApiKey,
    /// Two settings say where runs go. Keep one of the two variables: with `LANGSMITH_RUNS_ENDPOINTS`
    /// put the address into its list.
    #[error(
        "{endpoint} and {runs_endpoints} cannot both be set: put the address into the list, or remove one"
    )]
    TwoEndpoints {
        /// The variable of the one address, as it was found.
        endpoint: String,
        /// The variable of the list.
        runs_endpoints: String,
    },
    /// The variable names no place to send to. Correct its JSON, or remove it.
    #[error("{variable} names no place that runs can be sent to: {why}")]
    NoRunsEndpoint {
        /// The variable, as it was found.
        variable: String,
        /// What is wrong with it.
        why: String,
    },
    /// One trace can keep its ids in one replica only. Leave `primary` to one of them.
    #[error("more than one replica is primary; only one can keep the ids of the trace")]
    TwoPrimaries,
    /// The same runs would go twice under the same ids to one place, where an id belongs to one run of
    /// one project. Remove one of the two, or name another project for it.
    #[error(
        "the replicas send the same runs twice to {endpoint}, project {project:?}; remove one of them"
    )]
    RepeatedReplica {
        /// The address.
        endpoint: String,
        /// The project.
        project: String,
    },
    /// Each destination costs a thread for as long as the client lives. Use one client for each part of
    /// the program, and drop it when its part is over.
    #[error(
        "a client sends to {0} destinations at most; use a client for each part of the program"
    )]
    TooManyDestinations(usize),
    /// The destination cannot be used as it is written; the text says why.
    #[error(transparent)]
    Start(#[from] StartError),
}

fn without_slash(endpoint: &str) -> String {
    endpoint.trim().trim_end_matches('/').to_owned()
}

/// Returns true for the addresses of the hosted service, in any region.
pub(crate) fn is_hosted(endpoint: &str) -> bool {
    let host = endpoint
        .trim_start_matches("https://")
        .split(['/', ':'])
        .next()
        .unwrap_or_default();
    host == "api.smith.langchain.com" || host.ends_with(".api.smith.langchain.com")
}
