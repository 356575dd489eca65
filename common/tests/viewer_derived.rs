//! What the viewer tells that nobody sent: usage added up, cost, threads, first tokens, feedback, and
//! spans that were answered with 200 and dropped.

#![cfg(all(feature = "langsmith_mock", feature = "analysis"))]
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod langsmith_mock_support;
mod pages;

use common::langsmith_mock::{Fault, LangSmithMock};
use http::Method;
use langsmith_mock_support::*;
use pages::{get, page};
use serde_json::{Value, json};

fn trace(n: u64) -> String {
    format!("/?trace={}", id(n))
}

fn call(n: u64, above: &[u64], usage: &Value) -> Value {
    let mut run = patch(n, above);
    run["run_type"] = json!("llm");
    run["outputs"] = json!({ "usage_metadata": usage });
    run
}

/// An agent with a step, two calls to models in it, one of which streams; and another turn of the
/// same thread, which used nothing.
fn two_turns() -> LangSmithMock {
    let mock = LangSmithMock::builder().unmounted();
    let mut root = patch(1, &[]);
    root["extra"] = json!({"metadata": {"thread_id": "customer 4711"}});
    let first = json!({"input_tokens": 1_200, "output_tokens": 34, "input_cost": 0.0024, "output_cost": 0.0001});
    let second = json!({"input_tokens": 100, "output_tokens": 6, "input_cost": 0.0002, "output_cost": "0.00003"});
    let mut streams = call(4, &[1, 2], &second);
    streams["events"] = json!([
        {"name": "new_token", "time": start(254)},
        {"name": "new_token", "time": start(204)},
    ]);
    let mut again = patch(10, &[]);
    again["extra"] = json!({"metadata": {"session_id": "customer 4711"}});
    let runs = [
        root,
        patch(2, &[1]),
        call(3, &[1, 2], &first),
        streams,
        again,
    ];
    batch(&mock, &runs, &[]);
    mock
}

fn judge(mock: &LangSmithMock, feedback: &Value) {
    let answer = mock.handle(json_request(Method::POST, "/feedback", feedback));
    assert_eq!(answer.status, 200, "{feedback}");
}

#[test]
fn a_trace_adds_up_what_the_calls_in_it_used_and_cost() {
    let mock = two_turns();
    let about = page(&mock, &trace(1)).by_id("about").text.clone();
    for words in [
        "1,340 1,300 in, 40 out",
        "$0.00273 $0.0026 in, $0.00013 out",
    ] {
        assert!(about.contains(words), "{words}: {about}");
    }
    // A step says what is below it, a call what it used itself.
    for (run, tokens, cost) in [(2, "1,340", "$0.00273"), (3, "1,234", "$0.0025")] {
        let run = format!("{}&run={}", trace(1), id(run));
        let text = page(&mock, &run).by_id("run").text.clone();
        assert!(text.contains(&format!("Tokens{tokens} ")), "{run}: {text}");
        assert!(text.contains(&format!("Cost{cost} ")), "{run}: {text}");
    }
    // In the tree only calls do.
    let runs = page(&mock, &trace(1)).by_id("runs").text.clone();
    assert!(runs.contains("1,234\u{a0}tokens $0.0025"), "{runs}");
    assert!(runs.contains("106\u{a0}tokens $0.00023"), "{runs}");
    assert!(!runs.contains("1,340\u{a0}tokens"), "{runs}");
    let list = page(&mock, "/").by_id("traces").text.clone();
    assert!(
        list.contains("1,340") && list.contains("$0.00273"),
        "{list}"
    );
}

#[test]
fn without_any_cost_the_list_has_no_column_for_it() {
    let mock = LangSmithMock::builder().unmounted();
    batch(&mock, &[call(1, &[], &json!({"total_tokens": 7}))], &[]);
    let list = page(&mock, "/").by_id("traces").text.clone();
    assert!(list.contains("Tokens") && !list.contains("Cost"), "{list}");
}

#[test]
fn calls_whose_root_has_not_come_are_added_up_too() {
    let mock = LangSmithMock::builder().unmounted();
    let usage = json!({"input_tokens": 1_000, "output_tokens": 1});
    batch(
        &mock,
        &[call(3, &[1, 2], &usage), call(4, &[1, 2], &usage)],
        &[],
    );
    let about = page(&mock, &trace(1)).by_id("about").text.clone();
    assert!(about.contains("2,002 2,000 in, 2 out"), "{about}");
    assert!(page(&mock, "/").by_id("traces").text.contains("2,002"));
}

