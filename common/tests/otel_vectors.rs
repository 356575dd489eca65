//! Every recording of spans becomes the runs that were recorded with it.
//!
//! The recordings named `otel_NN_…` are of the collector-proxy, so the stand-in is one here. What the
//! hosted service documents otherwise is in [`OTHERWISE`], row by row.
#![cfg(feature = "langsmith_mock")]
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod langsmith_mock_support;

use std::collections::{BTreeMap, BTreeSet};

use common::langsmith_mock::{
    Fate, LangSmithMock, SpanMapping, SpanReading, ViolationCode, read_spans,
};
use common::model::{Run, RunType};
use http::Method;
use langsmith_mock_support::{codes, request, with};
use serde_json::{Map, Value, json};

/// Recordings that are no pair of spans and runs, and the test that reads each.
const APART: [(&str, &str); 4] = [
    (
        "24_otel_only",
        "the_python_sdk_in_its_mode_otel_is_one_tree",
    ),
    (
        "otel_orphans_after_gc",
        "the_proxy_hangs_orphans_below_their_trace",
    ),
    (
        "otel_python_tracing_modes",
        "in_the_mode_hybrid_runs_are_there_twice_and_a_span_is_lost",
    ),
    (
        "otel_rust_link_processor",
        "spans_that_name_their_place_stand_there (langsmith_mock_otlp)",
    ),
];

/// What the hosted service's documentation has otherwise, by recording: fields of the run.
const OTHERWISE: [(&str, &[&str], &str); 6] = [
    (
        "02_llm_semconv_current",
        &["inputs", "outputs", "params"],
        "messages of the present conventions; `stop`; lists",
    ),
    (
        "13_embeddings_current",
        &["params"],
        "lists are as they are",
    ),
    (
        "16_error_status_only",
        &["error"],
        "a status of ERROR is an error",
    ),
    (
        "24_resource_and_generic_attrs__generic",
        &["extra"],
        "unknown attributes are ignored",
    ),
    (
        "26_metadata_typed_values",
        &["metadata"],
        "lists are as they are",
    ),
    (
        "27_vercel_ai_raw__generic",
        &["extra"],
        "unknown attributes are ignored",
    ),
];

fn folder() -> String {
    format!("{}/tests/vectors", env!("CARGO_MANIFEST_DIR"))
}

