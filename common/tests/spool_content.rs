//! What reaches the disk of the runs, for whom it is, and where the rejected ones go.
#![cfg(feature = "client")]

mod captured;
mod exporting;
mod keeping;
mod peer;
mod spooling;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use common::client::{Client, ConfigError};
use common::export::spool::{Disk, Files as _};
use common::export::{BatchConfig, BatchExporter, Destination, DropReason, SpoolConfig, Transform};
use common::model::{Attachment, RunOp};
use exporting::{PATIENCE, fast};
use keeping::{Server, all_bytes, exporter, impatient, wait_for};
use peer::{Peer, parts_of, status};
use spooling::{id_of, post};

#[test]
fn a_rejected_run_is_written_beside_the_spool_with_its_reason_and_the_others_arrive() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = SpoolConfig::new(folder.path().join("spool")).durable();
    let bad = id_of(7).to_string();
    let says = bad.clone();
    let peer = Peer::start(move |request, _| match &*request.path {
        "/info" => status(200),
        _ if parts_of(request)
            .iter()
            .any(|part| part.name.contains(&says)) =>
        {
            status(422)
        }
        _ => status(202),
    });
    let to = Destination::new(&peer.url);
    let exporter = BatchExporter::start(&to, impatient(spool.clone())).expect("an exporter");
    for number in 0..10 {
        exporter.submit(post(number));
    }
    exporter.shutdown(PATIENCE).expect_err("one is dropped");
    let stats = exporter.stats();
    assert_eq!((stats.delivered, stats.spooled), (9, 0), "{stats}");
    assert_eq!(stats.dropped.get(&DropReason::Rejected), Some(&1));
    assert_eq!(stats.spool.rejected, 1);
    let rejected = spool.rejected().expect("readable");
    assert_eq!(rejected.len(), 1);
    assert_eq!(
        (rejected[0].id.to_string(), &*rejected[0].kind),
        (bad, "post")
    );
    assert_eq!(rejected[0].reason, "rejected by the server");
    let operation = rejected[0].operation.as_ref().expect("what it says");
    assert_eq!(operation["name"], "r");
    let next = BatchExporter::start(&to, impatient(spool)).expect("an exporter");
    next.flush(PATIENCE).expect("nothing to deliver");
    assert_eq!(next.stats().recovered, 0, "rejected for good");
}

#[test]
fn a_transform_sees_each_operation_once_however_it_travels() {
    for durable in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut spool = SpoolConfig::new(folder.path().join("spool"));
        if durable {
            spool = spool.durable();
        }
        let seen = Arc::new(AtomicU64::new(0));
        let counts = seen.clone();
        let transform = Transform::new(move |ops| {
            counts.fetch_add(ops.len() as u64, Ordering::SeqCst);
            for run in ops.iter_mut().filter_map(RunOp::run_mut) {
                run.tags.push("seen".into());
            }
        });
        let config = BatchConfig {
            transform: Some(transform),
            queue_ops: 10,
            ..impatient(spool)
        };
        let server = Server::answering(503);
        let first = exporter(&server, config.clone());
        for number in 0..30 {
            first.submit(post(number));
            wait_for(&first, |stats| stats.queued < 10);
        }
        first
            .shutdown(Duration::ZERO)
            .expect_err("the endpoint is away");
        assert_eq!(first.stats().spooled, 30, "{}", first.stats());
        drop(first);
        assert_eq!(seen.load(Ordering::SeqCst), 30);
        server.answers(202);
        let second = exporter(&server, config);
        second.flush(PATIENCE).expect("all delivered");
        assert_eq!(seen.load(Ordering::SeqCst), 30);
        for request in server.peer.to("/runs/multipart") {
            for part in parts_of(&request) {
                if let Some(tags) = part.json.get("tags") {
                    assert_eq!(*tags, serde_json::json!(["seen"]));
                }
            }
        }
    }
}

#[test]
fn what_a_transform_is_at_work_on_when_the_end_comes_goes_to_disk() {
    for _ in 0..4 {
        let folder = tempfile::tempdir().expect("a folder");
        let spool = SpoolConfig::new(folder.path().join("spool"));
        let (begun, has_begun) = mpsc::channel();
        let (go_on, may_go_on) = mpsc::channel::<()>();
        let may_go_on = Mutex::new(may_go_on);
        let config = BatchConfig {
            transform: Some(Transform::new(move |_| {
                begun.send(()).expect("the test waits");
                let _ = may_go_on.lock().expect("one call").recv();
            })),
            ..impatient(spool)
        };
        let server = Server::answering(503);
        let exporter = Arc::new(exporter(&server, config));
        exporter.submit(post(1));
        has_begun.recv().expect("it is called");
        let ending = exporter.clone();
        let end = std::thread::spawn(move || ending.shutdown(Duration::ZERO));
        // Closed is the exporter from the beginning of its end on.
        while exporter.stats().total_refused() == 0 {
            exporter.submit(post(2));
            std::thread::yield_now();
        }
        drop(go_on);
        end.join()
            .expect("no panic")
            .expect_err("the endpoint is away");
        let stats = exporter.stats();
        assert_eq!(
            (stats.spooled, stats.queued),
            (stats.accepted, 0),
            "{stats}"
        );
    }
}

