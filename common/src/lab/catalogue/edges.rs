//! Rows 47 to 50: what stands between two services, and at the edge of all of them.

use axum::Router;
use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, CONTENT_TYPE, ORIGIN,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use tower_http::cors::{Any, CorsLayer};

use super::naive::Naive;
use super::stage::{Played, RUN, Stage, Way};
use crate::client::Client;
use crate::lab::services::HeaderProxy;
use crate::middleware::TracingLayer;
use crate::model::DottedOrder;
use crate::propagation::{
    BAGGAGE_HEADER, LangSmithPropagator, Propagator as _, TRACE_HEADER, TrustPolicy,
};
use crate::trace::{RunTree, current};

/// A service that answers `GET /search`, and says which run it did so in.
pub(super) fn retriever(router: Router) -> Router {
    let search = || async { said(current().as_ref()) };
    router.route("/search", get(search))
}

/// Tells which run a request was, in a header of the answer.
pub(super) fn said(run: Option<&RunTree>) -> HeaderMap {
    let id = run.and_then(RunTree::id);
    let value = id.and_then(|id| HeaderValue::from_str(&id.to_string()).ok());
    value
        .map(|id| (HeaderName::from_static(RUN), id))
        .into_iter()
        .collect()
}

/// The headers of a call below a run.
pub(super) fn asked_below(run: &RunTree) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(context) = run.context() {
        LangSmithPropagator::new().inject(&context, &mut headers);
    }
    headers
}

pub(super) fn continuing(client: &Client) -> TracingLayer {
    TracingLayer::new(client.tracer())
        .policy(TrustPolicy::Continue)
        .name(|_| "search request".into())
}

/// Row 47: a browser asks whether it may send the headers.
pub(super) async fn preflight(stage: &Stage, way: Way) -> Played {
    let client = stage.client("gateway")?;
    let mut allowed = vec![CONTENT_TYPE];
    if !way.is_broken() {
        allowed.extend([TRACE_HEADER, BAGGAGE_HEADER].map(HeaderName::from_static));
    }
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET])
        .allow_headers(allowed);
    let router = retriever(Router::new())
        .layer(continuing(&client))
        .layer(cors);
    let service = stage.serve("gateway", false, router);
    let headers: HeaderMap = [
        (ORIGIN, "https://docs.example"),
        (ACCESS_CONTROL_REQUEST_METHOD, "GET"),
        (
            ACCESS_CONTROL_REQUEST_HEADERS,
            "baggage,content-type,langsmith-trace",
        ),
    ]
    .map(|(name, value)| (name, HeaderValue::from_static(value)))
    .into_iter()
    .collect();
    let url = service.url("/search");
    stage
        .call(Method::OPTIONS, url, "page", "gateway", headers)
        .await?;
    Ok(())
}

/// Calls the retriever through whatever stands before it.
pub(super) async fn ask(stage: &Stage, run: &RunTree, url: String) -> Played {
    let headers = asked_below(run);
    stage
        .call(Method::GET, url, "gateway", "retriever", headers)
        .await?;
    Ok(())
}

/// Row 48: a proxy passes on only the headers that it knows.
pub(super) async fn stripped(stage: &Stage, way: Way) -> Played {
    let callee = stage.client("retriever")?;
    let router = retriever(Router::new()).layer(continuing(&callee));
    let service = stage.serve("retriever", false, router);
    let proxy = HeaderProxy::before(&service);
    let proxy = match way {
        Way::Broken => proxy.strip(TRACE_HEADER).strip(BAGGAGE_HEADER),
        Way::Repaired => proxy,
    };
    let proxy = proxy.start();
    let root = stage.client("gateway")?.run("answer").start();
    ask(stage, &root, proxy.url("/search")).await?;
    root.end();
    Ok(())
}

/// Row 49: a stranger names a trace, and a public service believes it.
pub(super) async fn stranger(stage: &Stage, way: Way) -> Played {
    let client = stage.client("gateway")?;
    let layer = continuing(&client).policy(way.pick(TrustPolicy::Continue, TrustPolicy::Restart));
    let service = stage.serve("gateway", true, retriever(Router::new()).layer(layer));
    // A trace that the stranger has seen, or made up.
    let foreign = Naive::new(stage, "stranger").begin("mine", None);
    let order = foreign["dotted_order"].as_str().unwrap_or_default();
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(order) {
        headers.insert(TRACE_HEADER, value);
    }
    let url = service.url("/search");
    stage
        .call(Method::GET, url, "stranger", "gateway", headers)
        .await?;
    Ok(())
}

/// Row 50: a gateway cuts the header, and the callee's parser raises.
pub(super) async fn malformed(stage: &Stage, way: Way) -> Played {
    let callee = stage.client("retriever")?;
    let router = retriever(Router::new());
    let router = match way {
        Way::Broken => router.layer(from_fn(parse_or_fail)),
        Way::Repaired => router.layer(continuing(&callee)),
    };
    let service = stage.serve("retriever", false, router);
    let proxy = HeaderProxy::before(&service);
    let proxy = match way {
        Way::Broken => proxy.cut(TRACE_HEADER, 50),
        Way::Repaired => proxy,
    };
    let proxy = proxy.start();
    let root = stage.client("gateway")?.run("answer").start();
    ask(stage, &root, proxy.url("/search")).await?;
    root.end();
    Ok(())
}

/// The middleware that takes a bad header for a bad request of its own.
async fn parse_or_fail(request: Request, next: Next) -> Response {
    let header = request.headers().get(TRACE_HEADER);
    let order = header.and_then(|value| value.to_str().ok()?.parse::<DottedOrder>().ok());
    match (header.is_some(), order) {
        (true, None) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        _ => next.run(request).await,
    }
}
