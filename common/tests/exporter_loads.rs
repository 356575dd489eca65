//! What an exporter puts into which request, and what becomes of what has no place there: attachments,
//! feedback, compression, unbatched delivery.
#![cfg(feature = "client")]

mod captured;
mod exporting;
mod peer;

use std::time::Duration;

use bytes::Bytes;
use common::export::{
    AttachmentLoss, Batch, BatchConfig, BatchExporter, Delivery, Destination, DropReason, Encoder,
    Encoding, FlushError, ServerInfo,
};
use common::model::{Attachment, Feedback, Run, RunOp, TraceId};
use common::trace::{MemorySink, Tracer};
use exporting::{KEY, PATIENCE, patient};
use peer::{Answer, Peer, Received, parts_of, status, unpacked};
use serde_json::{Value, json};

fn info(zstd: bool, multipart: bool, version: &str) -> Answer {
    let info = json!({
        "version": version,
        "instance_flags": {"zstd_compression_enabled": zstd},
        "batch_ingest_config": {"use_multipart_endpoint": multipart},
    });
    (200, Vec::new(), info.to_string())
}

/// A peer that says that of itself, and answers the rest as told.
fn server(said: Answer, answer: impl Fn(&Received, usize) -> u16 + Send + Sync + 'static) -> Peer {
    Peer::start(move |request, count| match &*request.path {
        "/info" => said.clone(),
        _ => status(answer(request, count)),
    })
}

fn exporter(peer: &Peer, config: BatchConfig) -> BatchExporter {
    let to = Destination::new(&peer.url).api_key(KEY);
    BatchExporter::start(&to, config).expect("an exporter")
}

fn run(number: u128, attachments: impl IntoIterator<Item = Attachment>) -> Run {
    let mut run = captured::run(number, None, "r", "chain", 0, 5);
    run.attachments = attachments.into_iter().collect();
    run
}

fn post(run: Run) -> RunOp {
    RunOp::Post(Box::new(run))
}

fn feedback(of: &Run) -> Feedback {
    Feedback::on(of.id, "quality", captured::at(0)).trace_id(of.trace_id)
}

fn said(feedback: Feedback) -> RunOp {
    RunOp::Feedback(Box::new(feedback))
}

/// Bytes that look like everything that could end a part, and do not compress.
fn awkward(size: usize) -> Bytes {
    let mut data = b"\r\n--\r\n\r\n--boundary--\r\n\0\xff".to_vec();
    let mut state = 1_u64;
    while data.len() < size {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        data.extend(state.to_le_bytes());
    }
    data.into()
}

#[test]
fn a_large_attachment_arrives_whole_and_is_not_copied_on_the_way_to_the_socket() {
    let data = awkward(1 << 18);
    let small = Attachment::new("small", "text/plain", &b"in between"[..]);
    let large = Attachment::new("large", "image/png", data.clone());
    let op = post(run(
        1,
        [
            small,
            large.clone(),
            Attachment::new("again", "image/png", data.clone()),
        ],
    ));

    let body = Encoder::new()
        .multipart(&Batch::merge([op.clone()]))
        .expect("written");
    let place = data.as_ptr();
    let shared = body.chunks.iter().filter(|chunk| chunk.as_ptr() == place);
    assert_eq!((shared.count(), body.chunks.len()), (2, 5));

    for zstd in [false, true] {
        let peer = server(info(zstd, true, "1.0.0"), |_, _| 202);
        let exporter = exporter(&peer, patient());
        exporter.submit(op.clone());
        exporter.flush(PATIENCE).expect("delivered");
        let request = &peer.to("/runs/multipart")[0];
        assert_eq!(request.header("transfer-encoding"), None);
        assert_eq!(request.header("content-encoding").is_some(), zstd);
        let names: Vec<String> = parts_of(request)
            .into_iter()
            .map(|part| part.name)
            .collect();
        let id = captured::id(1);
        assert_eq!(names.last(), Some(&format!("attachment.{id}.again")));
        let whole = unpacked(request);
        let found = whole.windows(data.len()).filter(|window| *window == data);
        assert_eq!(found.count(), 2);
        assert!(exporter.stats().attachments_lost.is_empty());
    }
}

