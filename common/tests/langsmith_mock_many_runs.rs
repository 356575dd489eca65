//! Many runs: a question looks at no more of them than it has to, and finds the same as if it had.

#![cfg(feature = "langsmith_mock")]
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod langsmith_mock_support;

use common::langsmith_mock::LangSmithMock;
use http::Method;
use langsmith_mock_support::*;
use serde_json::{Value, json};

const ROOTS: u64 = 1_000;

/// Traces of a root and a call, whose runs arrive in another order than they began.
fn filled() -> LangSmithMock {
    let mock = LangSmithMock::builder().unmounted();
    let mut posts = Vec::new();
    for n in 0..ROOTS {
        let root = 1 + 2 * ((n * 7) % ROOTS);
        let mut runs = [post(root, &[]), post(root + 1, &[root])];
        runs[1]["run_type"] = json!("llm");
        if root % 500 == 1 {
            runs[1]["name"] = json!("rare");
        }
        let project = if root % 4 == 1 { "odd" } else { "even" };
        for run in &mut runs {
            run["session_name"] = json!(project);
        }
        posts.extend(runs);
    }
    batch(&mock, &posts, &[]);
    assert_eq!(mock.violations(), []);
    mock
}

fn pages(mock: &LangSmithMock, question: &Value) -> Vec<String> {
    let (mut ids, mut question) = (Vec::new(), question.clone());
    loop {
        let answer = mock.handle(json_request(Method::POST, "/runs/query", &question));
        assert_eq!(answer.status, 200);
        let answer = body_json(&answer);
        let runs = answer["runs"].as_array().unwrap();
        ids.extend(
            runs.iter()
                .map(|run| run["id"].as_str().unwrap().to_owned()),
        );
        match answer["cursors"]["next"].as_str() {
            Some(next) => question["cursor"] = json!(next),
            None => return ids,
        }
    }
}

fn project(mock: &LangSmithMock, name: &str) -> Value {
    let found = mock.handle(request(Method::GET, &format!("/sessions?name={name}"), ""));
    body_json(&found)[0].clone()
}

#[test]
fn pages_in_both_orders_hold_every_run_once_in_order() {
    let mock = filled();
    let all: Vec<String> = (1..=2 * ROOTS).map(id).collect();
    assert_eq!(
        pages(&mock, &json!({"order": "asc", "select": ["id"]})),
        all
    );
    let latest: Vec<String> = all.into_iter().rev().collect();
    assert_eq!(pages(&mock, &json!({"select": ["id"]})), latest);
}

#[test]
fn what_fits_rarely_is_found_behind_all_that_does_not() {
    let mock = filled();
    let rare: Vec<String> = (1..2 * ROOTS)
        .filter(|n| n % 500 == 1)
        .map(|n| id(n + 1))
        .collect();
    let question = json!({"filter": "eq(name, \"rare\")", "order": "asc", "limit": 4});
    assert_eq!(pages(&mock, &question), rare);
    let tree = json!({"tree_filter": "eq(name, \"rare\")", "is_root": true, "limit": 1});
    assert_eq!(pages(&mock, &tree).len(), rare.len());
}

#[test]
fn a_project_counts_and_finds_its_own_runs() {
    let mock = filled();
    for (name, part) in [("odd", 1), ("even", 3)] {
        let project = project(&mock, name);
        let own = (1..=2 * ROOTS).filter(|n| (n - (n + 1) % 2) % 4 == part);
        let own: Vec<String> = own.map(id).collect();
        assert_eq!(project["run_count"], json!(own.len()), "{name}");
        let question = json!({"session": [project["id"]], "order": "asc"});
        assert_eq!(pages(&mock, &question), own, "{name}");
    }
}

#[test]
fn an_answer_about_a_large_trace_says_when_its_runs_began() {
    let mock = LangSmithMock::builder().unmounted();
    let mut posts = vec![post(1, &[])];
    posts.extend((2..=2_000).map(|n| post(n, &[1])));
    batch(&mock, &posts, &[]);
    let question = json!({"trace": id(1)});
    let answer = mock.handle(json_request(Method::POST, "/runs/query", &question));
    let answer = body_json(&answer);
    assert_eq!(answer["runs"].as_array().unwrap().len(), 2_000);
    for run in [&answer["runs"][0], &answer["runs"][1_999]] {
        assert_eq!(
            run["trace_min_start_time"],
            json!("2026-11-22T10:17:54.001Z")
        );
        assert_eq!(run["trace_max_start_time"], json!("2026-11-22T10:17:56Z"));
    }
}