fn vector(name: &str) -> Value {
    let path = format!("{}/{name}.json", folder());
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Returns the names of all recordings of spans.
fn all() -> BTreeSet<String> {
    let files = std::fs::read_dir(folder()).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let names = names.filter_map(|name| Some(name.strip_suffix(".json")?.to_owned()));
    names.filter(|name| name.contains("otel_")).collect()
}

fn pairs() -> Vec<(String, Value)> {
    let apart: Vec<&str> = APART.iter().map(|(name, _)| *name).collect();
    let names = all().into_iter().filter(|name| !apart.contains(&&**name));
    names.map(|name| (name.clone(), vector(&name))).collect()
}

fn proxy(name: &str) -> SpanMapping {
    SpanMapping::CollectorProxy {
        generic: name.ends_with("__generic"),
        filter: name.ends_with("__filter"),
    }
}

fn received(mapping: SpanMapping, vector: &Value, status: u16) -> LangSmithMock {
    let mock = LangSmithMock::builder().span_mapping(mapping).unmounted();
    let body = vector["otlp_request_json"].to_string();
    let request = request(Method::POST, "/otel/v1/traces", body);
    let mut headers = vec![("content-type", "application/json")];
    if let Some(project) = vector["request_headers"]["langsmith-project"].as_str() {
        headers.push(("langsmith-project", project));
    }
    assert_eq!(mock.handle(with(request, &headers)).status, status);
    mock
}

/// Returns what is compared of a recorded run: not its times of arrival.
fn recorded(vector: &Value) -> BTreeMap<String, Value> {
    let mut runs: BTreeMap<String, Value> = BTreeMap::new();
    let uploads = vector["uploads"].as_array().unwrap().iter();
    for part in uploads.flat_map(|upload| upload["parts"].as_array().unwrap()) {
        let name = part["name"]
            .as_str()
            .unwrap()
            .strip_prefix("post.")
            .unwrap();
        let sent = part["json"].clone();
        match name.split_once('.') {
            Some((id, side)) => runs.get_mut(id).unwrap()[side] = sent,
            None => {
                let mut extra = sent["extra"].as_object().unwrap().clone();
                let metadata = extra.shift_remove("metadata");
                let params = extra.shift_remove("invocation_params");
                let tags = if sent["tags"].is_null() {
                    json!([])
                } else {
                    sent["tags"].clone()
                };
                let project = match (&sent["session_name"], &sent["session_id"]) {
                    (Value::Null, Value::Null) => json!("default"),
                    (project, _) => project.clone(),
                };
                let run = json!({
                    "name": sent["name"], "run_type": sent["run_type"], "parent": sent["parent_run_id"],
                    "trace": sent["trace_id"], "project": project, "tags": tags, "error": sent["error"],
                    "metadata": metadata, "params": params, "extra": extra,
                    "inputs": null, "outputs": null,
                });
                runs.insert(name.to_owned(), run);
            }
        }
    }
    runs
}

fn shown(run: &Run) -> Value {
    let mut extra = run.extra.other.clone();
    let params = extra.shift_remove("invocation_params");
    json!({
        "name": run.name, "run_type": run.run_type, "parent": run.parent_run_id, "trace": run.trace_id,
        "project": run.project, "tags": run.tags, "error": run.error,
        "metadata": *run.extra.metadata, "params": params, "extra": extra,
        "inputs": run.inputs, "outputs": run.outputs,
    })
}

fn by_id(mock: &LangSmithMock) -> BTreeMap<String, Value> {
    let runs = mock.runs();
    runs.iter()
        .map(|run| (run.id.to_string(), shown(run)))
        .collect()
}

#[test]
fn every_recording_is_compared_or_named() {
    let all = all();
    assert!(all.len() > 30, "{all:?}");
    for (name, test) in APART {
        assert!(all.contains(name), "{name}, which {test} reads, is gone");
    }
    for (name, ..) in OTHERWISE {
        assert!(all.contains(&format!("otel_{name}")), "{name} is gone");
    }
}

#[test]
fn as_a_proxy_the_stand_in_makes_the_recorded_runs() {
    for (name, vector) in pairs() {
        let mock = received(proxy(&name), &vector, 202);
        let (ours, theirs) = (by_id(&mock), recorded(&vector));
        assert_eq!(ours, theirs, "{name}");
        let dropped = usize::from(name.ends_with("__filter"));
        let filtered = vec![ViolationCode::SpanFiltered; dropped];
        assert_eq!(codes(&mock.errors()), filtered, "{name}");
    }
}

#[test]
fn the_hosted_mapping_differs_where_it_is_documented_to() {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for (name, vector) in pairs() {
        let short = name.strip_prefix("otel_").unwrap();
        if short.ends_with("__filter") || short.ends_with("__project_header") {
            continue;
        }
        let mock = received(SpanMapping::Hosted, &vector, 200);
        let otherwise: &[&str] = OTHERWISE
            .iter()
            .find(|(known, ..)| *known == short)
            .map_or(&[], |(_, fields, _)| fields);
        // Ids of roots differ by rule, so runs are found by their names.
        let theirs = recorded(&vector);
        for run in mock.runs() {
            let theirs = theirs
                .values()
                .find(|other| other["name"] == run.name.as_str())
                .unwrap();
            let mut differing = BTreeSet::new();
            let ours = shown(&run);
            for (field, value) in ours.as_object().unwrap() {
                let expected = &theirs[field];
                let is_same = match (&**field, field == "metadata") {
                    ("parent" | "trace", _) => value.is_null() == expected.is_null(),
                    // Of the resource.
                    (_, true) => {
                        without(value, &["service.name", "deployment.environment"]) == *expected
                    }
                    _ => value == expected,
                };
                if !is_same {
                    differing.insert(field.as_str());
                }
            }
            let expected: BTreeSet<&str> = otherwise.iter().copied().collect();
            assert_eq!(differing, expected, "{name}: {ours:#}\n{theirs:#}");
            seen.extend((!differing.is_empty()).then(|| short.to_owned()));
        }
    }
    assert_eq!(seen.len(), OTHERWISE.len(), "{seen:?}");
}

fn without(value: &Value, keys: &[&str]) -> Value {
    let map = value.as_object().unwrap().iter();
    let kept: Map<String, Value> = map
        .filter(|(key, _)| !keys.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    Value::Object(kept)
}

/// A request of one span, as the recordings have them.
fn one_span(trace: &str, id: &str, parent: Option<&str>, name: &str, attributes: &Value) -> Value {
    let attributes: Vec<Value> = attributes
        .as_object()
        .unwrap()
        .iter()
        .map(|(key, value)| json!({"key": key, "value": {"stringValue": value}}))
        .collect();
    json!({"otlp_request_json": {"resourceSpans": [{"scopeSpans": [{"spans": [{
        "traceId": trace, "spanId": id, "parentSpanId": parent, "name": name,
        "startTimeUnixNano": "1735732800000000000", "endTimeUnixNano": "1735732801500000000",
        "attributes": attributes,
    }]}]}]}})
}

#[test]
fn the_proxy_hangs_orphans_below_their_trace() {
    let vector = vector("otel_orphans_after_gc");
    let recorded = recorded(&vector);
    let spans = [
        (
            "20_langsmith_id_overrides",
            "0014",
            Some("0000001400000063"),
            "otel-child",
        ),
        (
            "20b_langsmith_id_overrides_no_otel_parent",
            "0078",
            None,
            "otel-child",
        ),
        (
            "29_orphan_child",
            "001d",
            Some("0000001d00000001"),
            "orphan",
        ),
    ];
    let mut ours = BTreeMap::new();
    for (case, number, parent, name) in spans {
        let trace = format!("0193f1c00000{number}abababababababab");
        let id = match case {
            "29_orphan_child" => "0000001d00000002".to_owned(),
            _ => format!("0000{number}00000001"),
        };
        let request = one_span(&trace, &id, parent, name, &vector["spans"][case]);
        let mock = received(proxy(case), &request, 202);
        assert_eq!(
            (mock.waiting_spans(), mock.runs().len()),
            (1, 0),
            "{case}: parked"
        );
        assert_eq!(mock.expire_orphans(), 1);
        let run = &mock.runs()[0];
        assert_eq!(
            run.dotted_order.depth(),
            1,
            "a new dotted order of two segments"
        );
        ours.extend(by_id(&mock));
    }
    let mut theirs = recorded;
    for run in theirs.values_mut() {
        run["extra"] = json!({});
    }
    assert_eq!(ours, theirs);
}

#[test]
fn the_python_sdk_in_its_mode_otel_is_one_tree() {
    let vector = vector("24_otel_only");
    let request = json!({ "otlp_request_json": with_hex_ids(&vector["requests"][0]["otlp"]) });
    let mock = received(SpanMapping::Hosted, &request, 200);
    let tree = mock.tree();
    assert!(tree.is_whole());
    let model = tree.find("model").unwrap();
    assert_eq!(tree.parent_of(model.id).unwrap().name, "outer");
    assert_eq!(model.run_type, RunType::Llm);
    assert_eq!(model.project.as_deref(), Some("golden-vectors"));
    assert_eq!(model.extra.metadata["ls_model_name"], "gpt-4o");
    let outputs = model.outputs.as_ref().unwrap();
    assert_eq!(outputs["usage_metadata"]["total_tokens"], 6);
    assert_eq!(mock.errors(), []);
}

#[test]
fn in_the_mode_hybrid_runs_are_there_twice_and_a_span_is_lost() {
    let vector = vector("otel_python_tracing_modes");
    let hybrid = vector["captures"]["hybrid"].as_array().unwrap();
    let mut native: BTreeSet<String> = BTreeSet::new();
    let mock = LangSmithMock::builder().unmounted();
    for capture in hybrid {
        if let Some(parts) = capture["parts"].as_array() {
            let posts = parts
                .iter()
                .filter(|part| part["name"].as_str().unwrap().matches('.').count() == 1);
            for part in posts {
                native.insert(part["json"]["name"].as_str().unwrap().to_owned());
                let run = part["json"].to_string();
                let request = request(Method::POST, "/runs", run);
                mock.handle(with(request, &[("content-type", "application/json")]));
            }
        } else {
            let body = with_hex_ids(&capture["otlp"]).to_string();
            let request = request(Method::POST, "/otel/v1/traces", body);
            mock.handle(with(request, &[("content-type", "application/json")]));
        }
    }
    assert_eq!(native.iter().collect::<Vec<_>>(), ["inner_llm", "outer"]);
    let count = |name: &str| mock.runs().iter().filter(|run| run.name == name).count();
    assert_eq!((count("outer"), count("inner_llm")), (2, 2));
    // The span inside of a traceable names a parent that was never exported.
    assert_eq!((count("otel-only-inside"), mock.waiting_spans()), (0, 1));
    assert_eq!(mock.expire_orphans(), 1);
}

/// Writes the ids as OTLP in JSON has them: the recorder kept Python's form, and theirs beside it.
fn with_hex_ids(request: &Value) -> Value {
    let mut request = request.clone();
    let list = |value: &mut Value, key: &str| match value[key].take() {
        Value::Array(list) => list,
        _ => Vec::new(),
    };
    let mut hex: BTreeMap<String, String> = BTreeMap::new();
    let mut groups = list(&mut request, "resourceSpans");
    for group in &mut groups {
        let mut scopes = list(group, "scopeSpans");
        for scope in &mut scopes {
            let mut spans = list(scope, "spans");
            for span in &mut spans {
                for (id, plain) in [("traceId", "traceId_hex"), ("spanId", "spanId_hex")] {
                    if let Some(text) = span[plain].as_str().map(str::to_owned) {
                        hex.insert(span[id].as_str().unwrap().to_owned(), text.clone());
                        span[id] = text.into();
                    }
                }
            }
            for span in &mut spans {
                let parent = span["parentSpanId"]
                    .as_str()
                    .and_then(|parent| hex.get(parent));
                if let Some(parent) = parent.cloned() {
                    span["parentSpanId"] = parent.into();
                }
            }
            scope["spans"] = spans.into();
        }
        group["scopeSpans"] = scopes.into();
    }
    request["resourceSpans"] = groups.into();
    request
}

fn reading(name: &str, mapping: SpanMapping) -> SpanReading {
    let body = vector(name)["otlp_request_json"].to_string();
    read_spans("application/json", body.as_bytes(), mapping)
        .unwrap()
        .remove(0)
}

#[test]
fn the_validator_says_of_each_attribute_what_becomes_of_it() {
    let hosted = reading("otel_02_llm_semconv_current", SpanMapping::Hosted);
    let read = |becomes: &str| Some(Fate::Read(becomes.to_owned()));
    let fate = |key: &str| hosted.fate(key).cloned();
    assert_eq!(fate("gen_ai.input.messages"), read("inputs.messages"));
    assert_eq!(
        fate("gen_ai.request.stop_sequences"),
        read("invocation_params.stop")
    );
    assert_eq!(fate("gen_ai.operation.name"), read("the run type"));
    assert!(matches!(
        fate("gen_ai.request.stream"),
        Some(Fate::Ignored(_))
    ));
    let lost: BTreeMap<&str, &str> = hosted.lost().collect();
    assert!(lost["gen_ai.provider.name"].contains("send gen_ai.system"));
    assert!(lost["gen_ai.conversation.id"].contains("thread_id"));
    assert_eq!(hosted.run_type, RunType::Llm);
    assert_eq!(hosted.place, "a root");
    let by_proxy = reading("otel_02_llm_semconv_current", proxy(""));
    assert!(matches!(
        by_proxy.fate("gen_ai.input.messages"),
        Some(Fate::Lost(_))
    ));
    assert!(matches!(
        by_proxy.fate("gen_ai.usage.input_tokens"),
        Some(Fate::Lost(_))
    ));
}

#[test]
fn the_validator_names_the_rule_that_made_the_run_type_and_what_it_stopped() {
    let unknown = reading("otel_28_unknown_kind", SpanMapping::Hosted);
    assert_eq!(
        (unknown.run_type.clone(), &*unknown.rule),
        (RunType::Chain, "langsmith.span.kind is unknown")
    );
    let status = reading("otel_16_error_status_only", proxy(""));
    assert!(matches!(status.fate("status ERROR"), Some(Fate::Lost(_))));
    let table = unknown.to_string();
    let first = "\"k\" becomes a run of type chain (langsmith.span.kind is unknown), a root\n";
    assert!(table.starts_with(first), "{table}");
    assert!(
        table.contains("langsmith.span.kind    LOST     no run type of LangSmith's"),
        "{table}"
    );
}

#[test]
fn the_stand_in_keeps_what_it_read_of_each_span() {
    let vector = vector("otel_19_tree_root_last");
    let mock = received(SpanMapping::Hosted, &vector, 200);
    let readings = mock.span_readings();
    let told: Vec<&str> = readings.iter().map(|reading| &*reading.span).collect();
    assert_eq!(told, ["grandchild", "child", "root"]);
    assert!(readings[0].place.contains("never"), "{}", readings[0]);
    assert_eq!(readings[2].place, "a root");
    mock.clear();
    assert!(mock.span_readings().is_empty());
}

#[test]
fn the_validator_refuses_what_is_no_otlp() {
    let mapping = SpanMapping::Hosted;
    assert!(read_spans("text/plain", b"", mapping).is_err());
    let broken = read_spans("application/json", b"[", mapping).unwrap_err();
    assert!(
        broken.to_string().starts_with("the body is no OTLP"),
        "{broken}"
    );
}

#[test]
fn the_validator_says_what_was_not_read_for_another_or_for_what_it_is() {
    let attributes = json!({
        "gen_ai.tool.name": "search",
        "langsmith.span.kind": "llm",
        "gen_ai.operation.name": "chat",
        "openinference.span.kind": "LLM",
        "tool.name": "search",
        "langsmith.span.id": "0102030405060708",
        "langsmith.span.dotted_order": "first.second",
        "gen_ai.input.messages": "[not JSON",
        "langsmith.attachments": "[]",
    });
    let (trace, id) = ("0102030405060708090a0b0c0d0e0f10", "0102030405060708");
    let request = one_span(trace, id, None, "span", &attributes);
    let body = request["otlp_request_json"].to_string();
    let read = |body: &str| read_spans("application/json", body.as_bytes(), SpanMapping::Hosted);
    let reading = read(&body).unwrap().remove(0);
    for key in [
        "langsmith.span.kind",
        "gen_ai.operation.name",
        "langsmith.span.id",
        "langsmith.span.dotted_order",
        "gen_ai.input.messages",
    ] {
        let fate = reading.fate(key);
        assert!(matches!(fate, Some(Fate::Lost(_))), "{key}: {reading}");
    }
    let tool = reading.fate("tool.name");
    assert!(matches!(tool, Some(Fate::Ignored(_))), "{reading}");
    let files = reading.fate("langsmith.attachments");
    assert!(matches!(files, Some(Fate::Read(_))), "{reading}");
    assert_eq!(
        (reading.run_type.clone(), &*reading.place),
        (RunType::Tool, "a root")
    );
    let run = &received(SpanMapping::Hosted, &request, 200).runs()[0];
    assert_eq!((run.name.as_str(), run.parent_run_id), ("span", None));
}