#[test]
fn a_name_or_type_that_would_end_a_header_does_not_get_there() {
    let peer = server(info(false, true, "1.0.0"), |_, _| 202);
    let exporter = exporter(&peer, patient());
    let named = |name: &str| Attachment::new(name, "text/plain", &b"x"[..]);
    let typed = |name: &str, mime_type: &str| Attachment::new(name, mime_type, &b"x"[..]);
    exporter.submit(post(run(
        1,
        [
            named(""),
            named("with.dot"),
            named("a\"; filename=\"b"),
            named("a\\"),
            named("a\r\nX-Evil: 1"),
            named("a\u{0}"),
            named("Bild ü 日本"),
            typed("t1", "text/plain\r\nX-Evil: 1"),
            typed("t2", ""),
            typed("t3", "text/plain; charset=utf-8"),
        ],
    )));
    exporter
        .flush(PATIENCE)
        .expect("the run arrives all the same");
    let stats = exporter.stats();
    assert_eq!(stats.attachments_lost.get(&AttachmentLoss::Name), Some(&6));
    assert!(
        stats
            .to_string()
            .contains("attachments lost, a name that cannot travel: 6")
    );
    let parts = parts_of(&peer.to("/runs/multipart")[0]);
    let sent: Vec<(&str, &str)> = parts
        .iter()
        .filter_map(|part| {
            let name = part.name.strip_prefix("attachment.")?.get(37..)?;
            Some((name, &*part.headers[1].1))
        })
        .collect();
    assert_eq!(
        sent,
        [
            ("Bild ü 日本", "text/plain"),
            ("t1", "application/octet-stream"),
            ("t2", "application/octet-stream"),
            ("t3", "text/plain; charset=utf-8"),
        ]
    );
}

#[test]
fn of_two_attachments_of_one_name_the_later_is_sent() {
    let sink = std::sync::Arc::new(MemorySink::new());
    let run = Tracer::builder(sink.clone()).build().run("r");
    let file = |data: &'static [u8]| Attachment::new("file", "text/plain", data);
    run.attachment(file(b"first"))
        .attachment(file(b"second"))
        .start()
        .end();
    assert_eq!(sink.runs()[0].attachments, [file(b"second")]);
}

#[test]
fn json_has_no_place_for_attachments_and_says_so() {
    for delivery in [Delivery::Batched, Delivery::Unbatched] {
        let peer = server(info(true, false, "1.0.0"), |_, _| 202);
        let exporter = exporter(
            &peer,
            BatchConfig {
                delivery,
                ..patient()
            },
        );
        let files = || [Attachment::new("a", "text/plain", &b"x"[..])];
        exporter.submit(post(run(1, files())));
        exporter.submit(RunOp::Patch(Box::new(run(2, files()))));
        exporter.flush(PATIENCE).expect("the runs arrive");
        let lost = exporter.stats().attachments_lost;
        assert_eq!(
            lost.get(&AttachmentLoss::NoMultipart),
            Some(&2),
            "{delivery:?}"
        );
    }
}

#[test]
fn a_run_too_large_with_its_attachments_arrives_without_them() {
    let peer = server(info(false, true, "1.0.0"), |request, _| {
        match request.body.len() > 5_000 {
            true => 413,
            false => 202,
        }
    });
    let exporter = exporter(&peer, patient());
    exporter.submit(post(run(
        1,
        [Attachment::new("a", "image/png", awkward(9_000))],
    )));
    exporter.submit(post(run(
        2,
        [Attachment::new("b", "image/png", awkward(50))],
    )));
    exporter.flush(PATIENCE).expect("both runs arrive");
    let stats = exporter.stats();
    assert!(stats.balances(), "{stats}");
    assert_eq!(
        stats.attachments_lost.get(&AttachmentLoss::TooLarge),
        Some(&1)
    );
    let last = peer.to("/runs/multipart").pop().expect("requests");
    assert!(parts_of(&last).iter().any(|part| part.name.ends_with(".b")));
}

