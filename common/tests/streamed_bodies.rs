//! A response that is streamed keeps the run of its request open until its body has ended.
#![cfg(feature = "middleware")]

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use common::middleware::{IncomingTrace, TracedBody, TracingLayer};
use common::model::{NEW_TOKEN, Run, RunOp, RunStatus};
use common::trace::{CHUNK_COUNT, MemorySink, TraceStreamExt as _, Tracer, child, current};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Full, StreamBody};
use serde_json::{Value, json};
use tower::{Layer as _, ServiceExt as _, service_fn};

fn tracer() -> (Arc<MemorySink>, Tracer) {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).build();
    (sink, tracer)
}

/// What a body gives, in order.
#[derive(Clone)]
enum Piece {
    Data(&'static str),
    Trailer,
    Fail,
    Panic,
}

use Piece::{Data, Fail, Panic, Trailer};

/// A body of pieces that starts a run for each.
struct Pieces(std::vec::IntoIter<Piece>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        child("piece").start().end();
        Poll::Ready(match self.0.next() {
            None => None,
            Some(Data(text)) => Some(Ok(Frame::data(text.into()))),
            Some(Trailer) => Some(Ok(Frame::trailers(HeaderMap::from_iter([(
                "grpc-status".parse().expect("a name"),
                "0".parse().expect("a value"),
            )])))),
            Some(Fail) => Some(Err("on purpose")),
            Some(Panic) => panic!("on purpose"),
        })
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_lower(1);
        hint
    }
}

async fn answer<B>(
    layer: &TracingLayer,
    method: &str,
    response: Response<B>,
) -> Response<TracedBody<B>>
where
    B: Body,
{
    let request = Request::builder()
        .method(method)
        .uri("/stream")
        .body(())
        .expect("a request");
    let mut response = Some(response);
    let service = service_fn(move |_| {
        std::future::ready(Ok::<_, Infallible>(response.take().expect("asked once")))
    });
    layer
        .layer(service)
        .oneshot(request)
        .await
        .expect("an answer")
}

fn streamed(pieces: &[Piece]) -> Response<Pieces> {
    let response = Response::builder().header("content-type", "text/event-stream; charset=utf-8");
    response
        .body(Pieces(Vec::from(pieces).into_iter()))
        .expect("a response")
}

/// Returns the run of the request, which has ended once.
fn request_run(sink: &MemorySink) -> Run {
    let run = sink
        .runs()
        .into_iter()
        .find(|run| run.name.ends_with("/stream"))
        .expect("a run");
    let ends = |op: &RunOp| matches!(op, RunOp::Patch(end) if end.id == run.id);
    assert_eq!(
        sink.ops().iter().filter(|op| ends(op)).count(),
        1,
        "one end"
    );
    run
}

fn outputs(run: &Run) -> Value {
    run.outputs.clone().map(Value::from).unwrap_or_default()
}

#[tokio::test]
async fn the_run_ends_with_the_last_byte_and_what_the_body_starts_hangs_below() {
    let (sink, tracer) = tracer();
    let layer = TracingLayer::new(&tracer);
    let response = answer(&layer, "GET", streamed(&[Data("a"), Data("bc")])).await;
    let mut body = response.into_body();
    let open = || sink.runs()[0].end_time.is_none();
    for _ in 0..2 {
        assert!(open());
        body.frame().await.expect("a piece").expect("data");
    }
    assert!(open());
    assert!(body.frame().await.is_none());
    let run = request_run(&sink);
    assert_eq!(outputs(&run), json!({"status": 200, "bytes": 3}));
    assert_eq!(
        (run.status(), &run.extra.metadata[CHUNK_COUNT]),
        (RunStatus::Success, &json!(2))
    );
    let events: Vec<&str> = run.events.iter().map(|event| &*event.name).collect();
    assert_eq!(events, [NEW_TOKEN]);
    let runs = sink.runs();
    let pieces: Vec<&Run> = runs.iter().filter(|run| run.name == "piece").collect();
    assert_eq!(pieces.len(), 3);
    assert!(
        pieces
            .iter()
            .all(|piece| piece.parent_run_id == Some(run.id))
    );
    drop(body);
    assert!(current().is_none());
}

#[tokio::test]
async fn what_becomes_of_a_body_becomes_of_its_run() {
    let cases: [(&[Piece], &str); 3] = [
        (
            &[Data("a"), Data("b")],
            "Cancelled: the response body was dropped before its end",
        ),
        (
            &[Data("a"), Fail],
            "BodyError: the response body failed before its end",
        ),
        (
            &[Data("a"), Panic],
            "Panicked: the response body panicked before its end",
        ),
    ];
    for (pieces, error) in cases {
        let (sink, tracer) = tracer();
        let layer = TracingLayer::new(&tracer).record_body(1_000);
        let body = answer(&layer, "GET", streamed(pieces)).await.into_body();
        let read = tokio::spawn(async move {
            let mut body = pin!(body);
            body.frame().await.expect("a piece").expect("data");
            if error.starts_with("Cancelled") {
                return;
            }
            let _ = body.frame().await;
        });
        let _ = read.await;
        let run = request_run(&sink);
        assert_eq!(
            (run.status(), run.error.as_deref()),
            (RunStatus::Error, Some(error))
        );
        assert_eq!(
            outputs(&run),
            json!({"status": 200, "bytes": 1, "body": "a"})
        );
    }
}

