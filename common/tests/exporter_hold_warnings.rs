//! How often an exporter says that runs are held, and in which words. One test: it listens to the process.
#![cfg(feature = "client")]

mod exporting;
mod peer;
mod warned;

use common::export::DropReason;
use exporting::{client_to, fast, held_for, ingest, one_run};
use peer::status;
use warned::Warnings;

#[test]
fn each_kind_of_trouble_is_told_once_a_minute_however_often_it_is_met() {
    let warnings = Warnings::listen();
    let peer = ingest(|count| status(if count % 2 == 0 { 401 } else { 503 }));
    let client = client_to(&peer, fast());
    for _ in 0..5 {
        one_run(&client);
    }
    peer.wait_until(|requests| requests.len() > 20);
    assert!(held_for(&client).is_of_endpoint());
    assert!(warnings.wait_for("runs are held: the key was refused (status 401)"));
    assert!(warnings.wait_for("(status 503)"));
    assert_eq!(warnings.count("runs are held"), 2);

    let peer = ingest(|_| status(422));
    let client = client_to(&peer, fast());
    for _ in 0..5 {
        one_run(&client);
        client.flush(exporting::PATIENCE).expect_err("rejected");
    }
    let words = format!("runs were dropped: {}", DropReason::Rejected);
    assert!(warnings.wait_for(&words));
    assert_eq!(warnings.count(&words), 1);
}
