//! Several requests under way at once: how many, what a fault of one costs, and what holds meanwhile.
#![cfg(feature = "client")]

mod captured;
mod carried;
mod exporting;
mod peer;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use carried::{Watched, exporter, refused, status, text};
use common::export::{BatchConfig, BatchExporter, DropReason, FlushError, RefuseReason, Transform};
use common::model::RunOp;
use exporting::{PATIENCE, accept, builder_to, client_to, fast, one_run, patient};
use peer::Peer;

fn submit(exporter: &BatchExporter, names: &[&str]) {
    for (id, name) in (1..).zip(names) {
        let run = captured::run(id, None, name, "chain", 0, 5);
        exporter.submit(RunOp::Post(Box::new(run)));
    }
}

fn one_each(max_in_flight: usize) -> BatchConfig {
    BatchConfig {
        max_ops: Some(1),
        max_in_flight,
        ..patient()
    }
}

#[test]
fn so_many_requests_as_are_allowed_are_under_way_and_no_more() {
    for (allowed, expected) in [(4, 4), (1, 1), (0, 1)] {
        let in_air = Arc::new(Watched::<(usize, usize)>::default());
        let seen = in_air.clone();
        let exporter = exporter(one_each(allowed), move |_| {
            let seen = seen.clone();
            Box::pin(async move {
                let mut now = seen.change(|(now, most)| {
                    *now += 1;
                    *most = (*most).max(*now);
                    *now
                });
                // The last ones may be fewer; until then nobody is answered alone.
                for _ in 0..1_000 {
                    if now >= expected {
                        break;
                    }
                    tokio::task::yield_now().await;
                    now = seen.change(|(now, _)| *now);
                }
                seen.change(|(now, _)| *now -= 1);
                Ok(status(202))
            })
        });
        submit(&exporter, &["r"; 12]);
        exporter.flush(PATIENCE).expect("delivered");
        assert_eq!(in_air.change(|(_, most)| *most), expected);
    }
}

#[test]
fn a_panic_of_one_request_costs_its_batch_and_none_of_those_beside_it() {
    let panicked = Arc::new(AtomicBool::new(false));
    let flag = panicked.clone();
    let exporter = exporter(one_each(4), move |request| {
        let flag = flag.clone();
        Box::pin(async move {
            if text(&request).contains("fragile") {
                flag.store(true, Ordering::SeqCst);
                panic!("on purpose");
            }
            while !flag.load(Ordering::SeqCst) {
                tokio::task::yield_now().await;
            }
            Ok(status(202))
        })
    });
    submit(&exporter, &["a", "b", "c", "fragile", "d", "e"]);
    let reason = DropReason::ExporterFailed;
    let lost = exporter.flush(PATIENCE);
    assert_eq!(lost, Err(FlushError::Dropped { dropped: 1, reason }));
    let stats = exporter.stats();
    assert!(stats.balances(), "{stats}");
    assert_eq!(stats.delivered, 5);
}

#[test]
fn what_is_under_way_at_the_end_is_booked_and_counts_against_the_bounds_until_then() {
    let waiting = Arc::new(Watched::<usize>::default());
    let seen = waiting.clone();
    let config = BatchConfig {
        queue_ops: 5,
        ..one_each(3)
    };
    let exporter = exporter(config, move |_| {
        seen.change(|waiting| *waiting += 1);
        Box::pin(std::future::pending())
    });
    let flush = exporter.flush(Duration::ZERO);
    assert_eq!(flush, Ok(()));
    submit(&exporter, &["r"; 5]);
    let left = exporter.flush(Duration::ZERO).expect_err("it hangs");
    assert!(matches!(
        left,
        FlushError::Timeout {
            left: 5,
            because: None
        }
    ));
    waiting.wait(|waiting| *waiting == 3);
    submit(&exporter, &["one too many"]);
    let stats = exporter.stats();
    assert_eq!((stats.queued, stats.accepted), (5, 5));
    assert_eq!(stats.refused.get(&RefuseReason::QueueFull), Some(&1));
    exporter.shutdown(Duration::ZERO).expect_err("it hangs");
    let stats = exporter.stats();
    assert!(stats.balances(), "{stats}");
    assert_eq!(stats.dropped.get(&DropReason::Shutdown), Some(&5));
}