#[tokio::test]
async fn a_body_that_is_there_ends_its_run_with_the_head() {
    let (sink, tracer) = tracer();
    let layer = TracingLayer::new(&tracer);
    let response = answer(&layer, "GET", Response::new(Full::<Bytes>::from("whole"))).await;
    assert_eq!(outputs(&request_run(&sink)), json!({"status": 200}));
    assert_eq!(response.body().size_hint().exact(), Some(5));
    assert!(!response.body().is_end_stream());
    drop(response);
    assert_eq!(request_run(&sink).status(), RunStatus::Success);
}

#[tokio::test]
async fn a_body_that_is_never_asked_for_leaves_no_run_open() {
    for (method, status) in [
        ("HEAD", StatusCode::OK),
        ("GET", StatusCode::NO_CONTENT),
        ("GET", StatusCode::NOT_MODIFIED),
        ("GET", StatusCode::SWITCHING_PROTOCOLS),
    ] {
        let (sink, tracer) = tracer();
        let mut response = streamed(&[Data("a")]);
        *response.status_mut() = status;
        drop(answer(&TracingLayer::new(&tracer), method, response).await);
        let run = request_run(&sink);
        assert_eq!(run.status(), RunStatus::Success, "{method} {status}");
    }
}

#[tokio::test]
async fn a_body_that_has_sent_what_its_head_promised_is_whole() {
    let (sink, tracer) = tracer();
    let mut response = streamed(&[Data("ab"), Data("c")]);
    response.headers_mut().insert("content-length", 3.into());
    let mut body = answer(&TracingLayer::new(&tracer), "GET", response)
        .await
        .into_body();
    body.frame().await.expect("a piece").expect("data");
    body.frame().await.expect("a piece").expect("data");
    drop(body);
    assert_eq!(request_run(&sink).status(), RunStatus::Success);
}

#[tokio::test]
async fn trailers_and_the_size_are_the_bodys_own() {
    let (sink, tracer) = tracer();
    let layer = TracingLayer::new(&tracer);
    let body = answer(&layer, "POST", streamed(&[Data("a"), Trailer]))
        .await
        .into_body();
    assert_eq!(
        (body.size_hint().lower(), body.size_hint().exact()),
        (1, None)
    );
    let whole = body.collect().await.expect("whole");
    assert_eq!(whole.trailers().expect("trailers")["grpc-status"], "0");
    assert_eq!(request_run(&sink).extra.metadata[CHUNK_COUNT], 1);
    let none: TracedBody<Full<Bytes>> = TracedBody::default();
    assert!(none.is_end_stream());
}

#[tokio::test]
async fn text_is_recorded_where_that_is_asked_for_and_up_to_a_bound() {
    let (sink, tracer) = tracer();
    let layer = TracingLayer::new(&tracer).record_body(4);
    let body = answer(&layer, "GET", streamed(&[Data("abc"), Data("äö")]))
        .await
        .into_body();
    body.collect().await.expect("whole");
    let said = json!({"status": 200, "bytes": 7, "body": "abc [left out: 4 more bytes]"});
    assert_eq!(outputs(&request_run(&sink)), said);

    let (sink, tracer) = self::tracer();
    let layer = TracingLayer::new(&tracer).record_body(4);
    let mut picture = streamed(&[Data("abc")]);
    picture
        .headers_mut()
        .insert("content-type", "image/png".parse().expect("a value"));
    answer(&layer, "GET", picture)
        .await
        .into_body()
        .collect()
        .await
        .expect("whole");
    assert_eq!(
        outputs(&request_run(&sink)),
        json!({"status": 200, "bytes": 3})
    );
}

#[tokio::test]
async fn a_failed_request_ends_its_run_with_the_head_and_its_body_is_sent() {
    let (sink, tracer) = tracer();
    let mut response = streamed(&[Data("sorry")]);
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    let response = answer(&TracingLayer::new(&tracer), "GET", response).await;
    assert_eq!(
        request_run(&sink).error.as_deref(),
        Some("HTTP 502 Bad Gateway")
    );
    assert_eq!(
        response
            .into_body()
            .collect()
            .await
            .expect("whole")
            .to_bytes(),
        "sorry"
    );
}

