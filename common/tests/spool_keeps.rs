//! What a spool keeps for an exporter: durable or only what overflows, over outages and restarts.
#![cfg(feature = "client")]

mod captured;
mod exporting;
mod keeping;
mod peer;
mod spooling;

use std::collections::BTreeSet;
use std::time::Duration;

use common::client::Client;
use common::export::spool::read_segment;
use common::export::{BatchConfig, FlushError, RefuseReason, SpoolConfig};
use common::model::RunOp;
use exporting::{KEY, PATIENCE, fast};
use keeping::{Server, all_bytes, exporter, exporter_on, impatient, wait_for};
use peer::parts_of;
use spooling::{Faulty, id_of, post};
use uuid::Uuid;

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
fn operations_that_belong_together_wait_for_the_disk_once() {
    let calls = |together: bool| {
        let folder = tempfile::tempdir().expect("a folder");
        let (server, disk) = (Server::answering(503), Faulty::new(None));
        let config = BatchConfig {
            spool: Some(SpoolConfig::new(folder.path().join("spool")).durable()),
            ..fast()
        };
        let exporter = exporter_on(&disk, &server, config);
        exporter.submit(post(1_000));
        let before = disk.calls();
        match together {
            true => exporter.submit_all((0..200).map(post).collect()),
            false => (0..200).for_each(|number| exporter.submit(post(number))),
        }
        let calls = disk.calls() - before;
        let stats = exporter.stats();
        assert_eq!((stats.accepted, stats.spool.unstored), (201, 0));
        let frames = all_bytes(folder.path());
        let frames = frames.iter().filter_map(|bytes| read_segment(bytes).ok());
        assert_eq!(
            frames.map(|contents| contents.frames.len()).sum::<usize>(),
            201
        );
        calls
    };
    let (together, apart) = (calls(true), calls(false));
    assert!(
        apart >= 200 && together * 10 < apart,
        "{together} for {apart}"
    );
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

#[test]
fn a_handle_that_is_dropped_after_the_end_waits_for_nothing_on_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::answering(503);
    let config = BatchConfig {
        // Whoever waited for this once would not come back, let alone twice.
        shutdown_timeout: Duration::MAX,
        ..impatient(SpoolConfig::new(folder.path().join("spool")))
    };
    let client = Client::builder()
        .endpoint(&server.peer.url)
        .api_key(KEY)
        .batch(config)
        .build()
        .expect("a client");
    client.run("answer").start().end();
    let end = client.shutdown(Duration::from_millis(20));
    assert!(matches!(end, Err(FlushError::Stored { .. })), "{end:?}");
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        drop(client);
        tell.send(()).expect("the test waits");
    });
    told.recv_timeout(PATIENCE).expect("the handle is gone");
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
fn a_full_disk_and_a_full_queue_hold_up_one_submit_and_not_each() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = Faulty::new(None);
    files.set_full(true);
    let server = Server::answering(503);
    let spool = SpoolConfig::new(folder.path().join("spool")).durable();
    let mut config = BatchConfig {
        queue_ops: 4,
        spool: Some(spool.store_timeout(Duration::from_secs(1))),
        ..fast()
    };
    config.retry.budget = PATIENCE * 60;
    let exporter = exporter_on(&files, &server, config);
    // Each of them waiting for a second would take longer than anybody's patience.
    let refused = PATIENCE.as_secs() * 2;
    let begun = std::time::Instant::now();
    for number in 0..4 + refused {
        exporter.submit(post(number.into()));
    }
    assert!(begun.elapsed() < PATIENCE, "{}", exporter.stats());
    let stats = exporter.stats();
    assert_eq!(stats.total_refused(), refused, "{stats}");
    assert!(stats.balances(), "{stats}");
    server.answers(202);
    wait_for(&exporter, |stats| stats.delivered == 4);
    exporter.submit(post(1_000_000));
    let _ = exporter.flush(PATIENCE);
    let stats = exporter.stats();
    assert_eq!(
        (stats.delivered, stats.total_refused()),
        (5, refused),
        "{stats}"
    );
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
        // What is on its way does not go to disk, and all that memory holds must not be.
        max_ops: Some(2),
        max_in_flight: 1,
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
fn few_large_operations_overflow_as_many_small_ones_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::answering(202);
    let config = BatchConfig {
        queue_bytes: 100_000,
        linger: PATIENCE,
        ..impatient(SpoolConfig::new(folder.path().join("spool")))
    };
    let exporter = exporter(&server, config);
    for number in 0..3 {
        let RunOp::Post(mut run) = post(number) else {
            unreachable!("it is one")
        };
        run.error = Some("x".repeat(25_000));
        exporter.submit(RunOp::Post(run));
    }
    let stats = wait_for(&exporter, |stats| stats.spooled > 0);
    assert_eq!(stats.spool.disk_errors, 0, "{stats}");
    exporter.shutdown(PATIENCE).expect("delivered");
    assert_eq!(exporter.stats().delivered, 3);
}
