//! How an exporter's work ends: flush, shutdown, the last handle; one destination or two.
#![cfg(feature = "client")]

mod exporting;
mod peer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::client::{CheckError, Client};
use common::export::{BatchConfig, Destination, DropReason, FlushError, RefuseReason};
use common::model::{SeededIds, SteppingClock};
use exporting::{
    KEY, PATIENCE, accept, builder_to, client_to, fast, held_for, ingest, one_run, patient,
};
use peer::{Peer, closed_port, parts_of, silent_port, status};

#[test]
fn a_flush_to_a_dead_endpoint_ends_and_says_how_much_is_left() {
    let client = Client::builder()
        .endpoint(closed_port())
        .batch(fast())
        .build()
        .expect("a client");
    one_run(&client);
    assert_eq!(held_for(&client), DropReason::Unreachable);
    assert!(client.stats().balances());
    assert!(matches!(
        client.check_blocking(),
        Err(CheckError::Unreachable { .. })
    ));
    let error = client.shutdown(Duration::ZERO).expect_err("not sent");
    assert_eq!(
        error.to_string(),
        "time ran out with 2 operations unsent: the endpoint does not answer"
    );
    let stats = client.stats();
    assert!(stats.balances(), "{stats}");
    assert_eq!(stats.dropped.get(&DropReason::Unreachable), Some(&2));
    one_run(&client);
    assert_eq!(client.stats().refused.get(&RefuseReason::Closed), Some(&2));
}

#[test]
fn a_flush_to_a_silent_endpoint_ends() {
    let (url, _listener) = silent_port();
    let client = Client::builder()
        .endpoint(url)
        .batch(fast())
        .build()
        .expect("a client");
    one_run(&client);
    let error = client.flush(Duration::from_millis(50));
    assert!(matches!(error, Err(FlushError::Timeout { left: 2, .. })));
}

#[test]
fn dropping_the_last_handle_sends_what_is_held() {
    let peer = accept();
    let client = client_to(
        &peer,
        BatchConfig {
            shutdown_timeout: PATIENCE,
            ..patient()
        },
    );
    let other = client.clone();
    one_run(&client);
    drop(client);
    assert!(peer.to("/runs/multipart").is_empty());
    drop(other);
    assert_eq!(peer.to("/runs/multipart").len(), 1);
}

#[test]
fn a_guard_flushes_at_the_end_of_its_scope() {
    let peer = accept();
    let client = client_to(&peer, patient());
    {
        let _guard = client.flush_guard(PATIENCE);
        one_run(&client);
    }
    assert_eq!(client.stats().delivered, 2);
}

#[test]
fn a_second_destination_gets_the_same_runs_under_the_same_ids() {
    let (first, second) = (accept(), accept());
    let client = builder_to(&first, patient())
        .ids(Arc::new(SeededIds::new(1)))
        .clock(Arc::new(SteppingClock::new(
            chrono::DateTime::UNIX_EPOCH,
            Duration::from_millis(1),
        )))
        .header("x-team", "docs")
        .also_send_to(Destination::new(&second.url).api_key("another-key"))
        .build()
        .expect("a client");
    one_run(&client);
    client.flush(PATIENCE).expect("both delivered");
    let (a, b) = (
        &first.to("/runs/multipart")[0],
        &second.to("/runs/multipart")[0],
    );
    assert_eq!(parts_of(a), parts_of(b));
    assert_eq!(a.header("x-api-key"), Some(KEY));
    assert_eq!(a.header("x-team"), Some("docs"));
    assert_eq!(b.header("x-api-key"), Some("another-key"));
    assert_eq!(b.header("x-team"), None);
    let books = client.stats_by_destination();
    assert!(books.iter().all(|(_, stats)| stats.delivered == 2));
}

