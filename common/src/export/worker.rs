//! What the exporter's thread does: take a batch, write it, send it until its fate is known.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use tokio::time::Instant;

use super::batch::Batch;
use super::config::{BatchConfig, DEFAULT_BATCH_BYTES, DEFAULT_BATCH_OPS};
use super::encode::{EncodedBody, Encoder};
use super::info::ServerInfo;
use super::ledger::DropReason;
use super::queue::{Limits, Queue};
use super::retry::{Verdict, judge};
use super::transport::{HttpRequest, HttpResponse, Transport, TransportError};

/// Longer than this nobody waits to hear what the server prefers.
const INFO_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) struct Worker {
    queue: Arc<Queue>,
    transport: Arc<dyn Transport>,
    config: BatchConfig,
    encoder: Encoder,
    asked_info: bool,
    form: Form,
    warned: Vec<&'static str>,
}

/// The two bodies that the ingest API takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Multipart,
    Json,
}

impl Form {
    fn path(self) -> &'static str {
        match self {
            Self::Multipart => "/runs/multipart",
            Self::Json => "/runs/batch",
        }
    }
}

/// Returns what one request may hold: what the user says, else the server, else the default.
pub(super) fn limits(config: &BatchConfig, info: &ServerInfo) -> Limits {
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
pub(super) async fn warn_refused(queue: &Queue) {
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
    pub(super) fn new(
        queue: Arc<Queue>,
        transport: Arc<dyn Transport>,
        config: BatchConfig,
    ) -> Self {
        Self {
            queue,
            transport,
            config,
            encoder: Encoder::new(),
            asked_info: false,
            form: Form::Multipart,
            warned: Vec::new(),
        }
    }

    /// Works until the queue is closed and empty. After a panic it may be called again: what was
    /// learned of the server is kept, so that the same question does not fail twice.
    pub(super) async fn run(&mut self) {
        while self.queue.wait_for_work().await {
            if !self.asked_info {
                self.asked_info = true;
                self.ask_info().await;
            }
            let Some(taken) = self.queue.next_batch().await else {
                break;
            };
            let mut in_flight = InFlight::new(self.queue.clone(), &taken);
            let batch =
                Batch::merge_sized(taken.into_iter().map(|queued| (queued.op, queued.bytes)));
            self.deliver(batch, &mut in_flight).await;
        }
    }

    /// Asks the server once what it prefers; no answer means the defaults.
    async fn ask_info(&mut self) {
        let timeout = self.config.request_timeout.min(INFO_TIMEOUT);
        let request = HttpRequest::new(Method::GET, "/info", timeout);
        let answer = self.transport.exchange(request).await;
        let info = match &answer {
            Ok(response) if response.status == 200 => ServerInfo::parse(&response.body),
            _ => None,
        };
        let Some(info) = info else {
            tracing::debug!("LangSmith's /info gave no answer; using defaults");
            return;
        };
        self.queue.set_limits(limits(&self.config, &info));
        let multipart = info
            .batch_ingest_config
            .and_then(|batch| batch.use_multipart_endpoint);
        if multipart == Some(false) {
            self.form = Form::Json;
        }
    }

    async fn deliver(&mut self, batch: Batch, in_flight: &mut InFlight) {
        // A batch that turns out too large is halved; its halves wait here.
        let mut waiting = vec![batch];
        while let Some(batch) = waiting.pop() {
            let body = match self.encode(self.form, &batch) {
                Ok(body) => body,
                Err(reason) => {
                    in_flight.settle(&batch, Err(reason));
                    continue;
                }
            };
            if body.bytes.len() > self.queue.limits().bytes && batch.groups().len() > 1 {
                let (first, second) = batch.split();
                waiting.extend([second, first]);
                continue;
            }
            let fate = self.send(&batch, body).await;
            if fate == Err(DropReason::TooLarge) && batch.groups().len() > 1 {
                // The server or a proxy takes less than anybody said; only what is too large by
                // itself is lost.
                let (first, second) = batch.split();
                waiting.extend([second, first]);
                continue;
            }
            if let Err(reason) = fate {
                self.warn_dropped(reason);
            }
            in_flight.settle(&batch, fate);
        }
    }

    fn encode(&mut self, form: Form, batch: &Batch) -> Result<EncodedBody, DropReason> {
        match form {
            Form::Multipart => self.encoder.multipart(batch),
            Form::Json => self.encoder.json_batch(batch),
        }
        .map_err(|_| DropReason::ExporterFailed)
    }

    async fn send(&mut self, batch: &Batch, body: EncodedBody) -> Result<(), DropReason> {
        let mut form = self.form;
        let mut body = body;
        let begun = Instant::now();
        let mut attempt: u32 = 0;
        loop {
            self.queue.count_request(attempt > 0);
            let request = HttpRequest::new(Method::POST, form.path(), self.config.request_timeout)
                .body(body.clone());
            let outcome = self.transport.exchange(request).await;
            match judge(&outcome) {
                Verdict::Delivered => {
                    // Remembered only now: a wrong endpoint has neither path.
                    self.form = form;
                    self.encoder.recycle(body);
                    return Ok(());
                }
                Verdict::NotFound if form == Form::Multipart => {
                    form = Form::Json;
                    body = self.encode(form, batch)?;
                }
                Verdict::NotFound => return Err(DropReason::NotFound),
                Verdict::Drop(reason) => return Err(reason),
                Verdict::Retry(after) => {
                    self.warn_retry(&outcome);
                    let wait = self.config.retry.wait(attempt, after);
                    if begun.elapsed().saturating_add(wait) >= self.config.retry.budget {
                        return Err(DropReason::RetriesExhausted);
                    }
                    tokio::time::sleep(wait).await;
                    attempt = attempt.saturating_add(1);
                }
            }
        }
    }

    fn warn_retry(&mut self, outcome: &Result<HttpResponse, TransportError>) {
        let (kind, words) = match outcome {
            Ok(response) => ("status", format!("it answered {}", response.status)),
            Err(error @ TransportError::Tls(_)) => ("tls", error.to_string()),
            Err(error @ TransportError::Timeout) => ("timeout", error.to_string()),
            Err(error) => ("connection", error.to_string()),
        };
        if self.first_of_kind(kind) {
            tracing::warn!("LangSmith takes no runs at the moment ({words}); trying again");
        }
    }

    fn warn_dropped(&mut self, reason: DropReason) {
        let kind = match reason {
            DropReason::KeyRefused => "dropped: key",
            DropReason::WorkspaceNeeded => "dropped: workspace",
            DropReason::NotFound => "dropped: path",
            DropReason::Redirected => "dropped: redirect",
            DropReason::TooLarge => "dropped: size",
            DropReason::Rejected => "dropped: rejected",
            DropReason::RetriesExhausted => "dropped: retries",
            DropReason::Shutdown => "dropped: shutdown",
            DropReason::ExporterFailed => "dropped: failed",
        };
        if self.first_of_kind(kind) {
            tracing::warn!("runs were dropped: {reason}; later ones are counted, not logged");
        }
    }

    fn first_of_kind(&mut self, kind: &'static str) -> bool {
        let first = !self.warned.contains(&kind);
        if first {
            self.warned.push(kind);
        }
        first
    }
}

/// Operations that left the queue and whose fate is open.
///
/// However the sending ends, also by a panic or because the future is dropped, what is left here is
/// booked, so that the ledger balances.
struct InFlight {
    queue: Arc<Queue>,
    ops: u64,
    bytes: usize,
}

impl InFlight {
    fn new(queue: Arc<Queue>, taken: &[super::queue::Queued]) -> Self {
        Self {
            queue,
            ops: taken.len() as u64,
            bytes: taken.iter().map(|queued| queued.bytes).sum(),
        }
    }

    fn settle(&mut self, batch: &Batch, fate: Result<(), DropReason>) {
        self.ops -= batch.ops();
        self.bytes -= batch.bytes();
        self.queue.settle(batch.ops(), batch.bytes(), fate);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if self.ops > 0 {
            let reason = if self.queue.is_stopped() {
                DropReason::Shutdown
            } else {
                DropReason::ExporterFailed
            };
            self.queue.settle(self.ops, self.bytes, Err(reason));
        }
    }
}
