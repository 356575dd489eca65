//! One HTTP exchange.
//!
//! ```text
//! HttpRequest ──► address + path, key of the moment ──► connection ──► answer, read up to a limit
//!                                                        ▲      │
//!                   once, if it broke off and was an old one ◄──┘        one deadline over all of it
//! ```
//!
//! Start at [`Transport`].

use std::borrow::Cow;
use std::error::Error as _;
use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher as _, RandomState};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use reqwest::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect;
use secrecy::ExposeSecret as _;

use super::address::{is_loopback, parse_endpoint, show_header};
use super::chunks::in_chunks;
use super::connections::Connections;
use super::key::KeySource;
use super::tls;
use crate::export::config::{Destination, trimmed_key};
use crate::export::encode::EncodedBody;

/// A request below the endpoint.
#[derive(Debug, Clone)]
pub struct HttpRequest {
    /// What is asked for.
    pub method: Method,
    /// What follows the endpoint, such as `/info`; a query included.
    pub path: Cow<'static, str>,
    /// What is sent.
    pub body: Option<EncodedBody>,
    /// How long the exchange may take in all.
    pub timeout: Duration,
    /// Most that is read of the answer, in bytes; what is beyond it is cut off.
    pub max_response: usize,
}

impl HttpRequest {
    /// Makes a request without a body, of which at most 64 KiB of the answer are read.
    pub fn new(method: Method, path: impl Into<Cow<'static, str>>, timeout: Duration) -> Self {
        Self {
            method,
            path: path.into(),
            body: None,
            timeout,
            max_response: MAX_RESPONSE_BYTES,
        }
    }

    /// Returns true if nothing changes when it arrives twice: reading, and sending what has an id.
    fn is_repeatable(&self) -> bool {
        let has_id = ["/runs", "/feedback"]
            .iter()
            .any(|at| self.path.starts_with(at));
        self.method == Method::GET || (self.method != Method::DELETE && has_id)
    }

    /// Adds a body.
    #[must_use]
    pub fn body(mut self, body: EncodedBody) -> Self {
        self.body = Some(body);
        self
    }
}

/// What came back.
#[derive(Debug, Clone, Default)]
pub struct HttpResponse {
    /// The status.
    pub status: u16,
    /// The value of `Retry-After`, as it was sent.
    pub retry_after: Option<String>,
    /// The body, as far as the request's limit.
    pub body: Bytes,
    /// Whether the connection broke before the end of the body.
    pub incomplete: bool,
}

const API_KEY: &str = "x-api-key";

/// The header that names the workspace.
pub(in crate::export) const WORKSPACE: &str = "x-tenant-id";

/// An idle connection is closed after this long: before the load balancers in front of a server do it,
/// which have a minute mostly.
const POOL_IDLE: Duration = Duration::from_secs(50);

/// Most that is read of an answer unless the request says otherwise; ingest answers are shorter.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;

/// Why there was no answer. All of these may pass, so the exporter tries again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// Nobody listens there, or the name is unknown. Check the address, and that the server runs.
    #[error("no connection: {0}")]
    Connect(String),
    /// The server could not prove who it is. Check the address, or trust its certificate authority.
    #[error("the server's certificate is not trusted: {0}")]
    Tls(String),
    /// The deadline of the request passed.
    #[error("no answer in time")]
    Timeout,
    /// The connection broke off.
    #[error("connection broken: {0}")]
    Interrupted(String),
}

/// An exchange under way.
pub type Exchange<'a> =
    Pin<Box<dyn Future<Output = Result<HttpResponse, TransportError>> + Send + 'a>>;

/// Carries one request to the endpoint and brings the answer back. Knows nothing of retries.
pub trait Transport: Send + Sync + fmt::Debug + 'static {
    /// Carries one request.
    fn exchange(&self, request: HttpRequest) -> Exchange<'_>;

    /// Makes one like it that shares no connection with it, for a process that was forked off. Without
    /// one, as by default, the child uses this very one; then its connections must not outlive an exchange.
    fn renew(&self) -> Option<Arc<dyn Transport>> {
        None
    }

    /// Returns a number that changes when what the transport proves itself with changes, and tells nothing
    /// of it; none, as by default, if that never happens.
    ///
    /// While the key is refused it is looked at several times a second, so that a new one is tried at
    /// once.
    fn credentials(&self) -> Option<u64> {
        None
    }
}

