//! Each rule is broken alone, and exactly that rule is named.

#![cfg(feature = "langsmith_mock")]
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod langsmith_mock_support;

use std::collections::BTreeSet;

use common::langsmith_mock::{LangSmithMock, Limits, MockRequest, Severity, ViolationCode as V};
use http::Method;
use langsmith_mock_support::*;
use serde_json::{Value, json};

/// A batch that creates this one run.
fn one(run: Value) -> Vec<MockRequest> {
    both(&[run], &[])
}

fn both(post: &[Value], patch: &[Value]) -> Vec<MockRequest> {
    let body = json!({ "post": post, "patch": patch });
    vec![json_request(Method::POST, "/runs/batch", &body)]
}

fn changed(mut run: Value, key: &str, value: Value) -> Value {
    run[key] = value;
    run
}

fn without(mut run: Value, key: &str) -> Value {
    run.as_object_mut().unwrap().remove(key);
    run
}

fn parts(parts: &[Part], length: Length) -> Vec<MockRequest> {
    vec![multipart_request(multipart(parts, length))]
}

fn main_part() -> Part {
    json_part(format!("post.{}", id(1)), &post(1, &[]))
}

fn span(span: &Value) -> MockRequest {
    let body = json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": [span] }] }] });
    json_request(Method::POST, "/otel/v1/traces", &body)
}

