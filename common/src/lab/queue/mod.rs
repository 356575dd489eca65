//! A queue between two services of a lesson, with a real broker where there is one.
//!
//! ```text
//! run ──publish──► Redis Streams │ NATS JetStream │ a channel in this process ──next──► Delivery
//!         └ body, and the run's context as fields or headers                      ack · retry · put_aside
//!                  └──── each a Broker, a process ────┘                    Worker: a run for each attempt
//! ```
//!
//! A queue that another process holds is joined at its address: that of a broker, or of a process that serves its
//! own ([`Queue::router`]). All keep a message until it is acknowledged, bring one back whose worker died, and count attempts.
//! Start at [`Queue`].

mod broker;
mod delivery;
mod error;
mod in_process;
mod message;
mod nats;
mod redis_streams;
mod served;
mod worker;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::oneshot;

pub use self::delivery::Delivery;
pub use self::error::QueueError;
use self::in_process::InProcess;
use self::message::{Fate, Message, Receipt};
use self::nats::Nats;
use self::redis_streams::RedisStreams;
use self::served::Served;
pub use self::worker::{ATTEMPTS, Attempt, Handled, Worker};
use crate::propagation::{Entries, LangSmithPropagator};
use crate::trace::RunTree;

/// How long a message may be with a worker before the broker takes the worker for dead: one minute. A
/// lesson on a busy machine must not see attempts that nobody made.
pub const REDELIVER_AFTER: Duration = Duration::from_secs(60);

/// What keeps the messages of a [`Queue`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueKind {
    /// `redis-server` of the system's packages, started for this queue alone.
    RedisStreams,
    /// `nats-server` of the system's packages with JetStream, started for this queue alone.
    Nats,
    /// A channel in a process: in this one or, of a queue that was [joined](Queue::join), in the one that serves it.
    InProcess,
}

impl QueueKind {
    /// Says why a queue of this kind cannot be started here; nothing if it can.
    pub fn missing(self) -> Option<String> {
        let program = match self {
            Self::RedisStreams => redis_streams::PROGRAM,
            Self::Nats => nats::PROGRAM,
            Self::InProcess => return None,
        };
        let missing = || QueueError::Missing { program }.to_string();
        broker::find(program).is_none().then(missing)
    }
}

/// A queue of messages, each with the context of the run that sent it. A cheap clone.
///
/// It says itself what it is made of. Its broker is started with the queue, in memory and for nobody else
/// on this machine, and stops with the last clone; also when the process behind a notebook is killed.
///
/// ```no_run
/// use common::lab::Queue;
/// # use common::trace::RunTree;
/// # async fn lesson(run: RunTree) -> Result<(), common::lab::QueueError> {
/// let queue = Queue::start("pages").await?;
/// println!("{queue}"); // queue `pages` on Redis Streams (redis-server 7.0.15)
/// queue.publish(&serde_json::json!({"page": 7}), &run).await?;
///
/// let delivery = queue.next().await?;
/// assert_eq!((delivery.body()["page"].as_u64(), delivery.attempt()), (Some(7), 1));
/// assert!(delivery.carrier().iter().any(|(name, _)| name == "langsmith-trace"));
/// delivery.ack().await
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Queue(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    broker: Backend,
}

#[derive(Debug)]
enum Backend {
    Redis(RedisStreams),
    Nats(Box<Nats>),
    InProcess(InProcess),
    Served(Served),
}

impl Queue {
    /// Starts a queue on Redis Streams, else on NATS, else in this process: on the first that is here.
    ///
    /// # Errors
    /// When a broker is here and does not start.
    pub async fn start(name: &str) -> Result<Self, QueueError> {
        let kinds = [QueueKind::RedisStreams, QueueKind::Nats];
        let here = kinds.into_iter().find(|kind| kind.missing().is_none());
        Self::start_on(here.unwrap_or(QueueKind::InProcess), name, REDELIVER_AFTER).await
    }