#[test]
fn compression_is_negotiated_and_can_be_forbidden() {
    for (offered, allowed) in [(true, true), (true, false), (false, true)] {
        let peer = server(info(offered, true, "1.0.0"), |_, _| 202);
        let config = BatchConfig {
            compress: allowed,
            ..patient()
        };
        let exporter = exporter(&peer, config);
        // The second body goes through the same context and buffers as the first.
        for number in 1..=3 {
            exporter.submit(post(run(number, [])));
            exporter.flush(PATIENCE).expect("delivered");
        }
        let requests = peer.to("/runs/multipart");
        assert_eq!(requests.len(), 3);
        for (number, request) in (1..).zip(&requests) {
            let packed = request.header("content-encoding") == Some("zstd");
            assert_eq!(packed, offered && allowed);
            assert_eq!(request.header("x-pre-compressed-size").is_some(), packed);
            let id = captured::id(number).to_string();
            assert_eq!(parts_of(request)[0].json["id"], id);
        }
    }
}

#[test]
fn a_frame_says_how_much_it_holds_at_every_level() {
    let runs = (1..20).map(|number| post(run(number, [])));
    let batch = Batch::merge(runs.chain([post(run(
        300,
        [Attachment::new("a", "b", awkward(1 << 15))],
    ))]));
    for level in [i32::MIN, -7, 0, 1, 12, i32::MAX] {
        let mut encoder = Encoder::with_level(level);
        let body = encoder.multipart(&batch).expect("written");
        for _ in 0..2 {
            let packed = encoder.compress(&body).expect("packed");
            assert_eq!(packed.encoding, Encoding::Zstd);
            assert_eq!(packed.data_size, body.data_size);
            assert!(packed.len() < body.len());
            let bytes = packed.to_bytes();
            let held = zstd::zstd_safe::get_frame_content_size(&bytes).expect("a frame");
            assert_eq!(held, Some(body.len() as u64), "{level}");
            assert_eq!(zstd::decode_all(&*bytes).expect("whole"), body.to_bytes());
        }
    }
}

#[test]
fn a_compressed_body_that_meets_a_404_goes_to_the_other_path() {
    let peer = server(info(true, true, "1.0.0"), |request, _| {
        match &*request.path {
            "/runs/multipart" => 404,
            _ => 202,
        }
    });
    let exporter = exporter(&peer, patient());
    let first = run(1, []);
    exporter.submit(said(feedback(&first)));
    exporter.submit(post(first));
    exporter.flush(PATIENCE).expect("nothing is lost");
    exporter.submit(post(run(2, [])));
    exporter.flush(PATIENCE).expect("nothing is lost");
    let stats = exporter.stats();
    assert_eq!((stats.delivered, stats.accepted), (3, 3));
    let paths: Vec<String> = peer.requests().into_iter().map(|r| r.path).collect();
    assert_eq!(
        paths,
        [
            "/info",
            "/runs/multipart",
            "/runs/batch",
            "/feedback",
            "/runs/batch"
        ]
    );
    assert!(
        peer.to("/runs/batch")
            .iter()
            .all(|r| r.header("content-encoding").is_none())
    );
}

#[test]
fn a_server_that_does_not_unpack_gets_bodies_as_they_are() {
    let peer = server(info(true, true, "1.0.0"), |request, _| {
        match request.header("content-encoding") {
            Some(_) => 415,
            None => 202,
        }
    });
    let exporter = exporter(&peer, patient());
    for number in 1..=2 {
        exporter.submit(post(run(number, [])));
        exporter.flush(PATIENCE).expect("delivered");
    }
    assert_eq!(peer.to("/runs/multipart").len(), 3);
}

