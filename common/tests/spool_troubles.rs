//! What becomes of a spool when the disk fails at a bad moment, hangs, or is swept by somebody else.
#![cfg(feature = "client")]

mod captured;
mod exporting;
mod peer;
mod spooling;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::export::spool::{Disk, RecordId};
use common::export::{
    BatchConfig, BatchExporter, Delivery, Destination, DropReason, FlushError, ReqwestTransport,
    RetryPolicy, SpoolConfig,
};
use common::model::RunOp;
use exporting::{PATIENCE, fast};
use peer::{Peer, Received, status};
use spooling::{Fault, Faulty, append, id_of, post, read_all, spool};
use uuid::Uuid;

/// Returns what lies below the folder of the only endpoint.
fn left_below(folder: &Path) -> Vec<PathBuf> {
    let list = |folder: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).expect("a folder");
        entries
            .map(|entry| entry.expect("readable").path())
            .collect()
    };
    list(folder).iter().flat_map(|it| list(it)).collect()
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let writers = left_below(folder).into_iter().filter(|path| path.is_dir());
    let files = writers.flat_map(|writer| fs::read_dir(writer).expect("a folder"));
    let mut files: Vec<PathBuf> = files.map(|file| file.expect("readable").path()).collect();
    files.retain(|file| file.extension().is_some_and(|it| it == "seg"));
    files.sort();
    files
}

#[test]
fn trouble_while_a_folder_is_taken_over_leaves_it_to_a_later_look() {
    let left_behind = |folder: &Path| {
        let config = SpoolConfig::new(folder.join("spool"));
        let mut spool = spool(Disk, &config);
        let ids = append(&mut spool, &[post(1), post(2), post(3)], true);
        spool.acknowledge(&[ids[0].expect("stored")]);
        config
    };
    let adopted = |fault| {
        let folder = tempfile::tempdir().expect("a folder");
        let config = left_behind(folder.path());
        let files = Faulty::new(fault);
        let mut next = spool(files.clone(), &config);
        let mut found = next.adopt().ops;
        next.tidy();
        found += next.adopt().ops;
        let read: BTreeSet<Uuid> = read_all(&mut next).into_keys().collect();
        (files.calls(), found, read)
    };
    let (calls, ..) = adopted(None);
    for call in 1..=calls {
        let (_, found, read) = adopted(Some((call, Fault::Once)));
        assert_eq!(found, 2, "trouble with call {call}");
        // The one call may also be the reading back, which is tried again.
        assert!(read.is_subset(&BTreeSet::from([id_of(2), id_of(3)])));
    }
}

#[test]
fn a_folder_that_cannot_be_finished_leaves_nothing_behind() {
    let stored = |fault| {
        let folder = tempfile::tempdir().expect("a folder");
        let config = SpoolConfig::new(folder.path().join("spool"));
        let files = Faulty::new(fault);
        let mut spool = spool(files.clone(), &config);
        let first = append(&mut spool, &[post(1)], true);
        let calls = files.calls();
        let second = append(&mut spool, &[post(2)], true);
        assert!(second[0].is_some(), "trouble with {fault:?} passes");
        let ids: Vec<RecordId> = [first, second].into_iter().flatten().flatten().collect();
        spool.acknowledge(&ids);
        drop(spool);
        assert!(left_below(config.folder()).is_empty(), "{fault:?}");
        calls
    };
    for call in 1..=stored(None) {
        stored(Some((call, Fault::Once)));
    }
}

#[test]
fn a_file_that_cannot_be_read_or_is_gone_is_not_in_the_way_of_the_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = SpoolConfig::new(folder.path().join("spool")).segment_bytes(1);
    let mut spool = spool(Disk, &config);
    append(&mut spool, &[post(1), post(2), post(3)], false);
    let first = segments(config.folder()).remove(0);
    fs::remove_file(&first).expect("deleted");
    fs::create_dir(&first).expect("in its place");
    let read: Vec<Uuid> = read_all(&mut spool).into_keys().collect();
    assert_eq!(read, [id_of(2), id_of(3)]);
    assert!(spool.stats().disk_errors > 0);
    assert_eq!(spool.stats().damaged, 0, "it may pass");
    fs::remove_dir(&first).expect("deleted");
    let told = spool.read_back(u64::MAX, usize::MAX);
    assert!(told.len() == 1 && told[0].op.is_none(), "{told:?}");
    assert_eq!(spool.stats().damaged, 1);
}

