//! Recordings of the official SDKs, and what is compared of them.
//!
//! Whatever form a request has, it is read as parts: a run in one piece of JSON is taken apart, so that
//! one comparison serves all. Ids are replaced by their order of first appearance, times and the
//! description of the SDK by placeholders.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::collections::{BTreeMap, BTreeSet};

use common::model::DottedOrder;
use serde_json::{Value, json};

use crate::peer::{Part, Received, parts_of};

pub type Requests = Vec<Vec<Part>>;

/// A recording as it was written down.
pub fn recording(file: &str) -> Value {
    let path = format!("{}/tests/vectors/{file}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("a recording");
    serde_json::from_str(&text).expect("JSON")
}

/// The requests of a recording that bring something.
pub fn recorded(file: &str) -> Requests {
    let recording = recording(file);
    let requests = recording["requests"].as_array().expect("requests");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let part = |part: &Value| {
        let part = Part {
            name: text(&part["name"]),
            headers: part["part_headers"]
                .as_array()
                .expect("headers")
                .iter()
                .map(|pair| (text(&pair[0]), text(&pair[1])))
                .collect(),
            json: match part["base64"].as_str() {
                Some(binary) => decode_base64(binary).into(),
                None => part["json"].clone(),
            },
        };
        check_headers(&part);
        part
    };
    requests
        .iter()
        .filter_map(|request| match (&request["parts"], &request["json"]) {
            (Value::Array(parts), _) => Some(parts.iter().map(part).collect()),
            (_, Value::Object(_)) => {
                let line = text(&request["request_line"]);
                Some(parts_of_json(&without_version(&line), &request["json"]))
            }
            _ => None,
        })
        .collect()
}

/// The first lines of those requests, with `<id>` for each id.
pub fn recorded_lines(file: &str) -> Vec<String> {
    let recording = recording(file);
    let requests = recording["requests"].as_array().expect("requests");
    let lines = requests.iter().filter_map(|r| r["request_line"].as_str());
    lines
        .filter(|line| !line.starts_with("GET") && !line.starts_with("DELETE"))
        .map(|line| without_ids(&without_version(line)))
        .collect()
}

fn without_version(line: &str) -> String {
    line.trim_end_matches(" HTTP/1.1").to_owned()
}

fn without_ids(line: &str) -> String {
    match line.rsplit_once('/') {
        Some((path, id)) if uuid::Uuid::parse_str(id).is_ok() => format!("{path}/<id>"),
        _ => line.to_owned(),
    }
}

/// What our requests bring.
pub fn received(requests: &[Received]) -> Requests {
    let ingest = requests.iter().filter(|request| request.method != "GET");
    ingest.map(parts_received).collect()
}

/// The first lines of those requests, with `<id>` for each id.
pub fn received_lines(requests: &[Received]) -> Vec<String> {
    let ingest = requests.iter().filter(|request| request.method != "GET");
    ingest
        .map(|request| without_ids(&format!("{} {}", request.method, request.path)))
        .collect()
}

/// What one of our requests brings.
pub fn parts_received(request: &Received) -> Vec<Part> {
    if request.header("content-type") == Some("application/json") {
        let json = serde_json::from_slice(&request.body).expect("JSON");
        let line = format!("{} {}", request.method, request.path);
        return parts_of_json(&line, &json);
    }
    let parts = parts_of(request);
    parts.iter().for_each(check_headers);
    parts
}

/// Takes a JSON body apart, as if it were multipart.
fn parts_of_json(line: &str, json: &Value) -> Vec<Part> {
    let list = |event: &str| -> Vec<Part> {
        let runs = json[event].as_array().into_iter().flatten();
        runs.flat_map(|run| parts_of_run(event, run)).collect()
    };
    match line {
        "POST /runs/batch" => [list("post"), list("patch")].concat(),
        "POST /runs" => parts_of_run("post", json),
        "POST /feedback" => vec![json_part(format!("feedback.{}", id_of(json)), json)],
        _ => {
            let Some(id) = line.strip_prefix("PATCH /runs/") else {
                // A change of feedback: no ingest.
                return Vec::new();
            };
            let mut run = json.clone();
            // The JavaScript SDK leaves the id to the path.
            let own = run["id"].as_str().unwrap_or(id);
            assert_eq!(own, id);
            run["id"] = id.into();
            parts_of_run("patch", &run)
        }
    }
}

fn parts_of_run(event: &str, run: &Value) -> Vec<Part> {
    let Value::Object(mut main) = run.clone() else {
        panic!("a run is no object");
    };
    let name = format!("{event}.{}", id_of(run));
    let sides: Vec<Part> = [
        "inputs",
        "outputs",
        "events",
        "extra",
        "error",
        "serialized",
    ]
    .into_iter()
    .filter_map(|field| {
        let value = main.shift_remove(field)?;
        Some(json_part(format!("{name}.{field}"), &value))
    })
    .collect();
    [vec![json_part(name, &Value::Object(main))], sides].concat()
}

fn json_part(name: String, json: &Value) -> Part {
    Part {
        name,
        headers: Vec::new(),
        json: json.clone(),
    }
}

fn id_of(json: &Value) -> &str {
    json["id"].as_str().expect("an id")
}

fn decode_base64(text: &str) -> Vec<u8> {
    let value = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let sextets = text.bytes().filter(|c| *c != b'=').map(value);
    let bits = sextets.flat_map(|sextet| (0..6).rev().map(move |bit| (sextet >> bit) & 1));
    let bits: Vec<u8> = bits.collect();
    bits.chunks_exact(8)
        .map(|byte| byte.iter().fold(0, |byte, bit| (byte << 1) | bit))
        .collect()
}

/// Compares request by request and part by part; returns what differs as a table of deviations allows.
pub fn compare(theirs: Requests, ours: Requests) -> BTreeSet<String> {
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
        if !theirs.is_null() {
            assert_eq!(theirs, ours, "{name}");
        }
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
        requests
            .into_iter()
            .map(|parts| {
                parts
                    .into_iter()
                    .filter_map(|part| self.part(part, found))
                    .collect()
            })
            .collect()
    }

    /// Returns nothing for a part that may be missing, and null for one that may say anything.
    fn part(&mut self, part: Part, found: &mut BTreeSet<String>) -> Option<(String, Value)> {
        let mut names = part.name.splitn(3, '.');
        let (event, id) = (
            names.next().expect("an event"),
            names.next().expect("an id"),
        );
        let field = names.next().unwrap_or("main");
        let name = format!("{event}.{}.{field}", self.id(id));
        let json = match (event, field) {
            ("attachment", _) => json!([part.headers[1].1, part.json]),
            ("feedback", _) => self.feedback(part.json, found),
            (_, "main") => self.main(event, part.json, found),
            (_, "extra") if part.json == json!({}) => {
                found.insert("extra: {} is never sent".to_owned());
                Value::Null
            }
            (_, "extra") => extra(part.json, found),
            (_, "events") => events(part.json, found),
            (_, "serialized") => {
                found.insert("serialized is left out".to_owned());
                return None;
            }
            _ => part.json,
        };
        Some((name, json))
    }

    fn feedback(&mut self, json: Value, found: &mut BTreeSet<String>) -> Value {
        let Value::Object(mut fields) = json else {
            panic!("feedback is no object");
        };
        for field in ["id", "run_id", "trace_id"] {
            if let Some(Value::String(text)) = fields.get_mut(field) {
                *text = self.id(text);
            }
        }
        for field in ["created_at", "modified_at"] {
            let text = fields[field].as_str().expect("a time").to_owned();
            fields[field] = timeless(&text, found);
        }
        if fields.contains_key("session_id") {
            let null = fields["session_id"].is_null();
            fields.shift_remove("session_id");
            if !null {
                found.insert("feedback: session_id is not said".to_owned());
            }
        }
        Value::Object(fields)
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
        if fields.shift_remove("attachments").is_some() {
            found.insert("unbatched: attachments {} is left out".to_owned());
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
                    *value = timeless(text, found);
                    continue;
                }
                _ => continue,
            };
            *value = normal.into();
        }
        Value::Object(fields)
    }
}

fn timeless(text: &str, found: &mut BTreeSet<String>) -> Value {
    time(text);
    if text.ends_with("+00:00") {
        found.insert("times end in Z, not +00:00".to_owned());
    }
    "<time>".into()
}

fn events(json: Value, found: &mut BTreeSet<String>) -> Value {
    let Value::Array(mut events) = json else {
        panic!("events are no list");
    };
    let before = events.len();
    events.retain(|event| event["name"] != "uploaded_attachment");
    if events.len() < before {
        found.insert("events: uploaded_attachment is left out".to_owned());
    }
    Value::Array(events)
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
    if !part.name.starts_with("attachment.") {
        assert_eq!(part.headers[1].1, "application/json");
    }
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
