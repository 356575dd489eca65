//! What stands in a queue.

use async_nats::jetstream::message::Acker;
use serde_json::Value;

use crate::propagation::Entries;

/// A message as all brokers keep it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Message {
    /// JSON.
    pub(super) body: String,
    /// The context of whoever sent it first.
    pub(super) entries: Entries,
    /// Which attempt the next one to take it makes, from 1.
    pub(super) attempt: u32,
}

/// The names under which brokers keep what is no entry of a context.
pub(super) const BODY: &str = "body";
pub(super) const ATTEMPT: &str = "attempt";

impl Message {
    /// Puts a message together from the names and values that a broker keeps.
    pub(super) fn of(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let (mut body, mut attempt, mut entries) = (String::new(), 1, Vec::new());
        for (name, value) in pairs {
            match name.as_str() {
                BODY => body = value,
                ATTEMPT => attempt = value.parse().unwrap_or(1),
                _ => entries.push((name, value)),
            }
        }
        Self {
            body,
            attempt,
            entries: entries.into_iter().collect(),
        }
    }
}

impl Message {
    /// Counts the attempts of those who took it and never said what became of it.
    pub(super) fn taken_again(mut self, times: u64) -> Self {
        let times = u32::try_from(times).unwrap_or(u32::MAX);
        self.attempt = self.attempt.saturating_add(times);
        self
    }

    /// Returns the body; what is no JSON, as its text.
    pub(super) fn value(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| Value::from(self.body.as_str()))
    }
}

/// What the broker knows a message by that was taken.
pub(super) enum Receipt {
    /// The entry's id.
    Redis(String),
    Nats(Box<Acker>),
    InProcess,
    /// The number of the lease.
    Served(u64),
}

/// What is to become of a message that was taken.
#[derive(Debug, Clone)]
pub(super) enum Fate {
    /// It is done.
    Done,
    /// It comes again, as this one.
    Again(Message),
    /// It is put aside, as this one.
    Aside(Message),
}
