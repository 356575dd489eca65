//! What the doctor reads, and what it prints of it.
#![cfg(feature = "analysis")]

use std::path::Path;

use common::analysis::doctor::{Evidence, ReadError, catalogue, examine};
use serde_json::{Map, Value, json};

const ROOT: &str = "01a0f1ce-0000-4000-8000-000000000001";
const CHILD: &str = "01a0f1ce-0000-4000-8000-000000000002";

fn orphan() -> Value {
    json!({
        "id": CHILD, "trace_id": ROOT, "parent_run_id": ROOT, "name": "search", "run_type": "tool",
        "start_time": "2026-09-09T22:26:23Z", "end_time": "2026-09-09T22:26:24Z",
        "dotted_order": null, "inputs": { "q": 1 }, "outputs": { "a": 1 },
    })
}

fn codes(text: &str) -> Vec<&'static str> {
    let evidence = Evidence::read(text.as_bytes()).expect("evidence");
    examine(&evidence)
        .counts
        .into_keys()
        .filter(|code| *code != "LT021")
        .collect()
}

#[test]
fn the_same_run_is_read_in_each_form_in_which_runs_are_exported() {
    let run = orphan();
    let pretty = |value: Value| serde_json::to_string_pretty(&value).expect("JSON");
    for text in [
        run.to_string(),
        pretty(run.clone()),
        json!([run]).to_string(),
        pretty(json!([run])),
        pretty(json!({ "runs": [run], "cursors": { "next": null } })),
        json!({ "runs": [run] }).to_string(),
        json!({ "post": [run], "patch": [] }).to_string(),
        json!({ "version": 1, "traces": [{ "trace_id": ROOT, "runs": [run] }] }).to_string(),
        json!({ "run": run }).to_string(),
        format!("\n{}\r\n\n", json!({ "run": run })),
    ] {
        assert_eq!(codes(&text), ["LT001"], "{text}");
    }
}

#[test]
fn a_create_and_its_update_are_one_run() {
    let mut post = orphan();
    post["parent_run_id"] = Value::Null;
    post["trace_id"] = json!(CHILD);
    let end = post["end_time"].take();
    let patch = json!({ "id": CHILD, "trace_id": CHILD, "end_time": end, "outputs": { "a": 1 } });
    assert_eq!(codes(&json!({ "post": [post] }).to_string()), ["LT003"]);
    let empty: [&str; 0] = [];
    assert_eq!(
        codes(&json!({ "post": [post], "patch": [patch] }).to_string()),
        empty
    );
}

#[test]
fn spans_of_otlp_json_are_read_with_their_attributes() {
    let span = |id: &str, parent: &str| {
        json!({ "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": id, "parentSpanId": parent,
            "name": "chat", "startTimeUnixNano": "1790812800000000000",
            "endTimeUnixNano": "1790812801000000000",
            "attributes": [
                { "key": "gen_ai.operation.name", "value": { "stringValue": "chat" } },
                { "key": "gen_ai.usage.input_tokens", "value": { "intValue": "12" } },
            ] })
    };
    let of = |spans: Value| {
        json!({ "resourceSpans": [{
            "resource": { "attributes": [{ "key": "service.name", "value": { "stringValue": "api" } }] },
            "scopeSpans": [{ "spans": spans }],
        }] })
    };
    let whole = of(json!([
        span("00f067aa0ba902b7", ""),
        span("00f067aa0ba902b8", "00f067aa0ba902b7")
    ]));
    // A chat in a chat with equal tokens counts them twice, also as spans.
    assert_eq!(codes(&whole.to_string()), ["LT008", "LT046"]);
    let orphan = of(json!([span("00f067aa0ba902b8", "00f067aa0ba902b7")]));
    let text = serde_json::to_string_pretty(&orphan).expect("JSON");
    assert_eq!(codes(&text), ["LT044", "LT046"]);
    let report = examine(&Evidence::read(text.as_bytes()).expect("spans"));
    assert_eq!(report.findings[0].runs[0].service, "api");
}

#[test]
fn broken_lines_are_counted_and_the_others_are_read() {
    let lines = format!("{}\n{{\"id\": \n[1,2]\n{{\"other\":1}}\n", orphan());
    let evidence = Evidence::read(lines.as_bytes()).expect("one run");
    assert_eq!((evidence.len(), evidence.unreadable()), (1, 3));
}

#[test]
fn what_is_no_evidence_is_an_error_that_says_so() {
    let read = Evidence::read(&b""[..]);
    assert!(matches!(read, Err(ReadError::Empty)), "{read:?}");
    for text in ["{}", "[]", "[1, \"a\", null]", "{\"runs\": []}"] {
        let read = Evidence::read(text.as_bytes());
        assert!(matches!(read, Err(ReadError::Nothing)), "{text}: {read:?}");
    }
    for text in ["no JSON", "[{\"id\":", "\u{0}"] {
        let read = Evidence::read(text.as_bytes());
        assert!(
            matches!(read, Err(ReadError::NotJson(_))),
            "{text}: {read:?}"
        );
    }
}

