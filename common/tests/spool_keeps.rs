//! What a spool keeps for an exporter: durable or only what overflows, over outages and restarts.
#![cfg(feature = "client")]

mod captured;
mod exporting;
mod peer;
mod spooling;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::Duration;

use common::client::{Client, ConfigError};
use common::export::spool::read_segment;
use common::export::{
    BatchConfig, BatchExporter, Destination, DropReason, ExportStats, FlushError, RefuseReason,
    ReqwestTransport, RetryPolicy, SpoolConfig, Transform,
};
use common::model::{Attachment, RunOp};
use exporting::{KEY, PATIENCE, fast};
use peer::{Peer, Received, parts_of, status};
use spooling::{Faulty, id_of, post};
use uuid::Uuid;

/// A peer that answers what the test says at the moment.
struct Server {
    peer: Peer,
    answer: Arc<AtomicU16>,
}

impl Server {
    fn answering(first: u16) -> Self {
        let answer = Arc::new(AtomicU16::new(first));
        let says = answer.clone();
        let peer = Peer::start(move |request: &Received, _| match &*request.path {
            "/info" => status(200),
            _ => status(says.load(Ordering::SeqCst)),
        });
        Self { peer, answer }
    }

    fn answers(&self, status: u16) {
        self.answer.store(status, Ordering::SeqCst);
    }

    fn to(&self) -> Destination {
        Destination::new(&self.peer.url).api_key(KEY)
    }

    /// Returns how often each run arrived.
    fn arrived(&self) -> BTreeMap<Uuid, usize> {
        let mut arrived = BTreeMap::new();
        for request in self.peer.to("/runs/multipart") {
            for part in parts_of(&request) {
                if let [_, id] = part.name.split('.').collect::<Vec<_>>()[..] {
                    *arrived.entry(id.parse().expect("an id")).or_default() += 1;
                }
            }
        }
        arrived
    }
}

/// Gives up at the first answer that is none of success.
fn impatient(spool: SpoolConfig) -> BatchConfig {
    BatchConfig {
        spool: Some(spool),
        retry: RetryPolicy {
            budget: Duration::ZERO,
            base: Duration::from_millis(1),
            cap: Duration::from_millis(2),
        },
        ..fast()
    }
}

fn exporter(to: &Server, config: BatchConfig) -> BatchExporter {
    BatchExporter::start(&to.to(), config).expect("an exporter")
}

fn exporter_on(files: &Faulty, to: &Server, config: BatchConfig) -> BatchExporter {
    let transport = ReqwestTransport::new(&to.to()).expect("a transport");
    let exporter = BatchExporter::with_files(Arc::new(transport), config, Arc::new(files.clone()));
    exporter.expect("trouble with the disk is no error")
}

/// Waits until something is true of the books.
fn wait_for(exporter: &BatchExporter, done: impl Fn(&ExportStats) -> bool) -> ExportStats {
    let begun = std::time::Instant::now();
    loop {
        let stats = exporter.stats();
        assert!(stats.balances(), "{stats}");
        if done(&stats) {
            return stats;
        }
        assert!(begun.elapsed() < PATIENCE, "{stats}");
        std::thread::yield_now();
    }
}

/// Returns the bytes of all files below a folder.
fn all_bytes(folder: &Path) -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.expect("a readable entry").path();
            match path.is_dir() {
                true => open.push(path),
                false => files.extend(fs::read(path)),
            }
        }
    }
    files
}

#[test]
fn in_durable_mode_an_operation_is_on_disk_when_submit_returns() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::answering(503);
    let config = BatchConfig {
        spool: Some(SpoolConfig::new(folder.path().join("spool")).durable()),
        ..fast()
    };
    let exporter = exporter(&server, config);
    for number in 0..20 {
        exporter.submit(post(number));
        let records: usize = all_bytes(folder.path())
            .iter()
            .filter_map(|bytes| read_segment(bytes).ok())
            .map(|contents| contents.frames.len())
            .sum();
        assert_eq!(records as u128, number + 1);
    }
    assert_eq!(exporter.stats().spool.unstored, 0);
    assert_eq!(exporter.stats().queued, 20);
}

#[test]
fn a_spool_that_is_never_needed_leaves_nothing_behind() {
    for durable in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let server = Server::answering(202);
        let mut spool = SpoolConfig::new(folder.path().join("spool"));
        if durable {
            spool = spool.durable();
        }
        let exporter = exporter(&server, impatient(spool));
        for number in 0..50 {
            exporter.submit(post(number));
        }
        exporter.shutdown(PATIENCE).expect("delivered");
        assert_eq!(exporter.stats().delivered, 50);
        assert!(all_bytes(folder.path()).is_empty(), "durable: {durable}");
    }
}

