//! Settings from the environment.

use secrecy::SecretString;
use serde_json::Value;

use super::explain::Sources;
use super::{Config, ConfigError, DEFAULT_PROJECT, endpoints, without_slash};
use crate::export::{BatchConfig, COMPRESSION_LEVELS, DEFAULT_ENDPOINT, SpoolConfig, SpoolMode};
use crate::model::JsonMap;
use crate::trace::{Redactor, SamplingRate};

impl Config {
    /// Reads the settings from the process's environment.
    ///
    /// What is there and not understood is warned of in the log, and listed by
    /// [`explain`](Self::explain).
    ///
    /// # Errors
    /// If a variable that must be a number is none, or if the places to send to contradict each other.
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
        let mut env = Environment {
            lookup,
            sources: Sources::default(),
        };
        let mut config = Self {
            tracing: env.tracing(),
            project: env.project(),
            inputs_on_patch: env.flag("inputs on patch", "EXCLUDE_INPUTS_ON_PATCH") == Some(false),
            batch: env.batch()?,
            sampling_rate: env.sampling_rate()?,
            redactor: env.redactor(),
            ..Self::default()
        };
        env.destination(&mut config)?;
        if let Some(revision) = env.unquoted("revision", &["REVISION_ID"]) {
            set_revision(&mut config.metadata, revision);
        }
        env.mention_unread();
        for warning in env.sources.warnings() {
            tracing::warn!("{warning}");
        }
        config.sources = env.sources;
        config.remember();
        Ok(config)
    }
}

/// The key of metadata that names the revision of the program.
pub(super) const REVISION: &str = "revision_id";

pub(in crate::client) fn set_revision(metadata: &mut JsonMap, revision: String) {
    metadata.insert(REVISION.to_owned(), Value::from(revision));
}

/// Variables of the official SDKs that this client does not follow.
const UNREAD: [&str; 13] = [
    "TRACING_MODE",
    "OTEL_ENABLED",
    "OTEL_ONLY",
    "AGENT_ID",
    "AGENT_ENVIRONMENT",
    "PROFILE",
    "CONFIG_FILE",
    "FAILED_TRACES_DIR",
    "FAILED_TRACES_MAX_MB",
    "RUN_COMPRESSION_THREADS",
    "RUN_COMPRESSION_WINDOW_LOG",
    "TRACING_BACKGROUND",
    "BAGGAGE_ALLOWED_UPDATE_FIELDS",
];

/// What the name of a variable begins with; the first goes before the second.
const PREFIXES: [&str; 2] = ["LANGSMITH_", "LANGCHAIN_"];

/// Looks settings up under both of their prefixes, and notes where each was found.
struct Environment<F> {
    lookup: F,
    sources: Sources,
}

