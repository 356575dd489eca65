//! LT025, LT046 to LT049: what runs say; causes, and evidence that is missing.

use serde_json::{Value, json};

use crate::cases::{id, model, report, root, run, span, tells, time, token, with, without};

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
