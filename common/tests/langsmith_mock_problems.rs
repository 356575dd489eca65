//! What LangSmith's users run into, reproduced: each test is named after the problem's message.

#![cfg(feature = "langsmith_mock")]
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod langsmith_mock_support;

use common::langsmith_mock::{
    IngestOutcome, LangSmithMock, Limits, MockResponse, ViolationCode as V,
};
use common::model::Run;
use http::Method;
use langsmith_mock_support::*;
use serde_json::{Value, json};

fn mock() -> LangSmithMock {
    LangSmithMock::builder().unmounted()
}

fn create(mock: &LangSmithMock, run: &Value) -> MockResponse {
    mock.handle(json_request(Method::POST, "/runs", run))
}

fn update(mock: &LangSmithMock, n: u64, run: &Value) -> MockResponse {
    mock.handle(json_request(
        Method::PATCH,
        &format!("/runs/{}", id(n)),
        run,
    ))
}

fn read(mock: &LangSmithMock, n: u64) -> MockResponse {
    mock.handle(request(Method::GET, &format!("/runs/{}", id(n)), ""))
}

fn detail(answer: &MockResponse) -> String {
    body_json(answer)["detail"].as_str().unwrap().to_owned()
}

fn changed(mut run: Value, key: &str, value: Value) -> Value {
    run[key] = value;
    run
}

#[test]
fn problem_13_dotted_order_must_contain_at_least_two_parts_for_child_runs() {
    let answer = create(
        &mock(),
        &changed(post(1, &[]), "parent_run_id", json!(id(9))),
    );
    assert_eq!(answer.status, 400);
    let words = "dotted_order must contain at least two parts for child runs";
    assert!(detail(&answer).starts_with(words), "{}", detail(&answer));
}

#[test]
fn problem_14_dotted_order_must_contain_a_single_part_for_root_runs() {
    let answer = create(
        &mock(),
        &changed(post(2, &[1]), "parent_run_id", Value::Null),
    );
    assert_eq!(answer.status, 400);
    let words = "dotted_order must contain a single part for root runs";
    assert!(detail(&answer).starts_with(words), "{}", detail(&answer));
}

#[test]
fn problem_15_trace_id_does_not_match_first_part_of_dotted_order() {
    let answer = create(&mock(), &changed(post(2, &[1]), "trace_id", json!(id(9))));
    assert_eq!(answer.status, 400);
    let words = "trace_id does not match first part of dotted_order";
    assert!(detail(&answer).starts_with(words), "{}", detail(&answer));
}

#[test]
fn problem_16_timestamp_earlier_than_parent_timestamp() {
    let answer = create(&mock(), &post(1, &[2]));
    assert_eq!(answer.status, 400);
    assert!(detail(&answer).contains("earlier than parent timestamp"));
}

#[test]
fn problem_16_is_found_when_the_parent_comes_later() {
    // The child says that its parent started before it; the parent knows better.
    let mut parent = post(5, &[]);
    let early = segment(5).replace("54005000Z", "54001000Z");
    let mut child = post(3, &[]);
    child["trace_id"] = json!(id(5));
    child["parent_run_id"] = json!(id(5));
    child["dotted_order"] = json!(format!("{early}.{}", segment(3)));
    let strict = mock();
    batch(&strict, &[child.clone()], &[]);
    assert_eq!(strict.runs().len(), 1, "nothing is wrong with it alone");
    parent["name"] = json!("late parent");
    batch(&strict, &[parent.clone()], &[]);
    assert_eq!(codes(&strict.violations()), [V::ChildBeforeParent]);
    let last = strict.ingest_log().pop().unwrap();
    assert_eq!((last.outcome, last.id), (IngestOutcome::Dropped, id(3)));
    let names: Vec<String> = strict.runs().into_iter().map(|run| run.name).collect();
    assert_eq!(names, ["late parent"]);
    assert!(
        strict
            .wait_for_runs_blocking(2, std::time::Duration::ZERO)
            .is_err()
    );

    let lenient = LangSmithMock::builder().lenient().unmounted();
    batch(&lenient, &[child], &[]);
    batch(&lenient, &[parent], &[]);
    assert_eq!(lenient.runs().len(), 2);
    assert_eq!(codes(&lenient.violations()), [V::ChildBeforeParent]);
}

#[test]
fn problem_17_a_run_whose_id_tells_another_time_is_listed_and_does_not_open() {
    // Dated back by more than an id made just before its run ever is.
    let later = segment(1).replace("54001000Z", "56001000Z");
    let run = changed(post(1, &[]), "dotted_order", json!(later));
    let run = changed(run, "start_time", json!(start(2_001)));
    for (builder, status) in [
        (LangSmithMock::builder(), 404),
        (LangSmithMock::builder().lenient(), 200),
    ] {
        let mock = builder.unmounted();
        assert_eq!(batch(&mock, std::slice::from_ref(&run), &[]).status, 202);
        assert_eq!(mock.runs().len(), 1);
        assert_eq!(read(&mock, 1).status, status);
    }
}

