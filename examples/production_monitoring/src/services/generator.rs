//! The generator: writes the answer, and says what it used up. Start at [`routes`].

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Extension, Json, Router};
use common::lab::story;
use common::middleware::IncomingTrace;
use common::model::{RunType, Usage};
use serde_json::json;

use super::wire::{Question, Text};
use crate::load::Scenario;
use crate::metrics::ServiceMetrics;

/// US dollars for a million tokens, in and out: the order of a small model's price.
const INPUT_PRICE: f64 = 0.15;
const OUTPUT_PRICE: f64 = 0.60;

/// How much longer a slow answer takes.
const SLOW: Duration = Duration::from_millis(900);

/// Builds the generator's routes.
pub(super) fn routes(metrics: &ServiceMetrics) -> Router {
    Router::new()
        .route("/write", post(write))
        .with_state(metrics.clone())
}

async fn write(
    State(metrics): State<ServiceMetrics>,
    Extension(incoming): Extension<IncomingTrace>,
    Json(question): Json<Question>,
) -> Result<Json<Text>, StatusCode> {
    let run = incoming
        .start("write answer")
        .run_type(RunType::Llm)
        .metadata("ls_provider", "workbook")
        .metadata("ls_model_name", "scripted")
        .inputs(json!({ "question": question.question, "documents": question.documents }))
        .start();
    if question.scenario == Scenario::ModelOverloaded {
        run.fail("ModelOverloaded: the model takes no more requests");
        metrics.answered("failed", None);
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    if question.scenario == Scenario::Slow {
        tokio::time::sleep(SLOW).await;
    }
    let text = story::generate(&question.question, &question.documents).await;
    let usage = usage(&question, &text);
    run.set_usage(usage.clone());
    run.end_with(json!({ "text": text }));
    metrics.answered("answered", Some(&usage));
    Ok(Json(Text { text }))
}

/// Counts what a model would: about four letters a token.
fn usage(question: &Question, answer: &str) -> Usage {
    let passages = question.documents.iter();
    let passages = passages.filter_map(|passage| passage["page_content"].as_str());
    let read: usize = passages.map(str::len).sum::<usize>() + question.question.len();
    let (input, output) = (read.div_ceil(4) as u64, answer.len().div_ceil(4) as u64);
    let dollars = |tokens: u64, price: f64| tokens as f64 * price / 1e6;
    Usage::tokens(input, output).cost(dollars(input, INPUT_PRICE), dollars(output, OUTPUT_PRICE))
}