#[test]
fn feedback_goes_alone_where_it_cannot_go_along_and_after_its_run() {
    for (multipart, version, known, alone) in [
        (true, "0.8.10", true, false),
        (true, "0.18.5", true, false),
        (true, "1.0", true, false),
        (true, "0.8.9", true, true),
        (true, "0.8.10rc1", true, true),
        (true, "", true, true),
        (true, "0.18.5", false, true),
        (false, "0.18.5", true, true),
    ] {
        let peer = server(info(false, multipart, version), |_, _| 202);
        let exporter = exporter(&peer, patient());
        let run = run(1, []);
        let mut judged = feedback(&run);
        if !known {
            judged.trace_id = None::<TraceId>;
        }
        exporter.submit(said(judged));
        exporter.submit(post(run));
        exporter.flush(PATIENCE).expect("delivered");
        let requests = peer.requests();
        assert_eq!(requests.len(), 2 + usize::from(alone), "{version}");
        let stats = exporter.stats();
        assert_eq!((stats.accepted, stats.delivered), (2, 2));
        if alone {
            assert_eq!(requests[2].path, "/feedback");
            let body: Value = serde_json::from_slice(&requests[2].body).expect("JSON");
            assert_eq!(body["extend_trace_retention"], true);
            assert!(
                body.as_object()
                    .expect("an object")
                    .values()
                    .all(|v| !v.is_null())
            );
        } else {
            let parts = parts_of(&requests[1]);
            let part = parts.iter().find(|part| part.name.starts_with("feedback."));
            let part = part.expect("a part");
            assert_eq!(part.json["comment"], Value::Null);
            assert!(part.json.get("extend_trace_retention").is_none());
        }
    }
}

#[test]
fn feedback_on_a_run_that_the_server_does_not_know_yet_is_tried_again_and_not_for_ever() {
    for (unknown_for, arrives) in [(2, true), (usize::MAX, false)] {
        let peer = server(info(false, true, ""), move |request, count| {
            match request.path == "/feedback" && count < unknown_for {
                true => 404,
                false => 202,
            }
        });
        let exporter = exporter(&peer, patient());
        let run = run(1, []);
        exporter.submit(said(feedback(&run)));
        exporter.submit(post(run));
        let end = exporter.flush(PATIENCE);
        let stats = exporter.stats();
        assert!(stats.balances(), "{stats}");
        if arrives {
            end.expect("delivered");
            assert_eq!(peer.to("/feedback").len(), 3);
        } else {
            let reason = DropReason::Rejected;
            assert_eq!(end, Err(FlushError::Dropped { dropped: 1, reason }));
            assert_eq!((stats.delivered, peer.to("/feedback").len()), (1, 4));
        }
    }
}

#[test]
fn feedback_on_many_unknown_runs_waits_once_and_not_for_each() {
    let peer = server(info(false, true, ""), |request, _| {
        if request.path == "/feedback" {
            404
        } else {
            202
        }
    });
    let exporter = exporter(&peer, patient());
    for number in 1..=20 {
        exporter.submit(said(feedback(&run(number, []))));
    }
    exporter.flush(PATIENCE).expect_err("nobody knows the runs");
    let stats = exporter.stats();
    assert_eq!(stats.dropped.get(&DropReason::Rejected), Some(&20));
    assert_eq!(peer.to("/feedback").len(), 4 + 19);
}

#[test]
fn a_judgement_with_the_id_of_its_run_does_not_take_its_place() {
    let peer = server(info(false, true, "1.0.0"), |_, _| 202);
    let exporter = exporter(&peer, patient());
    let run = run(1, []);
    let mut judged = feedback(&run);
    judged.id = run.id.0;
    exporter.submit(post(run));
    exporter.submit(said(judged));
    exporter.flush(PATIENCE).expect("delivered");
    let names = parts_of(&peer.to("/runs/multipart")[0]);
    let count = |event: &str| {
        names
            .iter()
            .filter(|part| part.name.starts_with(event))
            .count()
    };
    assert_eq!((count("post."), count("feedback.")), (4, 1));
}

#[test]
fn a_batch_in_json_that_grows_too_large_is_halved() {
    let peer = server(info(false, false, ""), |_, _| 202);
    // Text that takes six times its length in JSON: the estimate is too low.
    let inputs = json!({ "x": "\u{1}".repeat(2_000) });
    let config = BatchConfig {
        max_bytes: Some(30_000),
        ..patient()
    };
    let exporter = exporter(&peer, config);
    for number in 1..=8 {
        let mut run = run(number, []);
        run.inputs = inputs.as_object().cloned();
        exporter.submit(post(run));
    }
    exporter.flush(PATIENCE).expect("delivered");
    let batches = peer.to("/runs/batch");
    assert!(batches.iter().all(|request| request.body.len() <= 30_000));
    let runs = batches.iter().map(|request| {
        let body: Value = serde_json::from_slice(&request.body).expect("JSON");
        body["post"].as_array().map_or(0, Vec::len)
    });
    assert_eq!(runs.sum::<usize>(), 8);
}

