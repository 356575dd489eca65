//! What each route leaves in the trace, without a port.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use common::analysis::text_tree;
use common::model::{Run, RunStatus, TraceTree};
use common::trace::{MemorySink, Tracer};
use fastapi_middleware::service::{app, layer};
use fastapi_middleware::trust::Policy;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

const CALLER: &str = "20260102T030405678000Z01990000-0000-7000-8000-00000000000a";

fn service(policy: Policy) -> (Router, Arc<MemorySink>) {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).service("axum").build();
    let layer = policy.apply(layer(&tracer, "ours"), None);
    (app("axum", layer, None), sink)
}

async fn send(service: Router, request: Request<Body>) -> Response {
    service
        .oneshot(request)
        .await
        .expect("a service that does not fail")
}

fn get(path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).expect("a request")
}

fn ask(body: &str) -> Request<Body> {
    let request = Request::post("/ask").header("content-type", "application/json");
    request
        .body(Body::from(body.to_owned()))
        .expect("a request")
}

fn printed(runs: Vec<Run>) -> String {
    text_tree(&TraceTree::build(runs))
        .without_times()
        .to_string()
}

#[tokio::test]
async fn a_request_is_one_run_named_after_its_route() {
    let (service, sink) = service(Policy::Restart);
    assert_eq!(
        send(service, get("/?token=s3cret", &[])).await.status(),
        200
    );
    assert_eq!(printed(sink.runs()), "GET /  chain  ✓  (axum)\n");
    assert!(
        !format!("{:?}", sink.runs()).contains("s3cret"),
        "no query is recorded"
    );
}

#[tokio::test]
async fn a_step_is_below_its_request() {
    let (service, sink) = service(Policy::Restart);
    let response = send(service, ask(r#"{"question": "what is baggage?"}"#)).await;
    assert_eq!(response.status(), 200);
    assert_eq!(
        printed(sink.runs()),
        "POST /ask    chain      ✓  (axum)\n└─ retrieve  retriever  ✓  (axum)\n"
    );
}

#[tokio::test]
async fn a_question_that_is_none_is_refused_and_its_run_says_so() {
    let (service, sink) = service(Policy::Restart);
    let refused = send(service.clone(), ask("not JSON")).await;
    assert_eq!(refused.status(), 400);
    let last = send(service.clone(), ask(r#"{"question": "why?", "hops": 1}"#)).await;
    assert_eq!(last.status(), 400);
    let words = last.into_body().collect().await.expect("a body").to_bytes();
    assert!(
        String::from_utf8_lossy(&words).contains("--next URL"),
        "{words:?}"
    );
    let far = send(service, ask(r#"{"question": "why?", "hops": 9}"#)).await;
    assert_eq!(
        far.status(),
        400,
        "nobody makes the services call each other for long"
    );
    let roots = sink.runs().into_iter().filter(Run::is_root);
    let statuses: Vec<_> = roots
        .map(|run| run.outputs.expect("ended")["status"].clone())
        .collect();
    assert_eq!(statuses, [400, 400, 400]);
}

#[tokio::test]
async fn a_failure_is_told_by_the_step_that_failed_and_by_its_request() {
    let (service, sink) = service(Policy::Restart);
    let response = send(service, get("/fail", &[])).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(
        printed(sink.runs()),
        "GET /fail    chain      ✗ error: HTTP 500 Internal Server Error  (axum)\n\
         └─ retrieve  retriever  ✗ error: IndexMissing: there is no index to look in  (axum)\n"
    );
}

#[tokio::test]
async fn a_health_check_leaves_no_run() {
    let (service, sink) = service(Policy::Continue);
    let response = send(service, get("/health", &[("langsmith-trace", CALLER)])).await;
    assert_eq!(response.status(), 200);
    assert_eq!(sink.runs(), []);
}

#[tokio::test]
async fn a_streamed_body_ends_its_run_with_its_last_chunk() {
    let (service, sink) = service(Policy::Restart);
    let response = send(service, get("/stream", &[])).await;
    assert_eq!(
        sink.runs()[0].status(),
        RunStatus::Pending,
        "the head is out, the body is not"
    );
    let body = response
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes();
    assert_eq!(body, "one trace, to the last word\n");
    assert_eq!(sink.runs()[0].status(), RunStatus::Success);
}

#[tokio::test]
async fn a_reader_who_leaves_ends_the_run_of_a_streamed_body_with_an_error() {
    let (service, sink) = service(Policy::Restart);
    let mut body = send(service, get("/stream", &[])).await.into_body();
    let first = body.frame().await.expect("a chunk").expect("sound");
    assert_eq!(first.into_data().expect("data"), "one ");
    drop(body);
    assert_eq!(sink.runs()[0].status(), RunStatus::Error);
}

#[tokio::test]
async fn an_upgrade_request_is_continued_like_any_other() {
    let (service, sink) = service(Policy::Continue);
    let upgrade = [
        ("langsmith-trace", CALLER),
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
    ];
    assert_eq!(send(service, get("/", &upgrade)).await.status(), 200);
    assert_eq!(sink.runs()[0].dotted_order.depth(), 1, "below the caller");
}

#[tokio::test]
async fn a_request_id_is_filed_only_if_it_is_one() {
    for (sent, filed) in [
        ("r-1.a_B", true),
        ("<script>", false),
        ("", false),
        ("two words", false),
        (&*"x".repeat(65), false),
    ] {
        let (service, sink) = service(Policy::Restart);
        assert_eq!(
            send(service, get("/", &[("x-request-id", sent)]))
                .await
                .status(),
            200
        );
        let run = sink.runs().remove(0);
        assert_eq!(
            run.extra.metadata.contains_key("request_id"),
            filed,
            "{sent}"
        );
    }
}

#[tokio::test]
async fn a_caller_chooses_no_project_but_ours() {
    for (baggage, project) in [("ours", Some("ours")), ("theirs", None)] {
        let (service, sink) = service(Policy::Continue);
        let baggage = format!("langsmith-project={baggage}");
        let headers = [("langsmith-trace", CALLER), ("baggage", &*baggage)];
        send(service, get("/", &headers)).await;
        assert_eq!(sink.runs()[0].project.as_deref(), project, "{baggage}");
    }
}

#[tokio::test]
async fn a_header_does_not_switch_tracing_on() {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).enabled(false).build();
    let layer = Policy::Continue.apply(layer(&tracer, "ours"), None);
    let request = get("/", &[("langsmith-trace", CALLER)]);
    assert_eq!(send(app("axum", layer, None), request).await.status(), 200);
    assert_eq!(sink.runs(), []);
}
