//! Whom a client trusts: certificates are made here, at test time.
#![cfg(feature = "client")]

mod peer;
mod secure;

use std::time::Duration;

use common::client::{CheckError, Client, ClientBuilder};
use common::export::{BatchConfig, FlushError};
use peer::{Peer, Received, status};
use secure::certified;

const PATIENCE: Duration = Duration::from_secs(60);

/// A certificate authority, and a server for `name` that it vouches for.
fn secure_peer(name: &str) -> (String, Peer) {
    let (authority, config) = certified(name);
    let peer = Peer::start_tls(config, |request: &Received, _| match &*request.path {
        "/runs/multipart" => status(202),
        _ => status(200),
    });
    (authority, peer)
}

fn to(peer: &Peer) -> ClientBuilder {
    Client::builder()
        .endpoint(&peer.url)
        .api_key("k")
        .batch(BatchConfig {
            shutdown_timeout: Duration::ZERO,
            ..BatchConfig::default()
        })
}

#[test]
fn a_server_of_a_given_authority_is_trusted() {
    let (authority, peer) = secure_peer("localhost");
    let client = to(&peer).extra_ca_pem(authority).build().expect("a client");
    client.run("secret").start().end();
    client.flush(PATIENCE).expect("delivered");
    client.check_blocking().expect("trusted");
    assert_eq!(peer.to("/runs/multipart").len(), 1);
}

#[test]
fn an_unknown_authority_is_refused_in_words_and_sees_no_request() {
    let (_, peer) = secure_peer("localhost");
    let (stranger, _) = secure_peer("localhost");
    // The stranger's is given so that the test needs no certificates of the platform.
    let client = to(&peer).extra_ca_pem(stranger).build().expect("a client");
    client.run("secret").start().end();
    let error = client.check_blocking().expect_err("not trusted");
    assert!(matches!(error, CheckError::NotTrusted { .. }), "{error}");
    assert!(error.to_string().contains("give its certificate authority"));
    let left = client.flush(Duration::from_millis(50));
    assert!(matches!(left, Err(FlushError::Timeout { left: 2, .. })));
    assert!(peer.requests().is_empty());
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let (authority, peer) = secure_peer("elsewhere.example");
    let client = to(&peer).extra_ca_pem(authority).build().expect("a client");
    let error = client.check_blocking().expect_err("another name");
    assert!(matches!(error, CheckError::NotTrusted { .. }), "{error}");
    assert!(peer.requests().is_empty());
}
