//! Who may read back what, and what opens.

#![cfg(feature = "langsmith_mock")]
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod langsmith_mock_support;

use common::langsmith_mock::{LangSmithMock, MockRequest, ViolationCode};
use http::Method;
use langsmith_mock_support::*;
use serde_json::json;

/// A run whose id was made so many milliseconds before it began.
fn made_before(mock: &LangSmithMock, millis: u64) {
    let mut run = post(1, &[]);
    run["start_time"] = json!(start(1 + millis));
    let time = segment(1 + millis).split('Z').next().unwrap().to_owned();
    run["dotted_order"] = json!(format!("{time}Z{}", id(1)));
    batch(mock, &[run], &[]);
}

fn open(mock: &LangSmithMock) -> (u16, String) {
    let answer = mock.handle(request(Method::GET, &format!("/runs/{}", id(1)), ""));
    let detail = body_json(&answer)["detail"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    (answer.status.as_u16(), detail)
}

#[test]
fn a_run_opens_whose_id_was_made_shortly_before_it_began() {
    for millis in [0, 5, 400, 1_000] {
        let mock = LangSmithMock::builder().unmounted();
        made_before(&mock, millis);
        assert_eq!(open(&mock).0, 200, "{millis} ms");
    }
}

#[test]
fn a_run_dated_back_by_seconds_does_not_open_and_the_answer_says_why() {
    let mock = LangSmithMock::builder().unmounted();
    made_before(&mock, 2_000);
    let (status, detail) = open(&mock);
    assert_eq!(status, 404);
    assert!(detail.contains("id_time_differs"), "{detail}");
    assert_eq!(codes(&mock.violations()), [ViolationCode::IdTimeDiffers]);
    let lenient = LangSmithMock::builder().lenient().unmounted();
    made_before(&lenient, 2_000);
    assert_eq!(open(&lenient).0, 200);
}

#[test]
fn everything_as_json_needs_no_key_and_holds_none() {
    let mock = LangSmithMock::builder().unmounted();
    let key = "a-key-that-somebody-logged-0001";
    let mut run = post(1, &[]);
    run["inputs"] = json!({ "headers": { "x-api-key": key } });
    let request = json_request(Method::POST, "/runs/batch", &json!({"post": [run]}));
    mock.handle(with(request, &[("x-api-key", key)]));
    let dump = mock.handle(MockRequest::new(Method::GET, "/_stand_in/dump", ""));
    let text = std::str::from_utf8(&dump.body).unwrap();
    assert!(!text.contains(key), "{text}");
    assert_eq!(body_json(&dump)["traces"][0]["runs"][0]["id"], json!(id(1)));
}

#[test]
fn under_a_name_of_somebody_else_runs_are_taken_and_nothing_is_told() {
    let mock = LangSmithMock::builder().unmounted();
    let foreign = |request| mock.handle(with(request, &[("host", "evil.example")]));
    let taken = json_request(
        Method::POST,
        "/runs/batch",
        &json!({"post": [post(1, &[])]}),
    );
    assert_eq!(foreign(taken).status, 202);
    assert_eq!(foreign(request(Method::GET, "/info", "")).status, 200);
    let query = json_request(Method::POST, "/runs/query", &json!({}));
    for question in [
        query.clone(),
        request(Method::GET, &format!("/runs/{}", id(1)), ""),
        request(Method::GET, "/sessions", ""),
        request(Method::GET, "/feedback", ""),
        request(Method::PUT, &format!("/runs/{}/share", id(1)), "{}"),
    ] {
        let path = question.path.clone();
        let answer = foreign(question);
        assert_eq!(answer.status, 403, "{path}");
        let detail = body_json(&answer)["detail"].to_string();
        assert!(detail.contains("localhost"), "{detail}");
    }
    let own = with(query, &[("host", "localhost:1984")]);
    assert_eq!(mock.handle(own).status, 200);
}