#[test]
fn the_books_balance_at_every_moment_whatever_happens_on_the_way() {
    let count = Arc::new(AtomicUsize::new(0));
    let exporter = exporter(
        BatchConfig {
            max_ops: Some(7),
            ..fast()
        },
        move |_| {
            let number = count.fetch_add(1, Ordering::SeqCst);
            Box::pin(async move {
                tokio::task::yield_now().await;
                match number % 11 {
                    1 => refused(),
                    2 => Ok(status(503)),
                    4 => Ok(status(422)),
                    5 => Ok(status(413)),
                    6 => Ok(status(409)),
                    7 => Ok(status(401)),
                    8 if number.is_multiple_of(3) => panic!("on purpose"),
                    _ => Ok(status(202)),
                }
            })
        },
    );
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut looked = 0_u64;
            while !done.load(Ordering::SeqCst) {
                let stats = exporter.stats();
                assert!(stats.balances(), "{stats}");
                looked += 1;
            }
            looked
        });
        for id in 1..=2_000 {
            let run = captured::run(id, None, "r", "chain", 0, 5);
            exporter.submit(RunOp::Post(Box::new(run)));
        }
        while let Err(FlushError::Timeout { .. }) = exporter.flush(PATIENCE) {}
        done.store(true, Ordering::SeqCst);
        assert!(watch.join().expect("balanced") > 0);
    });
    let stats = exporter.stats();
    assert!(stats.balances(), "{stats}");
    assert_eq!((stats.accepted, stats.queued), (2_000, 0));
}

#[tokio::test]
async fn a_deadline_holds_although_a_transform_hangs() {
    let gate = Arc::new(OnceLock::new());
    let opened = gate.clone();
    let config = BatchConfig {
        transform: Some(Transform::new(move |_| {
            opened.wait();
        })),
        ..fast()
    };
    let peer = accept();
    let client = client_to(&peer, config);
    one_run(&client);
    // Only the deadline ends this: the gate opens afterwards.
    let end = client.flush_async(Duration::from_millis(20)).await;
    assert!(matches!(end, Err(FlushError::Timeout { left: 2, .. })));
    gate.get_or_init(|| ());
    client.flush_async(PATIENCE).await.expect("delivered");
}

#[tokio::test]
async fn a_deadline_holds_although_who_hears_of_losses_hangs() {
    let gate = Arc::new(OnceLock::new());
    let (opened, called) = (gate.clone(), Arc::new(OnceLock::new()));
    let inside = called.clone();
    let peer = Peer::start(|request, count| {
        peer::status(match &*request.path {
            "/info" => 200,
            _ if count == 0 => 400,
            _ => 202,
        })
    });
    let client = builder_to(&peer, fast())
        .on_drop(move |_, _| {
            inside.get_or_init(|| ());
            opened.wait();
        })
        .build()
        .expect("a client");
    one_run(&client);
    client.flush_async(PATIENCE).await.expect_err("dropped");
    called.wait();
    // It hangs, and what comes next is sent all the same.
    one_run(&client);
    client.flush_async(PATIENCE).await.expect("delivered");
    gate.get_or_init(|| ());
}

#[test]
fn the_first_request_does_not_wait_for_ever_for_what_the_server_prefers() {
    let gate = Arc::new(OnceLock::<()>::new());
    let opened = gate.clone();
    let peer = Peer::start(move |request, _| {
        if request.path == "/info" {
            opened.wait();
        }
        peer::status(202)
    });
    let client = client_to(&peer, fast());
    one_run(&client);
    client.flush(PATIENCE).expect("delivered meanwhile");
    assert_eq!(client.stats().delivered, 2);
    gate.get_or_init(|| ());
}