/// Why an exporter cannot start. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// Give an address such as `https://api.smith.langchain.com`, without a user name or a query.
    #[error(
        "the endpoint ({endpoint}) cannot be used: {why}; give one such as https://api.smith.langchain.com (LANGSMITH_ENDPOINT)"
    )]
    InvalidEndpoint {
        /// Its scheme, host, port and path; if it has none, only how long it is.
        endpoint: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The key has a character that a header cannot carry, such as a line break. Copy it again.
    #[error(
        "the API key has a character that an HTTP header cannot carry; copy it again, without line breaks (LANGSMITH_API_KEY)"
    )]
    InvalidApiKey,
    /// Correct the name or the value of the header. A name that cannot be one does not show: it may be
    /// a value.
    #[error("the header ({0}) has an invalid name or value; correct it (LANGSMITH_CUSTOM_HEADERS)")]
    InvalidHeader(String),
    /// The workspace has a character that a header cannot carry. Copy its id again.
    #[error(
        "the workspace has a character that an HTTP header cannot carry; copy its id again (LANGSMITH_WORKSPACE_ID)"
    )]
    InvalidWorkspace,
    /// Give one or more certificates in PEM, `-----BEGIN CERTIFICATE-----` and so on.
    #[error("the extra certificate authority is not a certificate in PEM")]
    InvalidCertificate,
    /// Install the platform's certificates (package `ca-certificates`), or give an extra one.
    #[error("no trusted certificates: {0}; install ca-certificates or give one explicitly")]
    TrustStore(String),
    /// The HTTP client could not be made; the text says why.
    #[error("the HTTP client cannot start: {0}")]
    HttpClient(String),
    /// The system gave no thread; look at its limits.
    #[error("the exporter's thread cannot start: {0}")]
    Thread(String),
    /// Somebody else could read or exchange what is spooled there. Name a folder that belongs to this
    /// user alone, below one that not everybody may write to. Trouble that may pass, such as a full
    /// disk, is no error here: it is counted, and memory serves meanwhile.
    #[error(
        "the folder of the spool ({folder}) cannot be used: {why}; name one that is this user's own (LANGSMITH_SPOOL_DIR)"
    )]
    SpoolFolder {
        /// The folder, or the one above or below it that is meant.
        folder: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// The transport over `reqwest`.
///
/// Redirects are never followed: the key would go to whatever host the answer names.
///
/// A proxy from the environment (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, and `NO_PROXY`) is used for
/// addresses with `https`, where it sees the host's name and nothing else. It is not used for loopback, nor
/// with a key for an address without TLS: the proxy would read the key.
///
/// A connection that a server has closed meanwhile is replaced once, in silence: that is no fault.
#[derive(Clone)]
pub struct ReqwestTransport {
    client: reqwest::Client,
    base: String,
    key: Option<KeySource>,
    connections: Connections,
    // Of its own for each: what is told of a key says nothing of it.
    hasher: RandomState,
    destination: Destination,
}

impl ReqwestTransport {
    /// Makes a transport to a destination.
    ///
    /// # Errors
    /// If the destination cannot be used as it is written.
    pub fn new(to: &Destination) -> Result<Self, StartError> {
        let base = to.endpoint.trim().trim_end_matches('/').to_owned();
        let url = parse_endpoint(&base)?;
        let secure = url.scheme() == "https";
        let tls = if secure {
            tls::trusting(&to.extra_ca_pem)?
        } else {
            tls::trusting_nobody()?
        };
        let connections = Connections::default();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("langsmith-rust/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers(to)?)
            .redirect(redirect::Policy::none())
            .https_only(secure)
            .connect_timeout(Duration::from_secs(3))
            .tcp_nodelay(true)
            .pool_idle_timeout(POOL_IDLE)
            .connector_layer(connections.clone())
            .tls_backend_preconfigured(tls);
        if is_loopback(&url) {
            builder = builder.no_proxy();
        } else if !secure && to.has_key() {
            builder = builder.no_proxy();
            tracing::warn!("{base} is not encrypted: whoever is on the way can read the API key");
        }
        let client = builder
            .build()
            .map_err(|error| StartError::HttpClient(error.to_string()))?;
        Ok(Self {
            client,
            base,
            key: to.api_key_from.clone(),
            connections,
            hasher: RandomState::new(),
            destination: to.clone(),
        })
    }

    /// Sends a request as far as the head of its answer.
    async fn send(
        &self,
        request: &HttpRequest,
        timeout: Duration,
    ) -> Result<reqwest::Response, TransportError> {
        let url = format!("{}{}", self.base, request.path);
        let mut builder = self.client.request(request.method.clone(), url);
        if let Some(key) = self.key.as_ref().and_then(KeySource::header) {
            builder = builder.header(API_KEY, key);
        }
        if let Some(body) = &request.body {
            for (name, value) in body.headers() {
                builder = builder.header(name, value);
            }
            builder = builder.body(in_chunks(body.chunks.clone()));
        }
        builder.timeout(timeout).send().await.map_err(explain)
    }

    async fn run(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let begun = Instant::now();
        let made = self.connections.made();
        let mut answer = self.send(&request, request.timeout).await;
        let broke_off = matches!(answer, Err(TransportError::Interrupted(_)));
        if broke_off && request.is_repeatable() && self.connections.made() == made {
            // It was on a connection of earlier, which the server may have closed just then.
            let left = request.timeout.saturating_sub(begun.elapsed());
            answer = self.send(&request, left).await;
        }
        let mut response = answer?;
        let retry_after = response
            .headers()
            .get("retry-after")
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let status = response.status().as_u16();
        let mut body = Vec::new();
        let mut incomplete = false;
        while body.len() < request.max_response {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    let room = request.max_response - body.len();
                    body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                }
                Ok(None) => break,
                // To ingest, the status says what matters; the words that follow it may be cut off.
                Err(_) => {
                    incomplete = true;
                    break;
                }
            }
        }
        Ok(HttpResponse {
            status,
            retry_after,
            body: body.into(),
            incomplete,
        })
    }
}

