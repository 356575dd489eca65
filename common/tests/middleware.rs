//! What the tower layer does to a request, its run and its response.
#![cfg(feature = "middleware")]

use std::convert::Infallible;
use std::future::{Future, poll_fn, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use common::middleware::{IncomingTrace, TracedBody, TracingLayer};
use common::model::{Run, RunStatus};
use common::propagation::{Outcome, TrustPolicy};
use common::trace::{MemorySink, RunTree, Tracer, current};
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use tower::{Layer as _, Service, ServiceExt as _, service_fn};

#[path = "vectors/cases.rs"]
mod recorded;

const A: &str = "20260101T000000000000Z01990000-0000-7000-8000-00000000000a";

fn tracer() -> (Arc<MemorySink>, Tracer) {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone())
        .project(Some("own".into()))
        .build();
    (sink, tracer)
}

fn request(headers: &[(&str, &str)]) -> Request<String> {
    let mut request = Request::post("http://service/answer?q=secret");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body("body".to_owned()).expect("a request")
}

async fn answer(
    request: Request<String>,
    status: StatusCode,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let incoming: &IncomingTrace = request.extensions().get().expect("inserted");
    incoming.start("step").start().end();
    let mut response = Response::new(Full::from("7"));
    *response.status_mut() = status;
    Ok(response)
}

async fn serve(
    layer: &TracingLayer,
    request: Request<String>,
) -> Response<TracedBody<Full<Bytes>>> {
    let service = layer.layer(service_fn(|request| answer(request, StatusCode::OK)));
    service.oneshot(request).await.expect("infallible")
}

fn find<'a>(runs: &'a [Run], name: &str) -> &'a Run {
    runs.iter().find(|run| run.name == name).expect(name)
}

#[tokio::test]
async fn a_request_becomes_a_run_and_what_its_handler_starts_hangs_below() {
    let (sink, tracer) = tracer();
    let response = serve(&TracingLayer::new(&tracer), request(&[])).await;
    assert_eq!(response.status(), StatusCode::OK);
    let body = response
        .into_body()
        .collect()
        .await
        .expect("whole")
        .to_bytes();
    assert_eq!(body, "7");
    let runs = sink.runs();
    let run = find(&runs, "POST /answer");
    assert_eq!(run.status(), RunStatus::Success);
    assert_eq!(
        run.inputs.clone().map(Value::Object),
        Some(json!({"method": "POST", "path": "/answer"})),
        "no query, no headers, no body"
    );
    assert_eq!(
        run.outputs.clone().map(Value::Object),
        Some(json!({"status": 200}))
    );
    assert_eq!(find(&runs, "step").parent_run_id, Some(run.id));
}

#[tokio::test]
async fn a_trusted_caller_is_continued_and_a_stranger_is_not() {
    let headers = [
        ("langsmith-trace", A),
        ("baggage", "langsmith-project=docs,langsmith-tags=t"),
    ];
    let (sink, tracer) = tracer();
    let trusting = TracingLayer::new(&tracer)
        .policy(TrustPolicy::Continue)
        .allow_projects(["docs"]);
    serve(&trusting, request(&headers)).await;
    let run = find(&sink.runs(), "POST /answer").clone();
    assert_eq!(
        run.parent_run_id.map(|id| id.to_string()).as_deref(),
        Some(&A[22..])
    );
    assert_eq!(
        (run.project.as_deref(), run.tags),
        (Some("docs"), vec!["t".into()])
    );

    let (sink, tracer) = self::tracer();
    let public = TracingLayer::new(&tracer);
    serve(&public, request(&headers)).await;
    let run = find(&sink.runs(), "POST /answer").clone();
    assert_eq!(
        (run.parent_run_id, run.project.as_deref()),
        (None, Some("own"))
    );
    assert_eq!(run.extra.metadata["incoming_trace_id"], A[22..]);
    assert_eq!(public.counters().untrusted, 1);
}

#[tokio::test]
async fn trust_may_hang_on_what_the_server_knows_of_the_peer() {
    #[derive(Clone)]
    struct Verified;
    let (sink, tracer) = tracer();
    let layer = TracingLayer::new(&tracer)
        .trust_request(|request| request.extensions.get::<Verified>().is_some());
    let mut known = request(&[("langsmith-trace", A)]);
    known.extensions_mut().insert(Verified);
    serve(&layer, known).await;
    serve(&layer, request(&[("langsmith-trace", A)])).await;
    let roots: Vec<bool> = sink
        .runs()
        .iter()
        .filter(|run| run.name != "step")
        .map(Run::is_root)
        .collect();
    assert_eq!(roots, [false, true]);
}

