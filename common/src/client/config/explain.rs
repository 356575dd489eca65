//! What was understood of the settings, and where each came from.

use std::fmt;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};

use secrecy::ExposeSecret as _;

use super::Config;
use super::environment::REVISION;
use crate::export::{SpoolConfig, show_endpoint, show_header};

/// Which variables settings were read from, and what in them was not understood.
///
/// Part of a [`Config`]; [`Config::explain`] shows it.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    found: Vec<Found>,
    warnings: Vec<String>,
}

#[derive(Clone)]
struct Found {
    setting: &'static str,
    variable: String,
    // What the setting was when it was read: another value since then came from code.
    mark: u64,
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The mark of a key is made of the key.
        write!(f, "{} from {}", self.setting, self.variable)
    }
}

impl Sources {
    pub(super) fn found(&mut self, setting: &'static str, variable: &str) {
        // More than one variable makes one setting: what is masked.
        if let Some(found) = self.found.iter_mut().find(|it| it.setting == setting) {
            found.variable.push_str(", ");
            found.variable.push_str(variable);
            return;
        }
        self.found.push(Found {
            setting,
            variable: variable.to_owned(),
            mark: 0,
        });
    }

    pub(in crate::client) fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    /// Returns what was found and not understood, one sentence each, without secrets.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

/// One setting as it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// What is set.
    pub name: &'static str,
    /// To what, without secrets.
    pub value: String,
    /// By what: the variable's name, `default`, or `code`.
    pub source: String,
}

/// The settings as a table, for people: name, where it comes from, value. Made by [`Config::explain`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The settings, in the order of the documentation.
    pub settings: Vec<Setting>,
    /// What was found and not understood.
    pub warnings: Vec<String>,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |text: fn(&Setting) -> &str| {
            let widths = self.settings.iter().map(|row| text(row).chars().count());
            widths.max().unwrap_or_default()
        };
        let (names, sources) = (width(|row| row.name), width(|row| &row.source));
        for row in &self.settings {
            let Setting {
                name,
                value,
                source,
            } = row;
            writeln!(f, "{name:names$}  {source:sources$}  {value}")?;
        }
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        Ok(())
    }
}

impl Config {
    /// Tells what was understood, and from which variable each value came; no secret shows.
    ///
    /// ```
    /// use common::client::Config;
    ///
    /// let config = Config::from_lookup(|name| match name {
    ///     "LANGSMITH_TRACING" => Some("True".to_owned()),
    ///     _ => None,
    /// })?;
    /// let told = config.explain().to_string();
    /// assert!(told.starts_with("tracing"));
    /// assert!(told.contains("exactly `true` is needed"));
    /// # Ok::<(), common::client::ConfigError>(())
    /// ```
    pub fn explain(&self) -> Explanation {
        let defaults = Self::default().rows();
        let settings = self.rows().into_iter().zip(defaults);
        let settings = settings.map(|((name, value, mark), (_, _, default))| {
            let replaced = name == "endpoint" && self.only_replicas;
            let asked = if replaced { "replicas" } else { name };
            let found = self.sources.found.iter().find(|it| it.setting == asked);
            let source = match found {
                Some(found) if replaced || found.mark == mark => found.variable.clone(),
                None if mark == default => "default".to_owned(),
                // From the environment, tracing is off until it is switched on.
                None if name == "tracing" && !self.tracing => "default".to_owned(),
                _ => "code".to_owned(),
            };
            Setting {
                name,
                value,
                source,
            }
        });
        Explanation {
            settings: settings.collect(),
            warnings: self.sources.warnings.clone(),
        }
    }

    /// Notes what the settings are now, to tell later which of them code has changed.
    pub(super) fn remember(&mut self) {
        let rows = self.rows();
        for found in &mut self.sources.found {
            if let Some((_, _, mark)) = rows.iter().find(|(name, _, _)| *name == found.setting) {
                found.mark = *mark;
            }
        }
    }

    /// Returns each setting: name, value as it may be shown, and a mark of the value itself.
    fn rows(&self) -> Vec<(&'static str, String, u64)> {
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        let row = |name, value: String| {
            let mark = hasher.hash_one(&value);
            (name, value, mark)
        };
        let key = match &self.api_key {
            Some(key) => {
                let mark = hasher.hash_one(key.expose_secret());
                ("API key", "set, not shown".to_owned(), mark)
            }
            None if self.api_key_from.is_some() => {
                row("API key", "from a function, for each request".to_owned())
            }
            None => row("API key", "not set".to_owned()),
        };
        let or =
            |text: &Option<String>, none: &str| text.clone().unwrap_or_else(|| none.to_owned());
        let list = |items: Vec<String>| match items.is_empty() {
            true => "none".to_owned(),
            false => items.join(", "),
        };
        let replicas = self.replicas.iter().map(|replica| {
            let to = replica.destination(&self.destination());
            let project = replica.project.as_deref().unwrap_or("the run's project");
            let primary = if replica.primary == Some(true) {
                ", primary"
            } else {
                ""
            };
            format!("{} ({project}{primary})", show_endpoint(&to.endpoint))
        });
        let headers = self.headers.iter().map(|(name, _)| show_header(name));
        let others = self.metadata.keys().filter(|key| *key != REVISION).cloned();
        let revision = self.metadata.get(REVISION).and_then(|it| it.as_str());
        let endpoint = match self.only_replicas {
            true => "none, only replicas".to_owned(),
            false => show_endpoint(&self.endpoint),
        };
        let compression = match self.batch.compress {
            true => "as the server allows",
            false => "off",
        };
        let rate = self.sampling_rate.map(|rate| rate.to_string());
        let unprocessed = match self.redactor.allows_unprocessed() {
            true => "sent",
            false => "withheld",
        };
        let spool = self.batch.spool.as_ref();
        let spool_folder = spool.map(|spool| spool.folder().display().to_string());
        let max_ops = self.batch.max_ops.map(|ops| ops.to_string());
        vec![
            row(
                "tracing",
                if self.tracing { "on" } else { "off" }.to_owned(),
            ),
            row("endpoint", endpoint),
            key,
            row("workspace", or(&self.workspace_id, "the key's own")),
            row("project", self.project.clone()),
            row("replicas", list(replicas.collect())),
            row("headers", list(headers.collect())),
            row("revision", revision.unwrap_or("not set").to_owned()),
            row("metadata", list(others.collect())),
            row(
                "inputs on patch",
                if self.inputs_on_patch {
                    "sent again"
                } else {
                    "not sent again"
                }
                .to_owned(),
            ),
            row("operations a request", or(&max_ops, "as the server says")),
            row("operations held", self.batch.queue_ops.to_string()),
            row("bytes held", self.batch.queue_bytes.to_string()),
            row("compression", compression.to_owned()),
            row(
                "compression level",
                self.batch.compression_level.to_string(),
            ),
            row("spool folder", or(&spool_folder, "none")),
            row(
                "spool mode",
                or(&spool.map(SpoolConfig::shown_mode), "none"),
            ),
            row(
                "spool bytes",
                or(&spool.map(SpoolConfig::shown_bytes), "none"),
            ),
            row("sampling rate", or(&rate, "all traces")),
            row("masking", self.redactor.to_string()),
            row("unprocessed payloads", unprocessed.to_owned()),
        ]
    }
}
