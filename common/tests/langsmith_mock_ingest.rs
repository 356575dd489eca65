//! What the official SDKs sent, and what any client may send, becomes the same runs.

#![cfg(feature = "langsmith_mock")]
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod langsmith_mock_support;

use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;
use common::langsmith_mock::{
    IngestOutcome, LangSmithMock, Limits, MockRequest, OpKind, ViolationCode,
};
use common::model::{Run, RunStatus, TraceTree};
use http::{Method, StatusCode};
use langsmith_mock_support::*;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

/// One frame whose header does not say how long its content is.
fn zstd_frame(body: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn encoded(request: MockRequest, encoding: &str, body: Vec<u8>) -> MockRequest {
    with(
        MockRequest {
            body: body.into(),
            ..request
        },
        &[("content-encoding", encoding)],
    )
}

/// Replays a recording with and without the prefix, and with both ways of part length.
fn replay(file: &str) -> LangSmithMock {
    let mut last: Option<(LangSmithMock, TraceTree)> = None;
    for (length, prefix) in [(Length::Header, ""), (Length::InType, "/api/v1")] {
        let mock = LangSmithMock::builder().unmounted();
        for recorded in recording(file, length) {
            let mut request = recorded.request;
            request.path = format!("{prefix}{}", request.path);
            if let Some(encoding) = recorded.encoding {
                let body = match encoding.as_str() {
                    "gzip" => gzip(&request.body),
                    "zstd" => zstd_frame(&request.body),
                    other => panic!("{other}"),
                };
                request = encoded(request, &encoding, body);
            }
            let path = request.path.clone();
            let status = mock.handle(request).status.as_u16();
            assert_eq!(u64::from(status), recorded.status, "{path}");
        }
        assert_eq!(mock.errors(), [], "{file}");
        let tree = mock.tree();
        if let Some((_, other)) = &last {
            assert_eq!(
                *other, tree,
                "{file}: the way of part length makes no difference"
            );
        }
        last = Some((mock, tree));
    }
    last.unwrap().0
}

fn outline(tree: &TraceTree) -> String {
    let line = |at: usize| {
        let node = &tree.nodes()[at];
        let run = &node.run;
        format!(
            "{}{} {} {}",
            "  ".repeat(node.depth),
            run.name,
            run.run_type,
            run.status()
        )
    };
    tree.walk()
        .into_iter()
        .map(line)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn python_merged_post_and_patch_is_one_ended_run() {
    let mock = replay("01_simple_root_run");
    let runs = mock.runs();
    assert_eq!(outline(&mock.tree()), "simple chain success");
    assert_eq!(
        runs[0].inputs,
        json!({"x": 40, "y": 2}).as_object().cloned()
    );
    assert_eq!(runs[0].outputs, json!({"sum": 42}).as_object().cloned());
    assert_eq!(runs[0].project.as_deref(), Some("golden-vectors"));
    assert_eq!(runs[0].tags, ["t1"]);
    assert_eq!(runs[0].extra.metadata["k"], "v");
}

#[test]
fn python_separate_post_and_patch_merge() {
    let mock = replay("02_post_then_patch_separate");
    let runs = mock.runs();
    assert_eq!(outline(&mock.tree()), "two-step chain success");
    assert_eq!(runs[0].inputs, json!({"q": "hi"}).as_object().cloned());
    assert_eq!(runs[0].outputs, json!({"a": "bye"}).as_object().cloned());
    assert_eq!(runs[0].events[0].message.as_deref(), Some("note"));
    let log: Vec<_> = mock
        .ingest_log()
        .into_iter()
        .map(|e| (e.kind, e.outcome))
        .collect();
    assert_eq!(
        log,
        [
            (OpKind::Post, IngestOutcome::Created),
            (OpKind::Patch, IngestOutcome::Merged)
        ]
    );
}

#[test]
fn python_three_levels_keep_their_error() {
    let mock = replay("03_nested_three_levels_error");
    let tree = mock.tree();
    assert!(tree.is_whole());
    assert_eq!(tree.len(), 3);
    let deepest = tree.nodes().iter().max_by_key(|node| node.depth).unwrap();
    assert_eq!(deepest.depth, 2);
    assert_eq!(deepest.run.status(), RunStatus::Error);
}

#[test]
fn a_trace_across_two_python_services_is_whole() {
    let mock = replay("04_cross_service_fastapi");
    for trace in mock.tree().trace_ids() {
        assert!(
            mock.trace(trace).is_whole(),
            "{}",
            outline(&mock.trace(trace))
        );
    }
}

#[test]
fn unbatched_python_runs_are_stored() {
    let mock = replay("14_unbatched_post_patch");
    assert!(
        mock.runs()
            .iter()
            .any(|run| run.name == "direct" && run.end_time.is_some())
    );
}

#[test]
fn zstd_of_python_is_read_with_its_attachment() {
    let mock = replay("16_multipart_zstd");
    let run = mock.runs().into_iter().find(|run| run.name == "z").unwrap();
    assert!(run.end_time.is_some());
}

#[test]
fn json_batches_of_python_are_stored() {
    let mock = replay("17_batch_no_multipart");
    assert!(
        mock.runs()
            .iter()
            .any(|run| run.name == "b" && run.end_time.is_some())
    );
}

#[test]
fn javascript_runs_end_in_milliseconds() {
    let mock = replay("js_01_simple_and_nested_error");
    let tree = mock.tree();
    assert!(tree.is_whole());
    let root = tree.find("root").unwrap();
    assert_eq!(root.latency().unwrap().num_microseconds(), Some(470_999));
    assert_eq!(tree.nodes()[1].run.status(), RunStatus::Error);
}

#[test]
fn a_short_run_of_javascript_may_end_in_the_millisecond_it_started() {
    let ended = |end: &str| {
        let text = post(1, &[]).to_string();
        // The SDK counts its runs in the microseconds of their starts.
        let text = text.replace("54.001000Z", "54.001003Z");
        let text = text.replace("T101754001000Z", "T101754001003Z");
        let mut run: Value = serde_json::from_str(&text).unwrap();
        run["end_time"] = json!(format!("2026-11-22T10:17:54.{end}Z"));
        let mock = LangSmithMock::builder().unmounted();
        batch(&mock, &[run], &[]);
        codes(&mock.errors())
    };
    assert!(ended("001").is_empty());
    for too_early in ["000", "001002"] {
        assert_eq!(ended(too_early), [ViolationCode::EndBeforeStart]);
    }
}

#[test]
fn gzip_of_javascript_is_read_with_its_attachment() {
    let mock = replay("js_02_zstd_or_gzip");
    let run = &mock.runs()[0];
    assert_eq!(run.outputs, json!({"y": 1}).as_object().cloned());
    let attachments = mock.attachments_of(run.id);
    assert_eq!(attachments[0].name, "img");
    assert_eq!(attachments[0].content_type, "image/png");
    assert_eq!(attachments[0].data.as_ref(), [1, 2, 3]);
}

#[test]
fn unbatched_and_batched_javascript_runs_are_stored() {
    let mock = replay("js_06_unbatched_and_batch");
    let run = mock
        .runs()
        .into_iter()
        .find(|run| run.name == "direct")
        .unwrap();
    assert_eq!(run.outputs, json!({"m": 1}).as_object().cloned());
    assert!(run.end_time.is_some());
}

#[test]
fn several_frames_are_one_body() {
    let body = multipart(
        &[json_part(format!("post.{}", id(1)), &post(1, &[]))],
        Length::Header,
    );
    let (head, tail) = body.split_at(100);
    let frames = [zstd_frame(head), zstd_frame(tail)].concat();
    let members = [gzip(head), gzip(tail)].concat();
    for (encoding, bytes) in [("zstd", frames), ("gzip", members)] {
        let mock = LangSmithMock::builder().unmounted();
        let answer = mock.handle(encoded(multipart_request(""), encoding, bytes));
        assert_eq!(answer.status, StatusCode::ACCEPTED);
        assert_eq!(mock.runs().len(), 1, "{encoding}");
        assert_eq!(mock.requests()[0].decoded_bytes, body.len());
    }
}

#[test]
fn a_bomb_is_refused_at_the_limit() {
    let limit = 1024 * 1024;
    let zeros = vec![0_u8; 64 * limit];
    for (encoding, bomb) in [("zstd", zstd_frame(&zeros)), ("gzip", gzip(&zeros))] {
        assert!(bomb.len() < limit, "the bomb is small before it goes off");
        let limits = Limits {
            body_bytes: limit,
            ..Limits::default()
        };
        let mock = LangSmithMock::builder().limits(limits).unmounted();
        let answer = mock.handle(encoded(multipart_request(""), encoding, bomb));
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(codes(&mock.violations()), [ViolationCode::BodyTooLarge]);
    }
}

#[test]
fn a_truncated_frame_is_refused() {
    let body = multipart(
        &[json_part(format!("post.{}", id(1)), &post(1, &[]))],
        Length::Header,
    );
    for (encoding, bytes) in [("zstd", zstd_frame(&body)), ("gzip", gzip(&body))] {
        let mock = LangSmithMock::builder().unmounted();
        let cut = bytes[..bytes.len() - 10].to_vec();
        let answer = mock.handle(encoded(multipart_request(""), encoding, cut));
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(codes(&mock.violations()), [ViolationCode::BodyUnreadable]);
    }
}

#[test]
fn parts_may_come_in_any_order() {
    let mock = LangSmithMock::builder().unmounted();
    let name = format!("post.{}", id(1));
    send_parts(
        &mock,
        &[
            json_part(format!("{name}.inputs"), &json!({"q": 1})),
            json_part(format!("patch.{}.outputs", id(1)), &json!({"n": 1})),
            json_part(&name, &post(1, &[])),
            json_part(format!("patch.{}", id(1)), &{
                let mut update = patch(1, &[]);
                update.as_object_mut().unwrap().remove("outputs");
                update
            }),
        ],
    );
    assert_eq!(mock.violations(), []);
    let run = &mock.runs()[0];
    assert!(run.inputs.is_some() && run.outputs.is_some() && run.end_time.is_some());
}

#[test]
fn part_data_may_hold_two_dashes() {
    let mock = LangSmithMock::builder().unmounted();
    let name = format!("post.{}", id(1));
    let inputs = json!({"q": "--not-the-boundary\r\n--"});
    send_parts(
        &mock,
        &[
            json_part(&name, &post(1, &[])),
            json_part(format!("{name}.inputs"), &inputs),
        ],
    );
    assert_eq!(mock.runs()[0].inputs, inputs.as_object().cloned());
}

#[test]
fn null_in_an_update_says_nothing() {
    let mock = LangSmithMock::builder().unmounted();
    let mut update = patch(1, &[]);
    update["session_name"] = Value::Null;
    update["parent_run_id"] = Value::Null;
    batch(&mock, &[post(1, &[])], &[update]);
    assert_eq!(mock.runs()[0].project.as_deref(), Some("tests"));
    assert_eq!(mock.errors(), []);
}

#[test]
fn an_update_replaces_outputs_events_and_extra_whole() {
    let mock = LangSmithMock::builder().unmounted();
    let mut create = post(1, &[]);
    create["outputs"] = json!({"old": 1});
    create["extra"] = json!({"metadata": {"old": 1}});
    let mut update = patch(1, &[]);
    update["extra"] = json!({"metadata": {"new": 1}});
    batch(&mock, &[create], &[update]);
    let run = &mock.runs()[0];
    assert_eq!(run.outputs, json!({"n": 1}).as_object().cloned());
    assert_eq!(*run.extra.metadata, *json!({"new": 1}).as_object().unwrap());
}

#[test]
fn an_unbatched_child_gets_its_place_from_its_parent() {
    let mock = LangSmithMock::builder().unmounted();
    let bare = |n: u64, parent: Option<u64>| {
        json!({
            "id": id(n), "name": "bare", "run_type": "tool", "start_time": start(n),
            "session_name": "tests", "parent_run_id": parent.map(id),
        })
    };
    for body in [bare(1, None), bare(2, Some(1))] {
        let answer = mock.handle(json_request(Method::POST, "/runs", &body));
        assert_eq!(answer.status, StatusCode::OK);
    }
    assert_eq!(mock.errors(), []);
    assert!(mock.tree().is_whole());
}

#[test]
fn a_repeated_request_changes_nothing_and_can_be_a_conflict() {
    let builder = LangSmithMock::builder;
    for (builder, status) in [
        (builder(), 409),
        (builder().accept_repeats(), 202),
        (builder().lenient(), 202),
        (builder().lenient().conflict_on_repeat(), 409),
    ] {
        let mock = builder.unmounted();
        assert_eq!(batch(&mock, &[post(1, &[])], &[]).status, 202);
        assert_eq!(batch(&mock, &[post(1, &[])], &[]).status, status);
        assert_eq!(mock.runs().len(), 1);
        assert_eq!(mock.violations(), []);
    }
}

#[test]
fn the_oldest_runs_are_forgotten_at_the_limit() {
    let limits = Limits {
        runs: 3,
        ..Limits::default()
    };
    let mock = LangSmithMock::builder().limits(limits).unmounted();
    let posts: Vec<Value> = (1..=5).map(|n| post(n, &[])).collect();
    batch(&mock, &posts, &[]);
    let names: Vec<String> = mock.runs().into_iter().map(|run| run.name).collect();
    assert_eq!(names, ["run 3", "run 4", "run 5"]);
    assert_eq!(mock.forgotten(), 2);
    batch(&mock, &[], &[patch(4, &[])]);
    assert_eq!(mock.runs()[1].status(), RunStatus::Success);
}

#[test]
fn lenient_stores_what_strict_rejects() {
    let mut ends_early = post(1, &[]);
    ends_early["end_time"] = json!("2020-01-01T00:00:00Z");
    let strict = LangSmithMock::builder().unmounted();
    assert_eq!(batch(&strict, &[ends_early.clone()], &[]).status, 202);
    assert!(strict.runs().is_empty());
    assert_eq!(
        strict.rejected()[0].body["end_time"],
        "2020-01-01T00:00:00Z"
    );
    let lenient = LangSmithMock::builder().lenient().unmounted();
    batch(&lenient, &[ends_early], &[]);
    assert_eq!(lenient.runs().len(), 1);
    assert_eq!(codes(&lenient.errors()), [ViolationCode::EndBeforeStart]);
}

/// A trace of runs 1 to `n`, each below one of the earlier ones.
fn family(parents: &[Index]) -> Vec<Vec<u64>> {
    let mut above: Vec<Vec<u64>> = vec![vec![]];
    for (at, parent) in parents.iter().enumerate() {
        let parent = parent.index(at + 1);
        let mut line = above[parent].clone();
        line.push(parent as u64 + 1);
        above.push(line);
    }
    above
}

fn by_id(mut runs: Vec<Run>) -> Vec<Run> {
    runs.sort_by_key(|run| run.id);
    runs
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_interleaving_gives_the_same_runs(
        parents in proptest::collection::vec(any::<Index>(), 0..8),
        order in Just(()).prop_perturb(|(), mut rng| {
            (0..32).map(|_| rng.next_u32()).collect::<Vec<_>>()
        }),
        per_request in 1_usize..5,
    ) {
        let family = family(&parents);
        let mut ops: Vec<(OpKind, Value)> = family.iter().enumerate().flat_map(|(at, above)| {
            let n = at as u64 + 1;
            [(OpKind::Post, post(n, above)), (OpKind::Patch, patch(n, above))]
        }).collect();
        let straight = LangSmithMock::builder().unmounted();
        for (kind, op) in &ops {
            send(&straight, &[(*kind, op.clone())]);
        }
        let mut keyed: Vec<_> = order.into_iter().cycle().zip(ops.drain(..)).collect();
        keyed.sort_by_key(|(key, _)| *key);
        let shuffled: Vec<_> = keyed.into_iter().map(|(_, op)| op).collect();
        let mixed = LangSmithMock::builder().unmounted();
        for chunk in shuffled.chunks(per_request) {
            send(&mixed, chunk);
        }
        prop_assert_eq!(mixed.errors(), []);
        prop_assert_eq!(by_id(mixed.runs()), by_id(straight.runs()));
        prop_assert_eq!(mixed.tree(), straight.tree());
        prop_assert!(mixed.tree().is_whole());
    }

    #[test]
    fn no_body_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mock = LangSmithMock::builder().unmounted();
        let body = Bytes::from(body);
        for encoding in ["identity", "gzip", "zstd"] {
            let request = with(multipart_request(body.clone()), &[("content-encoding", encoding)]);
            prop_assert!(mock.handle(request).status.is_client_error());
        }
        mock.handle(json_request(Method::POST, "/runs/batch", &json!({"post": [body.to_vec()]})));
    }
}

/// What a broken client may put anywhere.
fn oddity() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!(true)),
        Just(json!(-1)),
        Just(json!(1e300)),
        Just(json!("")),
        Just(json!("é".repeat(40))),
        Just(json!([])),
        Just(json!([{}, 1])),
        Just(json!({"metadata": 1, "runtime": []})),
        (0_u64..4).prop_map(|n| json!(id(n))),
        (0_u64..4).prop_map(|n| json!(segment(n))),
        (0_u64..4).prop_map(|n| json!(format!("{}.{}", segment(n), segment(n + 1)))),
        (0_u64..4).prop_map(|n| json!(start(n))),
    ]
}

