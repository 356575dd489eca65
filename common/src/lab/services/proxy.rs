//! A gateway that does to headers what real gateways do.
//!
//! ```text
//! request ──► HeaderProxy ──strip · duplicate · cut · replace──► the service
//!               └ a header over the limit ──► 431, and the service never hears of it
//! ```
//!
//! Start at [`HeaderProxy::before`].

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};

use super::service::Service;

/// The largest body that the proxy passes on, in bytes.
const BODY_LIMIT: usize = 1024 * 1024;

/// A reverse proxy between a caller and a service of a lesson.
///
/// ```
/// use axum::{Router, routing::get};
/// use common::lab::{HeaderProxy, Service, http_client};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let service = Service::start("service", Router::new().route("/", get(|| async { "42" })));
/// let gateway = HeaderProxy::before(&service).strip("langsmith-trace").limit(8192).start();
/// let answer = http_client().get(gateway.url("/")).send().await;
/// assert_eq!(answer.expect("an answer").status(), 200);
/// # }
/// ```
#[derive(Debug)]
pub struct HeaderProxy {
    service: Service,
}

/// A [`HeaderProxy`], about to be told what it does. Made by [`HeaderProxy::before`].
///
/// What it is told happens to each request, in the order of the calls.
#[derive(Debug, Clone)]
#[must_use = "`start` starts it"]
pub struct HeaderProxyBuilder {
    name: String,
    upstream: String,
    changes: Vec<(HeaderName, Change)>,
    limit: Option<usize>,
}

#[derive(Debug, Clone)]
enum Change {
    Strip,
    Duplicate,
    Cut(usize),
    Replace(HeaderValue),
}

#[derive(Debug, Clone)]
struct Route {
    told: HeaderProxyBuilder,
    http: reqwest::Client,
}

impl HeaderProxy {
    /// Prepares a proxy before a service. Told nothing, it passes everything on.
    pub fn before(upstream: &Service) -> HeaderProxyBuilder {
        HeaderProxyBuilder {
            name: format!("proxy before {}", upstream.name()),
            upstream: upstream.url(""),
            changes: Vec::new(),
            limit: None,
        }
    }

    /// Returns the address of a path as seen from outside the proxy.
    pub fn url(&self, path: &str) -> String {
        self.service.url(path)
    }
}

impl HeaderProxyBuilder {
    /// Removes a header, as a gateway does that passes on only what it knows.
    pub fn strip(self, header: &'static str) -> Self {
        self.change(header, Change::Strip)
    }

    /// Sends a header's line twice, as two gateways do that both copy it.
    pub fn duplicate(self, header: &'static str) -> Self {
        self.change(header, Change::Duplicate)
    }

    /// Cuts a header's value to so many bytes, as a gateway with a short buffer does.
    pub fn cut(self, header: &'static str, bytes: usize) -> Self {
        self.change(header, Change::Cut(bytes))
    }

    /// Puts another value in the place of all that is there, as a gateway does that traces by itself.
    pub fn replace(self, header: &'static str, value: &'static str) -> Self {
        self.change(header, Change::Replace(HeaderValue::from_static(value)))
    }

    /// Refuses requests in which the line of a header has more than so many bytes: 431.
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = Some(bytes);
        self
    }

    /// Starts the proxy on a free port of this machine.
    ///
    /// # Panics
    /// When no port can be bound; a lesson cannot go on without.
    pub fn start(self) -> HeaderProxy {
        let name = self.name.clone();
        let route = Route {
            told: self,
            http: super::http::http_client(),
        };
        let router = Router::new().fallback(forward).with_state(route);
        HeaderProxy {
            service: Service::start(name, router),
        }
    }

    fn change(mut self, header: &'static str, change: Change) -> Self {
        self.changes.push((HeaderName::from_static(header), change));
        self
    }

    fn is_too_much(&self, headers: &HeaderMap) -> bool {
        let bytes =
            |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + 2 + value.len();
        let longest = headers.iter().map(bytes).max().unwrap_or_default();
        self.limit.is_some_and(|limit| longest > limit)
    }

    fn apply(&self, headers: &mut HeaderMap) {
        for (name, change) in &self.changes {
            let values: Vec<HeaderValue> = headers.get_all(name).iter().cloned().collect();
            headers.remove(name);
            let values = match change {
                Change::Strip => Vec::new(),
                Change::Duplicate => [values.clone(), values].concat(),
                Change::Cut(bytes) => values
                    .iter()
                    .filter_map(|value| cut(value, *bytes))
                    .collect(),
                Change::Replace(value) => vec![value.clone()],
            };
            for value in values {
                headers.append(name.clone(), value);
            }
        }
    }
}

fn cut(value: &HeaderValue, bytes: usize) -> Option<HeaderValue> {
    let value = value.as_bytes();
    HeaderValue::from_bytes(&value[..bytes.min(value.len())]).ok()
}

async fn forward(State(route): State<Route>, request: Request) -> Response {
    if route.told.is_too_much(request.headers()) {
        return StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE.into_response();
    }
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
    route.told.apply(&mut headers);
    let upstream = route
        .http
        .request(parts.method, format!("{}{path}", route.told.upstream))
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
