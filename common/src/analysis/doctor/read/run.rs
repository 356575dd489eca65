//! A run of the API, of an SDK or of the stand-in, in the compact form.

use std::hash::{DefaultHasher, Hash, Hasher as _};

use serde_json::{Map, Value};
use uuid::Uuid;

use super::time;
use crate::analysis::doctor::evidence::{Evidence, Kind, NEVER, Name, Seen, flag};

/// Metadata that tells which request a run is of.
const REQUEST: [&str; 5] = [
    "request_id",
    "correlation_id",
    "x-request-id",
    "x_request_id",
    "http.request_id",
];
/// Metadata by which LangSmith groups conversations.
const THREAD: [&str; 3] = ["thread_id", "session_id", "conversation_id"];
const SERVICE: [&str; 3] = ["service", "service.name", "service_name"];

/// An id of a run with this id's time: lists show it, opening it gives 404.
const ID_TIME: i64 = 1_000_000;

/// Tells a run from a line of a capture.
pub(super) fn is_run(map: &Map<String, Value>) -> bool {
    map.contains_key("id")
        && [
            "start_time",
            "dotted_order",
            "trace_id",
            "run_type",
            "end_time",
        ]
        .into_iter()
        .any(|key| map.contains_key(key))
}

pub(super) fn take(evidence: &mut Evidence, map: &Map<String, Value>) -> bool {
    let Some(id) = text(map, "id").map(id_of) else {
        return false;
    };
    let sizes @ [inputs, outputs, _] = sizes_of(map);
    let mut run = Seen {
        id,
        start: NEVER,
        end: NEVER,
        token: NEVER,
        bytes: sizes.into_iter().fold(0, u32::saturating_add),
        ..Seen::default()
    };
    if id >> 64 == 0 {
        run.flags |= flag::SPAN;
    }
    run.start = time::micros(map.get("start_time")).unwrap_or(NEVER);
    run.end = time::micros(map.get("end_time")).unwrap_or(NEVER);
    run.kind = Kind::read(text(map, "run_type").unwrap_or_default());
    if let Some(parent) = text(map, "parent_run_id") {
        run.parent = id_of(parent);
        run.flags |= flag::CHILD;
    }
    let order = text(map, "dotted_order").unwrap_or_default();
    run.trace = match text(map, "trace_id") {
        Some(trace) => id_of(trace),
        None if order.is_empty() => id,
        None => first_of(order),
    };
    place(&mut run, order);
    time_of_id(&mut run);
    content(&mut run, map);
    let names = &mut evidence.names;
    run.name = names.keep(text(map, "name").unwrap_or("Unnamed"));
    let project = text(map, "session_name").or_else(|| text(map, "project_name"));
    let project = project.or_else(|| text(map, "session_id"));
    run.project = project.map_or(Name::NONE, |project| names.keep(project));
    let extra = map.get("extra").and_then(Value::as_object);
    let metadata = extra.and_then(|extra| extra.get("metadata"));
    let metadata = metadata.and_then(Value::as_object);
    if let Some(metadata) = metadata {
        let mut find = |keys: &[&str]| {
            let value = keys.iter().find_map(|key| text(metadata, key));
            value.map_or(Name::NONE, |value| names.keep(value))
        };
        run.request = find(&REQUEST);
        run.thread = find(&THREAD);
        run.service = find(&SERVICE);
        let is = |key| metadata.get(key).and_then(Value::as_bool) == Some(true);
        for (said, flag) in [
            (is("ls_is_error_interrupt"), flag::INTERRUPT_MARKED),
            (metadata.contains_key("incoming_trace_id"), flag::RESTARTED),
            (is("stream") || is("streaming"), flag::STREAMS),
            (metadata.contains_key("usage_metadata"), flag::USAGE),
        ] {
            run.flags |= if said { flag } else { 0 };
        }
        run.tokens = run.tokens.max(tokens(metadata.get("usage_metadata")));
    }
    if let Some(extra) = extra {
        let runtime = extra.get("runtime").and_then(Value::as_object);
        run.runtime = runtime.map_or(Name::NONE, |runtime| {
            let word = |key| text(runtime, key).unwrap_or_default();
            let version = word("runtime_version");
            names.keep(&format!("{} {version}", word("runtime")).to_lowercase())
        });
        let asked = extra
            .get("invocation_params")
            .and_then(|asked| asked.get("stream"));
        if asked.and_then(Value::as_bool) == Some(true) {
            run.flags |= flag::STREAMS;
        }
        let elsewhere = THREAD[..1].iter().any(|key| extra.contains_key(*key));
        if elsewhere && !run.thread.is_some() {
            run.flags |= flag::THREAD_ELSEWHERE;
        }
    }
    let is_call = run.kind.is_call() || evidence.is_call(id);
    if is_call && !run.is(flag::ERROR) {
        evidence.contents.keep(id, map);
    }
    evidence.add_run(run, [inputs, outputs]);
    true
}