#[test]
fn problem_18_payload_already_received_for_each_run_and_operation() {
    let mock = mock();
    assert_eq!(create(&mock, &post(1, &[])).status, 200);
    assert_eq!(create(&mock, &post(1, &[])).status, 409);
    assert_eq!(update(&mock, 1, &patch(1, &[])).status, 200);
    let second = changed(patch(1, &[]), "tags", json!(["late"]));
    let answer = update(&mock, 1, &second);
    assert_eq!(answer.status, 409);
    assert_eq!(detail(&answer), "payload already received");
    assert_eq!(batch(&mock, &[post(1, &[])], &[patch(1, &[])]).status, 409);
    // With something new beside it the request is taken.
    assert_eq!(
        batch(&mock, &[post(2, &[1])], std::slice::from_ref(&second)).status,
        202
    );
    assert_eq!(codes(&mock.violations()), [V::AlreadyReceived; 2]);
    assert!(mock.runs()[0].tags.is_empty(), "the first update counts");

    let lenient = LangSmithMock::builder().lenient().unmounted();
    for update in [patch(1, &[]), second] {
        assert_eq!(batch(&lenient, &[], &[update]).status, 202);
    }
    assert_eq!(lenient.runs()[0].tags, ["late"]);
}

#[test]
fn problem_19_202_now_and_rejected_later_shows_in_the_ingest_log() {
    let mock = mock();
    let bad = changed(post(2, &[1]), "trace_id", json!(id(9)));
    assert_eq!(batch(&mock, &[bad], &[]).status, 202);
    assert_eq!(mock.ingest_log()[0].outcome, IngestOutcome::Rejected);
    assert_eq!(mock.rejected()[0].violations[0].code, V::TraceIdMismatch);
}

#[test]
fn problem_24_request_entity_too_large() {
    let limits = Limits {
        body_bytes: 1_000,
        ..Limits::default()
    };
    let mock = LangSmithMock::builder().limits(limits).unmounted();
    let big = changed(post(1, &[]), "inputs", json!({"q": "x".repeat(2_000)}));
    assert_eq!(batch(&mock, &[big], &[]).status, 413);
}

#[test]
fn problem_25_int_too_big_to_convert_loses_the_whole_batch() {
    let body = json!({"post": [post(1, &[]), post(2, &[1])]}).to_string();
    let body = body.replacen(
        "\"name\"",
        "\"inputs\":{\"n\":184467440737095516160},\"name\"",
        1,
    );
    for (builder, status, stored) in [
        (LangSmithMock::builder(), 422, 0),
        (LangSmithMock::builder().lenient(), 202, 2),
    ] {
        let mock = builder.unmounted();
        let request = with(
            request(Method::POST, "/runs/batch", body.clone()),
            &[("content-type", "application/json")],
        );
        let answer = mock.handle(request);
        assert_eq!(answer.status, status);
        assert_eq!(mock.runs().len(), stored);
        if status == 422 {
            assert!(detail(&answer).starts_with("int too big to convert"));
        }
    }
    // In a part of its own it is the same.
    let name = format!("post.{}", id(1));
    let inputs = (
        format!("{name}.inputs"),
        "application/json".to_owned(),
        b"{\"n\":-99999999999999999999}".to_vec(),
    );
    let answer = send_parts(&mock(), &[json_part(&name, &post(1, &[])), inputs]);
    assert_eq!(answer.status, 422);
}

#[test]
fn problem_30_an_agent_loop_stops_being_recorded_at_the_limit() {
    let limits = Limits {
        runs_per_trace: 3,
        ..Limits::default()
    };
    let mock = LangSmithMock::builder().limits(limits).unmounted();
    let posts: Vec<Value> = (2..=6).map(|n| post(n, &[1])).collect();
    batch(&mock, &[post(1, &[])], &[]);
    assert_eq!(batch(&mock, &posts, &[patch(2, &[1])]).status, 202);
    assert_eq!(mock.runs().len(), 3);
    assert_eq!(codes(&mock.errors()), [V::TraceTooLarge; 3]);
    assert!(mock.runs()[1].end_time.is_some(), "updates are no new runs");
    assert_eq!(Limits::default().runs_per_trace, 25_000);
}

#[test]
fn problem_40_a_trace_stays_in_the_project_that_it_began_in() {
    let mock = mock();
    let elsewhere = changed(post(2, &[1]), "session_name", json!("elsewhere"));
    batch(&mock, &[post(1, &[])], &[]);
    batch(&mock, &[elsewhere], &[]);
    assert_eq!(codes(&mock.violations()), [V::ProjectChanged]);
    let session = |n| body_json(&read(&mock, n))["session_id"].clone();
    assert_eq!(session(1), session(2));
    let projects = body_json(&mock.handle(request(Method::GET, "/sessions", "")));
    assert_eq!(projects.as_array().unwrap().len(), 1);
    assert_eq!(projects[0]["run_count"], 2);
}

