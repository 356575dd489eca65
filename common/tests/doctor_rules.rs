//! Each code of the doctor: one case that has it, and one that only looks like it.
#![cfg(feature = "analysis")]
#![allow(
    clippy::needless_pass_by_value,
    reason = "cases are written as literals"
)]

use common::analysis::doctor::{Evidence, Report, examine};
use serde_json::{Value, json};

const AT: i64 = 1_790_812_800_000_000;
const T: &str = "01a16ea6-1c00-4000-8000-000000000001";

fn id(n: u32) -> String {
    format!("01a16ea6-1c00-4000-8000-{n:012x}")
}

fn time(ms: i64) -> String {
    let time = chrono::DateTime::from_timestamp_micros(AT + ms * 1_000).expect("a time");
    time.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// A run of the trace, `n` below `above` (0: a root), from and to in milliseconds.
fn run(n: u32, above: u32, name: &str, from: i64, to: i64) -> Value {
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

fn root() -> Value {
    run(1, 0, "root", 0, 100)
}

fn with(mut value: Value, pointer: &str, set: Value) -> Value {
    let (above, key) = pointer.rsplit_once('/').expect("a pointer");
    value.pointer_mut(above).expect("there")[key] = set;
    value
}

fn without(mut value: Value, pointer: &str) -> Value {
    let (above, key) = pointer.rsplit_once('/').expect("a pointer");
    let map = value.pointer_mut(above).and_then(Value::as_object_mut);
    map.expect("there").remove(key).expect("was there");
    value
}

fn report(lines: &[Value]) -> Report {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    examine(&Evidence::read(text.as_bytes()).expect("evidence"))
}

/// Returns the codes that are found.
fn codes(lines: &[Value]) -> Vec<&'static str> {
    report(lines).counts.into_keys().collect()
}

/// Holds that the first has the code alone, and the second nothing.
fn tells(code: &str, broken: &[Value], near: &[Value]) {
    assert_eq!(codes(broken), [code], "{}", report(broken));
    let empty: [&str; 0] = [];
    assert_eq!(codes(near), empty, "near miss of {code}: {}", report(near));
}

fn model() -> Value {
    let model = with(run(2, 1, "model", 10, 90), "/run_type", json!("llm"));
    with(
        model,
        "/outputs/usage_metadata",
        json!({ "total_tokens": 7 }),
    )
}

fn token(run: Value) -> Value {
    with(
        run,
        "/events",
        json!([{ "name": "new_token", "time": time(20) }]),
    )
}

fn order(ns: &[(u32, i64)]) -> Value {
    let segment = |(n, ms): &(u32, i64)| {
        let time = chrono::DateTime::from_timestamp_micros(AT + ms * 1_000).expect("a time");
        format!("{}{}", time.format("%Y%m%dT%H%M%S%6fZ"), id(*n))
    };
    json!(ns.iter().map(segment).collect::<Vec<_>>().join("."))
}

fn span(n: u64, parent: Option<u64>) -> Value {
    let id = |n: u64| format!("00000000-0000-0000-0000-{n:012x}");
    let mut span = without(run(1, 0, "span", 5, 50), "/extra/metadata/request_id");
    span["id"] = json!(id(n));
    if let Some(parent) = parent {
        span["parent_run_id"] = json!(id(parent));
    }
    span["trace_id"] = json!("4bf92f3577b34da6a3ce929d0e0e4736");
    span
}

#[test]
fn lt001_a_parent_that_is_not_here_and_one_that_comes_later_in_the_file() {
    let child = run(3, 2, "child", 20, 30);
    tells(
        "LT001",
        &[root(), child.clone()],
        &[child, run(2, 1, "middle", 10, 40), root()],
    );
}

#[test]
fn lt002_two_roots_of_one_request_and_a_retry() {
    let apart = |name| with(run(9, 0, name, 10, 20), "/trace_id", json!(id(9)));
    tells(
        "LT002",
        &[root(), apart("search")],
        &[root(), apart("root")],
    );
}

#[test]
fn lt002_a_root_that_is_a_child_everywhere_else_and_one_that_is_so_too_seldom() {
    let pair = |n: u32| {
        let bare = |run: Value| {
            without(
                with(run, "/trace_id", json!(id(n))),
                "/extra/metadata/request_id",
            )
        };
        [
            bare(run(n, 0, "root", 0, 100)),
            bare(run(n + 1, n, "tool", 10, 20)),
        ]
    };
    let lone = |n: u32| {
        without(
            with(run(n, 0, "tool", 10, 20), "/trace_id", json!(id(n))),
            "/extra/metadata/request_id",
        )
    };
    let many: Vec<Value> = (1..=6)
        .flat_map(|k| pair(k * 10))
        .chain([lone(99)])
        .collect();
    let few: Vec<Value> = (1..=4)
        .flat_map(|k| pair(k * 10))
        .chain([lone(99)])
        .collect();
    tells("LT002", &many, &few);
}

#[test]
fn lt003_a_run_that_never_ends_and_one_that_is_under_way() {
    let open = without(root(), "/end_time");
    let taken = json!({ "capture": { "version": 1, "at": time(2_000) } });
    tells("LT003", std::slice::from_ref(&open), &[taken, open.clone()]);
}

#[test]
fn lt004_a_child_before_its_parent_and_one_whose_clock_has_milliseconds() {
    let exact = with(root(), "/start_time", json!("2026-10-01T00:00:00.000700Z"));
    let exact = with(exact, "/id", json!(id(1)));
    tells(
        "LT004",
        &[root(), run(2, 1, "child", -30, 50)],
        &[exact, run(2, 1, "child", 0, 50)],
    );
}

#[test]
fn lt005_the_same_work_as_run_and_span_and_two_equal_calls_with_other_inputs() {
    let work = run(2, 1, "work", 10, 50);
    let copy = with(
        with(span(7, None), "/name", json!("work")),
        "/start_time",
        json!(time(11)),
    );
    let twin = run(3, 1, "work", 10, 50);
    tells(
        "LT005",
        &[root(), work.clone(), copy],
        &[root(), work, twin],
    );
}

#[test]
fn lt006_a_child_of_another_request_and_one_that_names_none() {
    let child = run(2, 1, "child", 10, 20);
    tells(
        "LT006",
        &[
            root(),
            with(child.clone(), "/extra/metadata/request_id", json!("r-2")),
        ],
        &[root(), without(child, "/extra/metadata/request_id")],
    );
}

#[test]
fn lt007_a_callee_without_its_callers_metadata_and_a_child_in_the_same_service() {
    let bare = without(run(2, 1, "child", 10, 20), "/extra/metadata/request_id");
    let callee = with(bare.clone(), "/extra/metadata/service", json!("b"));
    tells("LT007", &[root(), callee], &[root(), bare]);
}

#[test]
fn lt008_a_model_in_a_model_with_equal_tokens_and_with_others() {
    let inner = with(
        with(model(), "/id", json!(id(3))),
        "/parent_run_id",
        json!(id(2)),
    );
    let other = with(
        inner.clone(),
        "/outputs/usage_metadata/total_tokens",
        json!(5),
    );
    let inner = with(inner, "/start_time", json!(time(15)));
    tells(
        "LT008",
        &[root(), model(), inner],
        &[root(), model(), other],
    );
}

#[test]
fn lt009_a_child_with_a_project_of_its_own_and_one_that_names_none() {
    let child = run(2, 1, "child", 10, 20);
    tells(
        "LT009",
        &[root(), with(child.clone(), "/session_name", json!("other"))],
        &[root(), without(child, "/session_name")],
    );
}

#[test]
fn lt010_a_run_over_20_megabytes_and_one_below() {
    let sized = |bytes: usize| with(root(), "/inputs/text", json!("x".repeat(bytes)));
    tells("LT010", &[sized(21 << 20)], &[sized(19 << 20)]);
}

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

#[test]
fn lt018_to_lt020_places_that_contradict_and_one_that_does_not() {
    let child = run(2, 1, "child", 10, 20);
    let root = with(root(), "/dotted_order", order(&[(1, 0)]));
    let right = [
        root.clone(),
        with(child.clone(), "/dotted_order", order(&[(1, 0), (2, 10)])),
    ];
    let alone = with(child.clone(), "/dotted_order", order(&[(2, 10)]));
    tells("LT018", &[root.clone(), alone], &right);
    let parentless = without(
        with(child.clone(), "/dotted_order", order(&[(1, 0), (2, 10)])),
        "/parent_run_id",
    );
    tells("LT019", &[root.clone(), parentless], &right);
    let foreign = with(child, "/dotted_order", order(&[(5, 0), (2, 10)]));
    tells("LT020", &[root, foreign], &right);
}

#[test]
fn lt021_an_id_of_another_hour_and_one_of_the_same_second() {
    let at = |ms: i64| {
        let millis = u64::try_from(AT / 1_000 + ms).expect("after 1970");
        let id = format!(
            "{:08x}-{:04x}-7000-8000-000000000001",
            millis >> 16,
            millis & 0xffff
        );
        with(with(root(), "/id", json!(id)), "/trace_id", json!(id))
    };
    tells("LT021", &[at(-3_600_000)], &[at(-900)]);
}

fn request(status: u16) -> Value {
    json!({ "request": { "number": 1, "method": "POST", "path": "/runs/multipart", "status": status } })
}

#[test]
fn answers_of_the_endpoint_each_have_their_code_and_202_has_none() {
    for (status, code) in [
        (401, "LT030"),
        (403, "LT030"),
        (409, "LT022"),
        (413, "LT010"),
        (422, "LT029"),
        (429, "LT033"),
    ] {
        tells(code, &[request(status)], &[request(202)]);
    }
}

#[test]
fn lt023_an_accepted_operation_that_was_not_stored_and_one_that_was_refused_openly() {
    let gone = json!({ "operation": { "request": 1, "kind": "post", "id": id(1), "outcome": "rejected" } });
    tells(
        "LT023",
        &[request(202), gone.clone()],
        &[request(500), gone],
    );
}

#[test]
fn lt024_a_child_that_ends_after_its_parent_and_one_that_ends_with_it() {
    tells(
        "LT024",
        &[root(), run(2, 1, "child", 10, 160)],
        &[root(), run(2, 1, "child", 10, 104)],
    );
}

#[test]
fn lt025_a_stream_without_output_and_time_and_an_empty_answer_that_took_its_time() {
    let empty = |to: i64| {
        let model = with(model(), "/outputs", json!({}));
        with(model, "/end_time", json!(time(to)))
    };
    tells("LT025", &[root(), empty(11)], &[root(), empty(80)]);
    let asked = with(
        model(),
        "/extra/invocation_params",
        json!({ "stream": true }),
    );
    let silent = without(asked.clone(), "/outputs");
    tells("LT025", &[root(), silent], &[root(), asked]);
}

fn books(fields: Value) -> Value {
    with(json!({ "ledger": fields }), "/ledger/process", json!("p"))
}

#[test]
fn lt026_a_queue_that_was_left_and_one_that_is_being_sent() {
    let left = |ended: bool| {
        books(json!({ "accepted": 9, "delivered": 4, "queued": 5, "requests": 1, "ended": ended }))
    };
    tells("LT026", &[left(true)], &[left(false)]);
}

#[test]
fn lt027_a_client_from_before_the_fork_and_one_from_after_it() {
    let made =
        |pid: u64| books(json!({ "accepted": 9, "queued": 9, "pid": 12, "made_in_pid": pid }));
    tells("LT027", &[made(11)], &[made(12)]);
}

fn process(fields: Value) -> Value {
    with(
        json!({ "environment": fields }),
        "/environment/process",
        json!("a"),
    )
}

#[test]
fn lt028_a_frozen_process_with_open_runs_and_one_whose_runs_ended() {
    let lambda = process(json!({ "variables": { "AWS_LAMBDA_FUNCTION_NAME": "f" } }));
    let broken = codes(&[without(root(), "/end_time"), lambda.clone()]);
    assert_eq!(broken, ["LT003", "LT028"]);
    assert!(codes(&[root(), lambda]).is_empty());
}

#[test]
fn lt031_tracing_without_a_key_and_tracing_to_this_machine() {
    let at = |endpoint: &str| {
        process(json!({ "tracing": true, "has_key": false, "endpoint": endpoint }))
    };
    tells(
        "LT031",
        &[at("https://api.smith.langchain.com")],
        &[at("http://127.0.0.1:1984")],
    );
}

#[test]
fn lt032_a_switch_that_was_not_understood_and_one_that_is_off() {
    let set = |value: &str| {
        process(json!({ "variables": { "LANGSMITH_TRACING": value }, "tracing": false }))
    };
    tells("LT032", &[set("True")], &[set("false")]);
}

#[test]
fn lt034_and_lt035_too_many_runs_and_children_and_nearly_so_many() {
    let many = |children: u32| -> Vec<Value> {
        let open = without(root(), "/end_time");
        let children = (2..children + 2).map(|n| run(n, 1, "turn", 10, 20));
        std::iter::once(open).chain(children).collect()
    };
    assert_eq!(codes(&many(25_000)), ["LT003", "LT034", "LT035"]);
    assert_eq!(codes(&many(10_001)), ["LT003", "LT035"]);
    assert_eq!(codes(&many(10_000)), ["LT003"]);
}

#[test]
fn lt036_memory_that_grows_beside_an_empty_queue_and_one_that_settles() {
    let at = |bytes: u64| books(json!({ "accepted": 9, "delivered": 9, "resident_bytes": bytes }));
    tells(
        "LT036",
        &[at(100), at(120), at(140), at(160)],
        &[at(100), at(160), at(159), at(160)],
    );
}

#[test]
fn lt037_a_queue_without_a_bound_and_one_that_is_sent_on() {
    let at = |queued: u64, delivered: u64| {
        books(
            json!({ "accepted": queued + delivered, "queued": queued, "queued_bytes": queued * 9, "delivered": delivered }),
        )
    };
    tells(
        "LT037",
        &[at(1, 0), at(2, 0), at(3, 0)],
        &[at(1, 0), at(2, 1), at(3, 2)],
    );
}

#[test]
fn lt038_a_slow_caller_and_a_first_call_that_is_slow() {
    let at = |accepted: u64| {
        books(
            json!({ "accepted": accepted, "delivered": accepted, "caller_micros": accepted * 900 }),
        )
    };
    tells("LT038", &[at(40)], &[at(3)]);
}

#[test]
fn lt039_rates_that_differ_and_a_process_that_does_not_trace() {
    let at = |rate: f64, tracing: bool| {
        process(json!({ "sampling_rate": rate, "tracing": tracing, "has_key": true }))
    };
    tells(
        "LT039",
        &[at(0.1, true), at(0.5, true)],
        &[at(0.1, true), at(0.5, false)],
    );
}

#[test]
fn lt041_runs_given_up_books_that_do_not_balance_and_books_that_do() {
    let whole = books(json!({ "accepted": 9, "delivered": 8, "spooled": 1 }));
    let lost =
        books(json!({ "accepted": 9, "delivered": 8, "dropped": { "rejected by the server": 1 } }));
    tells("LT041", &[lost], std::slice::from_ref(&whole));
    tells(
        "LT041",
        &[books(json!({ "accepted": 9, "delivered": 8 }))],
        &[whole],
    );
}

#[test]
fn lt042_a_project_that_a_header_overrides_and_one_that_holds() {
    let set = |project: &str| process(json!({ "project": project }));
    tells("LT042", &[root(), set("team")], &[root(), set("docs")]);
}

#[test]
fn lt043_a_slice_with_a_gap_and_a_subtree_in_another_project() {
    let team = |n: u32, above: u32| {
        with(
            run(n, above, "work", 10, 20),
            "/session_name",
            json!("team"),
        )
    };
    let back = run(3, 2, "inner", 11, 19);
    assert_eq!(codes(&[root(), team(2, 1), back]), ["LT043"]);
    assert_eq!(
        codes(&[
            root(),
            team(2, 1),
            with(team(3, 2), "/start_time", json!(time(12)))
        ]),
        ["LT009"]
    );
}

#[test]
fn lt044_a_span_without_its_parent_and_one_with_it() {
    let child = with(span(8, Some(7)), "/start_time", json!(time(9)));
    tells(
        "LT044",
        std::slice::from_ref(&child),
        &[span(7, None), child.clone()],
    );
}

#[test]
fn lt045_a_span_beside_the_run_of_its_request_and_a_span_of_another_request() {
    let of = |request: &str| with(span(7, None), "/extra/metadata/request_id", json!(request));
    tells("LT045", &[root(), of("r-1")], &[root(), of("r-2")]);
}

#[test]
fn lt046_a_model_that_came_as_a_span_without_content_and_a_plain_http_span() {
    let bare = without(without(span(7, None), "/inputs"), "/outputs");
    tells(
        "LT046",
        &[with(bare.clone(), "/run_type", json!("llm"))],
        &[bare],
    );
}

#[test]
fn lt047_an_interrupt_that_shows_as_an_error_and_one_that_is_marked() {
    let asks = with(
        root(),
        "/error",
        json!("GraphInterrupt((Interrupt(value='ok?'),))"),
    );
    let marked = with(
        asks.clone(),
        "/extra/metadata/ls_is_error_interrupt",
        json!(true),
    );
    tells("LT047", &[asks], &[marked]);
}

#[test]
fn lt048_a_thread_that_only_a_child_knows_and_one_that_only_the_root_knows() {
    let of = |run: Value| with(run, "/extra/metadata/thread_id", json!("t"));
    let child = run(2, 1, "child", 10, 20);
    tells("LT048", &[root(), of(child.clone())], &[of(root()), child]);
}

#[test]
fn lt049_a_streamed_answer_without_usage_and_one_with_it() {
    let bare = without(model(), "/outputs/usage_metadata");
    tells("LT049", &[root(), token(bare)], &[root(), token(model())]);
}

#[test]
fn what_the_endpoint_lists_has_the_code_of_its_rule_and_tidiness_has_none() {
    let listed = |code: &str, message: &str| json!({ "violation": { "code": code, "run": id(77), "message": message } });
    for (rule, code) in [
        ("child_without_ancestors", "LT018"),
        ("root_with_ancestors", "LT019"),
        ("trace_id_mismatch", "LT020"),
        ("child_before_parent", "LT004"),
        ("already_received", "LT022"),
        ("int_too_big", "LT029"),
        ("trace_too_large", "LT034"),
        ("feedback_orphan", "LT040"),
        ("span_orphan", "LT044"),
        ("workspace_changed", "LT050"),
        ("project_changed", "LT009"),
        ("body_too_large", "LT010"),
    ] {
        tells(
            code,
            &[listed(rule, "so it is")],
            &[listed("part_length_missing", "so it is")],
        );
    }
    tells(
        "LT021",
        &[listed("id_time_differs", "opening the run gives 404")],
        &[listed("id_time_differs", "was not made from start_time")],
    );
}

#[test]
fn likely_causes_follow_the_evidence() {
    let apart = |runtime: &str, version: &str| {
        let apart = with(run(9, 0, "search", 10, 20), "/trace_id", json!(id(9)));
        with(
            apart,
            "/extra/runtime",
            json!({ "runtime": runtime, "runtime_version": version }),
        )
    };
    let row = |lines: &[Value]| report(lines).findings[0].causes[0].row;
    assert_eq!(row(&[root(), apart("rust", "1.90")]), 9);
    assert_eq!(row(&[root(), apart("python", "3.10.2")]), 3);
    assert_eq!(row(&[root(), apart("python", "3.12.0")]), 1);
    let elsewhere = with(
        apart("python", "3.12.0"),
        "/extra/metadata/service",
        json!("b"),
    );
    assert_eq!(row(&[root(), elsewhere]), 0);
}

#[test]
fn a_rule_without_its_evidence_says_nothing_and_the_report_tells_which_is_missing() {
    let report = report(&[root()]);
    let missing: Vec<&str> = report.missing.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(missing, ["ingest log", "ledger", "environment", "headers"]);
    assert!(
        report
            .to_string()
            .contains("not given, so not examined: ingest log")
    );
}
