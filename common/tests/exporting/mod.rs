//! Clients and peers for the tests of the exporter.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::sync::Arc;
use std::time::Duration;

use common::client::{Client, ClientBuilder};
use common::export::{BatchConfig, BatchExporter, DropReason, FlushError, RetryPolicy};
use common::model::RunOp;
use common::trace::RunSink;
use serde_json::json;

use crate::peer::{Answer, Peer, Received, status};

/// Long enough for any machine; no test waits for it unless it fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub const KEY: &str = "lsv2_pt_not-a-real-key";

pub fn fast() -> BatchConfig {
    BatchConfig {
        linger: Duration::from_millis(1),
        shutdown_timeout: Duration::ZERO,
        retry: RetryPolicy {
            base: Duration::from_millis(1),
            cap: Duration::from_millis(2),
            ..RetryPolicy::default()
        },
        ..BatchConfig::default()
    }
}

/// Flushed and only flushed: nothing leaves before it is asked for.
pub fn patient() -> BatchConfig {
    BatchConfig {
        linger: PATIENCE,
        ..fast()
    }
}

pub fn client_to(peer: &Peer, batch: BatchConfig) -> Client {
    builder_to(peer, batch).build().expect("a client")
}

pub fn builder_to(peer: &Peer, batch: BatchConfig) -> ClientBuilder {
    Client::builder()
        .endpoint(&peer.url)
        .api_key(KEY)
        .project("test")
        .batch(batch)
}

pub fn accept() -> Peer {
    Peer::start(|_, _| status(202))
}

pub fn ingest(answer: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Peer {
    Peer::start(move |request: &Received, count| match &*request.path {
        "/info" => status(200),
        _ => answer(count),
    })
}

pub fn one_run(client: &Client) {
    let run = client.run("r").inputs(json!({"x": 1})).start();
    run.end_with(json!({"y": 2}));
}

/// Waits until the exporter says why it holds what it has; the reason.
pub fn held_for(client: &Client) -> DropReason {
    loop {
        if let Err(FlushError::Timeout {
            because: Some(reason),
            ..
        }) = client.flush(Duration::from_millis(5))
        {
            return reason;
        }
    }
}

/// The sink of a tracer whose exporter the test has made itself.
#[derive(Debug)]
pub struct To(pub Arc<BatchExporter>);

impl RunSink for To {
    fn submit(&self, op: RunOp) {
        self.0.submit(op);
    }
}