#[test]
fn the_first_token_is_told_for_its_call_and_for_all_above_it() {
    let mock = two_turns();
    let told = |run: u64| {
        let run = format!("{}&run={}", trace(1), id(run));
        let text = page(&mock, &run).by_id("run").text.clone();
        let at = text.find("First token").map(|at| text[at..].to_owned());
        at.map(|text| text.chars().take(26).collect::<String>())
    };
    assert!(told(4).unwrap().starts_with("First tokenafter 200 ms"));
    assert!(told(1).unwrap().starts_with("First tokenafter 203 ms"));
    assert_eq!(told(3), None);
}

#[test]
fn a_thread_leads_to_all_its_traces() {
    let mock = two_turns();
    batch(&mock, &[patch(20, &[])], &[]);
    let links = |target: &str| {
        let page = page(&mock, target);
        page.links("customer 4711")
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let href = "/?q=customer%204711".to_owned();
    assert_eq!(links(&trace(1))[0], href);
    assert_eq!(links("/"), [href.clone(), href.clone()]);
    let found = page(&mock, &href).by_id("summary").text.clone();
    assert!(found.contains("2 of 3 traces"), "{found}");
}

#[test]
fn feedback_stands_at_its_run_and_at_its_trace() {
    let mock = two_turns();
    let comment = "one clause is not there";
    judge(
        &mock,
        &json!({"run_id": id(3), "key": "grounded", "score": 0.5, "comment": comment,
        "correction": {"answer": "no"}, "feedback_source": {"type": "model"}}),
    );
    judge(
        &mock,
        &json!({"run_id": id(3), "key": "grounded", "score": true}),
    );
    judge(
        &mock,
        &json!({"run_id": id(2), "key": "tone", "value": "kind"}),
    );
    // Without a run it is about the root.
    judge(
        &mock,
        &json!({"trace_id": id(1), "key": "solved", "score": 1}),
    );
    let run = |n: u64| {
        page(&mock, &format!("{}&run={}", trace(1), id(n)))
            .by_id("run")
            .text
            .clone()
    };
    let text = run(3);
    for words in [
        "grounded 0.75 (2×)",
        "from model",
        comment,
        "correction: ",
        "\"answer\"",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("tone") && !text.contains("solved"), "{text}");
    assert!(run(2).contains("tone kind"));
    assert!(run(1).contains("solved 1"));
    for (target, part) in [(trace(1), "about"), ("/".to_owned(), "traces")] {
        let text = page(&mock, &target).by_id(part).text.clone();
        for words in ["grounded 0.75 (2×)", "tone kind", "solved 1"] {
            assert!(text.contains(words), "{target}: {words}: {text}");
        }
    }
    let runs = page(&mock, &trace(1)).by_id("runs").text.clone();
    assert!(runs.contains("grounded 0.75 (2×)"), "{runs}");
}

fn send_orphan(mock: &LangSmithMock) {
    let span = json!({
        "traceId": "0102030405060708090a0b0c0d0e0f10", "spanId": "0303030303030303",
        "parentSpanId": "0404040404040404", "name": "GET /health",
        "startTimeUnixNano": "1795342674000000000", "endTimeUnixNano": "1795342675000000000",
    });
    let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]});
    let answer = mock.handle(json_request(Method::POST, "/otel/v1/traces", &body));
    assert_eq!(answer.status, 200);
}

#[test]
fn a_span_whose_parent_never_came_is_told_as_answered_200_and_dropped() {
    let mock = LangSmithMock::builder().unmounted();
    send_orphan(&mock);
    let summary = page(&mock, "/").by_id("summary").text.clone();
    assert!(
        summary.contains("1 span without a parent so far"),
        "{summary}"
    );
    assert!(page(&mock, "/violations").by_id("spans").text.is_empty());
    mock.expire_orphans();
    let list = page(&mock, "/");
    let summary = &list.by_id("summary").text;
    assert!(
        summary.contains("1 span answered 200 and dropped"),
        "{summary}"
    );
    assert!(!summary.contains("so far"), "{summary}");
    let all = page(&mock, "/violations");
    let spans = &all.by_id("spans").text;
    for words in ["Answered 200 and dropped", "GET /health", "span_orphan"] {
        assert!(spans.contains(words), "{words}: {spans}");
    }
    assert!(
        all.by_id("others").text.contains("None."),
        "it is told once"
    );
}

#[test]
fn a_page_is_where_the_window_of_a_span_ends_and_uses_up_no_fault() {
    let window = std::time::Duration::ZERO;
    let mock = LangSmithMock::builder().orphan_window(window).unmounted();
    send_orphan(&mock);
    mock.fault(Fault::status(503).times(1));
    for target in ["/violations", "/_stand_in/dump"] {
        let answer = get(&mock, target);
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status, 200, "{target}");
        assert!(
            text.contains("GET /health") && text.contains("span_orphan"),
            "{target}"
        );
    }
    assert_eq!(mock.waiting_spans(), 0);
    assert_eq!(mock.requests().len(), 1, "the span alone");
    assert_eq!(batch(&mock, &[], &[]).status, 503);
}
