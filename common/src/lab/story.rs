//! The docs assistant: the one application of all lessons, without its tracing.
//!
//! A *gateway* takes a question, a *retriever* finds passages of this workbook's documentation, a
//! *generator* writes the answer. All of them are plain functions here; the lessons make services of
//! them and trace them.

use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::lesson::Lesson;
use super::pause;
use super::service::Service;
use crate::client::Client;
use crate::model::{RunType, TraceTree};

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
    let words: Vec<String> = question
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.len() > 3)
        .map(str::to_lowercase)
        .collect();
    PASSAGES
        .iter()
        .filter(|(_, text)| words.iter().any(|word| text.to_lowercase().contains(word.as_str())))
        .map(|(source, text)| json!({"page_content": text, "metadata": {"source": source}, "type": "Document"}))
        .collect()
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

/// Runs the assistant as two services that each trace their own work and know nothing of each other's.
///
/// Both do what their authors meant, and the trace is still in two pieces.
pub async fn two_services_without_headers(lesson: &Lesson) -> TraceTree {
    let retriever = Service::start("retriever", untraced_boundary(lesson.client("retriever")));
    let (client, http) = (lesson.client("gateway"), super::http_client());
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
