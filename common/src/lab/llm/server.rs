//! The scripted model as an HTTP service on loopback.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::hash::{Hash as _, Hasher as _};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::{Stream, stream};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::answer::Says;
use super::builder::{Script, ScriptedLlmBuilder};
use super::frames::{Frame, plan};
use super::received::{LlmRequest, Outcome};
use super::request::Request;
use super::timing::TokenTiming;
use super::wire::{ApiError, Head, pinned};
use crate::lab::Service;
use crate::lab::lesson::WATCHED;

/// How long [`ScriptedLlm::settled`] waits. A bound: nothing that is scripted takes so long.
const PATIENCE: Duration = Duration::from_secs(60);
/// Most requests that are remembered; under load the first ones are.
const MOST_REMEMBERED: usize = 10_000;
/// Since when the models are said to exist.
const MODELS_SINCE: i64 = 1_721_172_741;

/// A model that answers by a script, as OpenAI's Chat Completions do. A cheap clone; it stops with the last one.
///
/// Without a script it answers questions about this workbook's documentation.
///
/// ```
/// use common::lab::http_client;
/// use common::lab::llm::{Answer, ScriptedLlm};
/// use serde_json::{Value, json};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), reqwest::Error> {
/// let llm = ScriptedLlm::builder().when("baggage", Answer::text("What is inherited.")).start();
/// let question = json!({"role": "user", "content": "What is baggage?"});
/// let body = json!({"model": "gpt-4o-mini", "messages": [question]});
/// let request = http_client().post(format!("{}/chat/completions", llm.url())).bearer_auth("any");
/// let answer: Value = request.json(&body).send().await?.json().await?;
/// assert_eq!(answer["choices"][0]["message"]["content"], "What is inherited.");
/// assert_eq!(llm.requests()[0].prompt, "What is baggage?");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ScriptedLlm(Arc<Running>);

struct Running {
    state: Arc<Shared>,
    service: Service,
    // Dropping it ends the answers that stall.
    _open: watch::Sender<()>,
}

struct Shared {
    script: Script,
    seed: u64,
    timing: TokenTiming,
    models: Vec<String>,
    book: Mutex<Book>,
    /// Says that an answer has ended.
    settled: watch::Sender<()>,
    closing: watch::Receiver<()>,
}

impl ScriptedLlm {
    /// Begins a script.
    pub fn builder() -> ScriptedLlmBuilder {
        ScriptedLlmBuilder::new()
    }

    /// Starts a model without a script.
    ///
    /// # Panics
    /// When no port can be bound; a lesson cannot go on without.
    pub fn start() -> Self {
        Self::builder().start()
    }

    pub(super) fn of(builder: ScriptedLlmBuilder) -> Self {
        let (open, closing) = watch::channel(());
        let state = Arc::new(Shared {
            script: builder.script,
            seed: builder.seed,
            timing: builder.timing,
            models: builder.models,
            book: Mutex::default(),
            settled: watch::Sender::new(()),
            closing,
        });
        let router = Router::new()
            .route("/v1/chat/completions", post(complete))
            .route("/v1/models", get(models))
            .route("/v1/models/{model}", get(model))
            .fallback(nothing_here)
            .with_state(state.clone());
        Self(Arc::new(Running {
            state,
            service: Service::start("scripted llm", router),
            _open: open,
        }))
    }

    /// Returns the base address for clients of OpenAI's API; it ends in `/v1`.
    pub fn url(&self) -> String {
        self.0.service.url("/v1")
    }

    /// Returns what was asked so far, in the order of arrival.
    pub fn requests(&self) -> Vec<LlmRequest> {
        self.0.state.book().requests.values().cloned().collect()
    }

    /// Waits until no answer is under way, and returns what was asked so far. An answer that stalls is under way
    /// until its caller leaves, so the wait has a bound of a minute.
    pub async fn settled(&self) -> Vec<LlmRequest> {
        let mut news = self.0.state.settled.subscribe();
        let under_way = |asked: &LlmRequest| asked.outcome == Outcome::Answering;
        let all_ended = async {
            while self.requests().iter().any(under_way) {
                if news.changed().await.is_err() {
                    return;
                }
            }
        };
        // What is still under way says so itself.
        let _ = tokio::time::timeout(PATIENCE, all_ended).await;
        self.requests()
    }

    /// Forgets what was asked. Answers under way end as they would have.
    pub fn forget(&self) {
        let mut book = self.0.state.book();
        book.requests
            .retain(|_, asked| asked.outcome == Outcome::Answering);
    }

    /// Returns the name of the model that is asked if nothing else is said.
    pub fn model(&self) -> &str {
        self.0.state.models.first().map_or("", String::as_str)
    }
}

impl fmt::Debug for ScriptedLlm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "ScriptedLlm({}, asked {} times)",
            self.url(),
            self.0.state.book().requests.len()
        )
    }
}

/// The requests by the order of their arrival.
#[derive(Default)]
struct Book {
    requests: BTreeMap<u64, LlmRequest>,
    next: u64,
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a request down, and returns its number. When the book is full, it only counts.
    fn note(&self, asked: &mut LlmRequest) -> u64 {
        let mut book = self.book();
        let known = book.requests.values();
        asked.before = known.filter(|known| known.prompt == asked.prompt).count();
        let number = book.next;
        book.next += 1;
        if book.requests.len() < MOST_REMEMBERED {
            book.requests.insert(number, asked.clone());
        }
        number
    }
}

