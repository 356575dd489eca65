//! A proxy that does to headers what real gateways do.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use super::service::Service;

/// The largest body that the proxy passes on, in bytes.
const BODY_LIMIT: usize = 1024 * 1024;

/// A reverse proxy that removes headers on the way in, as a gateway with an allow-list does.
#[derive(Debug)]
pub struct HeaderProxy {
    service: Service,
}

#[derive(Debug, Clone)]
struct Route {
    upstream: String,
    stripped: Vec<String>,
    http: reqwest::Client,
}

impl HeaderProxy {
    /// Starts a proxy before `upstream` that removes the named headers, whatever their case.
    pub fn start(upstream: &Service, stripped: &[&str]) -> Self {
        let route = Route {
            upstream: upstream.url(""),
            stripped: stripped
                .iter()
                .map(|name| name.to_ascii_lowercase())
                .collect(),
            http: super::http_client(),
        };
        let router = Router::new().fallback(forward).with_state(route);
        Self {
            service: Service::start(format!("proxy before {}", upstream.name()), router),
        }
    }

    /// Returns the address of a path as seen from outside the proxy.
    pub fn url(&self, path: &str) -> String {
        self.service.url(path)
    }
}

async fn forward(State(route): State<Route>, request: Request) -> Response {
    match pass_on(&route, request).await {
        Ok(response) => response,
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

async fn pass_on(route: &Route, request: Request) -> Result<Response, axum::Error> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut headers = parts.headers;
    // Belongs to the connection with the caller, not to the request.
    headers.remove(axum::http::header::HOST);
    for name in &route.stripped {
        headers.remove(name);
    }
    let upstream = route
        .http
        .request(parts.method, format!("{}{path}", route.upstream))
        .headers(headers)
        .body(to_bytes(body, BODY_LIMIT).await?)
        .send()
        .await
        .map_err(axum::Error::new)?;
    let mut response = Response::builder().status(upstream.status());
    for (name, value) in upstream.headers() {
        response = response.header(name, value);
    }
    let body = upstream.bytes().await.map_err(axum::Error::new)?;
    response.body(Body::from(body)).map_err(axum::Error::new)
}
