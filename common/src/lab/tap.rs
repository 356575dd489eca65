//! What left the process: an endpoint that keeps every byte it is sent, and answers as it is told.
//!
//! ```text
//! Client · reqwest ──► Tap ──► Tapped: path, headers, body, as they came
//!                       └─ answers: 202, another status, another for each request, late
//! ```
//!
//! The stand-in ([`LangSmithMock`](crate::langsmith_mock::LangSmithMock)) reads what it is sent, and cuts keys out of it;
//! this one does neither, so it shows what a stranger at the other end would have. Start at [`Tap::start`].

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::services::Service;

/// Most bytes of a body that is read.
const BODY_LIMIT: usize = 64 << 20;

/// An endpoint for runs, and for anything else, that keeps what it is sent. It stops when it is dropped.
///
/// ```
/// use std::time::Duration;
/// use common::client::Client;
/// use common::lab::Tap;
///
/// let tap = Tap::start();
/// let client = Client::builder().endpoint(tap.url("")).api_key("of-a").compress(false).build()?;
/// client.run("answer").start().end();
/// client.flush(Duration::from_secs(5))?;
/// let sent = tap.ingested();
/// assert_eq!(sent[0].header("x-api-key"), Some("of-a"));
/// assert!(sent[0].text().contains("answer"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Tap {
    service: Service,
    kept: Arc<Kept>,
}

/// One request, as it came.
#[derive(Debug, Clone)]
pub struct Tapped {
    /// The method.
    pub method: Method,
    /// The path, without the query.
    pub path: String,
    /// The query, without its question mark; empty if there is none.
    pub query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The status of the answer.
    pub status: u16,
}

impl Tapped {
    /// Returns the first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns the body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Tells whether this is how a client asks what the endpoint can do.
    fn asks_for_info(&self) -> bool {
        self.method == Method::GET && self.path == "/info"
    }
}

type Answer = dyn Fn(&Tapped) -> u16 + Send + Sync;

struct Kept {
    answer: Mutex<Arc<Answer>>,
    late: Mutex<Duration>,
    // A path, and where whoever asks for it is sent.
    moved: Mutex<Option<(String, String)>>,
    compressed: bool,
    keeps: bool,
    seen: Mutex<Vec<Tapped>>,
    requests: AtomicU64,
    bytes: AtomicU64,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} requests", self.requests.load(Ordering::Relaxed))
    }
}

impl Tap {
    /// Starts an endpoint on a free port of this machine. It answers 202, and asks for no compression, so that
    /// what is kept can be read.
    ///
    /// # Panics
    /// When no port can be bound; a lesson cannot go on without.
    pub fn start() -> Self {
        Self::new(false, true)
    }

    /// Starts an endpoint that lets bodies be compressed, as LangSmith does, and counts them without keeping any.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub fn counting() -> Self {
        Self::new(true, false)
    }

    fn new(compressed: bool, keeps: bool) -> Self {
        let kept = Arc::new(Kept {
            answer: Mutex::new(Arc::new(|_| 202)),
            late: Mutex::default(),
            moved: Mutex::default(),
            compressed,
            keeps,
            seen: Mutex::default(),
            requests: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        });
        let router = Router::new().fallback(take).with_state(kept.clone());
        Self {
            service: Service::start("tap", router),
            kept,
        }
    }

    /// Returns the address of a path of the endpoint.
    pub fn url(&self, path: &str) -> String {
        self.service.url(path)
    }

    /// Answers every further request with a status; `GET /info` is answered as ever.
    pub fn answers(&self, status: u16) {
        self.answers_with(move |_| status);
    }

    /// Asks a function for the status of each further request.
    pub fn answers_with(&self, status: impl Fn(&Tapped) -> u16 + Send + Sync + 'static) {
        *lock(&self.kept.answer) = Arc::new(status);
    }

    /// Answers every further request so much later.
    pub fn late(&self, by: Duration) {
        *lock(&self.kept.late) = by;
    }

    /// Sends whoever asks for a path to another address.
    pub fn redirects(&self, path: &str, to: impl Into<String>) {
        *lock(&self.kept.moved) = Some((path.to_owned(), to.into()));
    }

    /// Returns what was received so far, in the order of the answers, without questions for `GET /info`.
    pub fn received(&self) -> Vec<Tapped> {
        let mut received = self.all();
        received.retain(|one| !one.asks_for_info());
        received
    }

    /// Returns every request so far, in the order of the answers.
    pub fn all(&self) -> Vec<Tapped> {
        lock(&self.kept.seen).clone()
    }

    /// Returns the requests that brought runs or feedback.
    pub fn ingested(&self) -> Vec<Tapped> {
        let mut received = self.received();
        received.retain(|one| one.method != Method::GET);
        received
    }

    /// Returns how many requests with a body were received.
    pub fn requests(&self) -> u64 {
        self.kept.requests.load(Ordering::Relaxed)
    }

    /// Returns how many bytes their bodies had, as they came over the wire.
    pub fn bytes(&self) -> u64 {
        self.kept.bytes.load(Ordering::Relaxed)
    }

    /// Forgets what was received.
    pub fn clear(&self) {
        lock(&self.kept.seen).clear();
    }
}

async fn take(State(kept): State<Arc<Kept>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    // What is longer than that is none of a lesson's.
    let body = to_bytes(body, BODY_LIMIT).await.unwrap_or_default();
    if !body.is_empty() {
        kept.requests.fetch_add(1, Ordering::Relaxed);
        kept.bytes.fetch_add(body.len() as u64, Ordering::Relaxed);
    }
    let mut tapped = Tapped {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body,
        status: 0,
    };
    if tapped.asks_for_info() {
        tapped.status = 200;
        if kept.keeps {
            lock(&kept.seen).push(tapped);
        }
        let info = json!({"instance_flags": {"zstd_compression_enabled": kept.compressed}});
        return (StatusCode::OK, info.to_string()).into_response();
    }
    let answer = lock(&kept.answer).clone();
    let moved = lock(&kept.moved)
        .clone()
        .filter(|(path, _)| *path == tapped.path);
    tapped.status = match moved {
        Some(_) => 307,
        None => answer(&tapped),
    };
    let (status, late) = (tapped.status, *lock(&kept.late));
    if kept.keeps {
        lock(&kept.seen).push(tapped);
    }
    if !late.is_zero() {
        tokio::time::sleep(late).await;
    }
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match moved {
        Some((_, to)) => (status, [(LOCATION, to)], "").into_response(),
        None => (status, "{}").into_response(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