impl Transport for ReqwestTransport {
    fn exchange(&self, request: HttpRequest) -> Exchange<'_> {
        Box::pin(self.run(request))
    }

    fn credentials(&self) -> Option<u64> {
        let key = self.key.as_ref()?.current();
        let key = key.as_ref().map(|key| key.expose_secret());
        Some(self.hasher.hash_one(key))
    }

    fn renew(&self) -> Option<Arc<dyn Transport>> {
        let renewed = Self::new(&self.destination);
        // It was good enough for the parent.
        renewed.ok().map(|it| Arc::new(it) as Arc<dyn Transport>)
    }
}

impl fmt::Debug for ReqwestTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReqwestTransport({})", self.base)
    }
}

fn headers(to: &Destination) -> Result<HeaderMap, StartError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &to.headers {
        let invalid = || StartError::InvalidHeader(show_header(name));
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
        let mut value = HeaderValue::from_str(value).map_err(|_| invalid())?;
        value.set_sensitive(true);
        headers.append(header, value);
    }
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    if to.api_key_from.is_some() {
        headers.remove(API_KEY);
    }
    // The field is open to the caller, who may have set what the setter would not.
    else if let Some(key) = to.api_key.as_ref().and_then(trimmed_key) {
        let mut value =
            HeaderValue::from_str(key.expose_secret()).map_err(|_| StartError::InvalidApiKey)?;
        value.set_sensitive(true);
        headers.insert(API_KEY, value);
    }
    if let Some(workspace) = &to.workspace_id {
        let value = HeaderValue::from_str(workspace).map_err(|_| StartError::InvalidWorkspace)?;
        headers.insert(WORKSPACE, value);
    }
    Ok(headers)
}

fn explain(error: reqwest::Error) -> TransportError {
    // The address is the configured one and may be long; the cause is what helps.
    let error = error.without_url();
    let mut words = error.to_string();
    let mut untrusted = false;
    let mut source = error.source();
    while let Some(cause) = source {
        words = cause.to_string();
        untrusted |= is_untrusted(cause);
        source = cause.source();
    }
    if untrusted {
        TransportError::Tls(words)
    } else if error.is_timeout() {
        TransportError::Timeout
    } else if error.is_connect() {
        TransportError::Connect(words)
    } else {
        TransportError::Interrupted(words)
    }
}

/// Returns true if a certificate was refused. A TLS error travels inside of I/O errors, which do not
/// count what they hold as their source.
fn is_untrusted(cause: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(error) = cause.downcast_ref::<rustls::Error>() {
        return matches!(error, rustls::Error::InvalidCertificate(_));
    }
    cause
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref)
        .is_some_and(|inner| is_untrusted(inner))
}
