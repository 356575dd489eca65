//! LT051 to LT055: where the time goes. What a run was given and gave back is read, and not kept for long.

use serde_json::{Value, json};

use crate::cases::{T, codes, report, run, tells, time, with, without};

fn job(lasts: i64) -> Value {
    run(1, 0, "job", 0, lasts)
}

/// A call of a tool with what it was given and answered.
fn call(n: u32, from: i64, to: i64, given: &str, answered: &str) -> Value {
    let call = with(run(n, 1, "fetch", from, to), "/run_type", json!("tool"));
    let call = with(call, "/inputs", json!({ "page": given }));
    with(call, "/outputs", json!({ "text": answered }))
}

#[test]
fn lt051_calls_in_a_row_and_calls_of_which_each_needs_the_last_answer() {
    let row = |answers: [&str; 3]| {
        let given = ["page one", answers[0], answers[1]];
        let calls = (0..3_u32).map(|n| {
            let from = i64::from(n) * 210;
            let at = n as usize;
            let asked = match answers[at].starts_with("next") {
                true => given[at],
                false => ["page one", "page two", "page three"][at],
            };
            call(n + 2, from, from + 200, asked, answers[at])
        });
        std::iter::once(job(650)).chain(calls).collect::<Vec<_>>()
    };
    tells(
        "LT051",
        &row(["alpha", "beta", "gamma"]),
        &row(["next page is 2b", "next page is 3c", "next page is 4d"]),
    );
}

#[test]
fn lt051_is_not_told_where_contents_are_too_large_to_keep_and_the_report_says_so() {
    let large = "x".repeat(9_000);
    let mut lines = vec![job(650)];
    for n in 0..3_u32 {
        let from = i64::from(n) * 210;
        lines.push(call(
            n + 2,
            from,
            from + 200,
            &format!("{n}{large}"),
            "text",
        ));
    }
    let report = report(&lines);
    assert!(report.is_clean(), "{report}");
    assert_eq!(
        report.limits,
        [
            "in 1 traces LT051 was not looked for: inputs and outputs over 8 KiB, and over 32 MiB in all, are not kept"
        ]
    );
    assert!(report.to_string().contains("not looked at: in 1 traces"));
    assert_eq!(report.to_json()["limits"], json!(report.limits));
}

#[test]
fn lt052_four_failures_of_one_call_and_failures_of_four() {
    let failing = |given: fn(u32) -> String| {
        let calls = (0..4_u32).map(move |n| {
            let from = i64::from(n) * 30;
            let call = call(n + 2, from, from + 20, &given(n), "");
            with(without(call, "/outputs"), "/error", json!("503"))
        });
        std::iter::once(job(130)).chain(calls).collect::<Vec<_>>()
    };
    tells(
        "LT052",
        &failing(|_| "the same".to_owned()),
        &failing(|n| format!("number {n}")),
    );
}

#[test]
fn lt053_a_first_token_at_the_end_and_one_at_the_beginning() {
    let at = |ms: i64| {
        let model = with(run(2, 1, "model", 10, 2_010), "/run_type", json!("llm"));
        let usage = json!({ "total_tokens": 7 });
        let model = with(model, "/outputs/usage_metadata", usage);
        let events = json!([{ "name": "new_token", "time": time(ms) }]);
        [job(2_050), with(model, "/events", events)]
    };
    tells("LT053", &at(1_900), &at(200));
}

#[test]
fn lt054_a_task_that_waits_in_a_queue_and_one_that_is_taken_at_once() {
    let began = |from: i64| {
        let work = run(2, 1, "work", from, from + 50);
        [
            job(10),
            with(work, "/extra/metadata/service", json!("worker")),
        ]
    };
    tells("LT054", &began(3_000), &began(60));
}

#[test]
fn lt055_a_call_that_is_made_again_and_one_that_is_answered_otherwise() {
    let calls = |answers: [&str; 3]| {
        let calls = (0..3_u32).map(|n| {
            let from = i64::from(n) * 210;
            call(n + 2, from, from + 200, "price", answers[n as usize])
        });
        std::iter::once(job(650)).chain(calls).collect::<Vec<_>>()
    };
    tells(
        "LT055",
        &calls(["12 euro", "12 euro", "12 euro"]),
        &calls(["12 euro", "13 euro", "14 euro"]),
    );
}

#[test]
fn a_call_that_is_told_in_two_messages_is_looked_at_as_a_whole() {
    let mut lines = vec![job(650)];
    for n in 0..3_u32 {
        let from = i64::from(n) * 210;
        let whole = call(
            n + 2,
            from,
            from + 200,
            &format!("page {n}"),
            &format!("text {n}"),
        );
        lines.push(without(without(whole.clone(), "/outputs"), "/end_time"));
        lines.push(json!({
            "id": whole["id"], "trace_id": T,
            "end_time": whole["end_time"], "outputs": whole["outputs"],
        }));
    }
    assert_eq!(codes(&lines), ["LT051"]);
}

#[test]
fn a_trace_that_lasts_longer_than_a_year_is_left_to_the_codes_of_clocks() {
    let mut lines = vec![with(job(650), "/end_time", json!("9999-01-01T00:00:00Z"))];
    lines.extend((2..5).map(|n| call(n, 0, 100, &format!("page {n}"), "text")));
    assert!(codes(&lines).is_empty());
}
