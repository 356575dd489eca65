//! Batches on their way, several at once.
//!
//! ```text
//!                    Sender                   Flight, one for each batch, ≤ max_in_flight
//! worker ──► place ──► send(batch) ──► divide ──► load ──► encode ──► exchange ──► fate
//!            waits until one is free      ▲                  one        │  ▲         │
//!                                         │                encoder      └──┘ again   │
//!                                         └── halves, another form, less ◄───────────┤
//!                                                                    settle ◄────────┘
//! ```
//!
//! The rate of requests needs no limit of its own. A lane that is not idle sends a batch each
//! [`linger`](super::BatchConfig::linger) (ten a second), sooner only if one is full, and while
//! all places are taken the queue gathers: batches grow before there are more of them. A key's budget is
//! thousands of requests a minute; a server that wants less says 429, and the breaker obeys.
//!
//! Each flight is a task on the exporter's runtime, which has one thread: encoding takes turns, waiting
//! does not. A flight that panics is ended alone; what it held is booked. Start at [`Sender`].

mod breaker;
mod dialect;
mod early;
mod fate;
mod flight;
mod reply;
mod retry;
mod route;
mod truncate;
mod warnings;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};

use breaker::Breaker;
pub(super) use dialect::Dialect;
use early::Early;
pub(super) use retry::MAX_WAIT;
pub(crate) use retry::names_workspace;
pub use retry::{RetryPolicy, Verdict, judge};
pub(super) use warnings::Warnings;

use super::batch::Held;
use super::config::{BatchConfig, Delivery};
use super::encode::Encoder;
use super::endpoint::Transport;
use super::queue::Queue;

/// Has batches carried to the endpoint, at most so many at once.
pub(super) struct Sender {
    shared: Arc<Shared>,
    places: Arc<Semaphore>,
    flights: JoinSet<()>,
}

/// What all flights to one endpoint have in common.
pub(super) struct Shared {
    pub(super) queue: Arc<Queue>,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) config: BatchConfig,
    pub(super) warnings: Arc<Warnings>,
    breaker: Breaker,
    early: Mutex<Early>,
    dialect: Mutex<Dialect>,
    encoder: Mutex<Encoder>,
}

/// The right to send one batch.
pub(super) struct Place(#[expect(dead_code, reason = "held, never read")] OwnedSemaphorePermit);

impl Sender {
    pub(super) fn new(
        queue: Arc<Queue>,
        transport: Arc<dyn Transport>,
        config: BatchConfig,
        warnings: Arc<Warnings>,
    ) -> Self {
        let places = match config.delivery {
            Delivery::Batched => config.max_in_flight.clamp(1, Semaphore::MAX_PERMITS),
            // An update must not overtake its run: by itself it would find none.
            Delivery::Unbatched => 1,
        };
        Self {
            shared: Arc::new(Shared {
                breaker: Breaker::new(config.retry.clone()),
                early: Mutex::default(),
                dialect: Mutex::new(Dialect::new(config.delivery)),
                encoder: Mutex::new(Encoder::with_level(config.compression_level)),
                queue,
                transport,
                config,
                warnings,
            }),
            places: Arc::new(Semaphore::new(places)),
            flights: JoinSet::new(),
        }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Waits until one more batch may be sent. Meanwhile the queue gathers, so that the next one is
    /// larger: the rate of requests rises last.
    pub(super) async fn place(&self) -> Place {
        loop {
            // Fails only once the semaphore is closed, which nobody does.
            if let Ok(place) = self.places.clone().acquire_owned().await {
                return Place(place);
            }
        }
    }

    /// Sends a batch; it is settled piece by piece, as the fates become known.
    pub(super) fn send(&mut self, batch: Held, place: Place) {
        while let Some(end) = self.flights.try_join_next() {
            report(end);
        }
        let flight = flight::fly(self.shared.clone(), batch);
        self.flights.spawn(async move {
            flight.await;
            drop(place);
        });
    }

    /// Waits for all that is under way.
    pub(super) async fn landed(&mut self) {
        while let Some(end) = self.flights.join_next().await {
            report(end);
        }
    }

    /// Ends all that is under way; what it holds is given up and booked.
    pub(super) async fn give_up(&mut self) {
        self.flights.shutdown().await;
    }
}

impl Shared {
    pub(super) fn dialect(&self) -> MutexGuard<'_, Dialect> {
        self.dialect.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn early(&self) -> MutexGuard<'_, Early> {
        self.early.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn encoder(&self) -> MutexGuard<'_, Encoder> {
        self.encoder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn report(end: Result<(), JoinError>) {
    if end.is_err_and(|error| error.is_panic()) {
        tracing::error!("the LangSmith exporter lost a batch to a panic; please report it");
    }
}
