//! A relay of spans that is served.
//!
//! ```text
//! services with OpenTelemetry ──POST …/v1/traces──► SpanRelay ──stamped──► stand-in
//! ```
//!
//! Start at [`Lesson::relay`](super::Lesson::relay).

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode};
use axum::routing::post;

use super::service::Service;
use crate::otel::{Relay, RelayCounts};

/// Most bytes of a request, packed.
const MAX_BODY: usize = 8 << 20;

/// A [`Relay`] on a port of its own. It stops when it is dropped.
#[derive(Debug)]
pub struct SpanRelay {
    relay: Relay,
    service: Service,
}

impl SpanRelay {
    /// Serves a relay on a free port of this machine.
    ///
    /// # Panics
    /// When no port can be bound; a lesson cannot go on without.
    pub fn serve(relay: Relay) -> Self {
        let take = post(receive).with_state(relay.clone());
        // What exporters append to addresses with and without LangSmith's `/otel`.
        let router = Router::new()
            .route("/v1/traces", take.clone())
            .route("/otel/v1/traces", take.clone())
            .route("/api/v1/otel/v1/traces", take);
        let service = Service::start("relay", router);
        Self { relay, service }
    }

    /// Returns the address that stands for LangSmith's: exporters append `/otel/v1/traces`.
    pub fn url(&self) -> String {
        self.service.url("")
    }

    /// Returns the relay.
    pub fn relay(&self) -> &Relay {
        &self.relay
    }

    /// Returns its books.
    pub fn counts(&self) -> RelayCounts {
        self.relay.counts()
    }
}

async fn receive(State(relay): State<Relay>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    match to_bytes(body, MAX_BODY).await {
        Ok(body) => relay
            .receive(&Request::from_parts(head, body))
            .map(Body::from),
        Err(_) => {
            let mut refused = Response::new(Body::empty());
            *refused.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
            refused
        }
    }
}
