//! Runs and lines that cases are made of.

use common::analysis::doctor::{Evidence, Report, examine};
use serde_json::{Value, json};

pub(crate) const AT: i64 = 1_790_812_800_000_000;
pub(crate) const T: &str = "01a16ea6-1c00-4000-8000-000000000001";

pub(crate) fn id(n: u32) -> String {
    format!("01a16ea6-1c00-4000-8000-{n:012x}")
}

pub(crate) fn time(ms: i64) -> String {
    let time = chrono::DateTime::from_timestamp_micros(AT + ms * 1_000).expect("a time");
    time.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// A run of the trace, `n` below `above` (0: a root), from and to in milliseconds.
pub(crate) fn run(n: u32, above: u32, name: &str, from: i64, to: i64) -> Value {
    let mut run = json!({
        "id": id(n), "trace_id": T, "name": name, "run_type": "chain",
        "start_time": time(from), "end_time": time(to), "session_name": "docs",
        "inputs": { "n": n }, "outputs": { "n": n },
        "extra": { "metadata": { "service": "a", "request_id": "r-1" } },
    });
    if above > 0 {
        run["parent_run_id"] = json!(id(above));
    }
    run
}

pub(crate) fn root() -> Value {
    run(1, 0, "root", 0, 100)
}

pub(crate) fn with(mut value: Value, pointer: &str, set: Value) -> Value {
    let (above, key) = pointer.rsplit_once('/').expect("a pointer");
    value.pointer_mut(above).expect("there")[key] = set;
    value
}

pub(crate) fn without(mut value: Value, pointer: &str) -> Value {
    let (above, key) = pointer.rsplit_once('/').expect("a pointer");
    let map = value.pointer_mut(above).and_then(Value::as_object_mut);
    map.expect("there").remove(key).expect("was there");
    value
}

pub(crate) fn report(lines: &[Value]) -> Report {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    examine(&Evidence::read(text.as_bytes()).expect("evidence"))
}

/// Returns the codes that are found.
pub(crate) fn codes(lines: &[Value]) -> Vec<&'static str> {
    report(lines).counts.into_keys().collect()
}

/// Holds that the first has the code alone, and the second nothing.
pub(crate) fn tells(code: &str, broken: &[Value], near: &[Value]) {
    assert_eq!(codes(broken), [code], "{}", report(broken));
    let empty: [&str; 0] = [];
    assert_eq!(codes(near), empty, "near miss of {code}: {}", report(near));
}

pub(crate) fn model() -> Value {
    let model = with(run(2, 1, "model", 10, 90), "/run_type", json!("llm"));
    with(
        model,
        "/outputs/usage_metadata",
        json!({ "total_tokens": 7 }),
    )
}

pub(crate) fn token(run: Value) -> Value {
    with(
        run,
        "/events",
        json!([{ "name": "new_token", "time": time(20) }]),
    )
}

pub(crate) fn order(ns: &[(u32, i64)]) -> Value {
    let segment = |(n, ms): &(u32, i64)| {
        let time = chrono::DateTime::from_timestamp_micros(AT + ms * 1_000).expect("a time");
        format!("{}{}", time.format("%Y%m%dT%H%M%S%6fZ"), id(*n))
    };
    json!(ns.iter().map(segment).collect::<Vec<_>>().join("."))
}

pub(crate) fn span(n: u64, parent: Option<u64>) -> Value {
    let id = |n: u64| format!("00000000-0000-0000-0000-{n:012x}");
    let mut span = without(run(1, 0, "span", 5, 50), "/extra/metadata/request_id");
    span["id"] = json!(id(n));
    if let Some(parent) = parent {
        span["parent_run_id"] = json!(id(parent));
    }
    span["trace_id"] = json!("4bf92f3577b34da6a3ce929d0e0e4736");
    span
}