impl<F: Fn(&str) -> Option<String>> Environment<F> {
    /// Returns the variable of exactly that name, unless it is blank, in quotes or not.
    fn plain(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !bare(value).is_empty())
    }

    /// Returns the variable of that name under the first prefix that it is set under.
    fn prefixed(&self, name: &str) -> Option<(String, String)> {
        PREFIXES.into_iter().find_map(|prefix| {
            let variable = format!("{prefix}{name}");
            self.plain(&variable).map(|value| (variable, value))
        })
    }

    /// Returns the first of the names that is set, each under both prefixes.
    fn find(&mut self, setting: &'static str, names: &[&str]) -> Option<(String, String)> {
        let (variable, value) = names.iter().find_map(|name| self.prefixed(name))?;
        self.sources.found(setting, &variable);
        Some((variable, value))
    }

    /// Returns a value without the blanks and quotes that a copied line of a `.env` file brings along.
    fn unquoted(&mut self, setting: &'static str, names: &[&str]) -> Option<String> {
        let (_, value) = self.find(setting, names)?;
        Some(bare(&value).to_owned())
    }

    fn number(&mut self, setting: &'static str, name: &str) -> Result<Option<usize>, ConfigError> {
        let Some((variable, value)) = self.find(setting, &[name]) else {
            return Ok(None);
        };
        match value.trim().parse() {
            Ok(number) if number > 0 => Ok(Some(number)),
            _ => Err(ConfigError::NotANumber { variable }),
        }
    }

    /// Returns a switch: `true` in any letter case or `1` is on, as in the Python SDK.
    fn flag(&mut self, setting: &'static str, name: &str) -> Option<bool> {
        let (variable, value) = self.find(setting, &[name])?;
        let value = value.trim();
        let on = value.eq_ignore_ascii_case("true") || value == "1";
        if !on && !is_off(value) {
            let shown = shown(value);
            self.sources.warn(format!(
                "{variable} is {shown}, which counts as `false`: `true` or `1` is needed"
            ));
        }
        Some(on)
    }

    /// Returns a switch that is on for exactly `true`, as the official SDKs have it.
    fn strict_flag(&mut self, setting: &'static str, name: &str, otherwise: &str) -> bool {
        let Some((variable, value)) = self.find(setting, &[name]) else {
            return false;
        };
        if value != "true" && !is_off(&value) {
            let shown = shown(&value);
            self.sources.warn(format!(
                "{variable} is {shown}, and {otherwise}: exactly `true` is needed"
            ));
        }
        value == "true"
    }

    /// On for exactly `true`, under the first name that is set.
    fn tracing(&mut self) -> bool {
        let found = self.find("tracing", &["TRACING_V2", "TRACING"]);
        let Some((variable, value)) = found else {
            return false;
        };
        if value != "true" && !is_off(&value) {
            let shown = shown(&value);
            self.sources.warn(format!(
                "{variable} is {shown}, and tracing stays off: exactly `true` is needed"
            ));
        }
        value == "true"
    }

    fn project(&mut self) -> String {
        const HOSTED: &str = "HOSTED_LANGSERVE_PROJECT_NAME";
        if let Some(project) = self.plain(HOSTED) {
            self.sources.found("project", HOSTED);
            return project;
        }
        self.find("project", &["PROJECT", "SESSION"])
            .map_or_else(|| DEFAULT_PROJECT.to_owned(), |(_, project)| project)
    }

    fn batch(&mut self) -> Result<BatchConfig, ConfigError> {
        let mut batch = BatchConfig::default();
        if let Some(limit) = self.number("operations a request", "BATCH_INGEST_SIZE_LIMIT")? {
            batch.max_ops = Some(limit);
        }
        if let Some(limit) = self.number("operations held", "TRACING_QUEUE_MAX_SIZE")? {
            batch.queue_ops = limit;
        }
        if let Some(limit) = self.number("bytes held", "MAX_INGEST_MEMORY_BYTES")? {
            batch.queue_bytes = limit;
        }
        batch.compress = self.flag("compression", "DISABLE_RUN_COMPRESSION") != Some(true);
        if let Some(level) = self.compression_level()? {
            batch.compression_level = level;
        }
        batch.spool = self.spool()?;
        Ok(batch)
    }

    fn spool(&mut self) -> Result<Option<SpoolConfig>, ConfigError> {
        let Some(dir) = self.unquoted("spool folder", &["SPOOL_DIR"]) else {
            for name in ["SPOOL_MODE", "SPOOL_MAX_BYTES"] {
                if let Some((variable, _)) = self.prefixed(name) {
                    self.sources.warn(format!(
                        "{variable} is set, and no folder is: LANGSMITH_SPOOL_DIR is needed"
                    ));
                }
            }
            return Ok(None);
        };
        let mut spool = SpoolConfig::new(dir);
        if let Some((variable, mode)) = self.find("spool mode", &["SPOOL_MODE"]) {
            let mode = bare(&mode).parse::<SpoolMode>();
            spool = spool.mode(mode.map_err(|_| ConfigError::NotASpoolMode { variable })?);
        }
        if let Some(bytes) = self.number("spool bytes", "SPOOL_MAX_BYTES")? {
            spool = spool.max_bytes(bytes as u64);
        }
        Ok(Some(spool))
    }

    fn sampling_rate(&mut self) -> Result<Option<f64>, ConfigError> {
        let found = self.find("sampling rate", &["TRACING_SAMPLING_RATE"]);
        let Some((setting, value)) = found else {
            return Ok(None);
        };
        let rate = value.trim().parse().ok().map(SamplingRate::new);
        match rate {
            Some(Ok(rate)) => Ok(Some(rate.get())),
            Some(Err(_)) | None => Err(ConfigError::InvalidSamplingRate { setting }),
        }
    }

    fn redactor(&mut self) -> Redactor {
        let mut on = |name, what| {
            let otherwise = format!("{what} are sent as they are");
            self.strict_flag("masking", name, &otherwise)
        };
        let inputs = on("HIDE_INPUTS", "inputs");
        let outputs = on("HIDE_OUTPUTS", "outputs");
        let metadata = on("HIDE_METADATA", "metadata");
        let allow = self.flag("unprocessed payloads", "ALLOW_UNPROCESSED_PAYLOADS");
        Redactor::new()
            .hide_inputs(inputs)
            .hide_outputs(outputs)
            .hide_metadata(metadata)
            .allow_unprocessed(allow == Some(true))
    }

    fn compression_level(&mut self) -> Result<Option<i32>, ConfigError> {
        let found = self.find("compression level", &["RUN_COMPRESSION_LEVEL"]);
        let Some((variable, value)) = found else {
            return Ok(None);
        };
        match value.trim().parse() {
            Ok(level) if COMPRESSION_LEVELS.contains(&level) => Ok(Some(level)),
            _ => Err(ConfigError::NotALevel { variable }),
        }
    }

    /// Reads where runs go: one address, or a list of replicas.
    fn destination(&mut self, config: &mut Config) -> Result<(), ConfigError> {
        if let Some((variable, text)) = self.find("replicas", &["RUNS_ENDPOINTS"]) {
            if let Some((endpoint, _)) = self.find("endpoint", &["ENDPOINT"]) {
                return Err(ConfigError::TwoEndpoints {
                    endpoint,
                    runs_endpoints: variable,
                });
            }
            let mut warnings = Vec::new();
            let read = endpoints::read(&variable, &text, &mut warnings);
            for warning in warnings {
                self.sources.warn(warning);
            }
            config.replicas = read.map_err(|why| ConfigError::NoRunsEndpoint { variable, why })?;
            config.only_replicas = true;
        }
        config.endpoint = self
            .unquoted("endpoint", &["ENDPOINT"])
            .map_or_else(|| DEFAULT_ENDPOINT.to_owned(), |text| without_slash(&text));
        config.api_key = self
            .unquoted("API key", &["API_KEY"])
            .map(SecretString::from);
        config.workspace_id = self.unquoted("workspace", &["WORKSPACE_ID", "TENANT_ID"]);
        if let Some((variable, text)) = self.find("headers", &["CUSTOM_HEADERS"]) {
            for line in text.lines().filter(|line| !line.trim().is_empty()) {
                match line.split_once(':') {
                    Some((name, value)) if !name.trim().is_empty() => {
                        let header = (name.trim().to_owned(), value.trim().to_owned());
                        config.headers.push(header);
                    }
                    _ => self.sources.warn(format!(
                        "{variable}: a line is left out, it is no `Name: value`"
                    )),
                }
            }
        }
        Ok(())
    }

    fn mention_unread(&mut self) {
        for name in UNREAD {
            let Some((variable, value)) = self.prefixed(name) else {
                continue;
            };
            let usual = name == "TRACING_MODE" && value == "langsmith";
            if !usual {
                self.sources.warn(format!(
                    "{variable} is set, and this client does not read it"
                ));
            }
        }
    }
}

