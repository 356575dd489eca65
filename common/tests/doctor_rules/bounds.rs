//! What is not whole, too much, or beyond all measure.

use std::fmt::Write as _;
use std::time::Duration;

use common::analysis::doctor::{Evidence, Report, examine, examine_all};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::cases::{T, codes, id, report, root, run, tells, time, with, without};

fn read(lines: &[Value]) -> Evidence {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    Evidence::read(text.as_bytes()).expect("evidence")
}

fn counts(report: &Report) -> Vec<&'static str> {
    report.counts.keys().copied().collect()
}

#[test]
fn a_trace_that_was_read_in_part_has_no_orphans_and_its_other_faults_show() {
    let lines = [
        run(3, 2, "child", 20, 30),
        without(run(4, 3, "open", 22, 28), "/end_time"),
    ];
    assert_eq!(codes(&lines), ["LT001", "LT003"]);
    let mut evidence = read(&lines);
    assert_eq!(evidence.incomplete_traces()[0].0.to_string(), T);
    evidence.cut_trace(T.parse().expect("an id"));
    evidence.mention("the newest two runs were read");
    assert!(evidence.incomplete_traces().is_empty());
    let report = examine(&evidence);
    assert_eq!(counts(&report), ["LT003"]);
    assert_eq!(report.limits, ["the newest two runs were read"]);
}

#[test]
fn runs_that_the_stand_in_forgot_make_no_orphans_of_those_below() {
    let child = run(3, 2, "child", 20, 30);
    let of = |forgotten: u64| json!({ "capture": { "version": 1, "forgotten": forgotten } });
    assert_eq!(codes(&[of(0), child.clone()]), ["LT001"]);
    let report = report(&[of(7), child.clone()]);
    assert!(report.is_clean(), "{report}");
    assert_eq!(
        report.limits,
        ["the stand-in had forgotten 7 runs: traces without their roots are not judged as a whole"]
    );
    // With its root the trace is whole, so what is missing was never there.
    assert_eq!(codes(&[of(7), root(), child]), ["LT001"]);
}

#[test]
fn an_open_run_of_a_system_that_goes_on_has_time_to_end() {
    let open = without(root(), "/end_time");
    let after = |seconds: i64| {
        let taken = time(seconds * 1_000).parse().expect("a time");
        let evidence = read(std::slice::from_ref(&open));
        counts(&examine(
            &evidence.taken_at(taken, Duration::from_secs(600)),
        ))
    };
    assert!(after(599).is_empty());
    assert_eq!(after(600), ["LT003"]);
}

#[test]
fn runs_within_runs_are_read_fifty_levels_down_and_counted_below() {
    let nested = |levels: u32| {
        let mut inner = Value::Null;
        for n in (1..=levels).rev() {
            let mut outer = run(n, n - 1, "step", 0, 100);
            if !inner.is_null() {
                outer["child_runs"] = json!([inner]);
            }
            inner = outer;
        }
        inner
    };
    for text in [
        nested(50).to_string(),
        json!([nested(49)]).to_string(),
        json!({ "run": nested(30) }).to_string(),
    ] {
        let report = examine(&Evidence::read(text.as_bytes()).expect("runs"));
        let levels = text.matches("\"step\"").count();
        assert_eq!((report.runs, &report.limits[..]), (levels, &[][..]));
    }
    let report = report(&[nested(58)]);
    assert_eq!(report.runs, 51);
    assert_eq!(
        report.limits,
        ["1 entries in lists nested over 50 levels were passed over"]
    );
}

#[test]
fn a_span_whose_end_is_zero_has_not_ended() {
    let spans = |end: &str| {
        let span = json!({ "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b7",
            "name": "work", "startTimeUnixNano": "1790812800000000000", "endTimeUnixNano": end });
        json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": [span] }] }] })
    };
    tells("LT003", &[spans("0")], &[spans("1790812801000000000")]);
}

#[test]
fn what_a_span_says_counts_as_its_content() {
    let spans = |prompts: [&str; 3]| {
        let span = |n: usize| {
            let start = 1_790_812_800_000_000_000_u64 + n as u64 * 300_000_000;
            json!({ "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": format!("00f067aa0ba902b{n}"),
                "name": "chat", "startTimeUnixNano": start.to_string(),
                "endTimeUnixNano": (start + 200_000_000).to_string(),
                "attributes": [
                    { "key": "gen_ai.operation.name", "value": { "stringValue": "chat" } },
                    { "key": "gen_ai.prompt", "value": { "stringValue": prompts[n] } },
                    { "key": "gen_ai.completion", "value": { "stringValue": "yes" } },
                ] })
        };
        json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": [span(0), span(1), span(2)] }] }] })
    };
    tells(
        "LT055",
        &[spans(["why?", "why?", "why?"])],
        &[spans(["why?", "how?", "when?"])],
    );
}

#[test]
fn an_operation_that_was_not_stored_counts_only_where_its_request_was_accepted() {
    let gone = json!({ "operation": { "request": 1, "kind": "post", "id": id(1), "outcome": "rejected" } });
    assert!(codes(&[gone]).is_empty());
}