proptest! {
    #[test]
    fn what_is_stored_hangs_together_whatever_was_sent(
        changes in proptest::collection::vec(
            (0_u64..4, any::<bool>(), any::<Index>(), oddity()), 0..12,
        ),
    ) {
        const KEYS: [&str; 14] = [
            "id", "trace_id", "parent_run_id", "dotted_order", "name", "run_type", "start_time",
            "end_time", "session_name", "tags", "inputs", "events", "extra", "error",
        ];
        let mock = LangSmithMock::builder().unmounted();
        for (n, create, key, value) in changes {
            let above: Vec<u64> = (0..n).collect();
            let mut run = if create { post(n, &above) } else { patch(n, &above) };
            run[KEYS[key.index(KEYS.len())]] = value;
            let kind = if create { OpKind::Post } else { OpKind::Patch };
            send(&mock, &[(kind, run)]);
        }
        for run in mock.runs() {
            prop_assert_eq!(run.dotted_order.run_id(), run.id);
            prop_assert_eq!(run.dotted_order.trace_id(), run.trace_id);
            prop_assert_eq!(run.dotted_order.parent_run_id(), run.parent_run_id);
            prop_assert!(run.end_time.is_none_or(|end| end >= run.start_time));
        }
        let ended = mock.runs().iter().filter(|run| run.end_time.is_some()).count();
        prop_assert!(mock.wait_for_ended_blocking(ended, Duration::ZERO).is_ok());
        prop_assert!(mock.wait_for_ended_blocking(ended + 1, Duration::ZERO).is_err());
        prop_assert!(mock.wait_for_runs_blocking(mock.runs().len(), Duration::ZERO).is_ok());
    }
}