#[test]
fn a_flush_that_runs_out_of_time_leaves_the_report_of_a_loss_to_the_next() {
    let mended = Arc::new(AtomicBool::new(false));
    let works = mended.clone();
    let peer = ingest(move |count| {
        let down = !works.load(Ordering::SeqCst);
        status(match count {
            0 => 400,
            _ if down => 503,
            _ => 202,
        })
    });
    let batch = BatchConfig {
        max_ops: Some(1),
        ..patient()
    };
    let client = client_to(&peer, batch);
    one_run(&client);
    one_run(&client);
    while client.stats().total_dropped() < 2 {
        std::thread::yield_now();
    }
    assert!(matches!(
        client.flush(Duration::ZERO),
        Err(FlushError::Timeout { left: 2, .. })
    ));
    mended.store(true, Ordering::SeqCst);
    assert_eq!(
        client.flush(PATIENCE),
        Err(FlushError::Dropped {
            dropped: 2,
            reason: DropReason::Rejected
        })
    );
    client.flush(PATIENCE).expect("a loss is reported once");
}

#[test]
fn runs_after_the_shutdown_are_reported_once() {
    let peer = accept();
    let client = client_to(&peer, patient());
    client.shutdown(PATIENCE).expect("nothing held");
    one_run(&client);
    assert_eq!(
        client.flush(PATIENCE),
        Err(FlushError::Refused {
            refused: 2,
            reason: RefuseReason::Closed
        })
    );
    client.flush(PATIENCE).expect("reported");
}

/// Two peers, of which the first answers only once the second has the runs: whoever serves one
/// destination after the other waits for ever.
fn entangled(batch: BatchConfig) -> (Peer, Arc<Peer>, Client) {
    let second = Arc::new(accept());
    let hears = second.clone();
    let first = Peer::start(move |request, _| {
        if request.path == "/runs/multipart" {
            hears.wait_until(|requests| requests.iter().any(|r| r.path == "/runs/multipart"));
        }
        status(202)
    });
    let client = builder_to(&first, batch)
        .also_send_to(Destination::new(&second.url))
        .build()
        .expect("a client");
    one_run(&client);
    (first, second, client)
}

#[test]
fn two_destinations_are_flushed_side_by_side() {
    let (_first, _second, client) = entangled(patient());
    client.flush(PATIENCE).expect("both delivered");
}

#[tokio::test]
async fn two_destinations_are_flushed_side_by_side_without_blocking() {
    let (_first, _second, client) = entangled(patient());
    client.flush_async(PATIENCE).await.expect("both delivered");
}

#[test]
fn two_destinations_are_shut_down_side_by_side() {
    let (_first, _second, client) = entangled(patient());
    client.shutdown(PATIENCE).expect("both delivered");
}

#[tokio::test]
async fn two_destinations_are_shut_down_side_by_side_without_blocking() {
    let (_first, _second, client) = entangled(patient());
    client.shutdown_async(PATIENCE).await.expect("delivered");
}

#[test]
fn the_last_handle_of_two_destinations_waits_for_both_at_once() {
    let (first, second, client) = entangled(BatchConfig {
        shutdown_timeout: PATIENCE,
        ..patient()
    });
    // A run that is still open keeps the destinations, as a handle does.
    let open = client.run("open").start();
    drop(client);
    assert!(second.to("/runs/multipart").is_empty());
    drop(open);
    assert_eq!(first.to("/runs/multipart").len(), 1);
    assert_eq!(second.to("/runs/multipart").len(), 1);
}

#[test]
fn a_destination_that_is_away_costs_the_other_none_of_its_runs() {
    let (away, _listener) = silent_port();
    let peer = accept();
    let client = Client::builder()
        .endpoint(away)
        .also_send_to(Destination::new(&peer.url))
        .batch(patient())
        .build()
        .expect("a client");
    one_run(&client);
    // The first takes all of the deadline; the second needs a small part of it.
    let error = client.shutdown(Duration::from_secs(4)).expect_err("away");
    assert!(matches!(error.what(), FlushError::Timeout { left: 2, .. }));
    // With several destinations it says which.
    let named = error.to_string();
    assert!(
        named.starts_with(&client.stats_by_destination()[0].0),
        "{named}"
    );
    let books = client.stats_by_destination();
    assert_eq!(books[0].1.dropped.get(&DropReason::Shutdown), Some(&2));
    assert_eq!(books[1].1.delivered, 2);
}
