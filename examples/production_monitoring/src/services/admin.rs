//! What operators ask of a service. None of it is traced. Start at [`routes`].

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use common::client::Client;

use crate::metrics::{self, ServiceMetrics};

/// How long a flush may take: longer than an exporter rests after an outage, at most five seconds.
const FLUSH: Duration = Duration::from_secs(20);

/// Builds the routes.
pub(super) fn routes(client: &Client, metrics: &ServiceMetrics) -> Router {
    let registry = metrics.registry();
    Router::new()
        .route(
            "/metrics",
            get(move || async move { metrics::page(&registry) }),
        )
        .route("/health", get(async || "ok"))
        .route("/-/flush", post(flush))
        .with_state(client.clone())
}

/// Sends what is held; says in words what could not be.
async fn flush(State(client): State<Client>) -> (StatusCode, String) {
    match client.flush_async(FLUSH).await {
        Ok(()) => (StatusCode::OK, client.stats().to_string()),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    }
}