#[test]
fn unbatched_each_operation_is_a_request_and_409_is_success() {
    let peer = server(info(true, true, ""), |request, _| match &*request.method {
        "POST" => 409,
        _ => 200,
    });
    let config = BatchConfig {
        delivery: Delivery::Unbatched,
        // Nobody waits for others.
        linger: PATIENCE,
        ..patient()
    };
    let exporter = exporter(&peer, config);
    let run = run(1, []);
    exporter.submit(post(run.clone()));
    exporter.submit(RunOp::Patch(Box::new(run.clone())));
    exporter.submit(said(feedback(&run)));
    peer.wait_until(|requests| requests.len() == 3);
    exporter.flush(PATIENCE).expect("it is there");
    let lines: Vec<String> = peer
        .requests()
        .iter()
        .map(|request| format!("{} {}", request.method, request.path))
        .collect();
    let patch = format!("PATCH /runs/{}", run.id);
    assert_eq!(lines, ["POST /runs", &*patch, "POST /feedback"]);
    assert_eq!(exporter.stats().delivered, 3);
}

#[test]
fn unbatched_no_update_overtakes_its_run() {
    let known = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let peer = server(info(true, true, ""), move |request, _| {
        use std::sync::atomic::Ordering::SeqCst;
        match &*request.method {
            "POST" => {
                for _ in 0..2_000 {
                    std::thread::yield_now();
                }
                known.store(true, SeqCst);
                202
            }
            "PATCH" if !known.load(SeqCst) => 404,
            _ => 202,
        }
    });
    let config = BatchConfig {
        delivery: Delivery::Unbatched,
        max_ops: Some(1),
        ..patient()
    };
    let exporter = exporter(&peer, config);
    exporter.submit(post(run(1, [])));
    exporter.submit(RunOp::Patch(Box::new(run(1, []))));
    exporter.flush(PATIENCE).expect("in order");
    assert_eq!(exporter.stats().delivered, 2);
}

#[test]
fn unbatched_a_missing_path_and_a_missing_run_are_told_apart() {
    let config = BatchConfig {
        delivery: Delivery::Unbatched,
        ..patient()
    };
    for (op, reason) in [
        (post(run(1, [])), DropReason::NotFound),
        (RunOp::Patch(Box::new(run(2, []))), DropReason::Rejected),
    ] {
        let peer = server(info(true, true, ""), |_, _| 404);
        let exporter = exporter(&peer, config.clone());
        exporter.submit(op);
        // A path may come back; a run that is not there will not.
        peer.wait_until(|requests| requests.len() > usize::from(reason.is_of_endpoint()));
        // What the endpoint does not take is held until the end; what it rejects ends by itself.
        let timeout = match reason.is_of_endpoint() {
            true => Duration::from_millis(200),
            false => PATIENCE,
        };
        exporter.shutdown(timeout).expect_err("lost");
        let dropped = exporter.stats().dropped;
        assert_eq!(dropped.get(&reason), Some(&1), "{dropped:?}");
    }
}

#[test]
fn a_version_is_read_as_numbers() {
    let at_least = |version: &str| {
        let body = json!({ "version": version }).to_string();
        let info = ServerInfo::parse(body.as_bytes()).expect("an answer");
        info.is_at_least([0, 8, 10])
    };
    for version in [
        "0.8.10",
        "v0.8.10",
        "0.8.11",
        "0.10.0",
        "1",
        "0.9rc1",
        "0.8.10+abc",
    ] {
        assert!(at_least(version), "{version}");
    }
    for version in [
        "",
        "dev",
        "0.8.9",
        "0.8",
        "0.7.99",
        "0.8.10rc1",
        "0.8.10-dev",
        "...",
    ] {
        assert!(!at_least(version), "{version}");
    }
    assert!(at_least("0.99999999999999999999.0"));
    assert!(!ServerInfo::default().is_at_least([0, 0, 0]));
}
