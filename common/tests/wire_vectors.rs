//! The same programs, recorded from the official Python SDK and run with this crate, send the same.
//!
//! Ids are replaced by their order of first appearance, times and the description of the SDK by
//! placeholders. Whatever else differs has to be in [`DEVIATIONS`], and all of that has to occur.
#![cfg(feature = "client")]

mod peer;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use common::client::Client;
use common::export::BatchConfig;
use common::model::{Baggage, DottedOrder, RunContext, SeededIds};
use peer::{Part, Peer, parts_of, status};
use serde_json::{Value, json};

/// What we send otherwise than the Python SDK 0.15, and why. `docs/compatibility.md` repeats it.
const DEVIATIONS: [(&str, &str); 5] = [
    (
        "patch: parent_run_id null is left out",
        "a root has no parent; a server ignores an explicit null",
    ),
    (
        "patch: session_id null is left out",
        "we name projects by name only; a server ignores an explicit null",
    ),
    (
        "times end in Z, not +00:00",
        "the same time in RFC 3339; the JavaScript SDK writes Z too",
    ),
    (
        "metadata: LANGSMITH_* variables are left out",
        "a process's environment is nobody's business unless it is asked for",
    ),
    (
        "metadata: ls_method is left out",
        "it names the Python decorator that made the run; there is none here",
    ),
];

const PATIENCE: Duration = Duration::from_secs(60);
const KEY: &str = "lsv2_pt_not-a-real-key";

type Requests = Vec<Vec<Part>>;

