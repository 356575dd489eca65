//! The generator: asks a model, and streams what it says.
//!
//! ```text
//! POST /generate {question, passages} ──► writer model ──► token · token · … · done
//! ```
//!
//! Start at [`app`].

use anyhow::Result;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use axum::{Json, Router};
use common::lab::llm::{Model, TokenTiming};
use common::middleware::TracingLayer;
use common::trace::{OpenAi, child, spawn};
use futures_util::StreamExt as _;
use genai::chat::{ChatMessage, ChatOptions, ChatRequest, ChatStreamEvent};
use langgraph_agent::agents::first_draft;
use langgraph_agent::script::scripted;
use langgraph_agent::state::State as Known;
use serde_json::json;

use crate::cli::Generator;
use crate::fault::{Fault, TOKENS};
use crate::log::complain;
use crate::role::Role;
use crate::service::{Site, Stop};
use crate::wire::{self, Event, Sender};

/// Serves until it is told to end.
///
/// # Errors
/// If a real model is asked for without a key, or the service cannot be started.
pub async fn run(wishes: Generator) -> Result<()> {
    let site = Site::open(Role::Generator, &wishes.listen)?;
    let timing = match wishes.fast {
        true => TokenTiming::NONE,
        false => TokenTiming::LESSON,
    };
    let script = scripted(timing);
    let model = Model::from_env(&script)?;
    let app = app(model, site.layer(), &site.stop, wishes.listen.fault);
    site.serve(app, std::future::ready(())).await
}

/// Builds the service. Nothing is bound: a test calls it without a port.
pub fn app(model: Model, layer: TracingLayer, stop: &Stop, fault: Option<Fault>) -> Router {
    let routes = Router::new().route("/generate", post(generate));
    routes.layer(layer).with_state((model, stop.clone(), fault))
}

async fn generate(
    State((model, stop, fault)): State<(Model, Stop, Option<Fault>)>,
    Json(known): Json<Known>,
) -> Response {
    let (events, receiver) = wire::channel();
    // `spawn` of the tracing crate: the request's run stays current in the task.
    let working = stop.working();
    spawn(async move {
        let _working = working;
        tokio::select! {
            written = write(&model, &known, &events, fault) => {
                let last = match written {
                    Ok(()) => Event::Done { citations: Vec::new() },
                    Err(message) => Event::Problem { message },
                };
                // Whoever has gone needs no last event.
                let _ = events.send(last).await;
            }
            // Nobody reads any more: what the model still says is neither waited nor paid for.
            () = events.closed() => complain("the reader has gone"),
        }
    });
    wire::respond(receiver)
}

/// Asks the model below the current run, and passes on what it says as it says it.
async fn write(
    model: &Model,
    known: &Known,
    events: &Sender,
    fault: Option<Fault>,
) -> Result<(), String> {
    let (system, prompt) = first_draft(known);
    let messages = json!([
        {"role": "system", "content": system},
        {"role": "user", "content": prompt},
    ]);
    let request = json!({
        "model": model.name(), "messages": messages, "temperature": 0.0, "stream": true,
    });
    let run = child("writer model").llm_request(&OpenAi, &request).start();
    let asked =
        ChatRequest::from_messages(vec![ChatMessage::system(system), ChatMessage::user(prompt)]);
    let options = ChatOptions::default()
        .with_temperature(0.0)
        .with_capture_usage(true);
    let failed = |error: genai::Error| {
        run.fail_with(&error);
        "the model did not answer".to_owned()
    };
    let mut said = model.stream_with(asked, &options).await.map_err(failed)?;
    let (mut text, mut tokens, mut usage) = (String::new(), 0, None);
    while let Some(event) = said.next().await {
        match event.map_err(failed)? {
            ChatStreamEvent::Chunk(chunk) => {
                if tokens == 0 {
                    run.new_token();
                }
                tokens += 1;
                text.push_str(&chunk.content);
                let token = Event::Token {
                    text: chunk.content,
                };
                // The reader's end is seen by whoever holds this future.
                let _ = events.send(token).await;
                if fault == Some(Fault::Hang) && tokens == TOKENS {
                    complain("falls silent, as it was told to");
                    std::future::pending::<()>().await;
                }
            }
            ChatStreamEvent::End(end) => usage = end.captured_usage,
            _ => {}
        }
    }
    let message = json!({"role": "assistant", "content": text});
    run.end_with_answer(
        &OpenAi,
        &json!({"choices": [{"message": message}], "usage": usage}),
    );
    complain(&format!("{tokens} tokens"));
    Ok(())
}
