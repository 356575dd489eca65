//! The tracing layer among the other layers of a service, in every order.
#![cfg(feature = "middleware")]

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use common::middleware::{ContinueLimit, TracingLayer};
use common::model::RunStatus;
use common::propagation::TrustPolicy;
use common::trace::{MemorySink, Tracer};
use futures_util::FutureExt as _;
use http::{Request, Response, StatusCode};
use tower::util::BoxCloneService;
use tower::{Layer as _, Service as _, ServiceExt as _, service_fn};

const A: &str = "20260101T000000000000Z01990000-0000-7000-8000-00000000000a";

type Stack = BoxCloneService<Request<Body>, Response<Body>, Infallible>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Tracing,
    Auth,
    Timeout,
    // As compression does: the response goes on with a body of another type.
    OtherBody,
    CatchPanic,
}

const PIECES: [Piece; 5] = [
    Piece::Tracing,
    Piece::Auth,
    Piece::Timeout,
    Piece::OtherBody,
    Piece::CatchPanic,
];

/// Answers, fails, panics or never comes back, as the path says.
async fn handle(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    match request.uri().path() {
        "/panic" => panic!("on purpose"),
        "/hang" => std::future::pending().await,
        "/broken" => Ok(status(StatusCode::BAD_GATEWAY)),
        _ => Ok(Response::new(Body::from("answer ".repeat(100)))),
    }
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Puts a function around a service, as layers do.
fn around<F>(
    inner: Stack,
    work: impl Fn(Request<Body>, Stack) -> F + Clone + Send + Sync + 'static,
) -> Stack
where
    F: Future<Output = Result<Response<Body>, Infallible>> + Send + 'static,
{
    BoxCloneService::new(service_fn(move |request| work(request, inner.clone())))
}

/// Long enough for any answer that comes at all.
const PATIENCE: Duration = Duration::from_secs(2);

/// Builds a service with the pieces around it, the first one outermost.
fn stack(order: &[Piece], tracing: &TracingLayer) -> Stack {
    let mut service: Stack = BoxCloneService::new(service_fn(handle));
    for piece in order.iter().rev() {
        service = match piece {
            Piece::Tracing => BoxCloneService::new(
                tracing
                    .layer(service)
                    .map_response(|response| response.map(Body::new)),
            ),
            Piece::Auth => around(service, |request, inner| async move {
                match request.headers().contains_key("authorization") {
                    true => inner.oneshot(request).await,
                    false => Ok(status(StatusCode::UNAUTHORIZED)),
                }
            }),
            Piece::Timeout => around(service, |request, inner| async move {
                let answer = tokio::time::timeout(PATIENCE, inner.oneshot(request)).await;
                answer.unwrap_or_else(|_| Ok(status(StatusCode::GATEWAY_TIMEOUT)))
            }),
            Piece::OtherBody => around(service, |request, inner| async move {
                let response = inner.oneshot(request).await?;
                Ok(response.map(|body| Body::new(http_body_util::BodyExt::boxed_unsync(body))))
            }),
            Piece::CatchPanic => around(service, |request, inner| async move {
                let answer = AssertUnwindSafe(inner.oneshot(request))
                    .catch_unwind()
                    .await;
                answer.unwrap_or_else(|_| Ok(status(StatusCode::INTERNAL_SERVER_ERROR)))
            }),
        };
    }
    service
}

fn orders(rest: &[Piece]) -> Vec<Vec<Piece>> {
    if rest.is_empty() {
        return vec![Vec::new()];
    }
    rest.iter()
        .flat_map(|first| {
            let others: Vec<Piece> = rest
                .iter()
                .copied()
                .filter(|piece| piece != first)
                .collect();
            orders(&others).into_iter().map(|mut order| {
                order.insert(0, *first);
                order
            })
        })
        .collect()
}

#[derive(Clone, Copy)]
struct Case {
    path: &'static str,
    known: bool,
    status: StatusCode,
    ends: RunStatus,
}

const CASES: [Case; 5] = [
    Case {
        path: "/",
        known: true,
        status: StatusCode::OK,
        ends: RunStatus::Success,
    },
    Case {
        path: "/broken",
        known: true,
        status: StatusCode::BAD_GATEWAY,
        ends: RunStatus::Error,
    },
    Case {
        path: "/panic",
        known: true,
        status: StatusCode::INTERNAL_SERVER_ERROR,
        ends: RunStatus::Error,
    },
    Case {
        path: "/hang",
        known: true,
        status: StatusCode::GATEWAY_TIMEOUT,
        ends: RunStatus::Error,
    },
    Case {
        path: "/refused",
        known: false,
        status: StatusCode::UNAUTHORIZED,
        ends: RunStatus::Success,
    },
];

#[tokio::test]
async fn in_every_order_the_answer_is_the_same_and_there_is_one_run_that_ends() {
    std::panic::set_hook(Box::new(|_| {}));
    let orders = orders(&PIECES);
    assert_eq!(orders.len(), 120);
    let pairs = orders
        .iter()
        .flat_map(|order| CASES.map(|case| (order.clone(), case)));
    // All at once: those that hang wait out the same two seconds.
    let asked = pairs.map(|(order, case)| ask(order, case));
    futures_util::future::join_all(asked).await;
    drop(std::panic::take_hook());
}

async fn ask(order: Vec<Piece>, case: Case) {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).build();
    let tracing = TracingLayer::new(&tracer).policy(TrustPolicy::Continue);
    let mut request = Request::get(case.path).header("langsmith-trace", A);
    if case.known {
        request = request.header("authorization", "known");
    }
    let request = request.body(Body::empty()).expect("a request");
    let response = stack(&order, &tracing)
        .oneshot(request)
        .await
        .expect("infallible");
    let told = format!("{order:?} {}", case.path);
    assert_eq!(response.status(), case.status, "{told}");
    drop(response);
    let at = |piece| order.iter().position(|other| *other == piece);
    let unseen = !case.known && at(Piece::Auth) < at(Piece::Tracing);
    let runs = sink.runs();
    assert_eq!(runs.len(), usize::from(!unseen), "{told}");
    for run in runs {
        assert_eq!(run.status(), case.ends, "{told}: {:?}", run.error);
        assert_eq!(
            run.parent_run_id.map(|id| id.to_string()).as_deref(),
            Some(&A[22..])
        );
    }
}

