//! LT028 to LT042: what processes are set to.

use serde_json::{Value, json};

use crate::cases::{codes, root, tells, with, without};

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
fn lt042_a_project_that_a_header_overrides_and_one_that_holds() {
    let set = |project: &str| process(json!({ "project": project }));
    tells("LT042", &[root(), set("team")], &[root(), set("docs")]);
}
