//! What is said of trouble, and how often.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::export::endpoint::{HttpResponse, TransportError};
use crate::export::ledger::DropReason;

/// Of one kind, one warning in this time.
const EVERY: Duration = Duration::from_secs(60);

/// Says each kind of trouble once a minute.
#[derive(Debug, Default)]
pub(in crate::export) struct Warnings {
    said: Mutex<HashMap<String, Instant>>,
}

impl Warnings {
    /// Says that operations were given up.
    pub(in crate::export) fn dropped(&self, reason: DropReason) {
        let words = reason.to_string();
        if self.is_due(&words) {
            tracing::warn!("runs were dropped: {words}; for a minute, others are only counted");
        }
    }

    /// Says that something of the runs was left out.
    pub(super) fn left_out(&self, words: &str) {
        if self.is_due(words) {
            tracing::warn!("{words}; for a minute, others are only counted");
        }
    }

    /// Says that the endpoint takes nothing at the moment.
    pub(super) fn held(&self, reason: DropReason, outcome: &Result<HttpResponse, TransportError>) {
        let words = reason.to_string();
        if !self.is_due(&words) {
            return;
        }
        let what = match outcome {
            Ok(response) => format!("status {}", response.status),
            Err(error) => error.to_string(),
        };
        tracing::warn!("runs are held: {words} ({what}); trying again");
    }

    fn is_due(&self, kind: &str) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        match said.get_mut(kind) {
            Some(last) if now.duration_since(*last) < EVERY => false,
            Some(last) => {
                *last = now;
                true
            }
            None => said.insert(kind.to_owned(), now).is_none(),
        }
    }
}