fn send(mock: &LangSmithMock, ops: &[(OpKind, Value)]) {
    let of = |kind: OpKind| -> Vec<Value> {
        ops.iter()
            .filter(|(k, _)| *k == kind)
            .map(|(_, op)| op.clone())
            .collect()
    };
    batch(mock, &of(OpKind::Post), &of(OpKind::Patch));
}

#[test]
fn an_id_may_hold_the_millisecond_before_a_whole_one_as_the_python_sdk_rounds() {
    let codes_of = |id: u64, start: &str| {
        let mock = LangSmithMock::builder().unmounted();
        let mut run = post(id, &[]);
        run["start_time"] = json!(start);
        let place = format!(
            "{}{}",
            start.replace(['-', ':', '.'], ""),
            langsmith_mock_support::id(id)
        );
        run["dotted_order"] = json!(place);
        batch(&mock, &[run], &[]);
        codes(&mock.violations())
    };
    assert_eq!(codes_of(2, &start(2)), []);
    assert_eq!(codes_of(1, &start(2)), []);
    let differs = [ViolationCode::IdTimeDiffers];
    assert_eq!(codes_of(0, &start(2)), differs);
    assert_eq!(codes_of(3, &start(2)), differs);
    assert_eq!(codes_of(1, "2026-11-22T10:17:54.002001Z"), differs);
}