#[tokio::test]
async fn a_peer_past_its_limit_starts_traces_of_its_own() {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).build();
    let limit = ContinueLimit::per_second(1, |request| {
        let peer = request.extensions.get::<&'static str>()?;
        Some((*peer).to_owned())
    });
    let layer = TracingLayer::new(&tracer)
        .policy(TrustPolicy::Continue)
        .limit_continued(limit.clone());
    let mut service = layer.layer(service_fn(handle));
    // The rate is one a second; the first of each peer is within it however slow the machine is.
    for peer in ["a", "b"] {
        let mut request = Request::get("/")
            .header("langsmith-trace", A)
            .body(Body::empty());
        request
            .as_mut()
            .expect("a request")
            .extensions_mut()
            .insert(peer);
        let ready = service.ready().await.expect("infallible");
        ready
            .call(request.expect("a request"))
            .await
            .expect("infallible");
    }
    let none = ContinueLimit::per_second(0, |_| None);
    let mut closed = layer
        .limit_continued(none.clone())
        .layer(service_fn(handle));
    let request = Request::get("/")
        .header("langsmith-trace", A)
        .body(Body::empty());
    let ready = closed.ready().await.expect("infallible");
    ready
        .call(request.expect("a request"))
        .await
        .expect("infallible");

    let roots: Vec<bool> = sink
        .runs()
        .iter()
        .map(common::model::Run::is_root)
        .collect();
    assert_eq!(roots, [false, false, true]);
    assert_eq!((limit.limited(), none.limited()), (0, 1));
    let last = &sink.runs()[2].extra.metadata;
    assert_eq!(
        last["incoming_trace_id"],
        A[22..],
        "the two can still be found side by side"
    );
}