#[test]
fn what_is_left_at_the_end_is_stored_and_the_next_process_delivers_it_once() {
    for durable in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let server = Server::answering(503);
        let mut spool = SpoolConfig::new(folder.path().join("spool"));
        if durable {
            spool = spool.durable();
        }
        let patient = BatchConfig {
            spool: Some(spool),
            ..fast()
        };
        let first = exporter(&server, patient.clone());
        for number in 0..30 {
            first.submit(post(number));
        }
        let end = first.shutdown(Duration::from_millis(20));
        assert_eq!(end, Err(FlushError::Stored { spooled: 30 }));
        let stats = first.stats();
        assert!(stats.balances() && stats.spooled == 30, "{stats}");
        drop(first);
        server.answers(202);
        let second = exporter(&server, patient);
        second.flush(PATIENCE).expect("all delivered");
        let stats = second.stats();
        assert_eq!((stats.recovered, stats.accepted), (30, 30), "{stats}");
        assert_eq!((stats.delivered, stats.spooled), (30, 0), "{stats}");
        second.shutdown(PATIENCE).expect("nothing left");
        assert!(all_bytes(folder.path()).is_empty());
        let accepted = server.arrived();
        assert!((0..30).all(|number| accepted.contains_key(&id_of(number))));
    }
}

#[test]
fn dropping_the_last_handle_stores_what_is_held() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::answering(503);
    let config = impatient(SpoolConfig::new(folder.path().join("spool")));
    let exporter_there = exporter(&server, config.clone());
    exporter_there.submit(post(1));
    drop(exporter_there);
    server.answers(202);
    let next = exporter(&server, config);
    next.flush(PATIENCE).expect("delivered");
    assert_eq!(next.stats().recovered, 1);
}

#[tokio::test]
async fn the_end_stores_what_is_left_also_without_blocking() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::answering(503);
    let config = impatient(SpoolConfig::new(folder.path().join("spool")));
    let exporter = exporter(&server, config);
    for number in 0..5 {
        exporter.submit(post(number));
    }
    let end = exporter.shutdown_async(Duration::from_millis(20)).await;
    assert_eq!(end, Err(FlushError::Stored { spooled: 5 }));
    let stats = exporter.stats();
    assert!(stats.balances() && stats.spooled == 5, "{stats}");
}

#[test]
fn an_outage_longer_than_the_budget_costs_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::answering(401);
    let config = impatient(SpoolConfig::new(folder.path().join("spool")));
    let exporter = exporter(&server, config);
    for number in 0..40 {
        exporter.submit(post(number));
    }
    wait_for(&exporter, |stats| stats.spooled > 0);
    server.answers(202);
    exporter.flush(PATIENCE).expect("all delivered");
    let stats = exporter.stats();
    assert_eq!((stats.delivered, stats.total_dropped()), (40, 0), "{stats}");
    exporter.shutdown(PATIENCE).expect("nothing left");
    assert!(all_bytes(folder.path()).is_empty());
}

#[test]
fn what_memory_has_no_room_for_goes_to_disk_and_comes_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::answering(503);
    let config = BatchConfig {
        spool: Some(SpoolConfig::new(folder.path().join("spool"))),
        queue_ops: 40,
        max_ops: Some(5),
        max_in_flight: 1,
        ..fast()
    };
    let exporter = exporter(&server, config);
    for number in 0..200 {
        exporter.submit(post(number));
        wait_for(&exporter, |stats| stats.queued <= 21);
    }
    let stats = exporter.stats();
    assert_eq!((stats.accepted, stats.total_refused()), (200, 0), "{stats}");
    assert!(stats.spooled >= 170, "{stats}");
    server.answers(202);
    exporter.flush(PATIENCE).expect("all delivered");
    assert_eq!(exporter.stats().delivered, 200);
    let arrived: BTreeSet<Uuid> = server.arrived().into_keys().collect();
    assert_eq!(arrived, (0..200).map(id_of).collect());
}

#[test]
fn what_comes_back_comes_oldest_first_and_leaves_live_traffic_its_room() {
    let folder = tempfile::tempdir().expect("a folder");
    // Durable, so that the order on disk is that of the calls.
    let spool = SpoolConfig::new(folder.path().join("spool")).durable();
    let server = Server::answering(503);
    let first = exporter(&server, impatient(spool.clone()));
    (0..100).for_each(|number| first.submit(post(number)));
    first
        .shutdown(Duration::ZERO)
        .expect_err("the endpoint is away");
    assert_eq!(first.stats().spooled, 100, "{}", first.stats());
    drop(first);
    let config = BatchConfig {
        spool: Some(spool),
        queue_ops: 20,
        linger: PATIENCE,
        max_ops: Some(1_000),
        ..fast()
    };
    // Nothing is sent before somebody asks for it.
    let second = exporter(&server, config);
    let stats = wait_for(&second, |stats| stats.queued > 0);
    assert_eq!((stats.queued, stats.spooled), (5, 95), "{stats}");
    for number in 100..105 {
        second.submit(post(number));
    }
    assert_eq!(second.stats().total_refused(), 0);
    server.answers(202);
    second.flush(PATIENCE).expect("all delivered");
    let bodies = server.peer.to("/runs/multipart");
    let order: Vec<Uuid> = bodies
        .iter()
        .flat_map(parts_of)
        .filter_map(|part| part.name.strip_prefix("post.")?.parse().ok())
        .collect();
    let old: Vec<Uuid> = (0..100).map(id_of).collect();
    let mut came: Vec<Uuid> = order.into_iter().filter(|id| old.contains(id)).collect();
    came.drain(..came.len() - 100);
    let mut sorted = came.clone();
    sorted.sort_by_key(|id| old.iter().position(|known| known == id));
    assert_eq!(came, sorted);
}

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