#[tokio::test]
async fn a_streams_own_run_and_that_of_its_request_both_end_with_the_client() {
    let (sink, tracer) = tracer();
    let layer = TracingLayer::new(&tracer);
    let handle = |request: Request<()>| async move {
        let incoming: &IncomingTrace = request.extensions().get().expect("inserted");
        let run = incoming.start("generate").run_type("llm");
        let tokens = stream::iter(["one ", "two ", "three"]).traced_values(run);
        let frames = tokens.map(|token| Ok::<_, Infallible>(Frame::data(Bytes::from(token))));
        Ok::<_, Infallible>(Response::new(StreamBody::new(frames)))
    };
    let request = Request::get("/stream").body(()).expect("a request");
    let response = layer
        .layer(service_fn(handle))
        .oneshot(request)
        .await
        .expect("an answer");
    let mut body = response.into_body();
    body.frame().await.expect("a piece").expect("data");
    body.frame().await.expect("a piece").expect("data");
    drop(body);
    let runs = sink.runs();
    let generate = runs
        .iter()
        .find(|run| run.name == "generate")
        .expect("the stream's");
    assert_eq!(outputs(generate), json!({"output": ["one ", "two "]}));
    assert!(
        generate
            .error
            .as_deref()
            .is_some_and(|error| error.starts_with("Cancelled: "))
    );
    let run = request_run(&sink);
    assert_eq!(generate.parent_run_id, Some(run.id));
    assert!(
        run.end_time >= generate.end_time,
        "the stream ends before its request"
    );
}

#[tokio::test]
async fn a_head_that_promises_no_byte_ends_the_run() {
    let (sink, tracer) = tracer();
    let mut response = streamed(&[]);
    response.headers_mut().insert("content-length", 0.into());
    // A server reads no body then.
    drop(answer(&TracingLayer::new(&tracer), "GET", response).await);
    assert_eq!(request_run(&sink).status(), RunStatus::Success);
}

/// Data in pieces that shows one at a time.
struct Rope(Bytes, Bytes);

impl bytes::Buf for Rope {
    fn remaining(&self) -> usize {
        self.0.len() + self.1.len()
    }

    fn chunk(&self) -> &[u8] {
        match self.0.is_empty() {
            true => &self.1,
            false => &self.0,
        }
    }

    fn advance(&mut self, count: usize) {
        let first = count.min(self.0.len());
        self.0.advance(first);
        self.1.advance(count - first);
    }
}

#[tokio::test]
async fn what_is_recorded_of_a_body_has_no_gaps() {
    let (sink, tracer) = tracer();
    let layer = TracingLayer::new(&tracer).record_body(100);
    let ropes = [("ab", "cd"), ("ef", "")].map(|(first, second)| {
        let rope = Rope(first.into(), second.into());
        Ok::<_, Infallible>(Frame::data(rope))
    });
    let response = Response::builder().header("content-type", "text/plain");
    let response = response.body(StreamBody::new(stream::iter(ropes)));
    let mut body = answer(&layer, "GET", response.expect("a response"))
        .await
        .into_body();
    while let Some(frame) = body.frame().await {
        frame.expect("data");
    }
    let said = json!({"status": 200, "bytes": 6, "body": "ab [left out: 4 more bytes]"});
    assert_eq!(outputs(&request_run(&sink)), said);
}

/// Starts a run when it is dropped, and is a body that never ends.
struct Tidy;

impl Drop for Tidy {
    fn drop(&mut self) {
        child("tidy").start().end();
    }
}

impl Body for Tidy {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

#[tokio::test]
async fn what_is_done_while_a_body_or_a_request_is_dropped_belongs_to_it() {
    for case in ["open", "failed", "unanswered"] {
        let (sink, tracer) = tracer();
        let layer = TracingLayer::new(&tracer);
        if case == "unanswered" {
            let service = service_fn(|_| async {
                let _tidy = Tidy;
                std::future::pending::<Result<Response<Tidy>, Infallible>>().await
            });
            let request = Request::get("/stream").body(()).expect("a request");
            let mut asked = Box::pin(layer.layer(service).oneshot(request));
            assert!(asked.as_mut().now_or_never().is_none());
        } else {
            let mut response = Response::new(Tidy);
            if case == "failed" {
                *response.status_mut() = StatusCode::BAD_GATEWAY;
            }
            drop(answer(&layer, "GET", response).await);
        }
        let run = request_run(&sink);
        let runs = sink.runs();
        let tidy = runs.iter().find(|run| run.name == "tidy").expect(case);
        assert_eq!(tidy.parent_run_id, Some(run.id), "{case}");
        assert_eq!(run.status(), RunStatus::Error);
        let ends = sink.ops().into_iter().filter_map(|op| match op {
            RunOp::Patch(run) => Some(run.name),
            _ => None,
        });
        if case != "failed" {
            assert_eq!(ends.collect::<Vec<_>>(), ["tidy", &*run.name], "{case}");
        }
    }
}
