//! Spans sent by OpenTelemetry become runs, or vanish without a word.

#![cfg(feature = "langsmith_mock")]
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod langsmith_mock_support;

use std::io::Write as _;
use std::time::Duration;

use common::langsmith_mock::{
    IngestOutcome, LangSmithMock, MockResponse, SpanMapping, ViolationCode as V, read_spans,
};
use common::model::{Run, RunType, SteppingClock, TraceTree};
use http::Method;
use langsmith_mock_support::*;
use proptest::prelude::*;
use serde_json::{Value, json};

fn vector(file: &str) -> Value {
    let path = format!("{}/tests/vectors/{file}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.bytes().filter(|byte| *byte != b'=');
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for digit in digits {
        let value = DIGITS.iter().position(|known| *known == digit).unwrap();
        bits = (bits << 6) | u32::try_from(value).unwrap();
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 0xff).unwrap());
        }
    }
    bytes
}

fn post_bytes(
    mock: &LangSmithMock,
    content_type: &str,
    body: impl Into<bytes::Bytes>,
) -> MockResponse {
    let request = request(Method::POST, "/otel/v1/traces", body);
    mock.handle(with(request, &[("content-type", content_type)]))
}

fn post_json(mock: &LangSmithMock, body: &Value) -> MockResponse {
    post_bytes(mock, "application/json", body.to_string())
}

/// A span of the trace `0102…10`, its id and its parent's each one number.
fn span(n: u8, parent: u8, attributes: &Value) -> Value {
    let id = |n: u8| {
        if n == 0 {
            String::new()
        } else {
            format!("{n:02x}").repeat(8)
        }
    };
    let value = |value: &Value| match value {
        Value::Bool(flag) => json!({"boolValue": flag}),
        Value::Number(number) => json!({"intValue": number.to_string()}),
        other => json!({"stringValue": other}),
    };
    let attributes: Vec<Value> = attributes
        .as_object()
        .unwrap()
        .iter()
        .map(|(key, held)| json!({"key": key, "value": value(held)}))
        .collect();
    json!({
        "traceId": "0102030405060708090a0b0c0d0e0f10",
        "spanId": id(n),
        "parentSpanId": id(parent),
        "name": format!("span {n}"),
        "startTimeUnixNano": format!("17953426740{n:02}000000"),
        "endTimeUnixNano": format!("17953426750{n:02}000000"),
        "attributes": attributes,
    })
}

fn spans(spans: &[Value]) -> Value {
    json!({ "resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "lab"}}]},
        "scopeSpans": [{ "spans": spans }],
    }] })
}

fn padded(n: u8) -> String {
    let byte = format!("{n:02x}");
    format!("00000000-0000-0000-{}-{}", byte.repeat(2), byte.repeat(6))
}

fn find(mock: &LangSmithMock, name: &str) -> Run {
    mock.tree().find(name).unwrap().clone()
}

#[test]
fn a_chain_of_spans_is_as_deep_as_512_levels_and_no_deeper() {
    let id = |n: u64| format!("{:016x}", n + 1);
    let chain = |deep: u64| -> Vec<Value> {
        let at = |n: u64| (1_795_342_674_000_000_000 + n * 1_000_000).to_string();
        (0..deep)
            .map(|n| {
                json!({
                    "traceId": "0102030405060708090a0b0c0d0e0f10", "spanId": id(n),
                    "parentSpanId": n.checked_sub(1).map_or_else(String::new, id),
                    "name": format!("level {n}"), "startTimeUnixNano": at(n), "endTimeUnixNano": at(deep),
                })
            })
            .collect()
    };
    let (root_first, mut leaf_first) = (chain(600), chain(600));
    leaf_first.reverse();
    for sent in [root_first, leaf_first] {
        let mock = LangSmithMock::builder().unmounted();
        assert_eq!(post_json(&mock, &spans(&sent)).status, 200);
        assert_eq!(mock.runs().len(), 512);
        assert!(mock.tree().find("level 511").is_some());
        let dropped = mock.violations();
        assert_eq!(dropped[0].code, V::SpanOrphan);
        assert!(dropped[0].message.contains("512 levels"), "{}", dropped[0]);
    }
}

