//! Requests and responses, free of any HTTP library's body types.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};

use super::fault::ConnectionFault;
use crate::model::Timestamp;

/// One HTTP request with its whole body, as any server library can provide it.
#[derive(Clone)]
pub struct MockRequest {
    /// The method.
    pub method: Method,
    /// The path, without the query.
    pub path: String,
    /// The query, without its question mark; empty if there is none.
    pub query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came over the wire.
    pub body: Bytes,
    /// True if the server stopped reading because the body grew too large.
    pub truncated: bool,
}

impl MockRequest {
    /// Makes a request without headers.
    pub fn new(method: Method, target: &str, body: impl Into<Bytes>) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            headers: HeaderMap::new(),
            body: body.into(),
            truncated: false,
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns the first value of a query parameter, percent-decoded.
    pub(super) fn query_value(&self, name: &str) -> Option<String> {
        self.query_each(name).next()
    }

    /// Returns all values of a query parameter that may be repeated.
    pub(super) fn query_values(&self, name: &str) -> Vec<String> {
        self.query_each(name).collect()
    }

    /// Returns a query parameter that is a whole number.
    pub(super) fn query_number(&self, name: &str) -> Option<usize> {
        self.query_value(name)?.parse().ok()
    }

    /// Returns true if a query parameter is `true`, which Python writes `True`.
    pub(super) fn query_flag(&self, name: &str) -> Option<bool> {
        Some(self.query_value(name)?.eq_ignore_ascii_case("true"))
    }

    /// Returns false if the request came under a name of somebody else's: a web page may let its own
    /// name point at this machine, to read what a browser then shows it.
    pub(super) fn is_for_this_machine(&self) -> bool {
        let Some(host) = self.headers.get(http::header::HOST) else {
            return true;
        };
        let host = host.to_str().unwrap_or_default();
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let name = name.trim_start_matches('[').trim_end_matches(']');
        name.eq_ignore_ascii_case("localhost")
            || name
                .parse()
                .is_ok_and(|address: IpAddr| address.is_loopback())
    }

    fn query_each(&self, name: &str) -> impl Iterator<Item = String> {
        self.query.split('&').filter_map(move |pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = value.replace('+', " ");
            (key == name).then(|| {
                percent_encoding::percent_decode_str(&value)
                    .decode_utf8_lossy()
                    .into_owned()
            })
        })
    }
}

// Headers and body may hold a key.
impl fmt::Debug for MockRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockRequest")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("headers", &self.headers.len())
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// The answer to a [`MockRequest`].
#[derive(Debug, Clone)]
pub struct MockResponse {
    /// The status.
    pub status: StatusCode,
    /// The media type of the body.
    pub content_type: &'static str,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Bytes,
    /// How long to wait before answering.
    pub delay: Option<Duration>,
    /// What to do to the connection; only the axum mount can.
    pub connection: Option<ConnectionFault>,
}

impl MockResponse {
    pub(super) fn json(status: StatusCode, body: &Value) -> Self {
        Self::text(status, "application/json", body.to_string())
    }

    pub(super) fn text(
        status: StatusCode,
        content_type: &'static str,
        body: impl Into<Bytes>,
    ) -> Self {
        Self {
            status,
            content_type,
            headers: Vec::new(),
            body: body.into(),
            delay: None,
            connection: None,
        }
    }

    /// The answer to what went well and has nothing to say.
    pub(super) fn no_content() -> Self {
        Self::text(StatusCode::NO_CONTENT, "application/json", Bytes::new())
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self::detail(StatusCode::NOT_FOUND, &format!("{what} not found"))
    }

    pub(super) fn unprocessable(why: &str) -> Self {
        Self::detail(StatusCode::UNPROCESSABLE_ENTITY, why)
    }

    /// An error in the form that LangSmith's API gives it.
    pub(super) fn detail(status: StatusCode, detail: &str) -> Self {
        Self::json(status, &json!({ "detail": detail }))
    }
}

/// A request that the stand-in received, without its body and without secrets.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceivedRequest {
    /// When it arrived.
    pub at: Timestamp,
    /// The method.
    pub method: Method,
    /// The path, without the query.
    pub path: String,
    /// The headers in order; of a key or cookie only the last four characters are left.
    pub headers: Vec<(String, String)>,
    /// Size of the body on the wire.
    pub body_bytes: usize,
    /// Size of the body after decompression; that on the wire if it was not decoded.
    pub decoded_bytes: usize,
    /// The status of the answer.
    pub status: u16,
}

impl ReceivedRequest {
    /// Returns the value of a header, looked up without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

impl fmt::Display for ReceivedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {} ({} bytes)",
            self.status, self.method, self.path, self.body_bytes
        )
    }
}
