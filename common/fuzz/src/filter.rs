//! The stand-in's filter language, held to the laws of logic.

use std::collections::HashSet;

use common::langsmith_mock::{LangSmithMock, MockRequest};
use http::{HeaderValue, Method};
use serde_json::json;

use crate::stand_in::ask;

thread_local! {
    static RUNS: LangSmithMock = stored();
}

/// Reads the data as a filter. It is understood or refused in words; what is understood is about each run
/// either true or not, and `not`, `and` and `or` of it mean what they say.
pub fn filter(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    RUNS.with(|mock| {
        let found = |filter: &str| ask(mock, &json!({ "filter": filter }));
        let Some(yes) = found(text) else { return };
        let all = ask(mock, &json!({})).expect("everything");
        assert!(yes.is_subset(&all));
        // One level more may be one too many.
        if let Some(no) = found(&format!("not({text})")) {
            let rest: HashSet<String> = all.difference(&yes).cloned().collect();
            assert_eq!(no, rest, "not");
        }
        for both in ["and", "or"] {
            if let Some(twice) = found(&format!("{both}({text}, {text})")) {
                assert_eq!(twice, yes, "{both}");
            }
        }
        if let Some(none) = found(&format!("and({text}, not({text}))")) {
            assert!(none.is_empty(), "true and false at once: {none:?}");
        }
        for place in ["trace_filter", "tree_filter"] {
            assert!(ask(mock, &json!({ place: text })).is_some(), "{place}");
        }
    });
}

/// Makes a stand-in with runs that differ in what a filter can ask for.
fn stored() -> LangSmithMock {
    let mock = LangSmithMock::builder().lenient().unmounted();
    let order = |n: u32| format!("20261122T10175400{n}000Z{}", id(n));
    let time = |n: u32| format!("2026-11-22T10:17:54.00{n}000Z");
    let run = |n: u32, above: Option<u32>| {
        let place = above.map_or(order(n), |above| format!("{}.{}", order(above), order(n)));
        let mut run = json!({
            "id": id(n), "trace_id": id(above.unwrap_or(n)), "dotted_order": place,
            "name": format!("run {n}"), "run_type": "chain", "start_time": time(n),
        });
        if let Some(above) = above {
            run["parent_run_id"] = json!(id(above));
        }
        run
    };
    let (mut root, mut model, mut tool, other) =
        (run(1, None), run(2, Some(1)), run(3, Some(1)), run(4, None));
    root["tags"] = json!(["a", "b"]);
    root["inputs"] = json!({"question": "why?", "n": 1});
    root["extra"] = json!({"metadata": {"thread_id": "t", "n": 2, "a.b": [1]}});
    root["end_time"] = json!(time(9));
    model["run_type"] = json!("llm");
    model["outputs"] =
        json!({"answer": "é", "usage_metadata": {"input_tokens": 3, "total_tokens": 4}});
    model["end_time"] = json!(time(5));
    tool["error"] = json!("boom");
    let body = json!({ "post": [root, model, tool, other] });
    let mut request = MockRequest::new(Method::POST, "/runs/batch", body.to_string());
    for (name, value) in [("content-type", "application/json"), ("x-api-key", "any")] {
        request
            .headers
            .insert(name, HeaderValue::from_static(value));
    }
    assert!(mock.handle(request).status.is_success());
    assert_eq!(mock.runs().len(), 4);
    mock
}

fn id(n: u32) -> String {
    format!("01a202b7-f0ee-7646-9e7b-{n:012x}")
}
