//! A queue that one process holds and others reach: HTTP with JSON, on loopback or inside of a cluster.
//!
//! ```text
//! POST /publish ──► waiting ──► POST /take (waits) ──► lease ──► POST /settle  done · again · aside
//!                      ▲                                 └─ not settled in time: goes back, counts as an attempt
//!                      └─────────────────────────────────┘
//! ```
//!
//! It stands in for a broker where none is here, and is one in what matters to a worker: a message is kept until it
//! is settled, and comes again when its worker has died. It is lost with the process that holds it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::message::{Fate, Message};
use super::{Delivery, Queue, QueueError, Wanted};
use crate::propagation::Entries;

/// How long one question for a message waits for an answer.
const WAIT: Duration = Duration::from_millis(500);
/// How long a worker waits for an answer, which is longer.
const ANSWER: Duration = Duration::from_secs(10);

/// A message on its way.
#[derive(Debug, Serialize, Deserialize)]
struct Sent {
    body: Value,
    #[serde(default)]
    context: Entries,
}

/// A message that was taken.
#[derive(Debug, Serialize, Deserialize)]
struct Taken {
    lease: u64,
    body: Value,
    context: Entries,
    attempt: u32,
}

/// What becomes of it.
#[derive(Debug, Serialize, Deserialize)]
struct Settled {
    lease: u64,
    fate: Word,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Done,
    Again,
    Aside,
}

#[derive(Debug, Clone)]
struct Counter {
    queue: Queue,
    leases: Arc<Mutex<HashMap<u64, (Instant, Delivery)>>>,
    next: Arc<AtomicU64>,
    redeliver_after: Duration,
}

/// Serves a queue.
pub(super) fn router(queue: &Queue, redeliver_after: Duration) -> Router {
    let counter = Counter {
        queue: queue.clone(),
        leases: Arc::default(),
        next: Arc::default(),
        redeliver_after,
    };
    Router::new()
        .route("/publish", post(publish))
        .route("/take", post(take))
        .route("/settle", post(settle))
        .route("/aside", get(aside))
        .route("/outstanding", get(outstanding))
        .with_state(counter)
}

type Answer<T> = Result<T, (StatusCode, String)>;

#[allow(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn gone(error: QueueError) -> (StatusCode, String) {
    (StatusCode::BAD_GATEWAY, error.to_string())
}

async fn publish(State(counter): State<Counter>, Json(sent): Json<Sent>) -> Answer<StatusCode> {
    let published = counter.queue.publish_with(&sent.body, sent.context).await;
    published.map_err(gone)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn take(State(counter): State<Counter>) -> Answer<Json<Option<Taken>>> {
    let until = Instant::now() + WAIT;
    loop {
        // The first lease that runs out may be what this worker waits for.
        let next = counter.take_back().unwrap_or(until).min(until);
        tokio::select! {
            delivery = counter.queue.next() => {
                return Ok(Json(Some(counter.lend(delivery.map_err(gone)?))));
            }
            () = tokio::time::sleep_until(next.into()) => {
                if Instant::now() >= until {
                    return Ok(Json(None));
                }
            }
        }
    }
}

async fn settle(
    State(counter): State<Counter>,
    Json(settled): Json<Settled>,
) -> Answer<StatusCode> {
    let taken = counter.leases().remove(&settled.lease);
    let Some((_, delivery)) = taken else {
        let late = "the lease has ended; somebody else has the message, or will";
        return Err((StatusCode::GONE, late.to_owned()));
    };
    let done = match settled.fate {
        Word::Done => delivery.ack().await,
        Word::Again => delivery.retry().await,
        Word::Aside => delivery.put_aside().await,
    };
    done.map_err(gone)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn aside(State(counter): State<Counter>) -> Answer<Json<Vec<Value>>> {
    counter.queue.put_aside().await.map(Json).map_err(gone)
}

async fn outstanding(State(counter): State<Counter>) -> Answer<Json<u64>> {
    counter.queue.outstanding().await.map(Json).map_err(gone)
}

impl Counter {
    fn leases(&self) -> std::sync::MutexGuard<'_, HashMap<u64, (Instant, Delivery)>> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts back what was not settled in time, and returns when the next lease runs out.
    fn take_back(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut leases = self.leases();
        // Dropped, a delivery goes back.
        leases.retain(|_, (ends, _)| *ends > now);
        leases.values().map(|(ends, _)| *ends).min()
    }

    fn lend(&self, delivery: Delivery) -> Taken {
        let lease = self.next.fetch_add(1, Ordering::Relaxed);
        let taken = Taken {
            lease,
            body: delivery.body(),
            context: delivery.carrier().clone(),
            attempt: delivery.attempt(),
        };
        let ends = Instant::now() + self.redeliver_after;
        self.leases().insert(lease, (ends, delivery));
        taken
    }
}

/// A queue of another process.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) url: String,
    http: reqwest::Client,
}

impl Served {
    /// Joins it, if it is there.
    pub(super) async fn join(url: &str) -> Result<Self, QueueError> {
        let served = Self {
            url: url.trim_end_matches('/').to_owned(),
            http: crate::lab::http_client(),
        };
        served.outstanding().await?;
        Ok(served)
    }

    pub(super) async fn push(&self, message: &Message) -> Result<(), QueueError> {
        let sent = Sent {
            body: message.value(),
            context: message.entries.clone(),
        };
        self.post("publish", &sent).await.map(drop)
    }

    pub(super) async fn pull(
        &self,
        is_wanted: &Wanted<'_>,
    ) -> Result<Option<(Message, u64)>, QueueError> {
        while is_wanted() {
            let answer = self.post("take", &Value::Null).await?;
            let taken: Option<Taken> = answer.json().await.map_err(failed)?;
            if let Some(taken) = taken {
                let message = Message {
                    body: taken.body.to_string(),
                    entries: taken.context,
                    attempt: taken.attempt,
                };
                return Ok(Some((message, taken.lease)));
            }
        }
        Ok(None)
    }

    pub(super) async fn settle(&self, lease: u64, fate: &Fate) -> Result<(), QueueError> {
        let fate = match fate {
            Fate::Done => Word::Done,
            Fate::Again(_) => Word::Again,
            Fate::Aside(_) => Word::Aside,
        };
        self.post("settle", &Settled { lease, fate })
            .await
            .map(drop)
    }

    pub(super) async fn aside(&self) -> Result<Vec<Value>, QueueError> {
        self.get("aside").await
    }

    pub(super) async fn outstanding(&self) -> Result<u64, QueueError> {
        self.get("outstanding").await
    }

    async fn post(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<reqwest::Response, QueueError> {
        let request = self.http.post(format!("{}/{path}", self.url)).json(body);
        good(request).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, QueueError> {
        let answer = good(self.http.get(format!("{}/{path}", self.url))).await?;
        answer.json().await.map_err(failed)
    }
}

async fn good(request: reqwest::RequestBuilder) -> Result<reqwest::Response, QueueError> {
    let answer = request.timeout(ANSWER).send().await.map_err(failed)?;
    answer.error_for_status().map_err(failed)
}

#[allow(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn failed(error: reqwest::Error) -> QueueError {
    let mut told = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(deeper) = cause {
        told = format!("{told}: {deeper}");
        cause = deeper.source();
    }
    QueueError::Served(told)
}