/// For each rule: requests that break it and no other, and the statuses of their answers.
fn cases() -> Vec<(V, Vec<MockRequest>, u16)> {
    let root = || post(1, &[]);
    let child = || post(2, &[1]);
    let name = format!("post.{}", id(1));
    let other = id(9);
    vec![
        (
            V::BodyTooLarge,
            vec![multipart_request(vec![0; 200_000])],
            413,
        ),
        (
            V::BodyUnreadable,
            vec![multipart_request("no multipart")],
            400,
        ),
        (
            V::BodyUnreadable,
            vec![json_request(Method::POST, "/runs/batch", &json!([1]))],
            422,
        ),
        (
            V::BodyUnreadable,
            vec![with(
                multipart_request("x"),
                &[("content-encoding", "gzip")],
            )],
            400,
        ),
        (
            V::EncodingUnknown,
            vec![with(multipart_request("x"), &[("content-encoding", "br")])],
            415,
        ),
        (
            V::ContentTypeWrong,
            vec![with(
                multipart_request("x"),
                &[("content-type", "text/plain")],
            )],
            415,
        ),
        (
            V::ContentTypeWrong,
            vec![request(Method::POST, "/runs/batch", "{}")],
            415,
        ),
        (
            V::PartUnknown,
            parts(
                &[main_part(), json_part(format!("{name}.output"), &json!({}))],
                Length::Header,
            ),
            202,
        ),
        (
            V::PartLengthMismatch,
            parts(&[main_part()], Length::Wrong),
            202,
        ),
        (
            V::PartLengthMissing,
            parts(&[main_part()], Length::None),
            202,
        ),
        (
            V::PartNotJson,
            parts(
                &[
                    main_part(),
                    (
                        format!("{name}.inputs"),
                        "application/json".into(),
                        b"{".to_vec(),
                    ),
                ],
                Length::Header,
            ),
            202,
        ),
        (
            V::InlineField,
            parts(
                &[json_part(
                    &name,
                    &changed(root(), "inputs", json!({"q": 1})),
                )],
                Length::Header,
            ),
            202,
        ),
        (
            V::IdMismatch,
            parts(
                &[json_part(format!("post.{other}"), &root())],
                Length::Header,
            ),
            202,
        ),
        (V::FieldMissing, one(without(root(), "dotted_order")), 202),
        (V::FieldMissing, one(without(root(), "trace_id")), 202),
        (V::FieldMissing, one(without(root(), "name")), 202),
        (
            V::FieldMissing,
            both(&[], &[without(patch(1, &[]), "dotted_order")]),
            202,
        ),
        (
            V::FieldMalformed,
            one(changed(root(), "tags", json!("t"))),
            202,
        ),
        (
            V::FieldMalformed,
            one(changed(root(), "outputs", json!([1]))),
            202,
        ),
        (
            V::IdMalformed,
            one(changed(root(), "reference_example_id", json!("7"))),
            202,
        ),
        (
            V::TimeMalformed,
            one(changed(root(), "end_time", json!("soon"))),
            202,
        ),
        (
            V::DottedOrderMalformed,
            one(changed(root(), "dotted_order", json!("2026.1"))),
            202,
        ),
        (
            V::SegmentLength,
            one(changed(
                root(),
                "dotted_order",
                json!(segment(1).replace("001000Z", "001Z")),
            )),
            202,
        ),
        (
            V::DottedOrderId,
            one(changed(
                child(),
                "dotted_order",
                json!(format!(
                    "{}.{}",
                    segment(1),
                    segment(2).replace(&id(2), &other)
                )),
            )),
            202,
        ),
        (
            V::TraceIdMismatch,
            one(changed(child(), "trace_id", json!(other))),
            202,
        ),
        (
            V::ParentMismatch,
            one(changed(child(), "parent_run_id", json!(other))),
            202,
        ),
        (
            V::RootWithAncestors,
            one(without(child(), "parent_run_id")),
            202,
        ),
        (
            V::ChildWithoutAncestors,
            one(changed(root(), "parent_run_id", json!(other))),
            202,
        ),
        (
            V::EndBeforeStart,
            one(changed(root(), "end_time", json!(1_000_000_000_000_i64))),
            202,
        ),
        (
            V::EndBeforeStart,
            both(
                &[post(2_000, &[])],
                &[{
                    let early = without(patch(2_000, &[]), "start_time");
                    changed(early, "end_time", json!(start(1)))
                }],
            ),
            202,
        ),
        (V::ChildBeforeParent, one(post(1, &[2])), 202),
        (
            V::StartTimeDiffers,
            one(changed(
                root(),
                "start_time",
                json!(start(1).replace("001000Z", "001900Z")),
            )),
            202,
        ),
        (
            V::IdTimeDiffers,
            one({
                let later = segment(1).replace("54001000Z", "54003000Z");
                let run = changed(root(), "dotted_order", json!(later));
                changed(run, "start_time", json!(start(3)))
            }),
            202,
        ),
        (
            V::DottedOrderChanged,
            both(
                &[post(3, &[1])],
                &[without(patch(3, &[1, 2]), "parent_run_id")],
            ),
            202,
        ),
        (
            V::RunTypeUnknown,
            one(changed(root(), "run_type", json!("agent"))),
            202,
        ),
        (V::ProjectMissing, one(without(root(), "session_name")), 202),
        (
            V::ProjectChanged,
            both(
                &[root(), changed(child(), "session_name", json!("elsewhere"))],
                &[],
            ),
            202,
        ),
        (
            V::MetadataTooLarge,
            one(changed(
                root(),
                "extra",
                json!({"metadata": {"page": "x".repeat(65 * 1024)}}),
            )),
            202,
        ),
        (
            V::AttachmentName,
            parts(
                &[
                    main_part(),
                    (
                        format!("attachment.{}.a.png", id(1)),
                        "image/png".into(),
                        vec![1],
                    ),
                ],
                Length::Header,
            ),
            202,
        ),
        (
            V::AttachmentOrphan,
            parts(
                &[(
                    format!("attachment.{}.img", id(1)),
                    "image/png".into(),
                    vec![1],
                )],
                Length::Header,
            ),
            202,
        ),
        (
            V::KeyInBody,
            one(changed(root(), "extra", json!({"k": KEY}))),
            202,
        ),
        (
            V::AlreadyReceived,
            both(&[root(), changed(root(), "name", json!("again"))], &[]),
            202,
        ),
        (
            V::IntTooBig,
            vec![with(
                request(
                    Method::POST,
                    "/runs/batch",
                    r#"{"post": [{"extra": 123456789012345678901234567890}]}"#,
                ),
                &[("content-type", "application/json")],
            )],
            422,
        ),
        (
            V::TraceTooLarge,
            both(&[root(), child(), post(3, &[1]), post(4, &[1])], &[]),
            202,
        ),
        (
            V::WorkspaceChanged,
            vec![
                with(one(root()).remove(0), &[("x-tenant-id", "one")]),
                with(one(child()).remove(0), &[("x-tenant-id", "other")]),
            ],
            202,
        ),
        (
            V::FeedbackOrphan,
            vec![json_request(
                Method::POST,
                "/feedback",
                &json!({"key": "k", "run_id": other}),
            )],
            200,
        ),
        (
            V::SpanMalformed,
            vec![span(&json!({"name": "no ids"}))],
            200,
        ),
        (
            V::SpanOrphan,
            vec![
                span(&json!({
                    "traceId": "0102030405060708090a0b0c0d0e0f10",
                    "spanId": "0102030405060708",
                    "parentSpanId": "1112131415161718",
                    "name": "child",
                    "startTimeUnixNano": "1795342674001000000",
                })),
                request(Method::GET, "/settings", ""),
            ],
            200,
        ),
    ]
}

fn mock() -> LangSmithMock {
    let limits = Limits {
        body_bytes: 100_000,
        runs_per_trace: 3,
        ..Limits::default()
    };
    LangSmithMock::builder()
        .limits(limits)
        .orphan_window(std::time::Duration::ZERO)
        .unmounted()
}

#[test]
fn each_rule_is_named_alone() {
    for (at, (code, requests, status)) in cases().into_iter().enumerate() {
        let mock = mock();
        for request in requests {
            let answer = mock.handle(request);
            assert_eq!(answer.status.as_u16(), status, "case {at}, {code}");
        }
        assert_eq!(
            codes(&mock.violations()),
            [code],
            "case {at}: {:?}",
            mock.violations()
        );
    }
}

