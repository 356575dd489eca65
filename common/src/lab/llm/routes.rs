//! The scripted model as an HTTP service: what it answers to each request.
//!
//! ```text
//! POST /v1/chat/completions ──► Request ──script──► Answer ──plan──► frames ──play──► body
//! GET  /v1/models, /v1/models/{model}                └─ error ──► refuse
//! ```

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::io;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::{Stream, stream};
use serde_json::{Value, json};

use super::answer::Says;
use super::frames::{Frame, plan};
use super::received::{LlmRequest, Outcome};
use super::request::Request;
use super::server::{Entry, Shared};
use super::wire::{ApiError, Head, pinned};
use crate::lab::lesson::WATCHED;

/// Since when the models are said to exist.
const MODELS_SINCE: i64 = 1_721_172_741;

pub(super) fn router(state: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(complete))
        .route("/v1/models", get(models))
        .route("/v1/models/{model}", get(model))
        .fallback(nothing_here)
        .with_state(state)
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
    let mut entry = state.note(&mut asked);
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
