//! What a Python peer is told of LangSmith.

use std::fmt;
use std::process::Command;

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::export::Destination;

/// The environment of a Python peer: where the official SDK sends, with which key. `Debug` shows names only.
#[derive(Clone)]
pub struct PeerEnv(Vec<(String, String)>);

impl PeerEnv {
    /// Makes a peer send to all of `destinations`, under the same ids, filed under `project`.
    pub(in crate::lab) fn new(project: &str, destinations: &[Destination]) -> Self {
        let mut env = vec![
            ("LANGSMITH_TRACING".to_owned(), "true".to_owned()),
            ("LANGSMITH_PROJECT".to_owned(), project.to_owned()),
        ];
        let mut set = |name: &str, value: String| env.push((name.to_owned(), value));
        if let [only] = destinations {
            set("LANGSMITH_ENDPOINT", only.endpoint.clone());
            set("LANGSMITH_API_KEY", key_of(only));
        } else {
            // The SDK asks the first for `/info` with this key, whatever the list below says. Equal
            // projects and no primary make it keep the ids in all places.
            set(
                "LANGSMITH_API_KEY",
                destinations.first().map(key_of).unwrap_or_default(),
            );
            let all: Vec<Value> = destinations
                .iter()
                .map(|one| replica(one, project))
                .collect();
            set("LANGSMITH_RUNS_ENDPOINTS", Value::from(all).to_string());
        }
        Self(env)
    }

    /// Makes a service that knows OpenTelemetry alone send its spans to `endpoint`, as `service`: what its SDK
    /// reads of the environment. For LangSmith the endpoint ends in `/otel`.
    #[cfg(feature = "otel")]
    pub(in crate::lab) fn spans(service: &str, endpoint: &str, project: &str, key: &str) -> Self {
        let pairs = [
            ("OTEL_SERVICE_NAME", service.to_owned()),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.to_owned()),
            (
                "OTEL_EXPORTER_OTLP_HEADERS",
                format!("x-api-key={key},Langsmith-Project={project}"),
            ),
        ];
        Self(pairs.map(|(name, value)| (name.to_owned(), value)).into())
    }

    /// Switches the official SDK to a mode, `langsmith`, `otel` or `hybrid`: to runs, to spans, or to both.
    #[must_use]
    pub fn tracing_mode(self, mode: &str) -> Self {
        self.with("LANGSMITH_TRACING_MODE", mode)
    }

    /// Returns an environment that names no LangSmith: the peer does not trace.
    pub fn untraced() -> Self {
        Self(Vec::new())
    }

    /// Adds a variable that the peer itself reads, such as where the next service is.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.push((name.into(), value.into()));
        self
    }

    /// Gives a process that you start yourself this environment, and takes everything else out of it that
    /// says something about LangSmith or OpenTelemetry: the peer hears what the lesson says, not what happens to be exported.
    pub fn apply(&self, command: &mut Command) {
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            let told = ["LANGSMITH_", "LANGCHAIN_", "OTEL_", "FASTAPI_OTEL_"];
            if told.iter().any(|prefix| text.starts_with(prefix)) {
                command.env_remove(&name);
            }
        }
        command.envs(self.pairs());
    }

    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

fn key_of(destination: &Destination) -> String {
    destination
        .api_key
        .as_ref()
        .map(|key| key.expose_secret().to_owned())
        .unwrap_or_default()
}

fn replica(destination: &Destination, project: &str) -> Value {
    let mut replica = json!({
        "api_url": destination.endpoint, "api_key": key_of(destination), "project_name": project,
    });
    if let Some(workspace) = &destination.workspace_id {
        replica["workspace_id"] = json!(workspace);
    }
    replica
}

impl fmt::Debug for PeerEnv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_destinations_are_one_list_and_no_key_is_shown() {
        let real = Destination::new("https://eu.example").api_key("secret-1");
        let stand_in = Destination::new("http://127.0.0.1:1").api_key("secret-2");
        let env = PeerEnv::new("p", &[real, stand_in]);
        let list = env
            .pairs()
            .find(|(name, _)| *name == "LANGSMITH_RUNS_ENDPOINTS");
        let list: Value = serde_json::from_str(list.expect("a list").1).expect("JSON");
        assert_eq!(list[0]["api_url"], "https://eu.example");
        assert_eq!(list[1]["api_key"], "secret-2");
        assert!(
            !env.pairs().any(|(name, _)| name == "LANGSMITH_ENDPOINT"),
            "the SDK refuses both"
        );
        assert!(!format!("{env:?}").contains("secret"));
    }
}
