//! The retriever: the documentation, in a SQLite index of its own.
//!
//! ```text
//! POST /search {"question"} ──► docs · notebooks · packages, at the same time ──► passages, good and bad
//! ```
//!
//! Start at [`app`].

use anyhow::{Context as _, Result};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use common::middleware::TracingLayer;
use langgraph_agent::corpus::{Corpus, Source};
use langgraph_agent::index::Index;
use langgraph_agent::retrieve::retrieve;

use crate::cli::Retriever;
use crate::fault::Fault;
use crate::log::complain;
use crate::role::Role;
use crate::service::Site;
use crate::wire::{Found, Question};

/// Reads the documentation, and serves until it is told to end.
///
/// # Errors
/// If there is no documentation, or the service cannot be started.
pub async fn run(wishes: Retriever) -> Result<()> {
    let site = Site::open(Role::Retriever, &wishes.listen)?;
    let corpus = match &wishes.root {
        Some(root) => Corpus::below(root)?,
        None => Corpus::of_repository()?,
    };
    let index = Index::of(corpus).context("SQLite makes no index")?;
    complain(&format!("{} passages in the index", index.passages().len()));
    let app = app(index, site.layer(), wishes.listen.fault);
    site.serve(app, std::future::ready(())).await
}

/// Builds the service. Nothing is bound: a test calls it without a port.
pub fn app(index: Index, layer: TracingLayer, fault: Option<Fault>) -> Router {
    let routes = Router::new().route("/search", post(search));
    routes.layer(layer).with_state((index, fault))
}

async fn search(
    State((index, fault)): State<(Index, Option<Fault>)>,
    Json(asked): Json<Question>,
) -> Result<Json<Found>, (StatusCode, String)> {
    if fault == Some(Fault::Slow) {
        // Until whoever asked has gone, which drops this.
        std::future::pending::<()>().await;
    }
    // The layer's run is current, so each search is a run below it.
    let on = |source: Source| retrieve(&index, source, &asked.question);
    let found = futures_util::future::try_join3(
        on(Source::Docs),
        on(Source::Notebooks),
        on(Source::Packages),
    );
    let failed = |error| (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n"));
    let (docs, notebooks, packages) = found.await.map_err(failed)?;
    let passages: Vec<_> = [docs, notebooks, packages].concat();
    let good = passages.iter().filter(|hit| hit.is_good()).count();
    complain(&format!("{} passages, {good} of them good", passages.len()));
    Ok(Json(Found { passages }))
}
