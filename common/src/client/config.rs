//! Where a client's settings come from.
//!
//! | setting | variable | default |
//! |---|---|---|
//! | on or off | `LANGSMITH_TRACING_V2`, else `LANGSMITH_TRACING`; exactly `true` is on | off |
//! | address | `LANGSMITH_ENDPOINT` | `https://api.smith.langchain.com` |
//! | key | `LANGSMITH_API_KEY` | none |
//! | workspace | `LANGSMITH_WORKSPACE_ID` | none |
//! | project | `HOSTED_LANGSERVE_PROJECT_NAME`, `LANGSMITH_PROJECT`, `LANGSMITH_SESSION` | `default` |
//! | operations a request | `LANGSMITH_BATCH_INGEST_SIZE_LIMIT` | the server's, else 100 |
//! | operations held | `LANGSMITH_TRACING_QUEUE_MAX_SIZE` | 10 000 |
//! | bytes held | `LANGSMITH_MAX_INGEST_MEMORY_BYTES` | 128 MiB |
//!
//! Each `LANGSMITH_X` is also read as `LANGCHAIN_X`, which counts only if the first is not there. A
//! blank value is no value.

use std::fmt;
use std::time::Duration;

use secrecy::SecretString;

use super::asking::DEFAULT_ASK_TIMEOUT;
use crate::export::{BatchConfig, DEFAULT_ENDPOINT, Destination, StartError};

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
    /// The workspace; keys of a whole organization need one.
    pub workspace_id: Option<String>,
    /// The project of new traces.
    pub project: String,
    /// Further headers of every request; they never replace ours.
    pub headers: Vec<(String, String)>,
    /// Certificate authorities, in PEM, to trust besides the platform's own.
    pub extra_ca_pem: Vec<Vec<u8>>,
    /// How operations are gathered and sent.
    pub batch: BatchConfig,
    /// Where the web app is; none derives it from the endpoint.
    pub web_url: Option<String>,
    /// How long a question may take in all; [`DEFAULT_ASK_TIMEOUT`](super::DEFAULT_ASK_TIMEOUT).
    pub ask_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            tracing: true,
            endpoint: DEFAULT_ENDPOINT.to_owned(),
            api_key: None,
            workspace_id: None,
            project: DEFAULT_PROJECT.to_owned(),
            headers: Vec::new(),
            extra_ca_pem: Vec::new(),
            batch: BatchConfig::default(),
            web_url: None,
            ask_timeout: DEFAULT_ASK_TIMEOUT,
        }
    }
}

impl Config {
    /// Reads the settings from the process's environment.
    ///
    /// # Errors
    /// If a variable that must be a number is none.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// Reads the settings from any source of variables.
    ///
    /// ```
    /// use common::client::Config;
    ///
    /// let config = Config::from_lookup(|name| match name {
    ///     "LANGCHAIN_PROJECT" => Some("docs-assistant".to_owned()),
    ///     _ => None,
    /// })?;
    /// assert_eq!(config.project, "docs-assistant");
    /// assert!(!config.tracing);
    /// # Ok::<(), common::client::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// As [`from_env`](Self::from_env).
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let env = Environment(lookup);
        let tracing = env.get("TRACING_V2").or_else(|| env.get("TRACING"));
        let project = env
            .plain("HOSTED_LANGSERVE_PROJECT_NAME")
            .or_else(|| env.get("PROJECT"))
            .or_else(|| env.get("SESSION"));
        let mut batch = BatchConfig::default();
        if let Some(limit) = env.number("BATCH_INGEST_SIZE_LIMIT")? {
            batch.max_ops = Some(limit);
        }
        if let Some(limit) = env.number("TRACING_QUEUE_MAX_SIZE")? {
            batch.queue_ops = limit;
        }
        if let Some(limit) = env.number("MAX_INGEST_MEMORY_BYTES")? {
            batch.queue_bytes = limit;
        }
        Ok(Self {
            tracing: tracing.as_deref() == Some("true"),
            endpoint: env
                .unquoted("ENDPOINT")
                .map_or_else(|| DEFAULT_ENDPOINT.to_owned(), |text| without_slash(&text)),
            api_key: env.unquoted("API_KEY").map(SecretString::from),
            workspace_id: env.unquoted("WORKSPACE_ID"),
            project: project.unwrap_or_else(|| DEFAULT_PROJECT.to_owned()),
            batch,
            ..Self::default()
        })
    }

    /// Returns where this configuration sends.
    pub fn destination(&self) -> Destination {
        Destination {
            api_key: self.api_key.clone(),
            workspace_id: self.workspace_id.clone(),
            headers: self.headers.clone(),
            extra_ca_pem: self.extra_ca_pem.clone(),
            ..Destination::new(without_slash(&self.endpoint))
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("tracing", &self.tracing)
            .field("destination", &self.destination())
            .field("project", &self.project)
            .field("batch", &self.batch)
            .field("web_url", &self.web_url)
            .field("ask_timeout", &self.ask_timeout)
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
    /// The hosted service takes no runs without a key. Make one in its settings and set
    /// `LANGSMITH_API_KEY`, or switch tracing off.
    #[error(
        "the hosted LangSmith needs an API key: set LANGSMITH_API_KEY, or switch LANGSMITH_TRACING off"
    )]
    MissingApiKey,
    /// The destination cannot be used as it is written; the text says why.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// Looks settings up under both of their prefixes.
struct Environment<F>(F);

impl<F: Fn(&str) -> Option<String>> Environment<F> {
    /// Returns the variable of exactly that name, unless it is blank.
    fn plain(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.trim().is_empty())
    }

    fn find(&self, name: &str) -> Option<(String, String)> {
        ["LANGSMITH_", "LANGCHAIN_"].into_iter().find_map(|prefix| {
            let variable = format!("{prefix}{name}");
            self.plain(&variable).map(|value| (variable, value))
        })
    }

    fn get(&self, name: &str) -> Option<String> {
        self.find(name).map(|(_, value)| value)
    }

    /// Returns a value without the blanks and quotes that a copied line of a `.env` file brings along.
    fn unquoted(&self, name: &str) -> Option<String> {
        let value = self.get(name)?;
        let value = value.trim().trim_matches(['"', '\'']).trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    fn number(&self, name: &str) -> Result<Option<usize>, ConfigError> {
        let Some((variable, value)) = self.find(name) else {
            return Ok(None);
        };
        match value.trim().parse() {
            Ok(number) if number > 0 => Ok(Some(number)),
            _ => Err(ConfigError::NotANumber { variable }),
        }
    }
}

fn without_slash(endpoint: &str) -> String {
    endpoint.trim().trim_end_matches('/').to_owned()
}

/// Returns true for the addresses of the hosted service, in any region.
pub(super) fn is_hosted(endpoint: &str) -> bool {
    let host = endpoint
        .trim_start_matches("https://")
        .split(['/', ':'])
        .next()
        .unwrap_or_default();
    host == "api.smith.langchain.com" || host.ends_with(".api.smith.langchain.com")
}
