//! What an exporter says of refused runs, when and in which words.
//!
//! The exporter's thread speaks to the process's subscriber, so this file has one test.
#![cfg(feature = "client")]

mod exporting;
mod peer;
mod warned;

use std::sync::{Arc, OnceLock};

use common::client::Client;
use common::export::{BatchConfig, FlushError, RefuseReason};
use exporting::{PATIENCE, client_to, fast, one_run, patient};
use peer::{Peer, status};
use warned::Warnings;

/// A client whose first batch is under way until the gate is opened.
fn held_up(gate: &Arc<OnceLock<()>>, batch: BatchConfig) -> (Peer, Client) {
    let opened = gate.clone();
    let peer = Peer::start(move |request, _| {
        if request.path != "/info" {
            opened.wait();
        }
        status(202)
    });
    let client = client_to(&peer, batch);
    one_run(&client);
    peer.wait_until(|requests| requests.iter().any(|r| r.path == "/runs/multipart"));
    (peer, client)
}

#[test]
fn a_refusal_is_told_at_once_and_a_full_queue_only_of_a_full_queue() {
    let warnings = Warnings::listen();

    // Shut down while a batch is under way: what comes then finds no full queue.
    let wide = BatchConfig {
        queue_ops: usize::MAX,
        queue_bytes: usize::MAX,
        ..fast()
    };
    let gate = Arc::new(OnceLock::new());
    let (_peer, client) = held_up(&gate, wide);
    let ending = client.clone();
    let shutdown = std::thread::spawn(move || ending.shutdown(PATIENCE));
    while !client.stats().refused.contains_key(&RefuseReason::Closed) {
        drop(client.run("late").start());
    }
    assert!(warnings.wait_for("shut down"));
    gate.set(()).expect("opened once");
    let result = shutdown.join().expect("no panic");
    assert!(
        matches!(result, Err(FlushError::Refused { .. })),
        "{result:?}"
    );

    assert_eq!(warnings.count("full"), 0);

    // Full while a batch is under way: that is told before the batch has ended, and once.
    let narrow = BatchConfig {
        max_ops: Some(1),
        queue_ops: 2,
        ..patient()
    };
    let gate = Arc::new(OnceLock::new());
    let (_peer, client) = held_up(&gate, narrow);
    one_run(&client);
    assert!(warnings.wait_for("queue is full"));
    one_run(&client);
    gate.set(()).expect("opened once");
    client.flush(PATIENCE).expect_err("four were refused");
    one_run(&client);
    client.flush(PATIENCE).expect("there is room");
    assert_eq!(warnings.count("queue is full"), 1);
}