#[test]
fn a_disk_that_fails_costs_the_program_nothing_and_is_used_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = Faulty::new(None);
    files.set_full(true);
    let server = Server::answering(202);
    let config = BatchConfig {
        spool: Some(SpoolConfig::new(folder.path().join("spool")).durable()),
        ..fast()
    };
    let exporter = exporter_on(&files, &server, config);
    exporter.submit(post(1));
    exporter.flush(PATIENCE).expect("delivered from memory");
    let stats = wait_for(&exporter, |stats| stats.spool.disk_errors > 0);
    assert_eq!((stats.delivered, stats.spool.unstored), (1, 1), "{stats}");
    files.set_full(false);
    server.answers(503);
    exporter.submit(post(2));
    assert_eq!(exporter.stats().spool.unstored, 1, "stored this time");
}

#[test]
fn a_merged_run_keeps_its_count_on_disk_and_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = impatient(SpoolConfig::new(folder.path().join("spool")));
    let server = Server::answering(503);
    let first = exporter(&server, config.clone());
    let run = captured::run(1, None, "r", "chain", 0, 5);
    first.submit(RunOp::Post(Box::new(run.clone())));
    first.submit(RunOp::Patch(Box::new(run)));
    first.shutdown(Duration::from_millis(50)).expect_err("away");
    assert_eq!(first.stats().spooled, 2);
    drop(first);
    server.answers(202);
    let second = exporter(&server, config);
    second.flush(PATIENCE).expect("delivered");
    assert_eq!(second.stats().delivered, 2);
}

#[test]
fn a_disk_that_hangs_holds_a_submit_no_longer_than_its_bound_and_sending_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = Faulty::new(None);
    files.set_hanging(true);
    let server = Server::answering(202);
    let spool = SpoolConfig::new(folder.path().join("spool"))
        .durable()
        .store_timeout(Duration::from_millis(10));
    let config = BatchConfig {
        spool: Some(spool),
        ..fast()
    };
    let exporter = exporter_on(&files, &server, config);
    exporter.submit(post(1));
    let stats = wait_for(&exporter, |stats| stats.delivered == 1);
    assert_eq!(stats.spool.unstored, 1, "{stats}");
    files.set_hanging(false);
    exporter.shutdown(PATIENCE).expect("delivered");
    assert!(all_bytes(folder.path()).is_empty());
}

#[test]
fn many_threads_store_together() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::answering(503);
    let config = BatchConfig {
        spool: Some(SpoolConfig::new(folder.path().join("spool")).durable()),
        ..fast()
    };
    let exporter = exporter(&server, config);
    std::thread::scope(|scope| {
        for thread in 0..8_u128 {
            let exporter = &exporter;
            scope.spawn(move || {
                for number in 0..25 {
                    exporter.submit(post(thread * 100 + number));
                }
            });
        }
    });
    assert_eq!(exporter.stats().spool.unstored, 0);
    let end = exporter.shutdown(Duration::ZERO);
    assert_eq!(end, Err(FlushError::Stored { spooled: 200 }));
}

#[test]
fn a_spool_as_large_as_it_may_be_refuses_the_newest_and_counts() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::answering(503);
    let spool = SpoolConfig::new(folder.path().join("spool")).max_bytes(4_000);
    let config = BatchConfig {
        spool: Some(spool),
        queue_ops: 20,
        ..fast()
    };
    let exporter = exporter(&server, config);
    let mut number = 0;
    // Until the disk takes no more, and then memory neither.
    loop {
        let stats = exporter.stats();
        if stats.spool.full > 0 && stats.total_refused() >= 5 {
            break;
        }
        exporter.submit(post(number));
        number += 1;
        assert!(number < 1_000_000, "{stats}");
    }
    let stats = exporter.stats();
    assert!(stats.balances() && stats.queued <= 20, "{stats}");
    assert!(stats.spool.bytes <= 4_000 && stats.spooled > 0, "{stats}");
    assert_eq!(
        stats.refused.get(&RefuseReason::QueueFull),
        Some(&stats.total_refused())
    );
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
    let text = "x".repeat(900_000);
    for number in 0..24 {
        let mut run = captured::run(number, None, "r", "chain", 0, 5);
        run.inputs = serde_json::json!({ "text": text }).as_object().cloned();
        exporter.submit(RunOp::Post(Box::new(run)));
    }
    exporter.shutdown(PATIENCE).expect_err("rejected");
    assert_eq!(exporter.stats().spool.rejected, 24, "{}", exporter.stats());
    let rejected = spool.rejected().expect("readable");
    assert!((8..24).contains(&rejected.len()), "{}", rejected.len());
    let bytes: usize = all_bytes(folder.path()).iter().map(Vec::len).sum();
    assert!(bytes <= 16 << 20, "{bytes}");
}
