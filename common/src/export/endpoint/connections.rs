//! How many connections were made: whether a request that broke off was on an old one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

/// Counts the connections that a client makes. A clone counts the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Connections(Arc<AtomicU64>);

impl Connections {
    /// Returns how many were begun.
    pub(super) fn made(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl<S> Layer<S> for Connections {
    type Service = Counting<S>;

    fn layer(&self, connector: S) -> Counting<S> {
        Counting {
            connector,
            made: self.clone(),
        }
    }
}

/// A connector that counts.
#[derive(Debug, Clone)]
pub(super) struct Counting<S> {
    connector: S,
    made: Connections,
}

impl<S: Service<R>, R> Service<R> for Counting<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.made.0.fetch_add(1, Ordering::Relaxed);
        self.connector.call(request)
    }
}
