//! What the lab's gateway and browser do to headers, and what the layer behind them makes of it.
#![cfg(feature = "lab")]

use axum::Router;
use axum::http::{HeaderMap, HeaderName};
use axum::routing::post;
use common::lab::HeaderProxyBuilder;
use common::prelude::*;
use tower_http::cors::{Any, CorsLayer};

/// Answers with the values of one header, as they arrived.
fn echo(name: &'static str) -> Service {
    let handler = post(move |headers: HeaderMap| async move {
        let values = headers.get_all(name).iter();
        let values: Vec<String> = values
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect();
        axum::Json(json!(values))
    });
    Service::start("echo", Router::new().route("/", handler))
}

async fn arrived(told: impl Fn(HeaderProxyBuilder) -> HeaderProxyBuilder) -> Value {
    let service = echo("baggage");
    let proxy = told(HeaderProxy::before(&service)).start();
    let request = http_client().post(proxy.url("/")).header("baggage", "a=1");
    let answer = request.send().await.expect("an answer");
    answer.json().await.expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_does_to_headers_what_it_is_told() {
    assert_eq!(arrived(|proxy| proxy).await, json!(["a=1"]));
    assert_eq!(arrived(|proxy| proxy.strip("baggage")).await, json!([]));
    assert_eq!(
        arrived(|proxy| proxy.duplicate("baggage")).await,
        json!(["a=1", "a=1"])
    );
    assert_eq!(
        arrived(|proxy| proxy.cut("baggage", 2)).await,
        json!(["a="])
    );
    assert_eq!(
        arrived(|proxy| proxy.replace("baggage", "b=2")).await,
        json!(["b=2"])
    );
    assert_eq!(
        arrived(|proxy| proxy.cut("baggage", 2).duplicate("baggage")).await,
        json!(["a=", "a="])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_refuses_a_header_that_is_too_long_and_the_service_never_hears_of_it() {
    let service = echo("baggage");
    let proxy = HeaderProxy::before(&service).limit(8192).start();
    let send = |value: String| {
        http_client()
            .post(proxy.url("/"))
            .header("baggage", value)
            .send()
    };
    let fits = 8192 - "baggage: ".len();
    assert_eq!(
        send("x".repeat(fits)).await.expect("an answer").status(),
        200
    );
    assert_eq!(
        send("x".repeat(fits + 1))
            .await
            .expect("an answer")
            .status(),
        431
    );
}

fn cors(headers: &[&'static str]) -> CorsLayer {
    let names: Vec<HeaderName> = headers
        .iter()
        .map(|name| HeaderName::from_static(name))
        .collect();
    CorsLayer::new().allow_origin(Any).allow_headers(names)
}

async fn page_call(cors: Option<CorsLayer>) -> (PageCall, usize) {
    let lesson = Lesson::start("cors").await;
    let layer = TracingLayer::new(lesson.client("retriever").tracer())
        .policy(TrustPolicy::Continue)
        .name(|_| "retriever".into());
    let router = story::retriever(layer);
    let router = match cors {
        Some(cors) => router.layer(cors),
        None => router,
    };
    let service = lesson.serve("retriever", router);
    let run = lesson.client("page").run("page").start();
    let browser = Browser::on("https://docs.example");
    let call = browser
        .post(
            &service.url("/retrieve"),
            &json!({"question": "why?"}),
            &run,
        )
        .await;
    run.end();
    (call, lesson.capture(1).await.tree().len())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_may_send_tracing_headers_only_where_both_are_allowed() {
    let (call, runs) = page_call(Some(cors(&["content-type", "langsmith-trace", "baggage"]))).await;
    assert_eq!((call.outcome, runs), (Ok(200), 3));
    assert_eq!(call.asked, "baggage, content-type, langsmith-trace");

    let (call, runs) = page_call(Some(cors(&["content-type", "langsmith-trace"]))).await;
    let why = call.outcome.expect_err("it is blocked");
    assert!(
        why.starts_with("request header field baggage is not allowed"),
        "{why}"
    );
    assert_eq!(
        runs, 1,
        "the request was never sent, and the preflight left no run"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preflight_that_nobody_answers_blocks_the_page_and_leaves_a_run() {
    let (call, runs) = page_call(None).await;
    let why = call.outcome.expect_err("it is blocked");
    assert!(why.contains("no HTTP ok status"), "{why}");
    assert_eq!(runs, 2, "the layer took the preflight for a request");
}
