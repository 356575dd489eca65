//! The list of traces keeps what it has read, and yet shows every change.

#![cfg(all(feature = "langsmith_mock", feature = "analysis"))]
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod langsmith_mock_support;
mod pages;

use common::langsmith_mock::LangSmithMock;
use http::Method;
use langsmith_mock_support::*;
use pages::page;
use serde_json::{Value, json};

fn send(mock: &LangSmithMock, method: Method, target: &str, body: &Value) -> Value {
    let answer = mock.handle(json_request(method, target, body));
    assert!(answer.status.is_success(), "{target}");
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

fn text(mock: &LangSmithMock) -> String {
    page(mock, "/").text
}

#[test]
fn runs_updates_feedback_and_new_names_show_in_a_list_that_was_read_before() {
    let mock = LangSmithMock::builder().unmounted();
    batch(&mock, &[post(1, &[]), post(11, &[])], &[]);
    assert!(text(&mock).contains("2 traces · 2 runs · 2 still running"));
    batch(&mock, &[post(2, &[1])], &[]);
    assert!(text(&mock).contains("2 traces · 3 runs · 3 still running"));
    batch(&mock, &[], &[patch(2, &[1])]);
    assert!(text(&mock).contains("3 runs · 2 still running"));
    let said = json!({"run_id": id(2), "key": "helpful", "score": 1});
    send(&mock, Method::POST, "/feedback", &said);
    assert!(text(&mock).contains("helpful"));
    let found = send(&mock, Method::GET, "/sessions?name=tests", &json!({}));
    let path = format!("/sessions/{}", found[0]["id"].as_str().unwrap());
    send(&mock, Method::PATCH, &path, &json!({"name": "renamed"}));
    assert!(text(&mock).contains("renamed"));
    send(&mock, Method::DELETE, &path, &json!({}));
    assert!(text(&mock).contains("No run has arrived yet."));
}

#[test]
fn a_list_after_a_new_beginning_holds_nothing_of_before() {
    let mock = LangSmithMock::builder().unmounted();
    batch(&mock, &[post(1, &[])], &[]);
    assert!(text(&mock).contains("run 1"));
    mock.clear();
    let mut other = post(1, &[]);
    other["name"] = json!("another");
    batch(&mock, &[other], &[]);
    let after = text(&mock);
    assert!(after.contains("another") && !after.contains("run 1"));
}

#[test]
fn a_key_that_is_known_only_later_vanishes_from_the_list() {
    let mock = LangSmithMock::builder().unmounted();
    let key = "a-key-that-somebody-logged-0002";
    let mut run = post(1, &[]);
    run["name"] = json!(format!("call with {key}"));
    batch(&mock, &[run], &[]);
    assert!(text(&mock).contains(key));
    let with_key = with(request(Method::GET, "/settings", ""), &[("x-api-key", key)]);
    mock.handle(with_key);
    assert!(!text(&mock).contains(key));
}

#[test]
fn a_run_that_its_late_parent_proves_wrong_is_an_operation_and_no_span() {
    let mock = LangSmithMock::builder().unmounted();
    // The place is made up: only the parent itself tells that it began later.
    let mut child = post(2, &[1]);
    child["dotted_order"] = json!(format!("{}.{}", segment(1), segment(2)));
    batch(&mock, &[child], &[]);
    let mut parent = post(1, &[]);
    parent["start_time"] = json!(start(5));
    batch(&mock, &[parent], &[]);
    let text = text(&mock);
    assert!(
        text.contains("1 operation answered 202 and dropped"),
        "{text}"
    );
    assert!(!text.contains("1 span answered 200"), "{text}");
}
