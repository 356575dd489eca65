//! How an exporter's work ends: flush, shutdown, the last handle; one destination or two.
#![cfg(feature = "client")]

mod exporting;
mod peer;

use std::sync::Arc;
use std::time::Duration;

use common::client::{CheckError, Client};
use common::export::{BatchConfig, Destination, DropReason, FlushError, RefuseReason};
use common::model::{SeededIds, SteppingClock};
use exporting::{KEY, PATIENCE, accept, builder_to, client_to, fast, one_run, patient};
use peer::{closed_port, parts_of, silent_port};
use serde_json::json;

#[test]
fn a_flush_to_a_dead_endpoint_ends_and_says_how_much_is_left() {
    let client = Client::builder()
        .endpoint(closed_port())
        .batch(fast())
        .build()
        .expect("a client");
    one_run(&client);
    let error = client.flush(Duration::from_millis(50));
    assert_eq!(error, Err(FlushError::Timeout { left: 2 }));
    assert!(client.stats().balances());
    assert!(matches!(
        client.check_blocking(),
        Err(CheckError::Unreachable { .. })
    ));
    let error = client.shutdown(Duration::ZERO);
    assert_eq!(error, Err(FlushError::Timeout { left: 2 }));
    let stats = client.stats();
    assert!(stats.balances(), "{stats}");
    assert_eq!(stats.dropped.get(&DropReason::Shutdown), Some(&2));
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
    assert_eq!(error, Err(FlushError::Timeout { left: 2 }));
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
