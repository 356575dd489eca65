//! gRPC calls behind the tower layer: HTTP says 200 of each, their status says how they ended.
#![cfg(feature = "middleware")]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use common::middleware::TracingLayer;
use common::model::{Run, RunStatus};
use common::trace::{MemorySink, Tracer};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Empty, StreamBody};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tower::{Layer as _, ServiceExt as _, service_fn};

fn layer() -> (Arc<MemorySink>, TracingLayer) {
    let sink = Arc::new(MemorySink::new());
    let layer = TracingLayer::new(&Tracer::builder(sink.clone()).build());
    (sink, layer)
}

fn call() -> Request<String> {
    let request = Request::post("http://tools/tools.v1.Tools/FitPrompt");
    request.body(String::new()).expect("a request")
}

/// Calls a service that answers with a message and this status in the trailers.
async fn answered(kind: &'static str, status: &'static str) -> Run {
    let (sink, layer) = layer();
    let service = layer.layer(service_fn(async |_: Request<String>| {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static(status));
        let frames = [
            Frame::data(Bytes::from_static(b"\0\0\0\0\x01.")),
            Frame::trailers(trailers),
        ];
        let frames = futures_util::stream::iter(frames.map(Ok::<_, Infallible>));
        let response = Response::builder().header("content-type", kind);
        Ok::<_, Infallible>(response.body(StreamBody::new(frames)).expect("a response"))
    }));
    let response = service.oneshot(call()).await.expect("infallible");
    let body = response.into_body().collect().await.expect("infallible");
    let passed_on = body
        .trailers()
        .and_then(|trailers| trailers.get("grpc-status"));
    assert_eq!(passed_on.expect("as it was"), status);
    sink.runs().remove(0)
}

/// Calls a service that refuses at once: the status is in the head, and there is no body.
async fn refused(status: &'static str) -> Run {
    let (sink, layer) = layer();
    let service = layer.layer(service_fn(async |_: Request<String>| {
        let response = Response::builder()
            .header("content-type", "application/grpc")
            .header("grpc-status", status);
        Ok::<_, Infallible>(response.body(Empty::<Bytes>::new()).expect("a response"))
    }));
    let response = service.oneshot(call()).await.expect("infallible");
    assert_eq!(response.headers()["grpc-status"], status);
    sink.runs().remove(0)
}

fn said(run: &Run) -> (RunStatus, Option<&str>, &Value) {
    let outputs = run.outputs.as_ref().expect("outputs");
    (
        run.status(),
        run.error.as_deref(),
        outputs.get("grpc_status").unwrap_or(&Value::Null),
    )
}

#[tokio::test]
async fn a_call_ends_as_its_trailers_say() {
    let run = answered("application/grpc", "0").await;
    assert_eq!(said(&run), (RunStatus::Success, None, &json!(0)));
    let run = answered("application/grpc+proto", "13").await;
    let failed = (RunStatus::Error, Some("gRPC 13 INTERNAL"), &json!(13));
    assert_eq!(said(&run), failed);
    assert_eq!(run.outputs.expect("outputs")["status"], 200);
}

#[tokio::test]
async fn a_call_that_is_refused_at_once_ends_as_its_head_says() {
    let run = refused("14").await;
    let failed = (RunStatus::Error, Some("gRPC 14 UNAVAILABLE"), &json!(14));
    assert_eq!(said(&run), failed);
}

#[tokio::test]
async fn a_mistake_of_the_caller_is_no_failure_of_the_server() {
    for status in ["3", "5", "7", "16"] {
        let run = refused(status).await;
        let code: u16 = status.parse().expect("a number");
        assert_eq!(said(&run), (RunStatus::Success, None, &json!(code)));
    }
}

#[tokio::test]
async fn a_trailer_of_that_name_says_nothing_where_there_is_no_grpc() {
    for kind in ["text/plain", "application/json", "application/grpcs"] {
        let run = answered(kind, "13").await;
        assert_eq!(
            said(&run),
            (RunStatus::Success, None, &Value::Null),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn a_status_that_is_no_number_is_none() {
    let run = answered("application/grpc", "fine").await;
    assert_eq!(said(&run), (RunStatus::Success, None, &Value::Null));
}

/// A body that never says that it has ended: nobody has to ask once the trailers are there.
struct UpToTrailers(VecDeque<Frame<Bytes>>);

impl Body for UpToTrailers {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.0.pop_front();
        Poll::Ready(Some(Ok(next.expect("nobody asks behind the trailers"))))
    }
}

#[tokio::test]
async fn a_call_by_http_2_ends_with_its_trailers_which_nobody_polls_behind() {
    let (sink, layer) = layer();
    let service = layer.layer(service_fn(async |_: Request<hyper::body::Incoming>| {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        let frames = [
            Frame::data(Bytes::from_static(b"\0\0\0\0\x01.")),
            Frame::trailers(trailers),
        ];
        let response = Response::builder().header("content-type", "application/grpc");
        let body = UpToTrailers(frames.into());
        Ok::<_, Infallible>(response.body(body).expect("a response"))
    }));
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let serve = hyper::service::service_fn(move |request| service.clone().oneshot(request));
    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    tokio::spawn(server.serve_connection(TokioIo::new(theirs), serve));
    let client = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(ours));
    let (mut client, connection) = client.await.expect("a connection");
    tokio::spawn(connection);
    let request = Request::post("http://tools/tools.v1.Tools/FitPrompt");
    let request = request.body(Empty::<Bytes>::new()).expect("a request");
    let mut body = client
        .send_request(request)
        .await
        .expect("an answer")
        .into_body();
    while let Some(frame) = body.frame().await {
        if frame.expect("whole").is_trailers() {
            break;
        }
    }
    // The client has the trailers, and asks no more; nor does the server of its own body.
    let run = sink.runs().remove(0);
    assert_eq!(said(&run), (RunStatus::Success, None, &json!(0)));
}