#[test]
fn what_a_transform_failed_on_is_on_no_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = SpoolConfig::new(folder.path().join("spool")).durable();
    let config = BatchConfig {
        transform: Some(Transform::new(|_| panic!("a fault of the program's"))),
        ..impatient(spool.clone())
    };
    let server = Server::answering(202);
    let exporter = exporter(&server, config);
    let mut run = captured::run(1, None, "a secret name", "chain", 0, 5);
    run.attachments
        .push(Attachment::new("a", "text/plain", &b"a secret file"[..]));
    exporter.submit(RunOp::Post(Box::new(run)));
    exporter.shutdown(PATIENCE).expect_err("dropped");
    let stats = exporter.stats();
    assert_eq!(
        stats.dropped.get(&DropReason::TransformFailed),
        Some(&1),
        "{stats}"
    );
    let rejected = spool.rejected().expect("readable");
    assert_eq!((rejected.len(), &rejected[0].operation), (1, &None));
    for bytes in all_bytes(folder.path()) {
        assert!(!bytes.windows(8).any(|window| window == b"a secret"));
    }
}

#[test]
fn no_byte_on_disk_is_of_a_key_a_header_or_of_what_is_masked() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = SpoolConfig::new(folder.path().join("spool")).durable();
    let canary = [
        "lsv2",
        "_pt_",
        "0123456789abcdef0123456789abcdef",
        "_0123456789",
    ]
    .concat();
    let server = Server::answering(503);
    let client = Client::builder()
        .endpoint(&server.peer.url)
        .api_key(canary.clone())
        .header("x-team", "canary-of-a-header")
        .batch(fast())
        .spool(spool)
        .anonymizer(common::trace::Anonymizer::secrets())
        .build()
        .expect("a client");
    let run = client
        .run(format!("call with {canary}"))
        .inputs(serde_json::json!({ "key": canary, "deep": [{ "Authorization": canary }] }))
        .start();
    run.end_with(serde_json::json!({ "text": format!("it is {canary}.") }));
    let files = all_bytes(folder.path());
    assert!(
        files.iter().any(|bytes| bytes.len() > 500),
        "something is stored"
    );
    for secret in [&*canary, "0123456789abcdef", "canary-of-a-header", "x-team"] {
        for bytes in &files {
            let found = bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} is on disk");
        }
    }
}

#[test]
fn two_keys_at_one_address_are_not_given_one_spool() {
    let folder = tempfile::tempdir().expect("a folder");
    let builder = |second: Destination| {
        Client::builder()
            .endpoint("http://127.0.0.1:9")
            .api_key("one")
            .batch(fast())
            .spool(SpoolConfig::new(folder.path().join("spool")))
            .also_send_to(second)
            .build()
    };
    let second = Destination::new("http://127.0.0.1:9/").api_key("two");
    let error = builder(second.clone()).expect_err("refused");
    assert!(matches!(error, ConfigError::SharedSpool { .. }), "{error}");
    assert!(
        error.to_string().contains("name the workspace of each"),
        "{error}"
    );
    let named = builder(second.workspace_id("b")).expect("told apart");
    named.shutdown(Duration::ZERO).expect("nothing held");
}

#[test]
fn what_was_for_another_endpoint_or_workspace_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = impatient(SpoolConfig::new(folder.path().join("spool")));
    let (away, server) = (Server::answering(503), Server::answering(202));
    let first = exporter(&away, config.clone());
    first.submit(post(1));
    first
        .shutdown(Duration::ZERO)
        .expect_err("the endpoint is away");
    drop(first);
    for to in [server.to(), away.to().workspace_id("b")] {
        let other = BatchExporter::start(&to, config.clone()).expect("an exporter");
        other.flush(PATIENCE).expect("nothing of it");
        assert_eq!(other.stats().recovered, 0);
    }
    away.answers(202);
    let again = exporter(&away, config);
    again.flush(PATIENCE).expect("delivered");
    assert_eq!(again.stats().recovered, 1);
}

/// Has runs rejected, large ones, and waits for each to be written down: memory holds few of them.
fn reject(exporter: &BatchExporter, numbers: std::ops::Range<u64>) {
    let text = "x".repeat(900_000);
    for number in numbers {
        let mut run = captured::run(number.into(), None, "r", "chain", 0, 5);
        run.inputs = serde_json::json!({ "text": text }).as_object().cloned();
        exporter.submit(RunOp::Post(Box::new(run)));
        wait_for(exporter, |stats| stats.spool.rejected == number + 1);
    }
}

#[test]
fn the_rejected_are_turned_over_by_one_process_at_a_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = SpoolConfig::new(folder.path().join("spool"));
    let server = Server::answering(422);
    let config = BatchConfig {
        max_ops: Some(1),
        ..impatient(spool.clone())
    };
    let exporter = exporter(&server, config);
    reject(&exporter, 0..1);
    let below = std::fs::read_dir(folder.path().join("spool")).expect("a folder");
    let below = below.flatten().next().expect("of the endpoint").path();
    let turn = Disk.lock(&below.join("rejected.lock"), true);
    let turn = turn.expect("a disk").expect("nobody else has it");
    reject(&exporter, 1..12);
    // Another is at it: it goes into the same file, and none of the older is lost.
    assert_eq!(spool.rejected().expect("readable").len(), 12);
    assert!(!below.join("rejected.older.jsonl").exists());
    drop(turn);
    reject(&exporter, 12..13);
    assert_eq!(spool.rejected().expect("readable").len(), 13);
    assert!(below.join("rejected.older.jsonl").exists());
}

#[test]
fn what_is_rejected_takes_a_bounded_place_and_the_newest_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = SpoolConfig::new(folder.path().join("spool"));
    let server = Server::answering(422);
    let config = BatchConfig {
        max_ops: Some(1),
        ..impatient(spool.clone())
    };
    let exporter = exporter(&server, config);
    reject(&exporter, 0..24);
    exporter.shutdown(PATIENCE).expect_err("rejected");
    let rejected = spool.rejected().expect("readable");
    assert!((8..24).contains(&rejected.len()), "{}", rejected.len());
    let bytes: usize = all_bytes(folder.path()).iter().map(Vec::len).sum();
    assert!(bytes <= 16 << 20, "{bytes}");
}
