//! What a tower layer adds to a request, between a service that does nothing and its caller.
//!
//! `cargo bench -p common --bench layer`. All rows make the same request and drop its answer; what a row
//! takes more than the first one is the layer's. The exporter writes and packs what it is given on its
//! own thread, and sends it nowhere.

mod rounds;
mod sinks;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::middleware::TracingLayer;
use common::propagation::TrustPolicy;
use common::trace::{NoSink, Tracer};
use futures_util::FutureExt as _;
use http::{Request, Response};
use http_body_util::Empty;
use rounds::{Row, compare, repeated};
use sinks::exported;
use tower::{Service, service_fn};
use tower_layer::Layer as _;

const ORDER: &str = "20261122T100538926531Z01a202b7-f0ee-7646-9e7b-a245c1fc89c2";

fn answer(request: Request<()>) -> Ready<Result<Response<Empty<Bytes>>, Infallible>> {
    black_box(request);
    ready(Ok(Response::new(Empty::new())))
}

fn ask<'a, S, R>(name: &'a str, with_header: bool, mut service: S) -> Row<'a>
where
    S: Service<Request<()>, Response = Response<R>, Error = Infallible> + 'a,
{
    repeated(name, 2_000, move || {
        let mut request = Request::post("/answer");
        if with_header {
            request = request
                .header("langsmith-trace", ORDER)
                .header("baggage", "langsmith-project=docs-assistant");
        }
        let request = request.body(()).expect("a request");
        let response = service.call(request).now_or_never();
        black_box(response.expect("at once").expect("an answer"));
    })
}

fn main() {
    let nowhere = Tracer::builder(Arc::new(NoSink)).build();
    let off = Tracer::builder(Arc::new(NoSink)).enabled(false).build();
    let exported = exported();
    let sending = Tracer::builder(exported.clone()).build();
    let trusting = |tracer: &Tracer| {
        TracingLayer::new(tracer)
            .policy(TrustPolicy::Continue)
            .allow_projects(["docs-assistant"])
    };
    compare(
        "a request through a tower service",
        "request",
        vec![
            ask("bare", true, service_fn(answer)),
            ask(
                "layer, context only, no header",
                false,
                trusting(&nowhere)
                    .propagate_only()
                    .layer(service_fn(answer)),
            ),
            ask(
                "layer, context only",
                true,
                trusting(&nowhere)
                    .propagate_only()
                    .layer(service_fn(answer)),
            ),
            ask(
                "layer, tracing off",
                true,
                trusting(&off).layer(service_fn(answer)),
            ),
            ask(
                "layer, a run each, sunk",
                true,
                trusting(&nowhere).layer(service_fn(answer)),
            ),
            ask(
                "layer, a run each, exported",
                true,
                trusting(&sending).layer(service_fn(answer)),
            ),
        ],
    );
    let _ = exported.0.flush(Duration::from_secs(60));
}
