//! The graph whose answer was streamed: its runs, and what went over the wire between it and its caller.

use common::langsmith_mock::LangSmithMock;
use common::model::JsonMap;
use serde_json::{Value, json};

use crate::langsmith_mock_support::{Part, json_part, send_parts};

const GRAPH: &str = "langgraph_stream_react";

pub(crate) fn graph() -> Value {
    let path = format!("{}/tests/vectors/{GRAPH}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("a recording");
    serde_json::from_str(&text).expect("JSON")
}

/// Returns the recorded runs as they are once create and end are merged, in the order of their arrival.
pub(crate) fn recorded_runs(graph: &Value) -> Vec<Value> {
    let runs = graph["runs"].as_array().expect("runs");
    let without_ops = |run: &Value| {
        let mut run = run.clone();
        let ops = run.as_object_mut().expect("a run").shift_remove("_ops");
        assert!(ops.is_some());
        run
    };
    runs.iter().map(without_ops).collect()
}

/// Sends the recorded runs in the operations that were recorded, parts as the Python SDK makes them.
pub(crate) fn send_recorded(mock: &LangSmithMock, graph: &Value) {
    let mut parts = Vec::new();
    let runs = graph["runs"].as_array().expect("runs");
    for (run, told) in recorded_runs(graph).into_iter().zip(runs) {
        let fields = run.as_object().expect("an object");
        let only = |keep: &dyn Fn(&str) -> bool| -> JsonMap {
            let kept = fields.iter().filter(|(key, _)| keep(key));
            kept.map(|(key, value)| (key.clone(), value.clone()))
                .collect()
        };
        let ends = |key: &str| matches!(key, "end_time" | "outputs");
        if told["_ops"] == json!(["post"]) {
            parts.extend(parts_of("post", fields.clone()));
        } else {
            assert_eq!(told["_ops"], json!(["post", "patch"]));
            parts.extend(parts_of("post", only(&|key| !ends(key))));
            parts.extend(parts_of("patch", only(&|key| key != "inputs")));
        }
    }
    assert_eq!(send_parts(mock, &parts).status, 202);
}

pub(crate) fn parts_of(op: &str, mut run: JsonMap) -> Vec<Part> {
    let name = format!("{op}.{}", run["id"].as_str().expect("an id"));
    let sides = ["inputs", "outputs", "events", "extra", "serialized"];
    let sides = sides.map(|side| (side, run.shift_remove(side)));
    let mut parts = vec![json_part(&name, &Value::Object(run))];
    for (side, value) in sides {
        parts.extend(value.map(|value| json_part(format!("{name}.{side}"), &value)));
    }
    parts
}

pub(crate) fn recorded_headers(graph: &Value) -> Vec<(String, String)> {
    let headers = graph["request_headers"].as_object().expect("headers");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    headers
        .iter()
        .map(|(name, value)| (name.clone(), text(value)))
        .collect()
}

/// The text of the recorded response, and its events.
pub(crate) fn response(graph: &Value) -> (&str, Vec<&str>) {
    let [text] = &graph["http_response"].as_array().expect("a list")[..] else {
        panic!("one text");
    };
    let text = text.as_str().expect("text");
    (text, text.split_inclusive("\n\n").collect())
}

/// Takes an event apart: its name and its data.
pub(crate) fn parsed(event: &str) -> (&str, &str) {
    let fields = event.strip_prefix("event: ").and_then(|event| {
        let (name, data) = event.strip_suffix("\n\n")?.split_once('\n')?;
        Some((name, data.strip_prefix("data: ")?))
    });
    fields.expect("an event of two lines")
}

/// Returns what the model streamed in each of the agent's two steps. In the first one it calls a tool, and
/// its texts are empty.
pub(crate) fn streamed_by_the_model(graph: &Value) -> [Vec<String>; 2] {
    let (_, events) = response(graph);
    let events: Vec<_> = events.into_iter().map(parsed).collect();
    let step = events.iter().position(|(name, _)| *name == "updates");
    let (first, second) = events.split_at(step.expect("the end of a step"));
    [first, second].map(|events| {
        let messages = events.iter().filter(|(name, _)| *name == "messages");
        messages
            .map(|(_, data)| serde_json::from_str::<Value>(data).expect("JSON"))
            .filter(|message| message["node"] == "agent")
            .map(|message| message["content"].as_str().expect("text").to_owned())
            .collect()
    })
}