#[tokio::test]
async fn every_recorded_header_reaches_the_service() {
    for layer in [
        TracingLayer::new(&tracer().1),
        TracingLayer::new(&tracer().1).policy(TrustPolicy::Continue),
        TracingLayer::new(&tracer().1).policy(TrustPolicy::Ignore),
        TracingLayer::new(&tracer().1)
            .propagate_only()
            .policy(TrustPolicy::Continue),
        TracingLayer::new(
            &Tracer::builder(Arc::new(MemorySink::new()))
                .enabled(false)
                .build(),
        ),
    ] {
        for case in recorded::cases() {
            let mut request = request(&[]);
            for (name, value) in recorded::headers(&case) {
                let name: http::HeaderName = name.parse().expect("a header name");
                let value = http::HeaderValue::from_bytes(value.as_bytes()).expect("a value");
                request.headers_mut().append(name, value);
            }
            assert_eq!(
                serve(&layer, request).await.status(),
                StatusCode::OK,
                "{case}"
            );
        }
    }
}

#[tokio::test]
async fn a_server_error_fails_the_run_and_a_client_error_does_not() {
    for (status, error) in [
        (StatusCode::NOT_FOUND, None),
        (StatusCode::BAD_GATEWAY, Some("HTTP 502 Bad Gateway")),
    ] {
        let (sink, tracer) = tracer();
        let service = TracingLayer::new(&tracer).layer(service_fn(move |r| answer(r, status)));
        let response = service.oneshot(request(&[])).await.expect("infallible");
        assert_eq!(response.status(), status);
        let run = find(&sink.runs(), "POST /answer").clone();
        assert_eq!(run.error.as_deref(), error);
        assert_eq!(run.outputs.expect("set")["status"], status.as_u16());
    }
}

#[tokio::test]
async fn an_error_of_the_service_passes_through_and_fails_the_run() {
    let (sink, tracer) = tracer();
    let failing = |_: Request<String>| ready(Err::<Response<Full<Bytes>>, &str>("mine"));
    let service = TracingLayer::new(&tracer).layer(service_fn(failing));
    assert_eq!(service.oneshot(request(&[])).await.err(), Some("mine"));
    assert!(
        sink.runs()[0]
            .error
            .as_deref()
            .is_some_and(|e| e.starts_with("ServiceError"))
    );
}

#[tokio::test]
async fn a_panic_ends_the_run_and_says_so() {
    let (sink, tracer) = tracer();
    let service = TracingLayer::new(&tracer).layer(service_fn(|_: Request<String>| async {
        if true {
            panic!("on purpose");
        }
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    }));
    let ended = tokio::spawn(service.oneshot(request(&[]))).await;
    assert!(ended.expect_err("it panicked").is_panic());
    assert!(
        sink.runs()[0]
            .error
            .as_deref()
            .is_some_and(|e| e.starts_with("Panicked"))
    );
    assert!(current().is_none());
}

#[tokio::test]
async fn a_caller_who_goes_away_ends_the_run_though_its_handle_lives_on() {
    let (sink, tracer) = tracer();
    let kept: Arc<std::sync::Mutex<Option<IncomingTrace>>> = Arc::default();
    let keep = kept.clone();
    let mut service = TracingLayer::new(&tracer).layer(service_fn(move |r: Request<String>| {
        *keep.lock().expect("not poisoned") = r.extensions().get().cloned();
        std::future::pending::<Result<Response<Full<Bytes>>, Infallible>>()
    }));
    {
        let mut future = pin!(service.call(request(&[])));
        let pending = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await;
        assert!(pending);
        assert_eq!(sink.runs()[0].status(), RunStatus::Pending);
    }
    assert!(kept.lock().expect("not poisoned").is_some());
    assert!(
        sink.runs()[0]
            .error
            .as_deref()
            .is_some_and(|e| e.starts_with("Cancelled"))
    );
}

#[tokio::test]
async fn a_run_kept_open_ends_with_the_streamed_body_and_not_with_the_head() {
    struct Streamed(RunTree);
    impl Body for Streamed {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(
            self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            self.0.end_with(json!({"tokens": 3}));
            Poll::Ready(None)
        }
    }
    async fn stream(request: Request<String>) -> Result<Response<Streamed>, Infallible> {
        let incoming: &IncomingTrace = request.extensions().get().expect("inserted");
        Ok(Response::new(Streamed(
            incoming.keep_open().expect("recorded"),
        )))
    }
    let (sink, tracer) = tracer();
    let layer = TracingLayer::new(&tracer);
    let answer = layer.layer(service_fn(stream)).oneshot(request(&[])).await;
    let body = answer.expect("infallible").into_body();
    assert_eq!(sink.runs()[0].status(), RunStatus::Pending);
    body.collect().await.expect("whole");
    assert_eq!(sink.runs()[0].status(), RunStatus::Success);
    let outputs = sink.runs()[0].outputs.clone().map(Value::Object);
    assert_eq!(outputs, Some(json!({"tokens": 3})));

    let answer = layer.layer(service_fn(stream)).oneshot(request(&[])).await;
    drop(answer);
    assert_eq!(
        sink.runs()[1].status(),
        RunStatus::Error,
        "the caller stopped reading"
    );
}

