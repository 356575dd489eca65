//! How a client asks a server of HTTP: without redirects, and without the address in what goes wrong.
//!
//! ```text
//! address ──► Address: scheme, host, port ──► McpError, Display, egress
//!    └──────► Http ──► reqwest ──► its errors, less the URL ──► runs and logs
//! ```
//!
//! An address may hold a key, as in `https://tools.example/mcp?apiKey=…`, and an error of reqwest names its URL.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use http::uri::Scheme;
use http::{HeaderName, HeaderValue, Uri};
use rmcp::model::ClientJsonRpcMessage;
use rmcp::transport::common::client_side_sse::BoxedSseResponse;
use rmcp::transport::streamable_http_client::{
    StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse,
};

use super::error::McpError;
use crate::lab::services;
use crate::propagation::Egress;

/// As much of an address as may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
}

impl Address {
    pub(super) fn of(url: &str) -> Result<Self, McpError> {
        let uri: Option<Uri> = url.parse().ok();
        let read = uri.as_ref().and_then(|uri| {
            let known = match uri.scheme() {
                Some(scheme) if *scheme == Scheme::HTTP => 80,
                Some(scheme) if *scheme == Scheme::HTTPS => 443,
                _ => return None,
            };
            let (host, port) = (uri.host()?.to_owned(), uri.port_u16().unwrap_or(known));
            Some(Self { host, port })
        });
        read.ok_or_else(|| McpError::Address(shown(url)))
    }
}

/// Takes what stands before the host, other than the scheme, and all that stands behind it out of an address.
fn shown(url: &str) -> String {
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), url),
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    format!("{scheme}{host}")
}

/// An HTTP client whose errors do not name the address.
#[derive(Clone)]
pub(super) struct Http(reqwest::Client);

impl Http {
    /// Makes a client for the server at `address`: no proxy comes between services of this machine.
    pub(super) fn to(address: &Address) -> Result<Self, McpError> {
        let here = Egress::loopback().allows(&address.host, Some(address.port));
        let builder = match here {
            true => services::loopback(),
            false => services::outside(),
        };
        let client = builder
            .redirect(reqwest::redirect::Policy::none())
            // A connection whose last answer was not read to its end stalls the next request.
            .pool_max_idle_per_host(0)
            .build();
        client
            .map(Self)
            .map_err(|error| McpError::Connect(error.without_url().to_string()))
    }
}

type Failure = StreamableHttpError<reqwest::Error>;
type Headers = HashMap<HeaderName, HeaderValue>;

async fn without_url<T>(asked: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    asked.await.map_err(|error| match error {
        StreamableHttpError::Client(error) => StreamableHttpError::Client(error.without_url()),
        other => other,
    })
}

impl StreamableHttpClient for Http {
    type Error = reqwest::Error;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        key: Option<String>,
        headers: Headers,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        let asked = self.0.post_message(uri, message, session, key, headers);
        without_url(asked).await
    }

    async fn post_message_with_max_sse_event_size(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        key: Option<String>,
        headers: Headers,
        max: usize,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        let http = &self.0;
        let asked =
            http.post_message_with_max_sse_event_size(uri, message, session, key, headers, max);
        without_url(asked).await
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session: Arc<str>,
        key: Option<String>,
        headers: Headers,
    ) -> Result<(), Failure> {
        without_url(self.0.delete_session(uri, session, key, headers)).await
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session: Option<Arc<str>>,
        last: Option<String>,
        key: Option<String>,
        headers: Headers,
    ) -> Result<BoxedSseResponse, Failure> {
        let asked = self.0.get_stream(uri, session, last, key, headers);
        without_url(asked).await
    }

    async fn get_stream_with_max_sse_event_size(
        &self,
        uri: Arc<str>,
        session: Option<Arc<str>>,
        last: Option<String>,
        key: Option<String>,
        headers: Headers,
        max: usize,
    ) -> Result<BoxedSseResponse, Failure> {
        let http = &self.0;
        let asked = http.get_stream_with_max_sse_event_size(uri, session, last, key, headers, max);
        without_url(asked).await
    }
}
