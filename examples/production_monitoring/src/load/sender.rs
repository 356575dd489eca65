//! Sends a plan, each request at its time whether or not the others are answered.
//!
//! ```text
//! Plan ──sleep until due──► task ──POST /ask──► Answer ──► Entry ──► Ledger
//! ```
//!
//! Start at [`Sender::send`].

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tokio::sync::watch;

use super::arrivals::{Plan, Planned};
use super::ledger::Entry;
use crate::metrics::SECONDS;
use crate::services::{Answer, QUESTION, Question, REQUEST_ID_HEADER};

/// How long an answer is waited for. A service that is killed answers sooner: its connections break.
const PATIENCE: Duration = Duration::from_secs(60);

/// What became of the requests so far.
#[derive(Debug, Clone, Default)]
pub struct Sent(Arc<Mutex<Vec<Entry>>>);

impl Sent {
    fn enter(&self, entry: Entry) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(entry);
    }

    /// Returns the answered requests so far.
    pub fn entries(&self) -> Vec<Entry> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// The labels of a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    scenario: &'static str,
    status: u16,
}

/// What the load says of itself to Prometheus.
#[derive(Debug, Clone)]
pub struct LoadMetrics {
    requests: Family<Labels, Counter>,
    duration: Histogram,
}

impl LoadMetrics {
    /// Registers the metrics.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            duration: Histogram::new(SECONDS),
        };
        let requests = metrics.requests.clone();
        registry.register(
            "load_requests",
            "Requests answered; status 0 is no answer",
            requests,
        );
        registry.register_with_unit(
            "load_request_duration",
            "From the moment a request was due to its answer",
            Unit::Seconds,
            metrics.duration.clone(),
        );
        metrics
    }

    fn count(&self, entry: &Entry) {
        let labels = Labels {
            scenario: entry.scenario.as_str(),
            status: entry.status,
        };
        self.requests.get_or_create(&labels).inc();
        self.duration.observe(entry.took_seconds);
    }
}

/// Sends requests to a gateway.
#[derive(Debug, Clone)]
pub struct Sender {
    /// The gateway's address.
    pub gateway: String,
    /// Where answers are entered.
    pub sent: Sent,
    /// Where they are counted.
    pub metrics: LoadMetrics,
    /// How it is called.
    pub http: reqwest::Client,
}

impl Sender {
    /// Sends all requests of a plan, and returns when each is answered or given up.
    ///
    /// A request whose moment is not before `gate` waits: a fault that it is to meet has not begun yet. The wait counts
    /// as latency. If nobody holds the gate any more it is open.
    pub async fn send(self, plan: Plan, began: Instant, mut gate: watch::Receiver<f64>) {
        let mut tasks = tokio::task::JoinSet::new();
        for planned in plan.requests {
            tokio::time::sleep_until((began + planned.at).into()).await;
            let at = planned.at.as_secs_f64();
            let _ = gate.wait_for(|until| at < *until).await;
            tasks.spawn(self.clone().one(planned, began));
            // What has ended is let go.
            while tasks.try_join_next().is_some() {}
        }
        tasks.join_all().await;
    }

    async fn one(self, planned: Planned, began: Instant) {
        let request = self.http.post(format!("{}/ask", self.gateway));
        let request = request
            .timeout(PATIENCE)
            .header(REQUEST_ID_HEADER, &planned.id)
            .json(&Question {
                question: QUESTION.to_owned(),
                documents: Vec::new(),
                scenario: planned.scenario,
            });
        let (status, answer) = match request.send().await {
            Ok(response) => (
                response.status().as_u16(),
                response.json::<Answer>().await.ok(),
            ),
            Err(_) => (0, None),
        };
        let answer = answer.unwrap_or_default();
        let entry = Entry {
            id: planned.id,
            scenario: planned.scenario,
            due_seconds: planned.at.as_secs_f64(),
            took_seconds: began.elapsed().saturating_sub(planned.at).as_secs_f64(),
            status,
            recorded: answer.recorded,
            calls: answer.calls,
        };
        self.metrics.count(&entry);
        self.sent.enter(entry);
    }
}
