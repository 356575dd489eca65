//! A client that goes away in mid-stream, with real sockets: one ended run with what was sent until then.
#![cfg(feature = "middleware")]

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::Response;
use axum::routing::get;
use common::middleware::TracingLayer;
use common::model::{RunOp, RunStatus};
use common::trace::{JoinedText, RunSink, TraceStreamExt as _, Tracer, child};
use futures_util::{StreamExt as _, stream};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

const TIMES: usize = 200;
const LONG: Duration = Duration::from_secs(120);

/// Tells of every end of a run.
#[derive(Debug)]
struct Ends(mpsc::UnboundedSender<RunOp>);

impl RunSink for Ends {
    fn submit(&self, op: RunOp) {
        if matches!(op, RunOp::Patch(_)) {
            let _ = self.0.send(op);
        }
    }
}

/// Sends two tokens, and then nothing for ever.
async fn tokens() -> Response {
    let tokens = stream::iter(["one ", "two "]).chain(stream::pending());
    let tokens = tokens.traced_values_by(child("generate").run_type("llm"), JoinedText::new());
    Response::new(Body::from_stream(
        tokens.map(|token| Ok::<_, Infallible>(Bytes::from(token))),
    ))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_goes_away_leaves_one_ended_run_with_what_it_got_every_time() {
    let (tell, mut ended) = mpsc::unbounded_channel();
    let tracer = Tracer::builder(Arc::new(Ends(tell))).build();
    let app = Router::new()
        .route("/tokens", get(tokens))
        .layer(TracingLayer::new(&tracer));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    for time in 0..TIMES {
        let mut client = TcpStream::connect(address).await.expect("connected");
        client
            .write_all(b"GET /tokens HTTP/1.1\r\nhost: here\r\n\r\n")
            .await
            .expect("asked");
        let mut got = Vec::new();
        while !String::from_utf8_lossy(&got).contains("two ") {
            assert_ne!(
                client.read_buf(&mut got).await.expect("readable"),
                0,
                "the answer's end"
            );
        }
        if time % 2 == 0 {
            // As a process does that is killed with data unread: a reset in place of an orderly end.
            let _ = client.set_zero_linger();
        }
        drop(client);
        let mut runs = Vec::new();
        for _ in 0..2 {
            let op = tokio::time::timeout(LONG, ended.recv())
                .await
                .expect("in time")
                .expect("an end");
            runs.push(op.run().expect("of a run").clone());
        }
        assert_eq!(runs[0].name, "generate", "time {time}");
        assert_eq!(
            runs[0].outputs.as_ref().expect("outputs")["output"],
            "one two "
        );
        assert_eq!(runs[1].name, "GET /tokens");
        assert_eq!(
            runs[1].outputs.clone().map(Into::into),
            Some(json!({"status": 200, "bytes": 8}))
        );
        for run in &runs {
            assert_eq!(run.status(), RunStatus::Error);
            let error = run.error.as_deref().unwrap_or_default();
            assert!(error.starts_with("Cancelled: "), "time {time}: {error}");
        }
    }
    server.abort();
    let _ = server.await;
    drop(tracer);
    assert!(ended.try_recv().is_err(), "no end but those");
}