    /// Starts a queue of a kind, which brings a message again that was not settled in `redeliver_after`. In
    /// this process nobody can die alone, so a queue of [`QueueKind::InProcess`] does not watch the time.
    ///
    /// # Errors
    /// When the broker is not here or does not start. A name is letters, digits, `-` and `_`.
    pub async fn start_on(
        kind: QueueKind,
        name: &str,
        redeliver_after: Duration,
    ) -> Result<Self, QueueError> {
        check(name)?;
        crate::lab::kernel::start();
        let find = |program| broker::find(program).ok_or(QueueError::Missing { program });
        let broker = match kind {
            QueueKind::RedisStreams => {
                let program = find(redis_streams::PROGRAM)?;
                Backend::Redis(RedisStreams::start(&program, name, redeliver_after).await?)
            }
            QueueKind::Nats => {
                let program = find(nats::PROGRAM)?;
                Backend::Nats(Box::new(
                    Nats::start(&program, name, redeliver_after).await?,
                ))
            }
            QueueKind::InProcess => Backend::InProcess(InProcess::default()),
        };
        let name = name.to_owned();
        Ok(Self(Arc::new(Inner { name, broker })))
    }

    /// Joins a queue that another process has started, or that it serves: `redis://…`, `redis+unix://…`,
    /// `nats://TOKEN@HOST:PORT`, or the `http://…` where its [`router`](Self::router) is. On a broker the queue is made
    /// if it is not there, and the broker goes on when this process ends.
    ///
    /// All who join say the same `redeliver_after`; of a queue that is served, its process says it.
    ///
    /// # Errors
    /// When nobody answers there, or the address or the name is none.
    pub async fn join(
        address: &str,
        name: &str,
        redeliver_after: Duration,
    ) -> Result<Self, QueueError> {
        check(name)?;
        crate::lab::kernel::start();
        let broker = match address.split_once("://").map(|(scheme, _)| scheme) {
            Some("redis" | "redis+unix" | "unix") => {
                Backend::Redis(RedisStreams::join(address, name, redeliver_after).await?)
            }
            Some("nats") => {
                Backend::Nats(Box::new(Nats::join(address, name, redeliver_after).await?))
            }
            Some("http") => Backend::Served(Served::join(address).await?),
            _ => return Err(QueueError::Address),
        };
        let name = name.to_owned();
        Ok(Self(Arc::new(Inner { name, broker })))
    }

    /// Returns where other processes [`join`](Self::join) the queue; nothing for one in this process, which has no
    /// address until its [`router`](Self::router) has one. It may hold a secret: hand it on in an environment, not
    /// on a command line.
    pub fn address(&self) -> Option<&str> {
        match &self.0.broker {
            Backend::Redis(redis) => Some(&redis.address),
            Backend::Nats(nats) => Some(&nats.address),
            Backend::Served(served) => Some(&served.url),
            Backend::InProcess(_) => None,
        }
    }

    /// Makes the HTTP service with which a process shares its queue with others, where there is no broker. A message
    /// that was taken and is not settled in `redeliver_after` goes back, and counts as an attempt.
    ///
    /// It asks nobody who they are: serve it on loopback, or where only your own services get.
    pub fn router(&self, redeliver_after: Duration) -> axum::Router {
        served::router(self, redeliver_after)
    }

    /// Returns what keeps the messages.
    pub fn kind(&self) -> QueueKind {
        match &self.0.broker {
            Backend::Redis(_) => QueueKind::RedisStreams,
            Backend::Nats(_) => QueueKind::Nats,
            Backend::InProcess(_) | Backend::Served(_) => QueueKind::InProcess,
        }
    }

    /// Returns how many messages are neither done nor put aside: they wait, or somebody has them in hands.
    ///
    /// # Errors
    /// When the broker is gone.
    pub async fn outstanding(&self) -> Result<u64, QueueError> {
        match &self.0.broker {
            Backend::Redis(redis) => redis.outstanding().await,
            Backend::Nats(nats) => nats.outstanding().await,
            Backend::InProcess(queue) => Ok(queue.outstanding()),
            Backend::Served(served) => served.outstanding().await,
        }
    }

    /// Sends a message below `run`: whoever handles it continues its trace.
    ///
    /// # Errors
    /// When the broker is gone.
    pub async fn publish(&self, body: &Value, run: &RunTree) -> Result<(), QueueError> {
        let context = run.context();
        let entries = context.map(|context| Entries::of(&LangSmithPropagator::new(), &context));
        self.publish_with(body, entries.unwrap_or_default()).await
    }

    /// Sends a message with entries of your own: those of another propagator, or none.
    ///
    /// # Errors
    /// When the broker is gone, or cannot hold such an entry: NATS has none with line breaks.
    pub async fn publish_with(&self, body: &Value, entries: Entries) -> Result<(), QueueError> {
        let message = Message {
            body: body.to_string(),
            entries,
            attempt: 1,
        };
        match &self.0.broker {
            Backend::Redis(redis) => redis.push(&message).await,
            Backend::Nats(nats) => nats.push(&message).await,
            Backend::InProcess(queue) => {
                queue.push(message);
                Ok(())
            }
            Backend::Served(served) => served.push(&message).await,
        }
    }

