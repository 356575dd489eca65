//! The stand-in, asked without a network, and what must hold of it whatever it was sent.

use std::collections::HashSet;

use common::langsmith_mock::{LangSmithMock, Limits, MockRequest, MockResponse};
use http::Method;

use crate::memory;

/// A body of this many bytes may become, decompressed and read, [`MOST_BYTES`] at most.
const BODY_BYTES: usize = 64 * 1024;

/// JSON is the worst: `0,` takes two bytes of a body and a hundred of memory, and what is stored, what is
/// rejected and what is shown of it are copies.
const MOST_BYTES: usize = 600 * BODY_BYTES;

/// The longest message of a violation: a thousand characters, each of four bytes at most.
const MOST_OF_A_MESSAGE: usize = 4 * 1_000 + 16;

thread_local! {
    static STRICT: LangSmithMock = LangSmithMock::builder().limits(limits()).unmounted();
    static LENIENT: LangSmithMock = LangSmithMock::builder().lenient().limits(limits()).unmounted();
}

fn limits() -> Limits {
    Limits {
        body_bytes: BODY_BYTES,
        runs: 1_000,
        total_bytes: 16 * BODY_BYTES,
        records: 100,
        runs_per_trace: 100,
    }
}

/// Calls `work` with a strict stand-in and a lenient one, both empty.
pub(crate) fn both(work: impl FnOnce(&LangSmithMock, &LangSmithMock)) {
    STRICT.with(|strict| {
        LENIENT.with(|lenient| {
            strict.clear();
            lenient.clear();
            work(strict, lenient);
        });
    });
}

/// Sends a request to both. Neither fails, each keeps its books, and the lenient one takes whatever the
/// strict one takes.
pub(crate) fn send_to_both(request: &MockRequest) {
    both(|strict, lenient| {
        let answer = send(strict, request.clone());
        let leniently = send(lenient, request.clone());
        if answer.status.is_success() {
            assert!(leniently.status.is_success(), "{}", leniently.status);
        }
        let kept: HashSet<_> = lenient.runs().into_iter().map(|run| run.id).collect();
        for run in strict.runs() {
            assert!(kept.contains(&run.id), "only the strict one has {}", run.id);
        }
        let before = strict.runs();
        send(strict, request.clone());
        assert_eq!(
            strict.runs(),
            before,
            "the same once more changed something"
        );
    });
}

fn send(mock: &LangSmithMock, request: MockRequest) -> MockResponse {
    let answer = memory::within(MOST_BYTES, "one request", || mock.handle(request));
    let known = matches!(
        answer.status.as_u16(),
        200 | 202 | 204 | 400 | 409 | 413 | 415 | 422
    );
    assert!(known, "{}: {:?}", answer.status, answer.body);
    check(mock);
    answer
}

/// Panics if what the stand-in tells contradicts itself.
fn check(mock: &LangSmithMock) {
    for violation in mock.violations() {
        assert!(violation.message.len() <= MOST_OF_A_MESSAGE, "{violation}");
    }
    let runs = mock.runs();
    let ids: HashSet<_> = runs.iter().map(|run| run.id).collect();
    assert_eq!(ids.len(), runs.len(), "a run is there twice");
    for run in &runs {
        assert!(!run.id.0.is_nil());
        assert!(
            mock.raw_run(run.id).is_some(),
            "{} cannot be opened",
            run.id
        );
    }
    let in_trees = mock.tree().walk().len();
    assert_eq!(in_trees, runs.len(), "a run is in no tree, or in two");
    assert!(mock.dump().is_object());
}

/// Asks a stand-in for runs and returns their ids; none if it refuses the question.
pub(crate) fn ask(mock: &LangSmithMock, question: &serde_json::Value) -> Option<HashSet<String>> {
    let mut request = MockRequest::new(Method::POST, "/runs/query", question.to_string());
    let json = http::HeaderValue::from_static("application/json");
    request.headers.insert("content-type", json);
    let key = http::HeaderValue::from_static("any");
    request.headers.insert("x-api-key", key);
    let answer = mock.handle(request);
    let told: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    match answer.status.as_u16() {
        200 => Some(ids_of(&told)),
        400 | 422 => None,
        other => panic!("{other}: {told}"),
    }
}

fn ids_of(told: &serde_json::Value) -> HashSet<String> {
    let runs = told["runs"].as_array().expect("a list of runs");
    runs.iter()
        .map(|run| run["id"].as_str().expect("an id").to_owned())
        .collect()
}