/// Returns a value without the blanks and quotes that a copied line of a `.env` file brings along.
fn bare(value: &str) -> &str {
    value.trim().trim_matches(['"', '\'']).trim()
}

fn is_off(value: &str) -> bool {
    let off = ["false", "0", "no", "off"];
    off.iter().any(|off| value.eq_ignore_ascii_case(off))
}

/// Returns the value of a switch as it may be shown: a long one may be a key in the wrong variable.
fn shown(value: &str) -> String {
    match value.chars().count() {
        0..=10 => format!("{value:?}"),
        long => format!("a text of {long} characters"),
    }
}

/// Copies variables into metadata, under their own names.
///
/// A name that may hold a secret is never copied, whoever asks; the result says which.
pub(in crate::client) fn copy_into(
    metadata: &mut JsonMap,
    names: impl IntoIterator<Item = String>,
    lookup: impl Fn(&str) -> Option<String>,
) -> Vec<String> {
    let mut refused = Vec::new();
    for name in names {
        if may_be_secret(&name) {
            refused.push(format!(
                "{name} is not copied into metadata: by its name it may hold a secret"
            ));
        } else if let Some(value) = lookup(&name).filter(|value| !value.trim().is_empty()) {
            metadata.insert(name, Value::from(value));
        }
    }
    refused
}

/// Words in the name of a variable that make it a secret: the eight of the official SDKs, and ours.
const SECRET_WORDS: [&str; 16] = [
    "key",
    "secret",
    "token",
    "password",
    "passwd",
    "pwd",
    "credential",
    "email",
    "auth",
    "cookie",
    "dsn",
    "headers",
    "jwk",
    "jwt",
    "private",
    "runs_endpoints",
];

fn may_be_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}