#[test]
fn protobuf_and_json_become_the_same_runs() {
    for file in [
        "otel_01_llm_legacy_indexed",
        "otel_03_llm_prompt_completion_json",
        "otel_15_error_exception_event",
        "otel_19_tree_root_last",
    ] {
        let vector = vector(file);
        let protobuf = base64(vector["otlp_request_protobuf_b64"].as_str().unwrap());
        let (one, other) = (
            LangSmithMock::builder().unmounted(),
            LangSmithMock::builder().unmounted(),
        );
        let answer = post_bytes(&one, "application/x-protobuf", protobuf);
        assert_eq!(
            (answer.status.as_u16(), answer.body.len()),
            (200, 0),
            "{file}"
        );
        assert_eq!(answer.content_type, "application/x-protobuf");
        let answer = post_json(&other, &vector["otlp_request_json"]);
        assert_eq!(&answer.body[..], b"{}");
        assert!(!one.runs().is_empty(), "{file}");
        assert_eq!(one.runs(), other.runs(), "{file}");
        assert_eq!(one.errors(), [], "{file}");
    }
}

#[test]
fn a_tree_whose_root_comes_last_is_whole() {
    let mock = LangSmithMock::builder().unmounted();
    post_json(
        &mock,
        &vector("otel_19_tree_root_last")["otlp_request_json"],
    );
    let tree = mock.tree();
    assert!(tree.is_whole());
    assert_eq!(tree.len(), 3);
    let outcomes: Vec<IngestOutcome> = mock
        .ingest_log()
        .iter()
        .map(|entry| entry.outcome)
        .collect();
    use IngestOutcome::{Created, Waiting};
    assert_eq!(outcomes, [Waiting, Waiting, Created, Created, Created]);
    let (root, child) = (find(&mock, "root"), find(&mock, "child"));
    assert_eq!(root.id.to_string(), "00000000-0000-0000-0000-001300000001");
    assert_eq!(child.id.to_string(), "00000000-0000-0000-0000-001300000002");
    assert_eq!(child.parent_run_id, Some(root.id));
    assert_eq!(child.run_type, RunType::Llm);
    assert_eq!(find(&mock, "grandchild").run_type, RunType::Tool);
}

#[test]
fn inputs_outputs_usage_project_and_errors_are_read() {
    let mock = LangSmithMock::builder().unmounted();
    post_json(
        &mock,
        &vector("otel_03_llm_prompt_completion_json")["otlp_request_json"],
    );
    let run = find(&mock, "ChatOpenAI");
    assert_eq!(run.project.as_deref(), Some("proj-from-attr"));
    assert_eq!(run.run_type, RunType::Llm);
    let said = |run: &Run| json!([run.inputs, run.outputs]);
    assert_eq!(
        said(&run)[0]["messages"][0],
        json!({"content": "hi", "role": "user"})
    );
    assert_eq!(said(&run)[1]["usage_metadata"]["total_tokens"], 5);
    mock.clear();
    post_json(
        &mock,
        &vector("otel_01_llm_legacy_indexed")["otlp_request_json"],
    );
    let run = &mock.runs()[0];
    assert_eq!(said(run)[0]["messages"][1]["content"], "haiku?");
    assert_eq!(said(run)[1]["messages"][0]["content"], "Old pond.");
    mock.clear();
    post_json(
        &mock,
        &vector("otel_15_error_exception_event")["otlp_request_json"],
    );
    assert!(
        mock.runs()[0]
            .error
            .as_deref()
            .unwrap()
            .contains("Stacktrace:")
    );
}

#[test]
fn parts_of_the_counts_are_read_under_the_names_that_langsmith_knows() {
    for (cached, reasoning) in [
        (
            "gen_ai.usage.details.cache_read_input_tokens",
            "gen_ai.usage.details.reasoning_tokens",
        ),
        (
            "gen_ai.usage.cache_read_input_tokens",
            "gen_ai.usage.details.reasoning_tokens",
        ),
    ] {
        let mock = LangSmithMock::builder().unmounted();
        let mut counted = span(1, 0, &json!({"gen_ai.completion": "yes"}));
        let count =
            |key: &str, count: u64| json!({"key": key, "value": {"intValue": count.to_string()}});
        let attributes = counted["attributes"].as_array_mut().unwrap();
        attributes.extend([
            count("gen_ai.usage.input_tokens", 11),
            count(cached, 8),
            count("gen_ai.usage.cache_creation_input_tokens", 2),
            count("gen_ai.usage.output_tokens", 7),
            count(reasoning, 3),
        ]);
        post_json(&mock, &spans(&[counted]));
        let outputs = mock.runs()[0].outputs.clone().unwrap();
        let usage = json!({
            "input_tokens": 11, "output_tokens": 7,
            "input_token_details": {"cache_read": 8, "cache_creation": 2},
            "output_token_details": {"reasoning": 3},
        });
        assert_eq!(outputs["usage_metadata"], usage, "{cached}");
    }
}