#[test]
fn every_rule_has_a_case() {
    let covered: BTreeSet<&str> = cases().iter().map(|(code, ..)| code.as_str()).collect();
    // A run without its main part lacks its fields as well; it has a test of its own below. The proxy's
    // filter is a mode of the stand-in, which `otel_vectors.rs` has.
    let elsewhere = [V::MainPartMissing, V::SpanFiltered];
    let alone = V::ALL.iter().filter(|code| !elsewhere.contains(code));
    let all: BTreeSet<&str> = alone.map(|code| code.as_str()).collect();
    assert_eq!(covered, all);
}

#[test]
fn sides_without_a_main_part_are_rejected() {
    let mock = mock();
    let inputs = json_part(format!("post.{}.inputs", id(1)), &json!({"q": 1}));
    assert_eq!(send_parts(&mock, &[inputs]).status, 202);
    assert_eq!(mock.violations()[0].code, V::MainPartMissing);
    assert_eq!(mock.rejected().len(), 1);
}

#[test]
fn an_error_keeps_a_run_out_and_a_warning_does_not() {
    for (code, requests, status) in cases() {
        let about_one_run = !matches!(
            code,
            // These are about bytes, or about a second operation.
            V::PartUnknown
                | V::PartLengthMismatch
                | V::AlreadyReceived
                | V::AttachmentOrphan
                | V::KeyInBody
        );
        let mock = mock();
        for request in requests {
            mock.handle(request);
        }
        if status == 202 && about_one_run {
            let rejected = !mock.rejected().is_empty();
            assert_eq!(rejected, code.severity() == Severity::Error, "{code}");
        }
    }
}

#[test]
fn a_bad_run_does_not_take_its_neighbors_with_it() {
    let mock = mock();
    let bad = changed(post(1, &[]), "trace_id", json!("nonsense"));
    assert_eq!(
        batch(&mock, &[bad, post(2, &[]), post(3, &[2])], &[]).status,
        202
    );
    assert_eq!(mock.runs().len(), 2);
    assert_eq!(mock.rejected()[0].body["trace_id"], "nonsense");
}

#[test]
fn an_unbatched_run_is_refused_at_once_in_the_words_of_the_service() {
    let mock = mock();
    let bad = without(post(2, &[1]), "parent_run_id");
    let answer = mock.handle(json_request(Method::POST, "/runs", &bad));
    assert_eq!(answer.status, 400);
    let detail = body_json(&answer)["detail"].as_str().unwrap().to_owned();
    assert!(
        detail.starts_with("dotted_order must contain a single part for root runs for run_id:"),
        "{detail}"
    );
}

#[test]
fn a_violation_names_severity_rule_run_and_value() {
    let mock = mock();
    batch(
        &mock,
        &[changed(post(1, &[]), "run_type", json!("agent"))],
        &[],
    );
    let text = mock.violations()[0].to_string();
    let begin = format!(
        "warning run_type_unknown (run {}): run_type \"agent\" is none of",
        id(1)
    );
    assert!(text.starts_with(&begin), "{text}");
}

#[test]
fn nil_bare_and_braced_ids_are_no_ids() {
    let nil = "00000000-0000-0000-0000-000000000000".to_owned();
    for bad in [nil, id(1).replace('-', ""), format!("{{{}}}", id(1))] {
        let mock = mock();
        batch(&mock, &[changed(post(1, &[]), "id", json!(bad))], &[]);
        assert!(codes(&mock.errors()).contains(&V::IdMalformed), "{bad}");
        assert!(mock.runs().is_empty());
    }
}

#[test]
fn no_key_shows_anywhere() {
    let mock = mock();
    let leaky = changed(post(1, &[]), "run_type", json!(format!("type {KEY}")));
    let leaky = changed(leaky, "end_time", json!(KEY));
    let body = json!({ "post": [leaky] });
    let request = with(
        json_request(Method::POST, "/runs/batch", &body),
        &[
            ("authorization", &format!("Bearer {KEY}")),
            ("cookie", &format!("session={KEY}")),
            ("baggage", &format!("k={KEY}")),
        ],
    );
    let debug = format!("{request:?}");
    mock.handle(request);
    mock.handle(with(
        json_request(Method::POST, &format!("/runs/{KEY}"), &json!({})),
        &[("content-encoding", KEY)],
    ));
    assert!(codes(&mock.violations()).contains(&V::KeyInBody));
    let mut shown = vec![debug, format!("{mock:?}"), format!("{:?}", mock.requests())];
    shown.extend(mock.violations().iter().map(|v| format!("{v} {v:?}")));
    shown.extend(mock.requests().iter().map(ToString::to_string));
    shown.push(
        mock.wait_for_runs_blocking(9, std::time::Duration::ZERO)
            .unwrap_err()
            .to_string(),
    );
    for text in shown {
        assert!(!text.contains(KEY), "{text}");
        assert!(!text.contains(&KEY[..KEY.len() - 4]), "{text}");
    }
    assert_eq!(mock.requests()[0].header("X-API-Key"), Some("…AAAA"));
}