#[test]
fn a_folder_that_somebody_deletes_is_made_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = SpoolConfig::new(folder.path().join("spool"));
    let mut spool = spool(Disk, &config);
    append(&mut spool, &[post(1)], false);
    fs::remove_dir_all(config.folder()).expect("deleted");
    spool.sync();
    assert!(append(&mut spool, &[post(2)], false)[0].is_some());
    assert_eq!(segments(config.folder()).len(), 1);
    let read: Vec<Uuid> = read_all(&mut spool).into_keys().collect();
    assert_eq!(read, [id_of(2)]);
}

/// A server that answers everything with one status.
fn server(says: u16) -> Peer {
    Peer::start(move |request: &Received, _| match &*request.path {
        "/info" => status(200),
        _ => status(says),
    })
}

fn durable(folder: &Path) -> BatchConfig {
    BatchConfig {
        spool: Some(SpoolConfig::new(folder.join("spool")).durable()),
        retry: RetryPolicy {
            budget: Duration::ZERO,
            ..fast().retry
        },
        ..fast()
    }
}

fn exporter(files: &Faulty, to: &Peer, config: BatchConfig) -> BatchExporter {
    let transport = ReqwestTransport::new(&Destination::new(&to.url)).expect("a transport");
    let exporter = BatchExporter::with_files(Arc::new(transport), config, Arc::new(files.clone()));
    exporter.expect("an exporter")
}

#[tokio::test]
async fn after_the_end_the_next_one_finds_what_was_left() {
    let peer = server(503);
    for blocking in [true, false] {
        let folder = tempfile::tempdir().expect("a folder");
        let files = Faulty::new(None);
        let exporter = exporter(&files, &peer, durable(folder.path()));
        exporter.submit(post(1));
        assert_eq!(files.locks(), 1);
        let end = match blocking {
            true => exporter.shutdown(Duration::ZERO),
            false => exporter.shutdown_async(Duration::ZERO).await,
        };
        assert_eq!(end, Err(FlushError::Stored { spooled: 1 }));
        assert_eq!(files.locks(), 0, "blocking: {blocking}");
    }
}

#[test]
fn while_the_disk_hangs_all_that_is_accepted_is_sent() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = Faulty::new(None);
    files.set_hanging(true);
    let peer = server(202);
    let mut config = durable(folder.path());
    let spool = config.spool.take().expect("one");
    config.spool = Some(spool.store_timeout(Duration::from_millis(10)));
    let exporter = exporter(&files, &peer, config);
    for number in 0..5 {
        exporter.submit(post(number));
    }
    let begun = Instant::now();
    while exporter.stats().delivered < 5 {
        let stats = exporter.stats();
        assert!(stats.balances() && begun.elapsed() < PATIENCE, "{stats}");
        std::thread::yield_now();
    }
    assert_eq!(exporter.stats().spool.unstored, 5);
    files.set_hanging(false);
    exporter.shutdown(PATIENCE).expect("delivered");
    assert!(exporter.stats().balances());
}

#[test]
fn a_rejected_run_is_on_disk_or_written_down_at_any_crash_point() {
    let (rejecting, taking) = (server(422), server(202));
    let mut tried = 0;
    for call in 1.. {
        let folder = tempfile::tempdir().expect("a folder");
        let config = durable(folder.path());
        let files = Faulty::new(Some((call, Fault::DiesBefore)));
        let first = exporter(&files, &rejecting, config.clone());
        first.submit(post(1));
        first.shutdown(PATIENCE).expect_err("rejected");
        let stored = first.stats().spool.unstored == 0;
        drop(first);
        if files.calls() < call {
            break;
        }
        let next = exporter(&Faulty::new(None), &taking, config.clone());
        next.flush(PATIENCE).expect("delivered");
        let written = config.spool.expect("one").rejected().expect("readable");
        let found = next.stats().recovered as usize + written.len();
        assert!(!stored || found > 0, "lost at call {call}");
        tried += 1;
    }
    assert!(tried >= 8, "only {tried} points");
}