#[test]
fn the_header_names_the_project_of_spans_that_name_none() {
    let mock = LangSmithMock::builder().unmounted();
    let own = span(2, 1, &json!({"langsmith.trace.session_name": "own"}));
    let body = spans(&[span(1, 0, &json!({})), own]).to_string();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body.as_bytes()).unwrap();
    let headers = [
        ("content-type", "application/json"),
        ("content-encoding", "gzip"),
        ("langsmith-project", "from the header"),
    ];
    let request = request(
        Method::POST,
        "/api/v1/otel/v1/traces",
        encoder.finish().unwrap(),
    );
    assert_eq!(mock.handle(with(request, &headers)).status, 200);
    let root = find(&mock, "span 1");
    assert_eq!(root.project.as_deref(), Some("from the header"));
    assert_eq!(
        (root.id.to_string(), root.trace_id.to_string()),
        (padded(1), padded(1))
    );
    assert_eq!(root.extra.metadata["service.name"], "lab");
    assert_eq!(root.extra.metadata["OTEL_SPAN_ID"], "0101010101010101");
    assert_eq!(find(&mock, "span 2").id.to_string(), padded(2));
    assert_eq!(codes(&mock.violations()), [V::ProjectChanged]);
}

#[test]
fn problem_41_otlp_returns_200_and_the_span_never_appears() {
    let begin = start(0).parse().unwrap();
    let mock = LangSmithMock::builder()
        .clock(SteppingClock::new(begin, Duration::from_secs(60)))
        .orphan_window(Duration::from_secs(120))
        .unmounted();
    let orphans = spans(&[span(2, 1, &json!({})), span(3, 2, &json!({}))]);
    assert_eq!(&post_json(&mock, &orphans).body[..], b"{}");
    assert_eq!((mock.waiting_spans(), mock.runs().len()), (2, 0));
    assert_eq!(mock.violations(), [], "the sender hears of nothing");
    mock.handle(request(Method::GET, "/settings", ""));
    assert_eq!(mock.waiting_spans(), 2, "one minute is within the window");
    mock.handle(request(Method::GET, "/settings", ""));
    assert_eq!(mock.waiting_spans(), 0);
    assert_eq!(codes(&mock.violations()), [V::SpanOrphan; 2]);
    let dropped: Vec<String> = mock
        .ingest_log()
        .into_iter()
        .filter(|entry| entry.outcome == IngestOutcome::Dropped)
        .map(|entry| entry.id)
        .collect();
    assert_eq!(dropped, [padded(2), padded(3)]);
    // What comes too late does not bring them back.
    post_json(&mock, &spans(&[span(1, 0, &json!({}))]));
    assert_eq!(mock.runs().len(), 1);
}

#[test]
fn orphans_are_dropped_when_a_test_says_so() {
    let mock = LangSmithMock::builder().unmounted();
    post_json(&mock, &spans(&[span(2, 1, &json!({}))]));
    assert_eq!((mock.expire_orphans(), mock.expire_orphans()), (1, 0));
    assert_eq!(codes(&mock.errors()), [V::SpanOrphan]);
}

#[test]
fn problem_42_a_span_does_not_nest_under_a_native_run_by_its_eight_bytes() {
    let mock = LangSmithMock::builder().unmounted();
    batch(&mock, &[post(1, &[])], &[]);
    // The first eight bytes of the run's id, as the Python SDK puts them into a context.
    let eight = id(1).replace('-', "")[..16].to_owned();
    let mut lost = span(2, 1, &json!({}));
    lost["parentSpanId"] = json!(eight);
    lost["traceId"] = json!(id(1).replace('-', ""));
    let by_id = span(3, 9, &json!({"langsmith.span.parent_id": id(1)}));
    let of_child = span(4, 3, &json!({}));
    post_json(&mock, &spans(&[lost, of_child, by_id]));
    let tree = mock.tree();
    assert!(tree.is_whole(), "{:?}", mock.violations());
    assert_eq!(tree.len(), 3);
    assert_eq!(
        find(&mock, "span 3").parent_run_id.unwrap().to_string(),
        id(1)
    );
    assert_eq!(find(&mock, "span 4").trace_id.to_string(), id(1));
    assert_eq!(mock.waiting_spans(), 1);
}

