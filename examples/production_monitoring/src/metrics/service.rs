//! The metrics of one service. Start at [`registry`]: those that any service with a client has.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use common::client::Client;
use common::middleware::TracingLayer;
use common::model::Usage;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::propagation::Headers;
use super::{SECONDS, Shared};
use crate::load::CallOutcome;
use crate::services::Role;

/// The labels of a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Served {
    route: String,
    status: u16,
}

/// The labels of a call to another service.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    callee: &'static str,
    outcome: &'static str,
}

/// A label that says which of a few.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

/// A label that says how something ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

/// What a service counts. A cheap clone.
#[derive(Debug, Clone)]
pub struct ServiceMetrics {
    registry: Shared,
    duration: Family<Served, Histogram, fn() -> Histogram>,
    calls: Family<Call, Counter>,
    model_calls: Family<Outcome, Counter>,
    tokens: Family<Kind, Counter>,
    dollars: Counter<f64, std::sync::atomic::AtomicU64>,
}

/// Makes a registry with what any service with a client has to say: the books of its exporter and of its sampling, and
/// what became of tracing headers.
pub fn registry(client: &Client, layer: &TracingLayer) -> Registry {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(client.metrics()));
    registry.register_collector(Box::new(Headers(layer.clone())));
    let started = SystemTime::now().duration_since(UNIX_EPOCH);
    registry.register_with_unit(
        "process_start_time",
        "When the process started, in Unix time",
        Unit::Seconds,
        ConstGauge::new(started.map_or(0.0, |since| since.as_secs_f64())),
    );
    registry
}

impl ServiceMetrics {
    /// Registers the metrics of a service.
    pub fn new(client: &Client, layer: &TracingLayer) -> Self {
        let mut registry = registry(client, layer);
        let histogram: fn() -> Histogram = || Histogram::new(SECONDS);
        let duration = Family::new_with_constructor(histogram);
        registry.register_with_unit(
            "http_server_request_duration",
            "Time of a request in this service",
            Unit::Seconds,
            duration.clone(),
        );
        let calls = Family::default();
        registry.register(
            "service_calls",
            "Calls to other services, by what came of them",
            calls.clone(),
        );
        let model_calls = Family::default();
        registry.register(
            "gen_ai_calls",
            "Calls of a language model, by how they ended",
            model_calls.clone(),
        );
        let tokens = Family::default();
        registry.register(
            "gen_ai_tokens",
            "Tokens of language models, read and written",
            tokens.clone(),
        );
        let dollars = Counter::default();
        registry.register(
            "gen_ai_cost_dollars",
            "Cost of language models, in US dollars",
            dollars.clone(),
        );
        let this = Self {
            registry: Arc::new(registry),
            duration,
            calls,
            model_calls,
            tokens,
            dollars,
        };
        this.begin_at_zero();
        this
    }

    /// Makes each series be there from the first: one that begins with its first failure shows no growth.
    fn begin_at_zero(&self) {
        for outcome in ["answered", "failed"] {
            drop(self.model_calls.get_or_create(&Outcome { outcome }));
        }
        for kind in ["input", "output"] {
            drop(self.tokens.get_or_create(&Kind { kind }));
        }
        for role in [Role::Retriever, Role::Generator] {
            for outcome in ["answered", "failed", "unreachable"] {
                let callee = role.as_str();
                drop(self.calls.get_or_create(&Call { callee, outcome }));
            }
        }
    }

    /// Returns the registry, for a page.
    pub fn registry(&self) -> Arc<Registry> {
        self.registry.clone()
    }

    /// Times each request of a router, by route and status.
    pub fn timed(&self, router: Router) -> Router {
        router.layer(from_fn_with_state(self.clone(), time))
    }

    /// Counts a call to another service.
    pub fn called(&self, service: Role, outcome: CallOutcome) {
        let outcome = match outcome {
            CallOutcome::Answered => "answered",
            CallOutcome::Failed => "failed",
            CallOutcome::Unreachable => "unreachable",
        };
        let callee = service.as_str();
        self.calls.get_or_create(&Call { callee, outcome }).inc();
    }

    /// Counts a call of a language model, and what it used up.
    pub fn answered(&self, outcome: &'static str, usage: Option<&Usage>) {
        self.model_calls.get_or_create(&Outcome { outcome }).inc();
        let Some(usage) = usage else { return };
        for (kind, tokens) in [
            ("input", usage.input_tokens),
            ("output", usage.output_tokens),
        ] {
            self.tokens.get_or_create(&Kind { kind }).inc_by(tokens);
        }
        self.dollars.inc_by(usage.total_cost.unwrap_or_default());
    }
}

async fn time(State(metrics): State<ServiceMetrics>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("unmatched", MatchedPath::as_str).to_owned();
    let began = Instant::now();
    let response = next.run(request).await;
    let status = response.status().as_u16();
    let labels = Served { route, status };
    let took = began.elapsed().as_secs_f64();
    metrics.duration.get_or_create(&labels).observe(took);
    response
}
