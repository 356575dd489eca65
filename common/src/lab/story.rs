//! The docs assistant: the one application of all lessons, without its tracing.
//!
//! A *gateway* takes a question, a *retriever* finds passages of this workbook's documentation, a
//! *generator* writes the answer. [`retrieve`] and [`generate`] are plain functions; [`retriever`] and
//! [`generator`] make services of them behind a layer of yours.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse as _;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{Lesson, Service, http_client, pause};
use crate::client::Client;
use crate::middleware::TracingLayer;
use crate::model::{RunType, TraceTree};
use crate::trace::current;

#[cfg(feature = "otel")]
pub use super::spans::{spanned_generator, spanned_reranker, spanned_retriever, spans_below_a_run};

/// The question that the lessons ask.
pub const QUESTION: &str = "How do I keep the trace across a service boundary?";

const PASSAGES: [(&str, &str); 4] = [
    (
        "headers",
        "The caller sends its dotted order in the header langsmith-trace.",
    ),
    (
        "middleware",
        "A layer on the service reads the header and starts its runs below the caller's.",
    ),
    (
        "baggage",
        "Metadata, tags and the project travel in the header baggage.",
    ),
    (
        "spawn",
        "A spawned task has no current run unless it is given one.",
    ),
];

/// Finds the passages that share a word with the question. Takes about 20 ms, as a small index would.
pub async fn retrieve(question: &str) -> Vec<Value> {
    pause(20).await;
    passages(question)
        .map(|(source, text)| json!({"page_content": text, "metadata": {"source": source}, "type": "Document"}))
        .collect()
}

fn passages(question: &str) -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    let words: Vec<String> = question
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.len() > 3)
        .map(str::to_lowercase)
        .collect();
    PASSAGES.iter().filter(move |(_, text)| {
        let text = text.to_lowercase();
        words.iter().any(|word| text.contains(word.as_str()))
    })
}

/// Returns the text of a page.
pub(super) fn page(name: &str) -> Option<&'static str> {
    let found = PASSAGES.iter().find(|(source, _)| *source == name);
    found.map(|(_, text)| *text)
}

/// Returns the names of all pages.
pub(super) fn pages() -> impl Iterator<Item = &'static str> {
    PASSAGES.iter().map(|(source, _)| *source)
}

/// Says at once what the passages say that share a word with the question: the scripted model's knowledge.
pub(super) fn answer(question: &str) -> String {
    let found: Vec<&str> = passages(question).map(|(_, text)| *text).collect();
    match found.is_empty() {
        true => format!("I found nothing on: {question}"),
        false => found.join(" "),
    }
}

/// Searches one source for 20 ms, in a run below the current one; a root, where there is none.
pub async fn search_source(client: Client, source: &'static str) {
    let run = client.run(source).parent_from_current();
    let run = run.run_type(RunType::Retriever).start();
    pause(20).await;
    run.end();
}

/// Writes an answer from passages. Takes about 60 ms, as a fast model would.
pub async fn generate(question: &str, passages: &[Value]) -> String {
    pause(60).await;
    match passages
        .first()
        .and_then(|passage| passage["page_content"].as_str())
    {
        Some(passage) => format!("{passage} ({} sources)", passages.len()),
        None => format!("I found nothing on: {question}"),
    }
}

/// Serves [`retrieve`] at `POST /retrieve`, traced by a layer of yours: the search is a run below the one
/// that the layer starts.
pub fn retriever(layer: TracingLayer) -> Router {
    Router::new().route("/retrieve", post(search)).layer(layer)
}

async fn search(Json(body): Json<Value>) -> Json<Value> {
    let question = body["question"].as_str().unwrap_or_default();
    let search = current().map(|run| {
        run.child("search docs")
            .run_type(RunType::Retriever)
            .start()
    });
    let documents = json!({"documents": retrieve(question).await});
    if let Some(search) = search {
        search.end_with(documents.clone());
    }
    Json(documents)
}

/// Serves [`retriever`] on a bad day: the first request is answered with 503, the second takes two seconds, those
/// that follow are answered as usual.
pub fn flaky_retriever(layer: TracingLayer) -> Router {
    let asked = Arc::new(AtomicU32::new(0));
    let on_a_bad_day = move |request: Request, next: Next| {
        let number = asked.fetch_add(1, Ordering::Relaxed);
        async move {
            match number {
                0 => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
                1 => pause(2000).await,
                _ => {}
            }
            next.run(request).await
        }
    };
    let inner = Router::new().route("/retrieve", post(search));
    inner.layer(from_fn(on_a_bad_day)).layer(layer)
}

/// Serves a reranker at `POST /rerank`, traced by a layer of yours: it gives the documents back, the last
/// first.
pub fn reranker(layer: TracingLayer) -> Router {
    let handler = post(|Json(mut body): Json<Value>| async move {
        if let Some(documents) = body["documents"].as_array_mut() {
            documents.reverse();
        }
        Json(body)
    });
    Router::new().route("/rerank", handler).layer(layer)
}

/// Serves [`generate`] at `POST /write`, traced by a layer of yours: the answer is a run below the one
/// that the layer starts.
pub fn generator(layer: TracingLayer) -> Router {
    let handler = post(|Json(body): Json<Value>| async move {
        let question = body["question"].as_str().unwrap_or_default().to_owned();
        let passages = body["documents"].as_array().cloned().unwrap_or_default();
        let write = current().map(|run| {
            run.child("write answer")
                .run_type(RunType::Llm)
                .inputs(json!({"question": question, "documents": passages}))
                .start()
        });
        let text = json!({"text": generate(&question, &passages).await});
        if let Some(write) = write {
            write.end_with(text.clone());
        }
        Json(text)
    });
    Router::new().route("/write", handler).layer(layer)
}

/// Runs the assistant as two services that each trace their own work and know nothing of each other's.
///
/// Both do what their authors meant, and the trace is still in two pieces.
pub async fn two_services_without_headers(lesson: &Lesson) -> TraceTree {
    let retriever = Service::start("retriever", untraced_boundary(lesson.client("retriever")));
    let (client, http) = (lesson.client("gateway"), http_client());
    let root = client
        .run("gateway")
        .inputs(json!({"question": QUESTION}))
        .start();
    let call = root.child("call retriever").run_type(RunType::Tool).start();
    let request = http.post(retriever.url("/retrieve"));
    match request.json(&json!({"question": QUESTION})).send().await {
        Ok(response) => call.end_with(json!({"status": response.status().as_u16()})),
        Err(error) => call.fail(error),
    }
    let write = root.child("write answer").run_type(RunType::Llm).start();
    let answer = generate(QUESTION, &[]).await;
    write.end_with(json!({"text": answer}));
    root.end_with(json!({"answer": answer}));
    lesson.tree(5).await
}

fn untraced_boundary(client: Client) -> Router {
    let handler = move |Json(body): Json<Value>| {
        let client = client.clone();
        async move {
            let question = body["question"].as_str().unwrap_or_default().to_owned();
            let run = client
                .run("retriever")
                .inputs(json!({"question": question}))
                .start();
            let search = run
                .child("search docs")
                .run_type(RunType::Retriever)
                .start();
            let passages = retrieve(&question).await;
            search.end_with(json!({"documents": passages}));
            run.end_with(json!({"count": passages.len()}));
            Json(json!({"documents": passages}))
        }
    };
    Router::new().route("/retrieve", post(handler))
}