#[test]
fn hostile_runs_are_harmless_and_bounded() {
    let mut run = orphan();
    run["name"] = json!(format!("\u{1b}[2J\u{202e}<script>|{}", "x".repeat(100_000)));
    run["start_time"] = json!("+262142-01-01T00:00:00Z");
    run["end_time"] = json!(-9e300);
    run["dotted_order"] = json!(format!("{}é.20261001T000000000000Zé", "9".repeat(21)));
    run["extra"] = json!({ "metadata": { "service": ["a"], "thread_id": 5 }, "runtime": 7 });
    run["events"] = json!([7, { "name": 5 }]);
    let mut lines = format!("{run}\n");
    // A circle of parents, and a run that is its own.
    for (id, parent) in [(ROOT, CHILD), ("self", "self")] {
        lines.push_str(&format!("{}\n", json!({ "id": id, "parent_run_id": parent, "trace_id": ROOT, "start_time": i64::MAX, "end_time": 0 })));
    }
    let deep = format!("{}{}", "{\"runs\":[".repeat(5_000), "]}".repeat(5_000));
    lines.push_str(&deep);
    let report = examine(&Evidence::read(lines.as_bytes()).expect("runs"));
    assert_eq!(report.runs, 3);
    let text = report.to_string();
    assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
    assert!(text.len() < 20_000, "{} bytes", text.len());
    assert!(!report.to_html().contains("<script>"));
}

#[test]
fn json_and_sarif_say_what_the_text_says() {
    let report = examine(&Evidence::read(orphan().to_string().as_bytes()).expect("a run"));
    let told = report.to_json();
    assert_eq!(told["version"], 1);
    assert_eq!(told["counts"]["LT001"], 1);
    assert_eq!(told["findings"][0]["runs"][0]["name"], "search");
    assert_eq!(told["findings"][0]["causes"][0]["row"], 35);
    let sarif = report.to_sarif("a capture.jsonl");
    assert_eq!(sarif["version"], "2.1.0");
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!(
        (&result["ruleId"], &result["level"]),
        (&json!("LT001"), &json!("error"))
    );
    let rule = result["ruleIndex"].as_u64().expect("a number");
    assert_eq!(
        sarif["runs"][0]["tool"]["driver"]["rules"][rule as usize]["id"],
        "LT001"
    );
    let place = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert_eq!(place, "a%20capture.jsonl");
    assert!(report.to_text(true).contains("\u{1b}[31mLT001"));
}

#[test]
fn the_page_of_known_problems_has_the_table_of_the_codes() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/troubleshooting.md");
    let page = std::fs::read_to_string(page).expect("the page");
    assert!(
        page.contains(&catalogue()),
        "put the output of `trace-doctor --catalogue` into docs/troubleshooting.md"
    );
}

/// Reads the operations of a recording as lines.
fn operations(recording: &Value) -> Vec<Value> {
    let mut found: Vec<((String, String), Map<String, Value>)> = Vec::new();
    let mut merge = |kind: &str, id: &str, fields: &Map<String, Value>| {
        let key = (kind.to_owned(), id.to_owned());
        match found.iter_mut().find(|(known, _)| *known == key) {
            Some((_, run)) => run.extend(fields.clone()),
            None => found.push((key, fields.clone())),
        }
    };
    let requests = recording["requests"].as_array();
    for request in requests.into_iter().flatten() {
        for part in request["parts"].as_array().into_iter().flatten() {
            let name: Vec<&str> = part["name"]
                .as_str()
                .unwrap_or_default()
                .split('.')
                .collect();
            match (name.as_slice(), &part["json"]) {
                ([kind @ ("post" | "patch"), id], Value::Object(run)) => merge(kind, id, run),
                ([kind @ ("post" | "patch"), id, field], value) => {
                    merge(
                        kind,
                        id,
                        &Map::from_iter([((*field).to_owned(), value.clone())]),
                    );
                }
                _ => {}
            }
        }
        for kind in ["post", "patch"] {
            for run in request["json"][kind].as_array().into_iter().flatten() {
                if let (Some(id), Some(run)) = (run["id"].as_str(), run.as_object()) {
                    merge(kind, id, run);
                }
            }
        }
    }
    found
        .into_iter()
        .map(|(_, run)| Value::Object(run))
        .collect()
}

#[test]
fn recordings_of_the_official_sdks_are_clean_but_for_what_their_programs_did_on_purpose() {
    // What the programs of these recordings did: generators that tell no usage; ids that the test made
    // up; a caller that was emulated, and never sent.
    let on_purpose = [
        ("06_streaming_llm_generator_reduce", "LT049"),
        ("09_sampling_half", "LT021"),
        ("25_header_turns_tracing_on", "LT001"),
        ("28_reroot", "LT001"),
        ("29_trace_ctx_and_settings", "LT021"),
        ("js_05_replicas", "LT001"),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut wrong = Vec::new();
    let mut read = 0;
    for entry in std::fs::read_dir(folder).expect("the recordings") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_stem()
            .and_then(|name| name.to_str())
            .unwrap_or_default()
            .to_owned();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        // One file holds headers with half a letter in them, and no runs.
        let Ok(recording) = serde_json::from_str::<Value>(&text) else {
            continue;
        };
        let lines = operations(&recording);
        if lines.is_empty() {
            continue;
        }
        read += 1;
        let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let report = examine(&Evidence::read(lines.as_bytes()).expect("runs"));
        for code in report.counts.keys() {
            if !on_purpose.contains(&(name.as_str(), *code)) {
                wrong.push(format!("{name}: {code}"));
            }
        }
    }
    assert!(read >= 20, "only {read} recordings have runs");
    assert_eq!(wrong, Vec::<String>::new());
}
