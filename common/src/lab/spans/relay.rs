//! A relay of spans that is served.
//!
//! ```text
//! services with OpenTelemetry ──POST …/v1/traces──► SpanRelay ──stamped──► stand-in
//! ```
//!
//! Start at [`Lesson::relay`].

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode};
use axum::routing::post;

use crate::client::Config;
use crate::lab::lesson::STAND_IN_KEY;
use crate::lab::{Lesson, PeerEnv, Service};
use crate::otel::{Pipeline, Relay, RelayCounts};

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

impl Lesson {
    /// Starts a relay that puts the spans of services with OpenTelemetry alone into the trees that they belong
    /// to. It sends to the stand-in, wherever the lesson sends.
    ///
    /// # Panics
    /// When no port can be bound, or no thread started; a lesson cannot go on without.
    #[allow(clippy::expect_used, reason = "lessons stop where they cannot go on")]
    pub fn relay(&self) -> SpanRelay {
        let relay = Relay::builder(self.stand_in_config()).start();
        SpanRelay::serve(relay.expect("a thread"))
    }

    /// Makes a pipeline as [`pipeline`](Self::pipeline) does, whose spans pass `relay`.
    ///
    /// # Panics
    /// Never, unless the relay's own address is no URL.
    #[allow(clippy::expect_used, reason = "lessons stop where they cannot go on")]
    pub fn pipeline_through(&self, relay: &SpanRelay, service: &str) -> Pipeline {
        let config = Config {
            endpoint: relay.url(),
            ..self.stand_in_config()
        };
        let spans = Pipeline::builder(config).service(service.to_owned());
        let spans = spans.build().expect("the relay's address");
        self.pipelines().push(spans.clone());
        spans
    }

    /// Returns the environment that makes a service with OpenTelemetry alone, such as the peer `scorer`, send its
    /// spans to the stand-in, wherever the lesson sends.
    pub fn otel_env(&self, service: &str) -> PeerEnv {
        self.spans_to(self.mock().url(), service)
    }

    /// Returns the same, for spans that pass `relay`.
    pub fn otel_env_through(&self, relay: &SpanRelay, service: &str) -> PeerEnv {
        self.spans_to(&relay.url(), service)
    }

    fn spans_to(&self, url: &str, service: &str) -> PeerEnv {
        PeerEnv::spans(
            service,
            &format!("{url}/otel"),
            &self.project(),
            STAND_IN_KEY,
        )
    }
}
