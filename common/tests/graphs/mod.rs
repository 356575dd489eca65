//! Runs of a graph as a text tree: the recorded ones of LangGraph, and ours.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use common::model::Run;
use regex::Regex;
use serde_json::{Value, json};

/// What the recordings have beside: copies of the environment, and what `langchain-core` says of itself.
const LEFT_OUT: [&str; 4] = ["lc_versions", "_type", "stop", "model_name"];

/// Reads a recording, and returns its runs as they are once create and end are merged.
pub(crate) fn recorded(file: &str) -> Vec<Value> {
    let path = format!("{}/tests/vectors/{file}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("a recording");
    let recording: Value = serde_json::from_str(&text).expect("JSON");
    match recording["runs"].as_array() {
        Some(runs) => runs.clone(),
        None => of_requests(&recording),
    }
}

/// Puts together runs that were recorded as the parts of a request.
fn of_requests(recording: &Value) -> Vec<Value> {
    let requests = recording["requests"].as_array().expect("requests");
    let parts = requests
        .iter()
        .filter_map(|request| request["parts"].as_array());
    let mut runs: BTreeMap<String, Value> = BTreeMap::new();
    for part in parts.flatten() {
        let name = part["name"].as_str().expect("a name");
        match name.split('.').collect::<Vec<_>>()[..] {
            [_, id] => {
                runs.insert(id.to_owned(), part["json"].clone());
            }
            [_, id, field] => {
                runs.get_mut(id).expect("a run")[field] = part["json"].clone();
            }
            _ => panic!("a part called {name}"),
        }
    }
    runs.into_values().collect()
}

pub(crate) fn ours(runs: &[Run]) -> Vec<Value> {
    let value = |run: &Run| {
        assert!(run.end_time.is_some(), "{} has not ended", run.name);
        json!({
            "name": run.name, "run_type": run.run_type, "tags": run.tags, "error": run.error,
            "dotted_order": run.dotted_order.as_str(), "inputs": run.inputs, "outputs": run.outputs,
            "events": run.events, "extra": {"metadata": run.extra.metadata},
        })
    };
    runs.iter().map(value).collect()
}

/// Draws what is compared: names, types, parents, order, tags as sets, metadata's keys, the values of
/// `langgraph_*`, inputs and outputs, first tokens, and that there is an error. Ids are masked.
pub(crate) fn tree(runs: &[Value]) -> String {
    drawn(runs, |run| !is_caller(run))
}

/// Draws it without inputs and outputs.
pub(crate) fn tree_without_values(runs: &[Value]) -> String {
    drawn(runs, |_| false)
}

fn drawn(runs: &[Value], shows_values: impl Fn(&Value) -> bool) -> String {
    let mut runs: Vec<&Value> = runs.iter().collect();
    runs.sort_by_key(|run| run["dotted_order"].as_str().map(str::to_owned));
    let mut text = String::new();
    for run in runs {
        let order = run["dotted_order"].as_str().expect("an order");
        let indent = "  ".repeat(order.matches('.').count());
        let word = |field: &str| run[field].as_str().expect("a text").to_owned();
        let mut line = |told: String| writeln!(text, "{indent}{told}").expect("a text");
        line(format!("{} [{}]", word("name"), word("run_type")));
        let tags = run["tags"].as_array().into_iter().flatten();
        let tags: BTreeSet<_> = tags.filter_map(Value::as_str).collect();
        line(format!("  tags {tags:?}"));
        let metadata = run["extra"]["metadata"].as_object().expect("metadata");
        let told = metadata
            .iter()
            .filter(|(key, _)| !key.starts_with("LANGSMITH_") && !LEFT_OUT.contains(&key.as_str()));
        let by_value = |key: &str| {
            key.starts_with("langgraph_")
                || key == "checkpoint_ns"
                || key == "thread_id"
                || key.starts_with("ls_")
                || key == "usage_metadata"
        };
        let told: BTreeMap<_, _> = told
            .map(|(key, value)| {
                let value = if by_value(key) {
                    value.clone()
                } else {
                    json!("…")
                };
                (key, value)
            })
            .collect();
        line(format!("  metadata {}", json!(told)));
        if shows_values(run) {
            for side in ["inputs", "outputs"] {
                line(format!("  {side} {}", sorted(&run[side])));
            }
        }
        let events = run["events"].as_array().into_iter().flatten();
        if events.into_iter().any(|event| event["name"] == "new_token") {
            line("  first token".to_owned());
        }
        match run["error"].as_str() {
            // Python's has the traceback.
            Some(error) if error.starts_with("GraphInterrupt(") => {
                let end = error.find("),))").map_or(error.len(), |at| at + 4);
                line(format!("  error {}", &error[..end]));
            }
            Some(_) => line("  error".to_owned()),
            None => {}
        }
    }
    masked(&text)
}

/// The caller is emulated in the recordings; what it was given and got is the emulation's.
fn is_caller(run: &Value) -> bool {
    run["name"] == "rust_gateway"
}

/// Sorts keys, and leaves out what is a message's own.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(sorted).collect(),
        Value::Object(map) => {
            // A message's id; that of a serialized class is a list.
            let is_own = |key: &str, value: &Value| {
                key == "id" && value.is_string() && map.get("type") != Some(&json!("tool_call"))
            };
            let kept = map.iter().filter(|(key, value)| !is_own(key, value));
            let kept: BTreeMap<_, _> = kept.map(|(key, value)| (key, sorted(value))).collect();
            json!(kept)
        }
        other => other.clone(),
    }
}

fn masked(text: &str) -> String {
    let uuid = Regex::new("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").expect("a pattern");
    let hash = Regex::new("id='[0-9a-f]{32}'").expect("a pattern");
    let text = uuid.replace_all(text, "<uuid>");
    hash.replace_all(&text, "id='<hash>'").into_owned()
}

/// Compares two trees line by line, so that a difference is readable.
#[track_caller]
pub(crate) fn assert_same(ours: &str, theirs: &str) {
    for (number, (our, their)) in ours.lines().zip(theirs.lines()).enumerate() {
        assert_eq!(our, their, "line {number} of\n{ours}");
    }
    assert_eq!(
        ours.lines().count(),
        theirs.lines().count(),
        "{ours}\n{theirs}"
    );
}
