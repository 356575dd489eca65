//! Takes messages from a queue and makes a run of each attempt.

use std::fmt;
use std::future::Future;

use serde_json::Value;

use super::{Delivery, Queue, QueueError};
use crate::client::Client;
use crate::propagation::{LangSmithPropagator, Propagator as _};
use crate::trace::{RunTree, TraceFutureExt as _, with_run};

/// How often a message is tried: 3 times, however it ends. Then it is put aside.
pub const ATTEMPTS: u32 = 3;

/// A worker of a lesson: one message, one attempt, one run below the run that sent the message.
///
/// The run is [`current`](crate::trace::current()) in what handles the message, in place of whatever is around
/// the worker. An attempt that fails is an ended run with an error, and the next one is its sibling, because both belong
/// below the sender. Only when its run has ended is a message acknowledged: whoever dies in between leaves
/// a message that is tried again, and a run that says so, rather than neither.
///
/// ```no_run
/// use common::lab::{Queue, Worker};
/// use common::propagation::{LangSmithPropagator, TrustPolicy};
/// use serde_json::json;
/// # async fn lesson(client: common::client::Client) -> Result<(), common::lab::QueueError> {
/// let queue = Queue::start("pages").await?;
/// let ours = LangSmithPropagator::new().policy(TrustPolicy::Continue);
/// let worker = Worker::new("index page", &queue, &client, ours);
/// let handled = worker
///     .next(async |attempt, run| {
///         run.child("read").start().end();
///         match attempt.body["page"].as_u64() {
///             Some(number) => Ok(json!({"indexed": number})),
///             None => Err("it has no number".to_owned()),
///         }
///     })
///     .await?;
/// println!("{handled}");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Worker {
    name: String,
    queue: Queue,
    client: Client,
    propagator: LangSmithPropagator,
    attempts: u32,
}

/// One attempt at a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// What the message says.
    pub body: Value,
    /// Which attempt it is, from 1.
    pub number: u32,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handled {
    /// It is done, in this attempt.
    Done {
        /// From 1.
        attempt: u32,
    },
    /// This attempt failed; there will be another.
    Retried {
        /// From 1.
        attempt: u32,
    },
    /// This attempt failed and was the last: the message is put aside. After one that did not come to an end,
    /// as by a panic, that is done by whoever takes the message next.
    PutAside {
        /// From 1.
        attempt: u32,
    },
}

impl fmt::Display for Handled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done { attempt } => write!(f, "done in attempt {attempt}"),
            Self::Retried { attempt } => write!(f, "attempt {attempt} failed, to be tried again"),
            Self::PutAside { attempt } => write!(f, "attempt {attempt} failed, put aside"),
        }
    }
}

impl Worker {
    /// Makes a worker whose runs have this name. Whose messages it believes, the propagator says.
    pub fn new(
        name: impl Into<String>,
        queue: &Queue,
        client: &Client,
        propagator: LangSmithPropagator,
    ) -> Self {
        Self {
            name: name.into(),
            queue: queue.clone(),
            client: client.clone(),
            propagator,
            attempts: ATTEMPTS,
        }
    }

    /// Sets how often a message is tried; once at least. [`ATTEMPTS`] without it.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// Waits for a message and handles it: its outputs, or why it failed.
    ///
    /// # Errors
    /// When the broker is gone. A message that fails is no error here: it is in the answer, and in the run.
    pub async fn next<F, Fut>(&self, handle: F) -> Result<Handled, QueueError>
    where
        F: FnOnce(Attempt, RunTree) -> Fut,
        Fut: Future<Output = Result<Value, String>>,
    {
        let delivery = self.queue.next().await?;
        self.handle(delivery, handle).await
    }

    /// Waits for a message, or for `stop`, whichever comes first, and handles the message to its end: what a worker
    /// has in hands it does not drop. Returns nothing if it was stopped; no message is taken after that.
    ///
    /// # Errors
    /// When the broker is gone.
    pub async fn next_until<F, Fut>(
        &self,
        stop: impl Future<Output = ()>,
        handle: F,
    ) -> Result<Option<Handled>, QueueError>
    where
        F: FnOnce(Attempt, RunTree) -> Fut,
        Fut: Future<Output = Result<Value, String>>,
    {
        let delivery = tokio::select! {
            biased;
            () = stop => return Ok(None),
            delivery = self.queue.next() => delivery?,
        };
        self.handle(delivery, handle).await.map(Some)
    }

    async fn handle<F, Fut>(&self, delivery: Delivery, handle: F) -> Result<Handled, QueueError>
    where
        F: FnOnce(Attempt, RunTree) -> Fut,
        Fut: Future<Output = Result<Value, String>>,
    {
        let attempt = delivery.attempt();
        if attempt > self.attempts {
            // The last one panicked, or died with its process: nobody was left to put it aside.
            delivery.put_aside().await?;
            let attempt = attempt - 1;
            return Ok(Handled::PutAside { attempt });
        }
        let sender = self.propagator.extract(delivery.carrier());
        let run = self
            .client
            .run(&self.name)
            .metadata_from(
                sender
                    .unlinked_metadata()
                    .into_iter()
                    .flatten()
                    .map(owned)
                    .collect(),
            )
            .parent(sender.context)
            .metadata("attempt", attempt)
            .inputs(delivery.body())
            .start();
        let task = Attempt {
            body: delivery.body(),
            number: attempt,
        };
        let handled = with_run(&run, || handle(task, run.clone()));
        let result = handled.in_run(&run).await;
        let is_done = result.is_ok();
        match result {
            Ok(outputs) => run.end_with(outputs),
            Err(why) => run.fail(why),
        }
        match (is_done, attempt < self.attempts) {
            (true, _) => {
                delivery.ack().await?;
                Ok(Handled::Done { attempt })
            }
            (false, true) => {
                delivery.retry().await?;
                Ok(Handled::Retried { attempt })
            }
            (false, false) => {
                delivery.put_aside().await?;
                Ok(Handled::PutAside { attempt })
            }
        }
    }
}

fn owned((key, value): (&str, String)) -> (String, Value) {
    (key.to_owned(), value.into())
}