#[test]
fn a_native_parent_that_comes_later_releases_its_spans() {
    let mock = LangSmithMock::builder().unmounted();
    let by_id = span(3, 0, &json!({"langsmith.span.parent_id": id(1)}));
    post_json(&mock, &spans(&[span(4, 3, &json!({})), by_id]));
    assert_eq!(mock.waiting_spans(), 2);
    batch(&mock, &[post(1, &[])], &[]);
    assert_eq!(mock.waiting_spans(), 0);
    assert!(mock.tree().is_whole());
    assert_eq!(mock.runs().len(), 3);
}

#[test]
fn spans_that_name_their_place_stand_there() {
    let vector = vector("otel_rust_link_processor");
    let mock = LangSmithMock::builder().unmounted();
    assert_eq!(post_json(&mock, &vector["otlp_json"]).status, 200);
    assert_eq!(mock.waiting_spans(), 0, "the dotted order says all");
    let inner = find(&mock, "inner llm");
    assert_eq!(inner.dotted_order.depth(), 3);
    assert_eq!(inner.parent_run_id, Some(find(&mock, "rust handler").id));
    let inbound = vector["inbound"]["langsmith-trace"].as_str().unwrap();
    assert!(inner.dotted_order.as_str().starts_with(inbound));
    assert_eq!(mock.errors(), []);
}

#[test]
fn a_span_that_is_a_root_of_its_own_needs_no_parent() {
    let mock = LangSmithMock::builder().unmounted();
    let detached = span(2, 1, &json!({"langsmith.is_root": true}));
    post_json(&mock, &spans(&[detached, span(3, 2, &json!({}))]));
    let tree = mock.tree();
    assert!(tree.is_whole());
    assert_eq!(find(&mock, "span 3").trace_id.to_string(), padded(2));
}

#[test]
fn what_is_no_span_is_counted_in_the_answer() {
    let mock = LangSmithMock::builder().unmounted();
    let mut nameless = span(2, 1, &json!({}));
    nameless["traceId"] = json!("0102");
    let answer = post_json(&mock, &spans(&[span(1, 0, &json!({})), nameless]));
    assert_eq!(answer.status, 200);
    let partial = body_json(&answer)["partialSuccess"].clone();
    assert_eq!(partial["rejectedSpans"], "1");
    assert_eq!(
        partial["errorMessage"],
        "span \"span 2\" has no trace id of 16 bytes"
    );
    assert_eq!(mock.runs().len(), 1);
    for (content_type, body, status) in [
        ("text/plain", "", 415),
        ("application/json", "[", 400),
        ("application/x-protobuf", "\u{1}", 400),
        ("application/x-protobuf", "", 200),
    ] {
        assert_eq!(
            post_bytes(&mock, content_type, body).status,
            status,
            "{content_type}"
        );
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_intake_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mock = LangSmithMock::builder().unmounted();
        post_bytes(&mock, "application/x-protobuf", body.clone());
        post_bytes(&mock, "application/json", body);
        prop_assert!(mock.runs().is_empty());
    }

    #[test]
    fn spans_in_any_order_make_the_same_tree(order in Just((1_u8..=6).collect::<Vec<_>>()).prop_shuffle()) {
        let one = |n: u8| span(n, n / 2, &json!({}));
        let straight: Vec<Value> = (1..=6).map(one).collect();
        let tree = |list: &[Value]| {
            let mock = LangSmithMock::builder().unmounted();
            for span in list {
                post_json(&mock, &spans(std::slice::from_ref(span)));
            }
            TraceTree::build(mock.runs())
        };
        let shuffled: Vec<Value> = order.into_iter().map(one).collect();
        prop_assert_eq!(tree(&shuffled), tree(&straight));
        prop_assert!(tree(&shuffled).is_whole());
    }
}

#[test]
fn a_large_resource_is_read_once_for_all_its_spans() {
    let mut body = spans(
        &(1..=200)
            .map(|n| span(n, 0, &json!({})))
            .collect::<Vec<_>>(),
    );
    let long = json!({"key": "note", "value": {"stringValue": "x".repeat(200_000)}});
    let attributes = &mut body["resourceSpans"][0]["resource"]["attributes"];
    attributes.as_array_mut().unwrap().push(long);
    let body = body.to_string();
    let used = allocation_counter::measure(|| {
        let read = read_spans("application/json", body.as_bytes(), SpanMapping::Hosted);
        assert_eq!(read.unwrap().len(), 200);
    });
    assert!(used.bytes_max < 10_000_000, "{used:?}");
}
