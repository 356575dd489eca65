//! What the exporter's thread does: take a batch, have it changed and merged, hand it to a sender.
//!
//! ```text
//! queue ──► take ──► transform ──► merge ──► Sender: encode, send, settle; several at once
//!             ▲      (a thread                  ▲
//!             │       beside)                   │ form, compression, limits
//!             └── a place is free            /info, asked beside the first batch
//! ```
//!
//! Start at [`Worker::run`].

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::in_flight::{Held, InFlight};
use super::merge::Batch;
use crate::export::config::{BatchConfig, DEFAULT_BATCH_BYTES, DEFAULT_BATCH_OPS, Delivery};
use crate::export::endpoint::{HttpRequest, ServerInfo, Transport};
use crate::export::queue::{Limits, Queue, Queued, Waiting};
use crate::export::send::{Sender, Shared, Warnings};

/// Longer than this nobody waits to hear what the server prefers.
const INFO_TIMEOUT: Duration = Duration::from_secs(5);

/// A server that did not say what it prefers is asked again after this long.
const INFO_AGAIN: Duration = Duration::from_secs(60);

pub(in crate::export) struct Worker {
    queue: Arc<Queue>,
    config: BatchConfig,
    in_flight: InFlight,
    sender: Sender,
    info: Info,
}

/// What becomes of the question of what the server prefers.
struct Info {
    // When to ask; never if it does not matter.
    due: Option<Instant>,
    asking: Option<JoinHandle<bool>>,
    // The first batch waits for the answer a little, and no other does.
    is_first: bool,
}

/// Returns what one request may hold: what the user says, else the server, else the default.
pub(in crate::export) fn limits(config: &BatchConfig, info: &ServerInfo) -> Limits {
    let server = info.batch_ingest_config.clone().unwrap_or_default();
    let first = |ours: Option<usize>, theirs: Option<usize>, default: usize| {
        // Nothing at all is no limit: of ours it means that the server's counts.
        let stated = |limit: &usize| *limit > 0;
        ours.filter(stated)
            .or(theirs.filter(stated))
            .unwrap_or(default)
    };
    Limits {
        ops: first(config.max_ops, server.size_limit, DEFAULT_BATCH_OPS),
        bytes: first(
            config.max_bytes,
            server.size_limit_bytes,
            DEFAULT_BATCH_BYTES,
        ),
    }
}

/// Logs the first refusal of each kind, at once: a batch in flight may take minutes. Never ends.
pub(in crate::export) async fn warn_refused(queue: &Queue) {
    let mut warned = Vec::new();
    loop {
        queue.refused_anew().await;
        for reason in queue.stats().refused.into_keys() {
            if !warned.contains(&reason) {
                warned.push(reason);
                tracing::warn!("runs are refused: {reason}; later ones are counted, not logged");
            }
        }
    }
}

impl Worker {
    pub(in crate::export) fn new(
        queue: Arc<Queue>,
        transport: Arc<dyn Transport>,
        config: BatchConfig,
    ) -> Self {
        let warnings = Arc::new(Warnings::default());
        Self {
            in_flight: InFlight::new(queue.clone(), warnings.clone()),
            sender: Sender::new(queue.clone(), transport, config.clone(), warnings),
            info: Info {
                due: (config.delivery == Delivery::Batched).then(Instant::now),
                asking: None,
                is_first: true,
            },
            queue,
            config,
        }
    }

    /// Works until the queue is closed and empty. After a panic it may be called again: what was
    /// learned of the server is kept, and what is under way stays so.
    pub(in crate::export) async fn run(&mut self) {
        while self.queue.wait_for_work().await {
            self.ask_info();
            self.hear_info().await;
            let place = self.sender.place().await;
            let Some(taken) = self.queue.next_batch().await else {
                break;
            };
            if let Some(batch) = self.gather(taken).await {
                self.sender.send(batch, place);
            }
        }
        self.sender.landed().await;
    }

    /// Ends what is under way; it is given up and booked.
    pub(in crate::export) async fn give_up(&mut self) {
        self.sender.give_up().await;
    }

    /// Lets the program change what was taken, and merges what is sent together.
    ///
    /// None if there is nothing to send; what was taken is booked.
    async fn gather(&self, taken: Vec<Waiting>) -> Option<Held> {
        let owed = self.in_flight.take(&taken);
        let Some(transform) = self.config.transform.clone() else {
            return Some(owed.becomes(match self.config.delivery {
                Delivery::Batched => Batch::merge_waiting(taken),
                Delivery::Unbatched => Batch::apart_waiting(taken),
            }));
        };
        let mut taken: Vec<Queued> = taken.into_iter().map(Waiting::write).collect();
        // Beside this thread: requests are under way here, and deadlines pass.
        let beside = tokio::task::spawn_blocking(move || {
            let changed = transform.change(&mut taken);
            (taken, changed)
        });
        let (taken, changed) = beside.await.ok()?;
        if let Err(reason) = changed {
            owed.becomes(Batch::apart_queued(taken)).settle(Err(reason));
            return None;
        }
        Some(owed.becomes(match self.config.delivery {
            Delivery::Batched => Batch::merge_queued(taken),
            Delivery::Unbatched => Batch::apart_queued(taken),
        }))
    }

    /// Asks the server what it prefers, beside the work, if it is time.
    fn ask_info(&mut self) {
        if self.info.due.is_none_or(|due| due > Instant::now()) {
            return;
        }
        self.info.due = Some(Instant::now() + INFO_AGAIN);
        let shared = self.sender.shared().clone();
        self.info.asking = Some(tokio::spawn(async move { ask_info(&shared).await }));
    }

    /// Waits for the server's answer before the first batch, for as long as an operation waits for
    /// others at most. Until it answers, the defaults count.
    async fn hear_info(&mut self) {
        let Some(asking) = &mut self.info.asking else {
            return;
        };
        let is_first = std::mem::take(&mut self.info.is_first);
        if !is_first && !asking.is_finished() {
            return;
        }
        let patience = self.config.linger.min(INFO_TIMEOUT);
        let heard = tokio::time::timeout(patience, asking).await;
        if let Ok(answer) = heard {
            self.info.asking = None;
            if matches!(answer, Ok(true)) {
                self.info.due = None;
            }
        }
    }
}

/// Asks the server what it prefers, and takes it over; false if it did not say.
async fn ask_info(shared: &Shared) -> bool {
    let timeout = shared.config.request_timeout.min(INFO_TIMEOUT);
    let request = HttpRequest::new(Method::GET, "/info", timeout);
    let answer = shared.transport.exchange(request).await;
    let info = match &answer {
        Ok(response) if response.status == 200 => ServerInfo::parse(&response.body),
        _ => None,
    };
    let Some(info) = info else {
        tracing::debug!("LangSmith's /info gave no answer; using defaults");
        return false;
    };
    shared.queue.set_limits(limits(&shared.config, &info));
    shared.dialect().learn(&info, &shared.config);
    true
}