    /// Waits for the next message. Dropping the future loses none.
    ///
    /// # Errors
    /// When the broker is gone.
    pub async fn next(&self) -> Result<Delivery, QueueError> {
        let inner = self.0.clone();
        if let Backend::InProcess(queue) = &inner.broker {
            let message = queue.pull().await;
            return Ok(Delivery::of(inner, message, Receipt::InProcess).seen());
        }
        // In a task of its own: a broker may hand over a message when nobody waits any more, and then it
        // goes back, because it is dropped.
        let (taken, waiting) = oneshot::channel();
        tokio::spawn(async move {
            let pulled = inner.pull(&|| !taken.is_closed()).await;
            let delivery = pulled.map(|pulled| {
                pulled.map(|(message, receipt)| Delivery::of(inner, message, receipt))
            });
            if let Some(delivery) = delivery.transpose() {
                drop(taken.send(delivery));
            }
        });
        let delivery = waiting.await.map_err(|_| QueueError::Stopped)??;
        Ok(delivery.seen())
    }

    /// Returns the bodies of the messages that were put aside, in that order.
    ///
    /// # Errors
    /// When the broker is gone.
    pub async fn put_aside(&self) -> Result<Vec<Value>, QueueError> {
        let aside = match &self.0.broker {
            Backend::Redis(redis) => redis.aside().await?,
            Backend::Nats(nats) => nats.aside().await?,
            Backend::InProcess(queue) => queue.aside(),
            Backend::Served(served) => return served.aside().await,
        };
        Ok(aside.iter().map(Message::value).collect())
    }
}

impl Inner {
    /// Waits for a message as long as it is wanted.
    async fn pull(&self, is_wanted: &Wanted<'_>) -> Result<Option<(Message, Receipt)>, QueueError> {
        Ok(match &self.broker {
            Backend::Redis(redis) => {
                let taken = redis.pull(is_wanted).await?;
                taken.map(|(message, id)| (message, Receipt::Redis(id)))
            }
            Backend::Nats(nats) => {
                let taken = nats.pull(is_wanted).await?;
                taken.map(|(message, acker)| (message, Receipt::Nats(Box::new(acker))))
            }
            Backend::InProcess(queue) => Some((queue.pull().await, Receipt::InProcess)),
            Backend::Served(served) => {
                let taken = served.pull(is_wanted).await?;
                taken.map(|(message, lease)| (message, Receipt::Served(lease)))
            }
        })
    }

    async fn settle(&self, receipt: &Receipt, fate: Fate) -> Result<(), QueueError> {
        match (&self.broker, receipt) {
            (Backend::Redis(redis), Receipt::Redis(id)) => redis.settle(id, &fate).await,
            (Backend::Nats(nats), Receipt::Nats(acker)) => nats.settle(acker, &fate).await,
            (Backend::InProcess(queue), _) => {
                queue.settle(fate);
                Ok(())
            }
            (Backend::Served(served), Receipt::Served(lease)) => served.settle(*lease, &fate).await,
            // A delivery holds the queue that it came from.
            _ => Err(QueueError::Stopped),
        }
    }
}

/// Looks whether every broker takes a name.
fn check(name: &str) -> Result<(), QueueError> {
    let plain = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'_');
    match !name.is_empty() && name.bytes().all(plain) {
        true => Ok(()),
        false => Err(QueueError::Name),
    }
}

/// Says whether somebody still waits.
type Wanted<'w> = dyn Fn() -> bool + Send + Sync + 'w;

impl fmt::Display for Queue {
    /// Says what the queue is made of.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.0.name;
        match &self.0.broker {
            Backend::Redis(redis) => {
                write!(
                    f,
                    "queue `{name}` on Redis Streams (redis-server {})",
                    redis.version
                )
            }
            Backend::Nats(nats) => {
                write!(
                    f,
                    "queue `{name}` on NATS JetStream (nats-server {})",
                    nats.version
                )
            }
            Backend::InProcess(_) => write!(
                f,
                "queue `{name}` in this process, without a broker (redis-server and nats-server are \
                 what it looks for)"
            ),
            Backend::Served(served) => {
                write!(f, "queue `{name}` of another process, at {}", served.url)
            }
        }
    }
}