/// The entry of one request in the book, and what becomes of it. Whoever drops it before the end has left.
struct Entry {
    state: Arc<Shared>,
    number: u64,
    sent: usize,
    ended: bool,
}

impl Entry {
    fn end(&mut self, outcome: Outcome) {
        self.ended = true;
        let mut book = self.state.book();
        if let Some(asked) = book.requests.get_mut(&self.number) {
            asked.outcome = outcome;
            asked.sent = self.sent;
        }
        drop(book);
        self.state.settled.send_replace(());
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if !self.ended {
            self.end(Outcome::CallerLeft);
        }
    }
}

async fn complete(State(state): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    if !headers.contains_key(header::AUTHORIZATION) {
        return refuse(&ApiError::no_key());
    }
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return refuse(&ApiError::no_json());
    };
    let request = match Request::read(&body) {
        Ok(request) if state.models.contains(&request.model) => request,
        Ok(request) => return refuse(&ApiError::no_such_model(&request.model)),
        Err(error) => return refuse(&error),
    };
    let mut asked = LlmRequest {
        model: request.model.clone(),
        prompt: request.prompt.clone(),
        before: 0,
        stream: request.stream,
        include_usage: request.include_usage,
        tools: request.tools.clone(),
        headers: tracing_headers(&headers),
        body,
        sent: 0,
        outcome: Outcome::Answering,
    };
    let number = state.note(&mut asked);
    let mut entry = Entry {
        state: state.clone(),
        number,
        sent: 0,
        ended: false,
    };
    let answer = state.script.answer(&asked);
    if let Says::Error(error) = &answer.says {
        entry.end(Outcome::Failed(error.status));
        return refuse(error);
    }
    let seed = seed_of(state.seed, &asked);
    let head = Head {
        id: format!("chatcmpl-{seed:016x}"),
        created: chrono::Utc::now().timestamp(),
        model: pinned(&request.model),
        include_usage: request.include_usage,
    };
    let frames = plan(&answer, &request, &head, state.timing, seed);
    let kind = match request.stream {
        true => "text/event-stream; charset=utf-8",
        false => "application/json",
    };
    let id = format!("req_{seed:016x}");
    let mut response = Body::from_stream(play(frames, entry)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    response
}

/// Sends one frame after another.
fn play(frames: Vec<Frame>, entry: Entry) -> impl Stream<Item = io::Result<Bytes>> {
    let start = (frames.into_iter(), entry);
    stream::unfold(start, |(mut frames, mut entry)| async move {
        if entry.ended {
            return None;
        }
        let sent = match frames.next() {
            None => {
                entry.end(Outcome::Answered);
                return None;
            }
            Some(Frame::Send { after, body, token }) => {
                if !after.is_zero() {
                    tokio::time::sleep(after).await;
                }
                entry.sent += usize::from(token);
                if frames.len() == 0 {
                    // A client may leave at `[DONE]`, before it is looked whether there is more.
                    entry.end(Outcome::Answered);
                }
                Ok(Bytes::from(body))
            }
            Some(Frame::Cut) => {
                // What was said before is on its way only once there is nothing to say for a moment.
                tokio::task::yield_now().await;
                entry.end(Outcome::BrokenOff);
                Err(io::ErrorKind::ConnectionAborted.into())
            }
            Some(Frame::Stall) => {
                // An error is what it waits for: the model is gone.
                let _ = entry.state.closing.clone().changed().await;
                entry.end(Outcome::BrokenOff);
                Err(io::ErrorKind::ConnectionAborted.into())
            }
        };
        Some((sent, (frames, entry)))
    })
}

/// The same prompt, asked as often, has the same seed, whoever else asks.
fn seed_of(seed: u64, asked: &LlmRequest) -> u64 {
    let mut hasher = DefaultHasher::new();
    (seed, &asked.prompt, asked.before).hash(&mut hasher);
    hasher.finish()
}

fn tracing_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let all = WATCHED.iter().flat_map(|name| {
        let values = headers.get_all(*name).into_iter();
        values.map(|value| {
            let text = String::from_utf8_lossy(value.as_bytes());
            ((*name).to_owned(), text.into_owned())
        })
    });
    all.collect()
}

fn refuse(error: &ApiError) -> Response {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = (status, Json(error.json())).into_response();
    if let Some(wait) = error.retry_after {
        let millis = wait.as_millis();
        let headers = response.headers_mut();
        let mut tell = |name, text: String| {
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.insert(HeaderName::from_static(name), value);
            }
        };
        tell("retry-after", millis.div_ceil(1000).to_string());
        tell("retry-after-ms", millis.to_string());
        tell("x-ratelimit-limit-requests", "3".to_owned());
        tell("x-ratelimit-remaining-requests", "0".to_owned());
        tell("x-ratelimit-reset-requests", format!("{millis}ms"));
    }
    response
}

fn model_entry(name: &str) -> Value {
    json!({"id": name, "object": "model", "created": MODELS_SINCE, "owned_by": "system"})
}

async fn models(State(state): State<Arc<Shared>>) -> Json<Value> {
    let data: Vec<Value> = state.models.iter().map(|name| model_entry(name)).collect();
    Json(json!({"object": "list", "data": data}))
}

async fn model(State(state): State<Arc<Shared>>, Path(name): Path<String>) -> Response {
    match state.models.contains(&name) {
        true => Json(model_entry(&name)).into_response(),
        false => refuse(&ApiError::no_such_model(&name)),
    }
}

async fn nothing_here(method: Method, address: Uri) -> Response {
    refuse(&ApiError::no_such_address(method.as_str(), address.path()))
}