#[test]
fn an_update_waits_for_its_run_that_lies_on_disk_and_for_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let is_up = Arc::new(AtomicBool::new(false));
    let (up, known) = (is_up.clone(), Mutex::new(BTreeSet::new()));
    let peer = Peer::start(move |request, _| match &*request.method {
        "GET" => status(200),
        _ if !up.load(Ordering::SeqCst) => status(503),
        "POST" => {
            let run: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
            let id = run["id"].as_str().expect("an id").to_owned();
            known.lock().expect("known").insert(format!("/runs/{id}"));
            status(202)
        }
        _ if known.lock().expect("known").contains(&request.path) => status(202),
        _ => status(404),
    });
    let config = BatchConfig {
        delivery: Delivery::Unbatched,
        spool: Some(SpoolConfig::new(folder.path().join("spool"))),
        retry: RetryPolicy {
            budget: Duration::ZERO,
            // What lies on disk is left there for so long that the update comes first.
            cap: Duration::from_millis(200),
            ..fast().retry
        },
        ..fast()
    };
    let exporter = exporter(&Faulty::new(None), &peer, config);
    let run = |number| captured::run(number, None, "r", "chain", 0, 5);
    exporter.submit(RunOp::Post(Box::new(run(1))));
    let begun = Instant::now();
    while exporter.stats().spooled == 0 {
        assert!(begun.elapsed() < PATIENCE, "{}", exporter.stats());
        std::thread::yield_now();
    }
    is_up.store(true, Ordering::SeqCst);
    exporter.submit(RunOp::Patch(Box::new(run(1))));
    exporter.submit(RunOp::Patch(Box::new(run(2))));
    let end = exporter.flush(PATIENCE);
    let (dropped, reason) = (1, DropReason::Rejected);
    assert_eq!(end, Err(FlushError::Dropped { dropped, reason }));
    exporter.shutdown(PATIENCE).expect("nothing left");
    let stats = exporter.stats();
    assert_eq!((stats.delivered, stats.spooled), (2, 0), "{stats}");
    assert!(stats.balances() && stats.spool.rejected == 1, "{stats}");
}

#[test]
fn no_setting_of_a_spool_overflows_a_clock() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = durable(folder.path());
    let spool = config.spool.take().expect("one");
    let spool = spool
        .store_timeout(Duration::MAX)
        .sync_interval(Duration::MAX);
    config.spool = Some(spool);
    config.retry.cap = Duration::MAX;
    let exporter = exporter(&Faulty::new(None), &server(503), config);
    exporter.submit(post(1));
    let begun = Instant::now();
    while exporter.stats().spooled == 0 {
        assert!(begun.elapsed() < PATIENCE, "{}", exporter.stats());
        std::thread::yield_now();
    }
    let end = exporter.shutdown(Duration::ZERO);
    assert_eq!(end, Err(FlushError::Stored { spooled: 1 }));
    assert_eq!(exporter.stats().spool.unstored, 0);
}

#[test]
fn a_workspace_that_a_header_names_has_a_spool_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = durable(folder.path());
    let is_up = Arc::new(AtomicBool::new(false));
    let up = is_up.clone();
    let peer = Peer::start(move |_, _| match up.load(Ordering::SeqCst) {
        true => status(202),
        false => status(503),
    });
    let start = |workspace: &str| {
        let mut to = Destination::new(&peer.url);
        to.headers = vec![("X-Tenant-Id".to_owned(), workspace.to_owned())];
        BatchExporter::start(&to, config.clone()).expect("an exporter")
    };
    let first = start("a");
    first.submit(post(1));
    first.shutdown(Duration::ZERO).expect_err("away");
    is_up.store(true, Ordering::SeqCst);
    let recovered = |workspace: &str| {
        let exporter = start(workspace);
        exporter.flush(PATIENCE).expect("delivered");
        exporter.stats().recovered
    };
    assert_eq!([recovered("b"), recovered("a")], [0, 1]);
}