/// What the run was given and gave back, and how it ended.
fn content(run: &mut Seen, map: &Map<String, Value>) {
    let full = |key: &str| map.get(key).is_some_and(|value| !is_empty(value));
    if full("inputs") {
        run.flags |= flag::INPUTS;
        run.digest = map.get("inputs").map_or(0, digest);
    }
    match map.get("outputs") {
        Some(outputs) if !is_empty(outputs) => {
            run.flags |= flag::OUTPUTS;
            run.answer = digest(outputs);
        }
        Some(Value::Object(_)) => run.flags |= flag::EMPTY_OUTPUTS,
        _ => {}
    }
    let told = map
        .get("outputs")
        .and_then(|outputs| outputs.get("usage_metadata"));
    let own = map.get("total_tokens").and_then(Value::as_u64).unwrap_or(0);
    if told.is_some() || own > 0 {
        run.flags |= flag::USAGE;
        run.tokens = tokens(told).max(u32::try_from(own).unwrap_or(u32::MAX));
    }
    let events = map.get("events").and_then(Value::as_array);
    let is_token = |event: &&Value| event.get("name").and_then(Value::as_str) == Some("new_token");
    for token in events.into_iter().flatten().filter(is_token) {
        run.flags |= flag::TOKEN | flag::STREAMS;
        let at = time::micros(token.get("time")).unwrap_or(NEVER);
        if run.token == NEVER || (at != NEVER && at < run.token) {
            run.token = at;
        }
    }
    if let Some(error) = text(map, "error").filter(|error| !error.is_empty()) {
        run.flags |= flag::ERROR;
        if error.starts_with("GraphInterrupt") || error.starts_with("NodeInterrupt") {
            run.flags |= flag::INTERRUPT;
        }
    }
}

/// What the dotted order says, and contradicts.
fn place(run: &mut Seen, order: &str) {
    if order.is_empty() {
        return;
    }
    let mut last = order.rsplit('.');
    let own = last
        .next()
        .and_then(|segment| time::of_segment(segment.get(..22)?));
    let above = last.next();
    run.flags |= match above {
        Some(_) => flag::MORE_SEGMENTS,
        None => flag::ONE_SEGMENT,
    };
    if first_of(order) != run.trace {
        run.flags |= flag::OTHER_TRACE;
    }
    let above = above.and_then(|segment| time::of_segment(segment.get(..22)?));
    if let (Some(own), Some(above)) = (own, above) {
        run.behind = behind(own, above);
    }
}

/// Returns by how many microseconds a child begins before its parent. JavaScript's clock has
/// milliseconds only, which is no skew.
pub(in crate::analysis::doctor) fn behind(own: i64, above: i64) -> i64 {
    let above = if own % 1_000 == 0 {
        above.saturating_sub(above.rem_euclid(1_000))
    } else {
        above
    };
    above.saturating_sub(own).max(0)
}

fn first_of(order: &str) -> u128 {
    let first = order.split('.').next().unwrap_or_default();
    first.split_once('Z').map_or(0, |(_, id)| id_of(id))
}

fn time_of_id(run: &mut Seen) {
    let id = Uuid::from_u128(run.id);
    if id.get_version_num() != 7 || run.start == NEVER {
        return;
    }
    let millis = i64::try_from(run.id >> 80).unwrap_or(0);
    if millis.saturating_mul(1_000).abs_diff(run.start) > ID_TIME.unsigned_abs() {
        run.flags |= flag::ID_TIME;
    }
}

/// Reads an id; what is none gets one made of its text, so that equal ones stay equal.
pub(in crate::analysis::doctor) fn id_of(text: &str) -> u128 {
    if let Ok(id) = Uuid::try_parse(text) {
        return id.as_u128();
    }
    (u128::from(hashed(text)) << 64) | u128::from(hashed(&(text, 1)))
}

fn hashed(value: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn digest(value: &Value) -> u64 {
    hashed(&value.to_string()).max(1)
}

fn tokens(usage: Option<&Value>) -> u32 {
    let total = usage.and_then(|usage| usage.get("total_tokens"));
    let total = total.and_then(Value::as_u64).unwrap_or(0);
    u32::try_from(total).unwrap_or(u32::MAX)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

/// Estimates the sizes of a run's inputs, of its outputs, and of all else.
fn sizes_of(map: &Map<String, Value>) -> [u32; 3] {
    let mut sizes = [0_u32; 3];
    for (key, value) in map {
        let place = match key.as_str() {
            "inputs" => 0,
            "outputs" => 1,
            _ => 2,
        };
        sizes[place] = sizes[place].saturating_add(bytes_of(value));
    }
    sizes
}

/// Estimates the size of JSON: its texts, without writing it.
fn bytes_of(value: &Value) -> u32 {
    let mut bytes = 0_usize;
    let mut stack = vec![value];
    while let Some(value) = stack.pop() {
        let own = match value {
            Value::String(text) => text.len() + 2,
            Value::Array(list) => {
                stack.extend(list);
                2
            }
            Value::Object(map) => {
                stack.extend(map.values());
                map.keys().map(|key| key.len() + 4).sum()
            }
            _ => 6,
        };
        bytes = bytes.saturating_add(own);
    }
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

fn text<'a>(map: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    map.get(key)?.as_str()
}
