//! A message in the hands of a worker.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use tokio::runtime::Handle;

use super::message::{Fate, Message, Receipt};
use super::{Inner, QueueError};
use crate::propagation::Entries;

/// A message that was taken and is not settled yet: say what becomes of it, after its run has ended.
///
/// Dropped as it is, because its worker panicked or was cancelled, it goes back into the queue and counts as
/// an attempt. When the whole process dies, the broker does that.
#[must_use = "a message that is dropped goes back into the queue"]
pub struct Delivery {
    inner: Arc<Inner>,
    message: Message,
    // Taken by whatever settles it.
    receipt: Option<Receipt>,
    // Somebody had it in hands; before that, it is no attempt.
    is_seen: bool,
    runtime: Option<Handle>,
}

impl Delivery {
    pub(super) fn of(inner: Arc<Inner>, message: Message, receipt: Receipt) -> Self {
        Self {
            inner,
            message,
            receipt: Some(receipt),
            is_seen: false,
            runtime: Handle::try_current().ok(),
        }
    }

    pub(super) fn seen(mut self) -> Self {
        self.is_seen = true;
        self
    }

    /// Returns what the message says.
    pub fn body(&self) -> Value {
        self.message.value()
    }

    /// Returns which attempt this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.message.attempt
    }

    /// Returns the entries that say where the message belongs: of the run that sent it, in every attempt.
    pub fn carrier(&self) -> &Entries {
        &self.message.entries
    }

    /// Says that the message is done.
    ///
    /// # Errors
    /// When the broker is gone.
    pub async fn ack(self) -> Result<(), QueueError> {
        self.settle(Fate::Done).await
    }

    /// Puts the message back, for another attempt behind those that wait already.
    ///
    /// # Errors
    /// When the broker is gone.
    pub async fn retry(self) -> Result<(), QueueError> {
        let fate = Fate::Again(self.again());
        self.settle(fate).await
    }

    /// Puts the message where nobody takes it from, because no attempt will succeed.
    ///
    /// # Errors
    /// When the broker is gone.
    pub async fn put_aside(self) -> Result<(), QueueError> {
        let fate = Fate::Aside(self.message.clone());
        self.settle(fate).await
    }

    fn again(&self) -> Message {
        let mut message = self.message.clone();
        message.attempt = message.attempt.saturating_add(u32::from(self.is_seen));
        message
    }

    async fn settle(mut self, fate: Fate) -> Result<(), QueueError> {
        let receipt = self.receipt.take().ok_or(QueueError::Stopped)?;
        self.inner.settle(&receipt, fate).await
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        let (Some(receipt), Some(runtime)) = (self.receipt.take(), &self.runtime) else {
            return;
        };
        let (inner, fate) = (self.inner.clone(), Fate::Again(self.again()));
        runtime.spawn(async move {
            if let Err(error) = inner.settle(&receipt, fate).await {
                tracing::warn!(%error, "a message could not be put back; its broker does so later");
            }
        });
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Delivery");
        shown
            .field("message", &self.message)
            .field("is_seen", &self.is_seen);
        shown.finish_non_exhaustive()
    }
}
