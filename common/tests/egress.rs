//! To whom a run's context goes, and to whom it does not.
#![cfg(feature = "middleware")]

use std::convert::Infallible;
use std::sync::Arc;

use common::middleware::{PropagationLayer, TraceRequestExt as _};
use common::model::RunContext;
use common::propagation::{Egress, EgressCounters};
use common::trace::{MemorySink, RunTree, TraceFutureExt as _, Tracer};
use http::{HeaderMap, Request};
use proptest::prelude::*;
use tower::{Layer as _, ServiceExt as _, service_fn};

fn run() -> RunTree {
    let tracer = Tracer::builder(Arc::new(MemorySink::new())).build();
    tracer.run("answer").metadata("user", "u-1").start()
}

/// Sends a request through the layer and returns the headers that the network would see.
async fn sent(layer: &PropagationLayer, request: Request<()>) -> HeaderMap {
    let network =
        service_fn(
            |request: Request<()>| async move { Ok::<_, Infallible>(request.headers().clone()) },
        );
    layer
        .layer(network)
        .oneshot(request)
        .await
        .expect("infallible")
}

fn to(uri: &str) -> Request<()> {
    Request::get(uri).body(()).expect("a request")
}

#[tokio::test]
async fn a_host_on_the_list_gets_the_current_runs_context_and_another_gets_nothing() {
    let run = run();
    let egress = Egress::to(["retriever"]);
    let layer = PropagationLayer::new(egress.clone());
    let inside = sent(&layer, to("http://retriever:9000/search"))
        .in_run(&run)
        .await;
    let order = run.dotted_order().expect("recorded").as_str();
    assert_eq!(inside["langsmith-trace"], order);
    assert!(inside["baggage"].to_str().expect("ASCII").contains("u-1"));
    let outside = sent(&layer, to("https://api.openai.example/v1"))
        .in_run(&run)
        .await;
    assert!(outside.is_empty(), "{outside:?}");
    assert_eq!(
        egress.counters(),
        EgressCounters {
            sent: 1,
            withheld: 1
        }
    );
}

#[tokio::test]
async fn a_request_that_is_passed_on_loses_the_callers_context_and_keeps_what_is_not_ours() {
    let layer = PropagationLayer::new(Egress::default());
    let mut request = to("https://third-party.example/");
    let headers = request.headers_mut();
    headers.insert("langsmith-trace", "anything".parse().expect("a value"));
    let baggage = "langsmith-metadata=%7B%7D,theirs=1,langsmith-project=secret";
    headers.insert("baggage", baggage.parse().expect("a value"));
    let seen = sent(&layer, request).await;
    assert!(!seen.contains_key("langsmith-trace"));
    assert_eq!(seen["baggage"], "theirs=1");
}

#[tokio::test]
async fn a_context_given_to_the_request_goes_before_the_current_run() {
    let (given, ambient) = (run(), run());
    let context: RunContext = given.context().expect("recorded");
    let mut request = to("http://127.0.0.1:9000/");
    request.extensions_mut().insert(context);
    let layer = PropagationLayer::new(Egress::loopback());
    let seen = sent(&layer, request).in_run(&ambient).await;
    assert_eq!(
        seen["langsmith-trace"],
        given.dotted_order().expect("recorded").as_str()
    );
}

#[test]
fn a_single_request_can_ask_the_list_too() {
    let run = run();
    let egress = Egress::to(["[::1]:9000"]);
    let request = |url: &str| {
        let url = url.parse().expect("a URL");
        reqwest::Request::new(reqwest::Method::GET, url).trace_to(&run, &egress)
    };
    assert!(
        request("http://[::1]:9000/")
            .headers()
            .contains_key("langsmith-trace")
    );
    for elsewhere in ["http://[::1]:9001/", "https://example.com/"] {
        assert!(request(elsewhere).headers().is_empty(), "{elsewhere}");
    }
}

#[test]
fn names_are_compared_as_names_and_not_as_text() {
    let list = Egress::to([
        "Retriever",
        "*.svc.cluster.local",
        "10.0.0.7",
        "db:5432",
        "",
        "*.",
    ]);
    for (host, port) in [
        ("retriever", Some(1)),
        ("RETRIEVER.", None),
        ("a.b.svc.cluster.local", None),
        ("10.0.0.7", Some(80)),
        ("db", Some(5432)),
    ] {
        assert!(list.allows(host, port), "{host}");
    }
    for (host, port) in [
        ("retriever.attacker.example", None),
        ("notretriever", None),
        ("svc.cluster.local", None),
        ("evilsvc.cluster.local", None),
        (".svc.cluster.local", None),
        ("10.0.0.70", None),
        ("db", Some(80)),
        ("db", None),
        ("", None),
        (".", None),
    ] {
        assert!(!list.allows(host, port), "{host}");
    }
    assert!(Egress::anywhere().allows("anything", None));
    assert!(!Egress::default().allows("anything", None));
    assert!(
        !Egress::anywhere().decide(None, None),
        "no host, no context"
    );
}

proptest! {
    #[test]
    fn no_other_host_is_ever_allowed(host in "[a-z0-9.\\[\\]:*-]{0,40}", port in any::<Option<u16>>()) {
        let list = Egress::to(["retriever", "*.internal"]);
        let bare = host.trim_end_matches(']').trim_start_matches('[');
        let bare = bare.strip_suffix('.').unwrap_or(bare);
        let ours = bare == "retriever" || bare.ends_with(".internal");
        prop_assert!(ours || !list.allows(&host, port), "{}", host);
    }
}