#[test]
fn problem_58_conversations_group_by_metadata_alone() {
    let mock = mock();
    let grouped = |n, extra| changed(post(n, &[]), "extra", extra);
    let posts = [
        grouped(
            1,
            json!({"metadata": {"thread_id": "c", "session_id": "a", "conversation_id": "b"}}),
        ),
        grouped(
            2,
            json!({"metadata": {"thread_id": "c", "conversation_id": "b"}}),
        ),
        grouped(3, json!({"metadata": {"thread_id": "c"}})),
        grouped(4, json!({"thread_id": "c"})),
    ];
    batch(&mock, &posts, &[]);
    let threads: Vec<Value> = (1..=4)
        .map(|n| body_json(&read(&mock, n))["thread_id"].clone())
        .collect();
    assert_eq!(threads, [json!("a"), json!("b"), json!("c"), Value::Null]);
}

#[test]
fn problem_60_a_batch_that_mixed_two_workspaces_is_noticed() {
    let mock = mock();
    for (n, above, tenant) in [(1, vec![], "one"), (2, vec![1], "other")] {
        let body = json!({"post": [post(n, &above)]});
        let request = json_request(Method::POST, "/runs/batch", &body);
        mock.handle(with(request, &[("x-tenant-id", tenant)]));
    }
    assert_eq!(codes(&mock.violations()), [V::WorkspaceChanged]);
}

#[test]
fn an_organizations_key_without_a_workspace_is_403() {
    let mock = LangSmithMock::builder().org_key(KEY).unmounted();
    let settings = || request(Method::GET, "/settings", "");
    let answer = mock.handle(settings());
    assert_eq!(answer.status, 403);
    assert_eq!(
        body_json(&answer),
        json!({"error": "org_scoped_key_requires_workspace"})
    );
    let named = with(settings(), &[("x-tenant-id", "a-workspace")]);
    assert_eq!(mock.handle(named).status, 200);
}

#[test]
fn a_key_of_langsmiths_own_can_be_kept_out() {
    let real = format!("lsv2_pt_{}_{}", "0f".repeat(16), "a1".repeat(5));
    let settings = || {
        with(
            request(Method::GET, "/settings", ""),
            &[("x-api-key", &real)],
        )
    };
    assert_eq!(mock().handle(settings()).status, 200);
    let careful = LangSmithMock::builder().refuse_real_keys().unmounted();
    let answer = careful.handle(settings());
    assert_eq!(answer.status, 401);
    assert!(!detail(&answer).contains(&real[8..]));
    assert_eq!(
        careful.handle(request(Method::GET, "/settings", "")).status,
        200
    );
}

#[test]
fn the_same_requests_in_another_order_give_the_same_dump() {
    let dump = |posts: &[Value]| {
        let mock = mock();
        for run in posts {
            batch(&mock, std::slice::from_ref(run), &[]);
        }
        mock.dump()["traces"].clone()
    };
    let posts = [post(1, &[]), post(2, &[1]), post(3, &[1]), post(4, &[])];
    let turned: Vec<Value> = posts.iter().rev().cloned().collect();
    let sorted = |mut traces: Value| {
        // Children are named in the order of their arrival.
        for run in traces
            .as_array_mut()
            .unwrap()
            .iter_mut()
            .flat_map(|t| t["runs"].as_array_mut().unwrap())
        {
            run.as_object_mut()
                .unwrap()
                .retain(|key, _| !key.ends_with("child_run_ids"));
        }
        traces
    };
    assert_eq!(sorted(dump(&posts)), sorted(dump(&turned)));
    let mock = mock();
    batch(&mock, &posts, &[]);
    let answer = mock.handle(request(Method::GET, "/_stand_in/dump", ""));
    assert_eq!(body_json(&answer), mock.dump());
    let foreign = with(
        request(Method::GET, "/_stand_in/dump", ""),
        &[("host", "evil.example")],
    );
    assert_eq!(mock.handle(foreign).status, 403);
    let runs: Vec<Run> = mock.runs();
    assert_eq!(mock.dump()["traces"][0]["runs"][0]["id"], json!(runs[0].id));
}

#[test]
fn what_the_stand_in_stamps_comes_from_its_clock() {
    use common::model::{Clock as _, SteppingClock, SystemClock};
    let begin = SystemClock.now();
    let step = std::time::Duration::from_secs(1);
    let mock = LangSmithMock::builder()
        .clock(SteppingClock::new(begin, step))
        .unmounted();
    for _ in 0..2 {
        mock.handle(request(Method::GET, "/settings", ""));
    }
    let times: Vec<_> = mock.requests().iter().map(|request| request.at).collect();
    assert_eq!(times, [begin, begin + step]);
}
