//! Who is believed under `--policy trust`.

mod wire;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use common::trace::{MemorySink, Tracer};
use fastapi_middleware::service::{app, layer};
use fastapi_middleware::trust::{Policy, SECRET_HEADER};
use tower::ServiceExt as _;

const CALLER: &str = "20260102T030405678000Z01990000-0000-7000-8000-00000000000a";

/// Sends a valid trace header from `peer`, and tells whether the trace was continued.
async fn is_believed(secret: Option<&str>, peer: Option<&str>, headers: &[(&str, &str)]) -> bool {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).build();
    let layer = Policy::Trust.apply(layer(&tracer, "ours"), secret.map(Into::into));
    let mut request = Request::get("/").header("langsmith-trace", CALLER);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if let Some(peer) = peer {
        let peer: std::net::SocketAddr = peer.parse().expect("an address");
        request = request.extension(ConnectInfo(peer));
    }
    let request = request.body(Body::empty()).expect("a request");
    let response = app("axum", layer, None)
        .oneshot(request)
        .await
        .expect("answers");
    assert_eq!(response.status(), 200, "whoever asks is answered");
    !sink.runs()[0].is_root()
}

#[tokio::test]
async fn a_caller_with_the_secret_is_believed_wherever_it_is() {
    let shown = [(SECRET_HEADER, "s3")];
    assert!(is_believed(Some("s3"), Some("203.0.113.9:1"), &shown).await);
    assert!(is_believed(Some("s3"), None, &shown).await);
}

#[tokio::test]
async fn with_a_secret_no_address_makes_up_for_it() {
    assert!(!is_believed(Some("s3"), Some("127.0.0.1:1"), &[]).await);
    let wrong = [(SECRET_HEADER, "s4")];
    assert!(!is_believed(Some("s3"), Some("127.0.0.1:1"), &wrong).await);
}

#[tokio::test]
async fn a_secret_that_is_shown_twice_is_not_believed() {
    let twice = [(SECRET_HEADER, "s3"), (SECRET_HEADER, "s3")];
    assert!(!is_believed(Some("s3"), None, &twice).await);
}

#[tokio::test]
async fn without_a_secret_callers_of_this_machine_are_believed_and_no_others() {
    for here in [
        "127.0.0.1:1",
        "127.8.8.8:1",
        "[::1]:1",
        "[::ffff:127.0.0.1]:1",
    ] {
        assert!(is_believed(None, Some(here), &[]).await, "{here}");
    }
    for elsewhere in [
        "203.0.113.9:1",
        "10.0.0.1:1",
        "[2001:db8::1]:1",
        "0.0.0.0:1",
    ] {
        assert!(
            !is_believed(None, Some(elsewhere), &[]).await,
            "{elsewhere}"
        );
    }
    assert!(
        !is_believed(None, None, &[]).await,
        "nobody knows who it is"
    );
}

#[tokio::test]
async fn a_proxy_of_this_machine_does_not_speak_for_this_machine() {
    for header in ["forwarded", "x-forwarded-for", "via"] {
        assert!(
            !is_believed(None, Some("127.0.0.1:1"), &[(header, "x")]).await,
            "{header}"
        );
    }
}

#[tokio::test]
async fn over_a_real_connection_the_address_is_the_connections() {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).build();
    let layer = Policy::Trust.apply(layer(&tracer, "ours"), None);
    let service = wire::start(app("axum", layer, None)).await;
    let headers = [wire::header("langsmith-trace", CALLER)];
    assert_eq!(wire::get(service, "/", &headers).await.0, 200);
    assert!(!sink.runs()[0].is_root());
}
