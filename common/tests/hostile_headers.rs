//! Every recorded header, over a real connection, to a service that trusts its callers: what strangers
//! write must reach nobody but the service.
#![cfg(all(feature = "langsmith_mock", feature = "middleware"))]

use std::net::{SocketAddr, TcpListener as StdListener};
use std::time::Duration;

use axum::{Extension, Router, routing::get};
use common::client::Client;
use common::langsmith_mock::LangSmithMock;
use common::middleware::{IncomingTrace, TracingLayer};
use common::propagation::TrustPolicy;
use common::propagation::limits::{
    MAX_METADATA_KEYS, MAX_METADATA_VALUE_BYTES, is_reserved_metadata,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

#[path = "vectors/cases.rs"]
mod recorded;

const ENOUGH: Duration = Duration::from_secs(30);

/// Somebody who must never hear from us.
struct Attacker(StdListener);

impl Attacker {
    fn listen() -> Self {
        let listener = StdListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        Self(listener)
    }

    /// Points the addresses in a recorded header at this listener.
    fn lure(&self, value: &str) -> String {
        let address = self.0.local_addr().expect("bound");
        let lured = value.replace("evil", &address.to_string().replace(':', "%3A"));
        assert!(lured == value || lured.contains("127.0.0.1"), "{lured}");
        lured
    }

    fn was_called(&self) -> bool {
        self.0.accept().is_ok()
    }
}

async fn serve(layer: TracingLayer) -> SocketAddr {
    async fn work(Extension(incoming): Extension<IncomingTrace>) {
        incoming.start("step").start().end();
    }
    let app: Router = Router::new().route("/work", get(work)).layer(layer);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// Sends the headers as they are, which no client library would, and returns the status.
async fn ask(service: SocketAddr, headers: &[(String, String)]) -> u16 {
    let mut stream = TcpStream::connect(service).await.expect("loopback");
    let mut request = b"GET /work HTTP/1.1\r\nhost: x\r\nconnection: close\r\n".to_vec();
    for (name, value) in headers {
        request.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    request.extend_from_slice(b"\r\n");
    stream.write_all(&request).await.expect("sent");
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await.expect("answered");
    let response = String::from_utf8_lossy(&response);
    let status = response.split(' ').nth(1).expect("a status line");
    status.parse().expect("a number")
}

#[tokio::test]
async fn no_recorded_header_costs_a_request_or_reaches_anybody_else() {
    let mock = LangSmithMock::start().await;
    let client = Client::builder()
        .endpoint(mock.url())
        .api_key("any")
        .project("ours")
        .build()
        .expect("a client");
    let attacker = Attacker::listen();
    let layer = TracingLayer::new(client.tracer()).policy(TrustPolicy::Continue);
    let service = serve(layer.clone()).await;
    let cases = recorded::cases();
    let mut lured = 0;
    for case in &cases {
        let headers: Vec<(String, String)> = recorded::headers(case)
            .into_iter()
            .map(|(name, value)| {
                let changed = attacker.lure(&value);
                lured += usize::from(changed != value);
                (name, changed)
            })
            .collect();
        let status = ask(service, &headers).await;
        assert_eq!(status, 200, "{case}");
    }
    assert!(lured >= 3, "the recordings hold addresses to be lured by");
    client.flush_async(ENOUGH).await.expect("delivered");

    assert!(!attacker.was_called(), "a header caused a connection");
    let runs = mock.runs();
    assert_eq!(
        runs.len(),
        2 * cases.len(),
        "each request made its two runs"
    );
    for run in &runs {
        assert_eq!(
            run.project.as_deref(),
            Some("ours"),
            "a header chose a project"
        );
        assert!(run.attachments.is_empty() && mock.attachments_of(run.id).is_empty());
        let metadata = &run.extra.metadata;
        assert!(metadata.len() <= MAX_METADATA_KEYS, "{metadata:?}");
        for (key, value) in metadata.iter() {
            assert!(!is_reserved_metadata(key), "{key} came from a header");
            assert!(
                value.to_string().len() <= MAX_METADATA_VALUE_BYTES + 2,
                "{key}"
            );
        }
    }
    assert!(mock.errors().is_empty(), "{:?}", mock.errors());
    let seen = layer.counters();
    assert_eq!(
        seen.continued + seen.absent + seen.malformed + seen.oversize + seen.ambiguous,
        cases.len() as u64,
        "each request is counted once: {seen}"
    );
}

#[tokio::test]
async fn by_default_a_stranger_continues_nothing() {
    let mock = LangSmithMock::start().await;
    let client = Client::builder()
        .endpoint(mock.url())
        .api_key("any")
        .build()
        .expect("a client");
    let service = serve(TracingLayer::new(client.tracer())).await;
    let cases = recorded::cases();
    for case in &cases {
        assert_eq!(ask(service, &recorded::headers(case)).await, 200, "{case}");
    }
    client.flush_async(ENOUGH).await.expect("delivered");
    let tree = mock.tree();
    assert_eq!(
        tree.trace_ids().len(),
        cases.len(),
        "every request is a trace of its own"
    );
    assert!(tree.orphans().is_empty());
}
