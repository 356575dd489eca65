//! What the services say to Prometheus, and reading it.
//!
//! ```text
//! client's books · propagation · sampling · HTTP · model ──► ServiceMetrics ──► /metrics (OpenMetrics)
//! ledger × capture ──► Score ──► /metrics of the load                             │
//!                       Watch ◄── Page::parse ◄───────────── every second ────────┘
//! ```
//!
//! Start at [`ServiceMetrics::new`].

mod page;
mod propagation;
mod score;
mod service;
mod watch;

use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

pub use page::{Page, Sample};
pub use score::{Score, scored};
pub use service::{ServiceMetrics, registry};
pub use watch::{Books, Observation, Watch, Watched};

/// The bounds of the histograms, in seconds: from a cache's answer to a model's.
pub const SECONDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0,
];

/// The form of the page, as Prometheus asks for it.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Writes a registry as a page.
pub fn page(registry: &Registry) -> Response {
    page_after(String::new(), registry)
}

/// Writes a registry as a page, behind what is written already.
pub(crate) fn page_after(mut text: String, registry: &Registry) -> Response {
    match encode(&mut text, registry) {
        Ok(()) => ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// A registry that several handlers read.
pub(crate) type Shared = Arc<Registry>;
