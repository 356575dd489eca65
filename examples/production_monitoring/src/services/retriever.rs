//! The retriever: finds passages. Start at [`routes`].

use axum::http::StatusCode;
use axum::routing::post;
use axum::{Extension, Json, Router};
use common::lab::story;
use common::middleware::IncomingTrace;
use common::model::RunType;
use serde_json::json;

use super::wire::{Documents, Question};
use crate::load::Scenario;

/// How long a passage is that is too long, in bytes.
const LONG: usize = 300_000;

/// Builds the retriever's routes.
pub(super) fn routes() -> Router {
    Router::new().route("/retrieve", post(retrieve))
}

async fn retrieve(
    Extension(incoming): Extension<IncomingTrace>,
    Json(question): Json<Question>,
) -> Result<Json<Documents>, StatusCode> {
    let search = incoming
        .start("search docs")
        .run_type(RunType::Retriever)
        .inputs(json!({ "question": question.question }))
        .start();
    let mut documents = story::retrieve(&question.question).await;
    if question.scenario == Scenario::IndexMissing {
        // The class before the colon is what errors are grouped by.
        search.fail("IndexMissing: there is no index to look in");
        return Err(StatusCode::INTERNAL_SERVER_ERROR);
    }
    if question.scenario == Scenario::Long {
        let page = "All there is to know about it. ".repeat(LONG / 31);
        documents.push(json!({ "page_content": page, "metadata": { "source": "everything" } }));
    }
    search.end_with(json!({ "documents": documents }));
    Ok(Json(Documents { documents }))
}
