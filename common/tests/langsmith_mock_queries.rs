//! Runs found again: the filter language, pages, derived fields.

#![cfg(feature = "langsmith_mock")]
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod langsmith_mock_support;

use common::langsmith_mock::{LangSmithMock, MockResponse};
use http::Method;
use langsmith_mock_support::*;
use serde_json::{Value, json};

fn ask(mock: &LangSmithMock, body: &Value) -> MockResponse {
    mock.handle(json_request(Method::POST, "/runs/query", body))
}

fn names(mock: &LangSmithMock, body: &Value) -> Vec<String> {
    let answer = ask(mock, body);
    assert_eq!(answer.status, 200, "{}", body_json(&answer));
    let runs = body_json(&answer)["runs"].as_array().unwrap().clone();
    let mut names: Vec<String> = runs
        .iter()
        .map(|run| run["name"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

/// Two traces: an agent with two model calls and a tool, and a lone run of 5 seconds.
fn mock() -> LangSmithMock {
    let mock = LangSmithMock::builder().unmounted();
    let run = |n: u64, above: &[u64], name: &str, kind: &str, more: Value| {
        let mut run = post(n, above);
        run["name"] = json!(name);
        run["run_type"] = json!(kind);
        for (key, value) in more.as_object().unwrap() {
            run[key] = value.clone();
        }
        run
    };
    let usage = |input: u64, output: u64| {
        json!({"usage_metadata": {"input_tokens": input, "output_tokens": output,
            "total_tokens": input + output, "total_cost": 0.5,
            "input_token_details": {"cache_read": 1}}})
    };
    let token = json!([{"name": "new_token", "time": start(20)}]);
    let posts = [
        run(
            1,
            &[],
            "agent",
            "chain",
            json!({
                "end_time": start(1_001), "tags": ["beta", "x"], "inputs": {"question": "why?"},
                // A chain that hands its model's usage on: not counted again.
                "outputs": usage(100, 100),
                "extra": {"metadata": {"user": "ada", "age": 36, "team": "bob"}},
            }),
        ),
        run(
            2,
            &[1],
            "outer",
            "llm",
            json!({"end_time": start(500), "outputs": usage(10, 20)}),
        ),
        run(
            3,
            &[1, 2],
            "inner",
            "llm",
            json!({
                "end_time": start(400), "outputs": usage(10, 20), "events": token,
            }),
        ),
        run(
            4,
            &[1],
            "second",
            "llm",
            json!({"end_time": start(600), "outputs": usage(1, 2)}),
        ),
        run(
            5,
            &[1],
            "search",
            "tool",
            json!({"end_time": start(700), "error": "no \"network\""}),
        ),
        run(
            6,
            &[],
            "lone",
            "chain",
            json!({"end_time": "2026-11-22T10:17:59.006000Z"}),
        ),
    ];
    batch(&mock, &posts, &[]);
    assert_eq!(mock.violations(), []);
    for (key, score) in [("correct", json!(0.25)), ("tone", json!(true))] {
        let feedback = json!({"run_id": id(1), "key": key, "score": score});
        let request = json_request(Method::POST, "/feedback", &feedback);
        assert_eq!(mock.handle(request).status, 200);
    }
    mock
}

#[test]
fn the_filter_language_finds_what_it_says() {
    let mock = mock();
    for (filter, wanted) in [
        (r#"eq(run_type, "llm")"#, "inner outer second"),
        (r#"neq(run_type, 'llm')"#, "agent lone search"),
        (
            r#"and(eq(run_type, "llm"), gt(total_tokens, 3))"#,
            "inner outer",
        ),
        (r#"or(eq(name, "lone"), eq(name, "search"))"#, "lone search"),
        (r#"not(eq(is_root, true))"#, "inner outer search second"),
        (r#"eq(is_root, true)"#, "agent lone"),
        (r#"gte(latency, 5)"#, "lone"),
        (r#"gt(latency, "4s")"#, "lone"),
        (r#"lt(latency, "600ms")"#, "inner outer second"),
        (
            r#"lte(latency, "1m")"#,
            "agent inner lone outer search second",
        ),
        (r#"eq(status, "error")"#, "search"),
        (r#"neq(error, null)"#, "search"),
        (r#"eq(error, "no \"network\"")"#, "search"),
        (r#"eq(error, false)"#, "agent inner lone outer second"),
        (r#"has(tags, "beta")"#, "agent"),
        (r#"has(metadata, "user")"#, "agent"),
        (r#"has(metadata, "{\"user\": \"ada\"}")"#, "agent"),
        (r#"in(name, ["outer", "inner"])"#, "inner outer"),
        (
            r#"and(eq(metadata_key, "user"), eq(metadata_value, "ada"))"#,
            "agent",
        ),
        // Key and value have to be of one entry.
        (
            r#"and(eq(metadata_key, "user"), eq(metadata_value, "bob"))"#,
            "",
        ),
        (
            r#"and(eq(metadata_key, "age"), gt(metadata_value, 30))"#,
            "agent",
        ),
        (r#"eq(metadata_value, "36")"#, "agent"),
        (
            r#"and(eq(input_key, "question"), eq(input_value, "why?"))"#,
            "agent",
        ),
        (
            r#"and(eq(feedback_key, "correct"), lt(feedback_score, 0.5))"#,
            "agent",
        ),
        (
            r#"and(eq(feedback_key, "tone"), lt(feedback_score, 0.5))"#,
            "",
        ),
        (r#"eq(feedback_key, "tone")"#, "agent"),
        (r#"search("NETWORK")"#, "search"),
        (r#"search(name, "er")"#, "inner outer"),
        (
            r#"gt(start_time, "2026-11-22T10:17:54.004Z")"#,
            "lone search",
        ),
        (r#"eq(total_cost, 1)"#, "agent"),
        (r#"neq(first_token_time, null)"#, "agent inner outer"),
    ] {
        assert_eq!(
            names(&mock, &json!({"filter": filter})).join(" "),
            wanted,
            "{filter}"
        );
    }
    let of = |filter: String| names(&mock, &json!({"filter": filter}));
    assert_eq!(of(format!("eq(id, \"{}\")", id(6))), ["lone"]);
    assert_eq!(
        of(format!(
            "and(eq(trace_id, \"{}\"), eq(parent_run_id, \"{}\"))",
            id(1),
            id(2)
        )),
        ["inner"]
    );
}

#[test]
fn trace_and_tree_filters_look_at_the_root_and_at_any_run() {
    let mock = mock();
    assert_eq!(
        names(
            &mock,
            &json!({"trace_filter": "has(tags, \"beta\")", "run_type": "tool"})
        ),
        ["search"]
    );
    assert_eq!(
        names(
            &mock,
            &json!({"tree_filter": "eq(name, \"inner\")", "is_root": true})
        ),
        ["agent"]
    );
    assert_eq!(names(&mock, &json!({"query": "why"})), ["agent"]);
}

#[test]
fn a_bad_filter_is_told_where_it_is_bad() {
    let mock = mock();
    for (filter, words) in [
        ("", "at character 1: expected a name"),
        (
            "eq(run_type",
            "at character 12: expected ',', found the end",
        ),
        (
            "eq(colour, 1)",
            "at character 4: \"colour\" is no field of a run",
        ),
        (
            "same(name, 1)",
            "at character 1: \"same\" is none of eq, neq",
        ),
        (
            "eq(name, 5)",
            "at character 10: name is compared with a text in quotes",
        ),
        (
            "eq(name, \"a)",
            "at character 10: the text has no closing quote",
        ),
        (
            "gt(latency, \"soon\")",
            "at character 13: \"soon\" is no duration",
        ),
        (
            "gt(start_time, \"soon\")",
            "at character 16: \"soon\" is no time",
        ),
        (
            "gt(total_tokens, \"many\")",
            "at character 18: total_tokens is compared with a number",
        ),
        (
            "has(name, \"a\")",
            "at character 11: has() looks into tags or metadata",
        ),
        ("in(name, [])", "at character 10: the list is empty"),
        ("eq(name, \"a\") x", "at character 15: 'x' after the end"),
        (
            "not(eq(name, \"a\"), eq(name, \"b\"))",
            "at character 1: not() takes 1 condition",
        ),
        ("eq(name, blue)", "at character 10: \"blue\" is no value"),
        (
            "eq(is_root, \"yes\")",
            "at character 13: is_root is true or false",
        ),
    ] {
        for key in ["filter", "trace_filter", "tree_filter"] {
            let answer = ask(&mock, &json!({key: filter}));
            assert_eq!(answer.status, 400, "{filter}");
            let detail = body_json(&answer)["detail"].as_str().unwrap().to_owned();
            assert!(
                detail.starts_with(&format!("invalid {key:?} {words}")),
                "{detail}"
            );
        }
    }
    let deep = format!(
        "{}eq(name, \"a\"){}",
        "not(".repeat(5_000),
        ")".repeat(5_000)
    );
    assert_eq!(ask(&mock, &json!({"filter": deep})).status, 400);
}

#[test]
fn usage_rolls_up_to_every_ancestor_once() {
    let mock = mock();
    let read =
        |n: u64| body_json(&mock.handle(request(Method::GET, &format!("/runs/{}", id(n)), "")));
    let root = read(1);
    assert_eq!(root["prompt_tokens"], 11);
    assert_eq!(root["completion_tokens"], 22);
    assert_eq!(root["total_tokens"], 33);
    assert_eq!(root["total_cost"], 1.0);
    assert_eq!(root["prompt_token_details"]["cache_read"], 2);
    assert_eq!(read(2)["total_tokens"], 30);
    assert_eq!(read(5)["total_tokens"], 0);
    assert_eq!(root["depth"], 0);
    assert_eq!(read(3)["depth"], 2);
    assert_eq!(root["latency"], 1.0);
    assert_eq!(root["inputs_preview"], "why?");
    assert_eq!(root["first_token_time"], read(3)["first_token_time"]);
    assert!(root["first_token_time"].is_string());
    assert_eq!(root["feedback_stats"]["correct"]["avg"], 0.25);
    assert_eq!(root["feedback_stats"]["tone"]["n"], 1);
    assert!(root["app_path"].as_str().unwrap().ends_with(&id(1)));
    let stats = json_request(Method::POST, "/runs/stats", &json!({}));
    let stats = body_json(&mock.handle(stats));
    assert_eq!(stats["total_tokens"], 33, "no run's tokens count twice");
    assert_eq!(stats["run_count"], 6);
    assert_eq!(stats["latency_p99"], 5.0);
}

#[test]
fn a_page_stays_where_it_was_when_runs_arrive_in_between() {
    let mock = LangSmithMock::builder().unmounted();
    let posts: Vec<Value> = (1..=5).map(|n| post(n, &[])).collect();
    batch(&mock, &posts, &[]);
    let first = body_json(&ask(&mock, &json!({"limit": 2})));
    batch(&mock, &[post(9, &[])], &[]);
    let cursor = first["cursors"]["next"].clone();
    let second = json!({"limit": 2, "cursor": cursor});
    assert_eq!(names(&mock, &second), ["run 2", "run 3"]);
    assert_eq!(ask(&mock, &json!({"cursor": "elsewhere"})).status, 422);
    assert_eq!(ask(&mock, &json!({"limit": 101})).status, 422);
    assert_eq!(ask(&mock, &json!({"order": "sideways"})).status, 422);
    assert_eq!(ask(&mock, &json!({"select": ["colour"]})).status, 422);
    let selected = body_json(&ask(&mock, &json!({"select": ["inputs"], "limit": 1})));
    let run = selected["runs"][0].as_object().unwrap();
    assert!(run.contains_key("inputs") && run.contains_key("name") && !run.contains_key("outputs"));
}

#[test]
fn feedback_is_refused_in_words() {
    let mock = mock();
    let give = |body: Value| {
        mock.handle(json_request(Method::POST, "/feedback", &body))
            .status
    };
    assert_eq!(give(json!({"run_id": id(1)})), 422);
    assert_eq!(give(json!({"key": "k"})), 422);
    assert_eq!(give(json!({"key": "k", "run_id": "x"})), 422);
    assert_eq!(
        give(json!({"key": "k", "run_id": id(1), "score": 0.123_45})),
        422
    );
    assert_eq!(
        give(json!({"key": "k", "run_id": id(1), "score": 0.123_4})),
        200
    );
}

#[test]
fn a_run_can_name_its_project_by_id() {
    let mock = LangSmithMock::builder().unmounted();
    let body = json!({"name": "by id", "id": id(99)});
    mock.handle(json_request(Method::POST, "/sessions", &body));
    let mut run = post(1, &[]);
    run.as_object_mut().unwrap().remove("session_name");
    run["session_id"] = json!(id(99));
    batch(&mock, &[run, post(2, &[])], &[]);
    assert_eq!(names(&mock, &json!({"session": [id(99)]})), ["run 1"]);
    assert_eq!(mock.violations(), []);
}
