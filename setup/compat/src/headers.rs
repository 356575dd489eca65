//! What becomes of a request whose headers are broken or unusual: one table for all three.
//!
//! Here the SDKs part, so nothing is compared field by field. `headers.toml` says for each input what
//! each of them makes of it; a run checks that this is so. Ours has to be a new trace, and counted,
//! wherever the trace header cannot be read.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use common::client::Client;
use common::model::{DottedOrder, JsonMap};
use common::propagation::{Extractor, LangSmithPropagator, Outcome, Propagator as _, TrustPolicy};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::sdk::Sdk;

/// The scenario's name.
pub(crate) const ID: &str = "headers";

/// The caller's run in every header that is valid.
const CALLER: &str = "20260102T030405678000Z01990000-0000-7000-8000-00000000000a";

const SOURCE: &str = include_str!("../headers.toml");

/// One input and what is made of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// What is unusual, in words.
    pub(crate) name: String,
    /// The lines of the header `langsmith-trace`; `CALLER` stands for a valid value.
    trace: Vec<String>,
    /// The lines of the header `baggage`.
    #[serde(default)]
    baggage: Vec<String>,
    /// What the Python SDK and its middleware make of it.
    python: String,
    /// What the JavaScript SDK makes of it.
    javascript: String,
    /// What we make of it, under the policy `Continue` with every project allowed.
    pub(crate) ours: String,
}

/// Reads the inputs.
///
/// # Errors
/// If the file is not written as it should be.
pub(crate) fn cases() -> Result<Vec<Case>> {
    #[derive(Deserialize)]
    struct File {
        case: Vec<Case>,
    }
    let file: File = toml::from_str(SOURCE).context("setup/compat/headers.toml")?;
    Ok(file.case)
}

impl Case {
    /// Returns the header lines of the request.
    fn lines(&self) -> Vec<(String, String)> {
        let line = |name: &str, value: &String| (name.to_owned(), value.replace("CALLER", CALLER));
        let trace = self
            .trace
            .iter()
            .map(|value| line("langsmith-trace", value));
        trace
            .chain(self.baggage.iter().map(|value| line("baggage", value)))
            .collect()
    }

    /// Says in words what a peer made of it.
    pub(crate) fn words(&self, seen: &Value) -> String {
        let trace = self
            .trace
            .first()
            .map(|value| value.replace("CALLER", CALLER));
        words(seen, trace.as_deref())
    }

    /// Returns what the file says of an SDK.
    pub(crate) fn of(&self, sdk: Sdk) -> &str {
        match sdk {
            Sdk::Python => &self.python,
            Sdk::JavaScript => &self.javascript,
        }
    }
}

/// Returns what a peer is asked about.
pub(crate) fn input(cases: &[Case]) -> Value {
    cases.iter().map(|case| json!(case.lines())).collect()
}

/// Says in words where a run ended up, the same words for all three; `trace` is the header that was sent.
fn words(seen: &Value, trace: Option<&str>) -> String {
    if let Some(error) = seen["raises"].as_str() {
        return format!("raises {error}");
    }
    let parent = seen["parent"].as_str();
    let order = seen["dotted_order"].as_str().unwrap_or_default();
    let mut words = match parent {
        None => "a new trace".to_owned(),
        Some(parent) => {
            let above = order.rsplit_once('.').map_or("", |(above, _)| above);
            let sent = trace.is_some_and(|sent| sent == above)
                && above.ends_with(parent)
                && seen["trace"]
                    .as_str()
                    .is_some_and(|id| above[..58.min(above.len())].ends_with(id));
            match sent {
                true if above.parse::<DottedOrder>().is_ok() => "continued",
                true => "taken as it is",
                false => "below ids that it invents",
            }
            .to_owned()
        }
    };
    if let Some(project) = seen["project"].as_str().filter(|name| *name != "default") {
        let _ = write!(words, ", project {project:?}");
    }
    let tags = seen["tags"].as_array().filter(|tags| !tags.is_empty());
    if let Some(tags) = tags {
        let _ = write!(words, ", tags {}", Value::from(tags.clone()));
    }
    let own =
        |key: &str| key == "ls_method" || key == "revision_id" || key.starts_with("LANGSMITH_");
    let metadata = seen["metadata"].as_object().into_iter().flatten();
    let metadata: JsonMap = metadata
        .filter(|(key, _)| !own(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if !metadata.is_empty() {
        let _ = write!(words, ", metadata {}", Value::Object(metadata));
    }
    words
}

/// Says what we make of a case, and holds it to what must be: no parent is a new trace, and counted.
///
/// # Errors
/// If it is not counted.
pub(crate) fn ours(case: &Case, client: &Client) -> Result<String> {
    let propagator = LangSmithPropagator::new()
        .policy(TrustPolicy::Continue)
        .allow_any_project();
    let lines = case.lines();
    let carrier: &dyn Extractor = &lines;
    let extracted = propagator.extract(carrier);
    let counters = propagator.counters();
    let counted = match extracted.outcome {
        Outcome::Continued => counters.continued,
        Outcome::Absent => counters.absent,
        Outcome::Malformed(_) => counters.malformed,
        Outcome::Oversize => counters.oversize,
        Outcome::Ambiguous => counters.ambiguous,
        Outcome::Untrusted { .. } | Outcome::NotRead => 0,
    };
    anyhow::ensure!(
        counted == 1,
        "{}: {} is not counted",
        case.name,
        extracted.outcome
    );
    let run = client
        .run("answer")
        .parent(extracted.context.clone())
        .start();
    let context = run.context().context("tracing is on")?;
    run.end();
    let order = &context.dotted_order;
    let seen = json!({
        "parent": order.parent_run_id().map(|id| id.to_string()),
        "trace": order.trace_id().to_string(),
        "dotted_order": order.as_str(),
        "project": context.baggage.project,
        "tags": context.baggage.tags,
        "metadata": *context.baggage.metadata,
    });
    let mut words = case.words(&seen);
    if extracted.context.is_none() {
        let _ = write!(words, ", counted as {}", extracted.outcome.as_str());
    }
    for (reason, count) in extracted.ignored().by_reason() {
        if count > 0 {
            let _ = write!(words, ", counted as {reason}");
        }
    }
    Ok(words)
}

/// Writes the table of the page.
///
/// # Errors
/// If the file is not written as it should be.
pub(crate) fn table() -> Result<String> {
    let mut table = String::from("| Input | Python | JavaScript | ours |\n|---|---|---|---|\n");
    for case in cases()? {
        let cell = |text: &str| text.replace('|', "\\|");
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} |",
            cell(&case.name),
            cell(&case.python),
            cell(&case.javascript),
            cell(&case.ours)
        );
    }
    Ok(table)
}