#[test]
fn long_texts_of_strangers_are_cut_with_a_mark() {
    let long = "x".repeat(1_000_000);
    let lines = [
        with(root(), "/name", json!(long)),
        json!({ "violation": { "code": "already_received", "run": long, "message": long } }),
        json!({ "headers": { "call": long, "direction": "out", "service": long, "peer": long } }),
        json!({ "ledger": { "process": long, "accepted": 9, "dropped": { long.clone(): 9 } } }),
        json!({ "environment": { "process": long, "variables": { "LANGSMITH_TRACING": "true", long.clone(): long }, "tracing": false } }),
    ];
    let report = report(&lines);
    assert_eq!(counts(&report), ["LT017", "LT022", "LT032", "LT041"]);
    for finding in &report.findings {
        assert!(finding.words.len() < 500, "{}", finding.words.len());
        assert!(finding.words.contains('…'), "{}", finding.words);
        assert!(finding.about.len() < 200 && finding.about.contains('…'));
    }
}

#[test]
fn a_process_that_says_the_same_often_is_looked_at_once() {
    let set = |n: u32| json!({ "environment": { "process": "a", "project": format!("team-{n}") } });
    let lines: Vec<Value> = std::iter::once(root()).chain((0..100).map(set)).collect();
    let report = report(&lines);
    assert_eq!(report.counts.get("LT042"), Some(&1));
}

#[test]
fn a_chain_of_25_000_open_runs_names_the_innermost() {
    let mut text = String::new();
    for n in 1..=25_000 {
        let open = without(run(n, n - 1, &format!("step {n}"), 0, 100), "/end_time");
        let _ = writeln!(text, "{open}");
    }
    let report = examine(&Evidence::read(text.as_bytes()).expect("runs"));
    let pending = report.with_code("LT003").next().expect("a finding");
    assert_eq!(
        pending.words,
        "25000 of 25000 runs have no end; the innermost is \"step 25000\" of a"
    );
}

/// Numbers at the ends of what JSON can say, and some between.
fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!(i64::MIN)),
        Just(json!(i64::MAX)),
        Just(json!(u64::MAX)),
        Just(json!(0)),
        Just(json!(-1)),
        Just(json!(1.7e308)),
        Just(json!(-1.7e308)),
        Just(json!(1e17)),
        any::<i64>().prop_map(|n| json!(n)),
        any::<u64>().prop_map(|n| json!(n)),
    ]
}

fn moment() -> impl Strategy<Value = Value> {
    prop_oneof![
        number(),
        number().prop_map(|n| json!(n.to_string())),
        Just(json!("+262142-12-31T23:59:59.999999Z")),
        Just(json!("-262143-01-01T00:00:00Z")),
        Just(json!("0000-01-01T00:00:00Z")),
        Just(Value::Null),
        (0..100_i64).prop_map(|ms| json!(time(ms))),
    ]
}

fn entry() -> impl Strategy<Value = Value> {
    let run = (1..9_u32, 0..9_u32, moment(), moment(), moment(), number()).prop_map(
        |(n, above, start, end, token, tokens)| {
            let mut run = run(n, above, "work", 0, 1);
            run["run_type"] = json!(["llm", "tool", "chain"][n as usize % 3]);
            (run["start_time"], run["end_time"]) = (start, end);
            run["events"] = json!([{ "name": "new_token", "time": token }]);
            run["outputs"]["usage_metadata"] = json!({ "total_tokens": tokens });
            run["total_tokens"] = tokens;
            run
        },
    );
    let span = (moment(), moment(), number(), number()).prop_map(|(start, end, input, output)| {
        json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": [{
            "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b7", "name": "chat",
            "startTimeUnixNano": start, "endTimeUnixNano": end,
            "attributes": [
                { "key": "gen_ai.usage.input_tokens", "value": { "intValue": input } },
                { "key": "gen_ai.usage.output_tokens", "value": { "intValue": output } },
            ],
        }] }] }] })
    });
    let number = || (any::<u64>(), prop_oneof![Just(u64::MAX), Just(0), Just(1)]);
    let books = (number(), number(), number(), any::<bool>()).prop_map(|(a, b, c, ended)| {
        json!({ "ledger": {
            "process": "p", "accepted": a.1, "delivered": b.1, "queued": c.1, "queued_bytes": a.0,
            "spooled": a.1, "stalled_seconds": 1.7e308, "ended": ended, "resident_bytes": b.0,
            "caller_micros": c.0, "requests": a.1,
            "dropped": { "one": a.1, "two": b.1 }, "refused": { "one": b.1, "three": c.1 },
        }})
    });
    let request = (number(), any::<u16>()).prop_map(|(number, status)| {
        json!({ "request": { "number": number.1, "method": "POST", "path": "/runs", "status": status, "body_bytes": number.0 } })
    });
    let process = any::<f64>().prop_map(
        |rate| json!({ "environment": { "process": "a", "sampling_rate": rate, "project": "p" } }),
    );
    prop_oneof![4 => run, 1 => span, 2 => books, 1 => request, 1 => process]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn numbers_beyond_all_measure_neither_panic_nor_wrap(
        lines in prop::collection::vec(entry(), 1..24),
        taken in moment(),
    ) {
        let about = json!({ "capture": { "version": 1, "at": taken } });
        let lines: Vec<Value> = std::iter::once(about).chain(lines).collect();
        let report = examine_all(&read(&lines));
        prop_assert!(report.to_text(true).len() < 100_000);
        prop_assert_eq!(report.to_json()["runs"].as_u64(), Some(report.runs as u64));
        prop_assert!(report.to_html().contains("div"));
        prop_assert_eq!(&report.to_sarif("a.json")["version"], "2.1.0");
        for lost in report.with_code("LT041") {
            prop_assert!(!lost.words.contains("lost 0 of"), "{}", lost.words);
        }
    }
}
