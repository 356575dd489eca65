//! LT007, LT011 to LT017: what becomes of the context between two services.

use serde_json::{Value, json};

use crate::cases::{T, id, order, root, run, tells, with, without};

fn hop(direction: &str, headers: Value) -> Value {
    json!({ "headers": { "call": "c", "direction": direction, "service": "s", "peer": "p", "headers": headers } })
}

fn sent() -> Value {
    json!([
        ["langsmith-trace", order(&[(1, 0)])],
        ["baggage", "langsmith-project=docs"]
    ])
}

#[test]
fn lt011_a_header_that_did_not_arrive_and_one_whose_name_changed_case() {
    let cased = json!([
        ["Langsmith-Trace", order(&[(1, 0)])],
        ["Baggage", "langsmith-project=docs"]
    ]);
    tells(
        "LT011",
        &[hop("out", sent()), hop("in", json!([["accept", "*/*"]]))],
        &[hop("out", sent()), hop("in", cased)],
    );
}

#[test]
fn lt007_baggage_that_was_written_over_and_baggage_that_was_joined() {
    let of = |baggage: &str| json!([["langsmith-trace", order(&[(1, 0)])], ["baggage", baggage]]);
    tells(
        "LT007",
        &[hop("out", sent()), hop("in", of("otel=1"))],
        &[
            hop("out", sent()),
            hop("in", of("otel=1, langsmith-project=docs")),
        ],
    );
}

#[test]
fn lt012_a_preflight_that_refuses_and_one_that_allows_everything() {
    let asks = |allow: &str| {
        json!({ "headers": { "call": "c", "direction": "in", "service": "s", "method": "OPTIONS",
            "headers": [["access-control-request-headers", "baggage"]],
            "response_headers": [["access-control-allow-headers", allow]] } })
    };
    tells("LT012", &[asks("content-type")], &[asks("*")]);
    // An answer without such a header refuses; one that nobody wrote down does not.
    let bare = without(asks(""), "/headers/response_headers");
    let answered = with(bare.clone(), "/headers/status", json!(204));
    tells("LT012", &[answered], &[bare]);
}

#[test]
fn lt013_a_public_edge_that_continues_and_one_that_restarts() {
    let at = |run: Value, public: bool| {
        with(
            with(hop("in", sent()), "/headers/run", run),
            "/headers/public",
            json!(public),
        )
    };
    let own = with(run(9, 0, "edge", 0, 9), "/trace_id", json!(id(9)));
    let own = with(
        without(own, "/extra/metadata/request_id"),
        "/extra/metadata/incoming_trace_id",
        json!(T),
    );
    tells(
        "LT013",
        &[root(), run(2, 1, "edge", 10, 20), at(json!(id(2)), true)],
        &[root(), own, at(json!(id(9)), true)],
    );
}

#[test]
fn lt014_a_header_that_is_no_dotted_order_and_one_with_blanks_around() {
    let of = |value: String| hop("in", json!([["langsmith-trace", value]]));
    let blanks = format!("  {} ", order(&[(1, 0)]).as_str().expect("text"));
    tells("LT014", &[of("garbage".to_owned())], &[of(blanks)]);
}

#[test]
fn lt015_baggage_over_8192_bytes_and_just_below() {
    let of = |bytes: usize| hop("in", json!([["baggage", "x".repeat(bytes)]]));
    tells("LT015", &[of(8_193)], &[of(8_192)]);
}

#[test]
fn lt016_a_context_that_is_not_continued_and_one_that_is() {
    let at = |n: u32| with(hop("in", sent()), "/headers/run", json!(id(n)));
    let own = with(run(9, 0, "socket", 5, 20), "/trace_id", json!(id(9)));
    let own = without(own, "/extra/metadata/request_id");
    tells(
        "LT016",
        &[root(), own, at(9)],
        &[root(), run(2, 1, "socket", 5, 20), at(2)],
    );
}

#[test]
fn lt017_a_call_without_context_and_one_with_w3c_context_only() {
    let w3c = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    tells(
        "LT017",
        &[hop("out", json!([]))],
        &[hop("out", json!([["traceparent", w3c]]))],
    );
}