/// The multipart requests of a recording.
fn recorded(file: &str) -> Requests {
    let path = format!("{}/tests/vectors/{file}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("a recording");
    let recording: Value = serde_json::from_str(&text).expect("JSON");
    let requests = recording["requests"].as_array().expect("requests");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    requests
        .iter()
        .filter_map(|request| request["parts"].as_array())
        .map(|parts| {
            parts
                .iter()
                .map(|part| Part {
                    name: text(&part["name"]),
                    headers: part["part_headers"]
                        .as_array()
                        .expect("headers")
                        .iter()
                        .map(|pair| (text(&pair[0]), text(&pair[1])))
                        .collect(),
                    json: part["json"].clone(),
                })
                .collect()
        })
        .collect()
}

/// A stand-in and a client that sends to it only when flushed.
fn sending(seed: u64) -> (Peer, Client) {
    let peer = Peer::start(|_, _| status(202));
    let client = Client::builder()
        .endpoint(&peer.url)
        .api_key(KEY)
        .project("golden-vectors")
        .ids(Arc::new(SeededIds::new(seed)))
        .batch(BatchConfig {
            linger: PATIENCE,
            ..BatchConfig::default()
        })
        .build()
        .expect("a client");
    (peer, client)
}

fn sent(peer: &Peer) -> Requests {
    let requests = peer.to("/runs/multipart");
    for request in &requests {
        assert_eq!(request.method, "POST");
        assert_eq!(request.header("accept"), Some("application/json"));
        assert_eq!(request.header("x-api-key"), Some(KEY));
        let boundary = request
            .header("content-type")
            .and_then(|value| value.strip_prefix("multipart/form-data; boundary="))
            .expect("multipart");
        assert!(boundary.len() == 32 && boundary.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
    requests.iter().map(parts_of).collect()
}

/// Returns the error that the recording has for the run of that name.
fn recorded_error(requests: &Requests, name: &str) -> String {
    let parts = || requests.iter().flatten();
    let id = parts()
        .find(|part| part.json["name"] == name)
        .map(|part| part.name.clone())
        .expect("a run of that name");
    parts()
        .find(|part| part.name == format!("{id}.error"))
        .and_then(|part| part.json.as_str())
        .expect("an error")
        .to_owned()
}

#[test]
fn a_root_run_is_sent_as_the_python_sdk_sends_it() {
    let (peer, client) = sending(1);
    client
        .run("simple")
        .inputs(json!({"x": 40, "y": 2}))
        .metadata("k", "v")
        .tag("t1")
        .start()
        .end_with(json!({"sum": 42}));
    client.flush(PATIENCE).expect("delivered");
    let found = compare(recorded("01_simple_root_run"), sent(&peer));
    assert_eq!(found, expected(&["Z", "LANGSMITH_", "ls_method"]));
}

#[test]
fn three_levels_with_an_error_are_sent_as_the_python_sdk_sends_them() {
    let recording = recorded("03_nested_three_levels_error");
    let (peer, client) = sending(3);
    let inputs = json!({"x": "é"});
    let root = client.run("root").inputs(inputs.clone()).start();
    let middle = root.child("middle").inputs(inputs.clone()).start();
    let leaf = middle.child("leaf").run_type("tool").inputs(inputs).start();
    for (run, name) in [(leaf, "leaf"), (middle, "middle"), (root, "root")] {
        run.fail(recorded_error(&recording, name));
    }
    client.flush(PATIENCE).expect("delivered");
    let found = compare(recording, sent(&peer));
    assert_eq!(found, expected(&["Z", "LANGSMITH_", "ls_method"]));
}

#[test]
fn the_caller_of_a_service_sends_a_post_and_later_a_patch() {
    let mut recording = recorded("04_cross_service_fastapi");
    recording.truncate(2);
    let (peer, client) = sending(4);
    let run = client
        .run("client-root")
        .inputs(json!({"x": "hello"}))
        .metadata("user", "u1")
        .tag("cli-tag")
        .project("project-A")
        .start();
    client.flush(PATIENCE).expect("delivered");
    run.end_with(json!({"inner": "hello"}));
    client.flush(PATIENCE).expect("delivered");
    let found = compare(recording, sent(&peer));
    let names: BTreeSet<String> = DEVIATIONS
        .iter()
        .map(|(what, _)| (*what).to_owned())
        .collect();
    assert_eq!(
        found, names,
        "all deviations occur here, or the table is out of date"
    );
}

#[test]
fn a_called_service_sends_its_runs_below_the_callers() {
    let recording = recorded("04_cross_service_fastapi");
    let caller = recording[0][0].json["dotted_order"]
        .as_str()
        .expect("an order");
    let caller: DottedOrder = caller.parse().expect("valid");
    let metadata = json!({"user": "u1", "ls_method": "traceable"});
    let context = RunContext {
        dotted_order: caller.clone(),
        baggage: Baggage {
            metadata: Arc::new(metadata.as_object().expect("an object").clone()),
            tags: vec!["cli-tag".into()],
            project: Some("project-A".into()),
        },
    };
    let (peer, client) = sending(5);
    let child = client
        .run("server-child")
        .parent(context)
        .inputs(json!({"x": "hello"}))
        .metadata("svc", "B")
        .tag("srv-tag")
        .start();
    let inner = child
        .child("server-inner")
        .run_type("tool")
        .inputs(json!({"x": "hello"}));
    inner.start().end_with(json!({"inner": "hello"}));
    child.end_with(json!({"inner": "hello"}));
    client.flush(PATIENCE).expect("delivered");

    let ours = sent(&peer);
    for part in ours
        .iter()
        .flatten()
        .filter(|part| part.json.get("id").is_some())
    {
        assert_eq!(part.json["trace_id"], caller.trace_id().to_string());
        let order = part.json["dotted_order"].as_str().expect("an order");
        assert!(
            order.starts_with(caller.as_str()),
            "the caller's text is kept to the byte"
        );
    }
    let found = compare(recording[2..].to_vec(), ours);
    assert_eq!(found, expected(&["Z", "LANGSMITH_", "ls_method"]));
}

/// Returns the deviations whose names contain one of the words.
fn expected(words: &[&str]) -> BTreeSet<String> {
    DEVIATIONS
        .iter()
        .map(|(what, _)| (*what).to_owned())
        .filter(|what| words.iter().any(|word| what.contains(word)))
        .collect()
}

/// Compares request by request and part by part; returns what differs as [`DEVIATIONS`] allows.
fn compare(theirs: Requests, ours: Requests) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let theirs = Normal::default().requests(theirs, &mut found);
    // Ours has nothing to be stripped but what it inherited from a Python caller.
    let mut stripped = BTreeSet::new();
    let ours = Normal::default().requests(ours, &mut stripped);
    assert!(
        !stripped
            .iter()
            .any(|what| what.contains("LANGSMITH_") || what.contains("null"))
    );
    let names = |requests: &Vec<Vec<(String, Value)>>| -> Vec<Vec<String>> {
        let name = |(name, _): &(String, Value)| name.clone();
        requests
            .iter()
            .map(|parts| parts.iter().map(name).collect())
            .collect()
    };
    assert_eq!(names(&theirs), names(&ours));
    for ((name, theirs), (_, ours)) in theirs.iter().flatten().zip(ours.iter().flatten()) {
        assert_eq!(theirs, ours, "{name}");
    }
    found
}

/// Takes ids, times and the description of the sender out of the way.
#[derive(Default)]
struct Normal {
    ids: BTreeMap<String, usize>,
}

impl Normal {
    fn requests(
        &mut self,
        requests: Requests,
        found: &mut BTreeSet<String>,
    ) -> Vec<Vec<(String, Value)>> {
        let mut part = |part: Part| {
            check_headers(&part);
            let mut names = part.name.splitn(3, '.');
            let (event, id) = (
                names.next().expect("an event"),
                names.next().expect("an id"),
            );
            let field = names.next().unwrap_or("main");
            let name = format!("{event}.{}.{field}", self.id(id));
            let json = match field {
                "main" => self.main(event, part.json, found),
                "extra" => extra(part.json, found),
                _ => part.json,
            };
            (name, json)
        };
        requests
            .into_iter()
            .map(|parts| parts.into_iter().map(&mut part).collect())
            .collect()
    }

    fn id(&mut self, id: &str) -> String {
        let next = self.ids.len();
        format!("<id {}>", self.ids.entry(id.to_owned()).or_insert(next))
    }

    fn main(&mut self, event: &str, json: Value, found: &mut BTreeSet<String>) -> Value {
        check_relations(&json);
        let Value::Object(mut fields) = json else {
            panic!("the main part is no object");
        };
        for field in ["parent_run_id", "session_id"] {
            if fields.get(field) == Some(&Value::Null) {
                fields.shift_remove(field);
                found.insert(format!("{event}: {field} null is left out"));
            }
        }
        for (field, value) in &mut fields {
            let Some(text) = value.as_str() else { continue };
            let normal = match field.as_str() {
                "id" | "trace_id" | "parent_run_id" => self.id(text),
                "dotted_order" => {
                    let segments: Vec<String> = text
                        .split('.')
                        .map(|segment| self.id(&segment[segment.len() - 36..]))
                        .collect();
                    segments.join(".")
                }
                "start_time" | "end_time" => {
                    time(text);
                    if text.ends_with("+00:00") {
                        found.insert("times end in Z, not +00:00".to_owned());
                    }
                    "<time>".to_owned()
                }
                _ => continue,
            };
            *value = normal.into();
        }
        Value::Object(fields)
    }
}

fn time(text: &str) -> chrono::DateTime<chrono::Utc> {
    chrono::DateTime::parse_from_rfc3339(text)
        .expect("a time")
        .to_utc()
}

/// What holds within each run, on either side: ids, order, parent and start agree.
fn check_relations(main: &Value) {
    let text = |field: &str| main[field].as_str().unwrap_or_default();
    let order: DottedOrder = text("dotted_order").parse().expect("a dotted order");
    assert_eq!(order.run_id().to_string(), text("id"));
    assert_eq!(order.trace_id().to_string(), text("trace_id"));
    let parent = order
        .parent_run_id()
        .map(|id| id.to_string())
        .unwrap_or_default();
    assert_eq!(parent, text("parent_run_id"));
    assert_eq!(order.start_time(), Some(time(text("start_time"))));
    if let Some(end) = main["end_time"].as_str() {
        assert!(time(end) >= time(text("start_time")));
    }
}

fn check_headers(part: &Part) {
    let names: Vec<&str> = part.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["Content-Disposition", "Content-Type", "Content-Length"]
    );
    assert_eq!(
        part.headers[0].1,
        format!("form-data; name=\"{}\"", part.name)
    );
    assert_eq!(part.headers[1].1, "application/json");
}

fn extra(json: Value, found: &mut BTreeSet<String>) -> Value {
    let Value::Object(mut extra) = json else {
        panic!("extra is no object");
    };
    let runtime = extra
        .shift_remove("runtime")
        .expect("a description of the sender");
    for field in ["sdk", "sdk_version", "library", "platform", "runtime"] {
        assert!(runtime[field].is_string(), "{field}");
    }
    if let Some(Value::Object(metadata)) = extra.get_mut("metadata") {
        if metadata.shift_remove("ls_method").is_some() {
            found.insert("metadata: ls_method is left out".to_owned());
        }
        let before = metadata.len();
        metadata.retain(|key, _| !key.starts_with("LANGSMITH_"));
        if metadata.len() < before {
            found.insert("metadata: LANGSMITH_* variables are left out".to_owned());
        }
    }
    Value::Object(extra)
}

#[test]
fn every_deviation_has_its_row_in_the_docs() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/compatibility.md");
    let page = std::fs::read_to_string(page).expect("docs/compatibility.md");
    for (what, why) in DEVIATIONS {
        assert!(
            page.contains(&format!("| {what} | {why} |")),
            "no row for: {what}"
        );
    }
}