#[tokio::test]
async fn the_run_is_current_while_the_service_is_called_and_polled() {
    let (sink, tracer) = tracer();
    let child = |tracer: &Tracer, name: &str| tracer.run(name).parent_from_current().start().end();
    let inner = tracer.clone();
    let service = TracingLayer::new(&tracer).layer(service_fn(move |_: Request<String>| {
        child(&inner, "in call");
        let inner = inner.clone();
        async move {
            tokio::task::yield_now().await;
            child(&inner, "in poll");
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        }
    }));
    service.oneshot(request(&[])).await.expect("infallible");
    let runs = sink.runs();
    let id = Some(find(&runs, "POST /answer").id);
    assert_eq!(find(&runs, "in call").parent_run_id, id);
    assert_eq!(find(&runs, "in poll").parent_run_id, id);
    assert!(current().is_none());
}

#[tokio::test]
async fn propagate_only_makes_no_run_and_the_callers_is_current() {
    let (sink, tracer) = tracer();
    let layer = TracingLayer::new(&tracer)
        .propagate_only()
        .policy(TrustPolicy::Continue);
    let inner = tracer.clone();
    let service = layer.layer(service_fn(move |request: Request<String>| {
        inner.run("ambient").parent_from_current().start().end();
        answer(request, StatusCode::OK)
    }));
    service
        .oneshot(request(&[("langsmith-trace", A)]))
        .await
        .expect("infallible");
    let runs = sink.runs();
    let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
    assert_eq!(names, ["ambient", "step"]);
    for run in &runs {
        assert_eq!(
            run.parent_run_id.map(|id| id.to_string()).as_deref(),
            Some(&A[22..])
        );
    }
}

#[tokio::test]
async fn what_is_filtered_out_is_served_and_not_recorded() {
    let (sink, tracer) = tracer();
    let layer = TracingLayer::new(&tracer).filter(|request| request.uri.path() != "/answer");
    assert_eq!(
        serve(&layer, request(&[("langsmith-trace", A)]))
            .await
            .status(),
        StatusCode::OK
    );
    assert!(sink.ops().is_empty());
}

#[tokio::test]
async fn a_run_can_be_named_and_described() {
    let (sink, tracer) = tracer();
    let layer = TracingLayer::new(&tracer)
        .name(|request| format!("{} /{{page}}", request.method))
        .describe(|run, request| {
            run.tag("edge")
                .metadata("host", request.uri.host().unwrap_or(""))
        });
    serve(&layer, request(&[])).await;
    let runs = sink.runs();
    let run = find(&runs, "POST /{page}");
    assert_eq!(
        (run.tags[0].as_str(), &run.extra.metadata["host"]),
        ("edge", &json!("service"))
    );
}

#[tokio::test]
async fn readiness_is_the_inner_services_and_goes_to_the_instance_that_is_called() {
    /// Ready at the second look; a call without readiness fails the test.
    #[derive(Clone, Default)]
    struct Slow(u8);
    impl Service<Request<String>> for Slow {
        type Response = Response<Full<Bytes>>;
        type Error = Infallible;
        type Future =
            Pin<Box<dyn Future<Output = Result<Response<Full<Bytes>>, Infallible>> + Send>>;
        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            self.0 += 1;
            if self.0 < 2 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(Ok(()))
        }
        fn call(&mut self, request: Request<String>) -> Self::Future {
            assert!(
                std::mem::take(&mut self.0) >= 2,
                "called before it was ready"
            );
            Box::pin(answer(request, StatusCode::OK))
        }
    }
    let (sink, tracer) = tracer();
    let mut service = TracingLayer::new(&tracer).layer(Slow::default());
    for _ in 0..2 {
        let answered = service
            .ready()
            .await
            .expect("infallible")
            .call(request(&[]))
            .await;
        assert!(answered.is_ok());
    }
    assert_eq!(sink.runs().len(), 4);
}

#[tokio::test]
async fn switched_off_the_header_switches_nothing_on() {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).enabled(false).build();
    let layer = TracingLayer::new(&tracer).policy(TrustPolicy::Continue);
    let service = layer.layer(service_fn(|request: Request<String>| {
        let incoming: &IncomingTrace = request.extensions().get().expect("inserted");
        assert_eq!(incoming.outcome(), Outcome::Continued);
        assert!(incoming.run().is_none());
        answer(request, StatusCode::OK)
    }));
    service
        .oneshot(request(&[("langsmith-trace", A)]))
        .await
        .expect("infallible");
    assert!(sink.ops().is_empty());
}

#[tokio::test]
async fn switched_off_a_header_is_read_once_somebody_asks() {
    let tracer = Tracer::builder(Arc::new(MemorySink::new()))
        .enabled(false)
        .build();
    for (asks, read) in [(false, 0), (true, 1)] {
        let layer = TracingLayer::new(&tracer).policy(TrustPolicy::Continue);
        let service = layer.layer(service_fn(move |request: Request<String>| {
            let incoming: &IncomingTrace = request.extensions().get().expect("inserted");
            if asks {
                let context = incoming.context().expect("continued");
                assert_eq!(context.dotted_order.as_str(), A);
                assert_eq!(incoming.outcome(), Outcome::Continued);
            }
            answer(request, StatusCode::OK)
        }));
        let answered = service.oneshot(request(&[("langsmith-trace", A)])).await;
        assert!(answered.is_ok());
        assert_eq!(layer.counters().continued, read);
    }
}
