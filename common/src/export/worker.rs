//! What the exporter's thread does: take a batch, write it, send it until its fate is known.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use tokio::time::Instant;

use super::batch::Batch;
use super::config::{BatchConfig, DEFAULT_BATCH_BYTES, DEFAULT_BATCH_OPS, Delivery};
use super::encode::{EncodedBody, Encoder, Encoding};
use super::in_flight::InFlight;
use super::info::ServerInfo;
use super::ledger::{AttachmentLoss, DropReason};
use super::queue::{Limits, Queue, Queued};
use super::retry::{Verdict, judge};
use super::route::{Form, Load, divide};
use super::transport::{HttpRequest, HttpResponse, Transport, TransportError};
use crate::model::RunOp;

/// Longer than this nobody waits to hear what the server prefers.
const INFO_TIMEOUT: Duration = Duration::from_secs(5);

/// A server that did not say what it prefers is asked again after this long.
const INFO_AGAIN: Duration = Duration::from_secs(60);

/// The first version of LangSmith that takes feedback among the runs.
const FEEDBACK_AS_PART: [u64; 3] = [0, 8, 10];

/// How often feedback on a run that the server does not know is sent: it may know the run soon. The
/// Python SDK tries ten times; we do not hold up the runs for that long.
const FEEDBACK_ATTEMPTS: u32 = 4;

/// How many refused requests one batch may cost before the rest of it is not cut any further: enough to
/// find three bad runs among a hundred, and an end where the server takes nothing at all.
const REFUSALS: u32 = 24;

pub(super) struct Worker {
    queue: Arc<Queue>,
    transport: Arc<dyn Transport>,
    config: BatchConfig,
    encoder: Encoder,
    // When to ask the server what it prefers; none once it has said so.
    ask_info_at: Option<Instant>,
    form: Form,
    feedback_as_part: bool,
    compress: bool,
    // What is left of the patience with the batch at hand.
    feedback_attempts: u32,
    refusals: u32,
    warned: Vec<&'static str>,
}

/// What became of a load.
enum Fate {
    Delivered,
    Dropped(DropReason),
    /// It may go through in smaller pieces.
    TooLarge,
    /// Something of it is not accepted; the rest may be.
    Refused,
    /// The server has no `/runs/multipart`.
    NoMultipart,
    /// The server does not unpack bodies.
    NoUnpacking,
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
            encoder: Encoder::with_level(config.compression_level),
            ask_info_at: (config.delivery == Delivery::Batched).then(Instant::now),
            form: match config.delivery {
                Delivery::Batched => Form::Multipart,
                Delivery::Unbatched => Form::One,
            },
            feedback_as_part: false,
            compress: false,
            feedback_attempts: FEEDBACK_ATTEMPTS,
            refusals: 0,
            config,
            warned: Vec::new(),
        }
    }

    /// Works until the queue is closed and empty. After a panic it may be called again: what was
    /// learned of the server is kept, so that the same question does not fail twice.
    pub(super) async fn run(&mut self) {
        while self.queue.wait_for_work().await {
            if self.ask_info_at.is_some_and(|due| due <= Instant::now()) {
                // Set before asking: the question must not fail twice in a row.
                self.ask_info_at = Some(Instant::now() + INFO_AGAIN);
                self.ask_info().await;
            }
            let Some(taken) = self.queue.next_batch().await else {
                break;
            };
            let mut in_flight = InFlight::new(self.queue.clone(), &taken);
            match self.gather(taken) {
                Ok(batch) => self.deliver(batch, &mut in_flight).await,
                Err(reason) => {
                    self.warn_dropped(reason);
                    in_flight.give_up(reason);
                }
            }
        }
    }

    /// Asks the server what it prefers; until it answers, the defaults count: multipart, uncompressed.
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
        self.ask_info_at = None;
        self.queue.set_limits(limits(&self.config, &info));
        self.compress = self.config.compress && info.instance_flags.zstd_compression_enabled;
        self.feedback_as_part = info.is_at_least(FEEDBACK_AS_PART);
        let multipart = info
            .batch_ingest_config
            .and_then(|batch| batch.use_multipart_endpoint);
        if multipart == Some(false) {
            self.form = Form::Json;
        }
    }

    /// Lets the program change what was taken, and merges what is sent together.
    fn gather(&self, taken: Vec<Queued>) -> Result<Batch, DropReason> {
        let (mut ops, sizes): (Vec<RunOp>, Vec<usize>) = taken
            .into_iter()
            .map(|queued| (queued.op, queued.bytes))
            .unzip();
        if let Some(transform) = &self.config.transform {
            transform.apply(&mut ops)?;
            // What it adds is the user's.
            for op in &mut ops {
                op.withhold_deep();
            }
        }
        let sized = ops.into_iter().zip(sizes);
        Ok(match self.config.delivery {
            Delivery::Batched => Batch::merge_sized(sized),
            Delivery::Unbatched => Batch::apart_sized(sized),
        })
    }

    async fn deliver(&mut self, batch: Batch, in_flight: &mut InFlight) {
        // The next load is last. A load that does not go through as it is comes back changed.
        let mut waiting = divide(batch, self.form, self.feedback_as_part);
        self.feedback_attempts = FEEDBACK_ATTEMPTS;
        self.refusals = 0;
        while let Some(mut load) = waiting.pop() {
            match self.carry(&load).await {
                Fate::Delivered => {
                    if load.form == Form::Json {
                        // Remembered only now: a wrong endpoint has neither path.
                        self.form = Form::Json;
                    }
                    self.book_attachments(&load);
                    in_flight.settle(&load.batch, Ok(()));
                }
                Fate::NoMultipart => waiting.extend(divide(load.batch, Form::Json, false)),
                Fate::NoUnpacking => {
                    self.compress = false;
                    waiting.push(load);
                }
                // The server or a proxy takes less than anybody said; only what is too large by
                // itself is lost.
                Fate::TooLarge if load.is_divisible() => waiting.extend(load.halves()),
                Fate::TooLarge if load.lighten() => waiting.push(load),
                Fate::TooLarge => self.drop_load(&load, DropReason::TooLarge, in_flight),
                // One run that the server does not accept must not cost those beside it.
                Fate::Refused if load.is_divisible() && self.refusals < REFUSALS => {
                    self.refusals += 1;
                    waiting.extend(load.halves());
                }
                Fate::Refused => self.drop_load(&load, DropReason::Rejected, in_flight),
                Fate::Dropped(reason) => self.drop_load(&load, reason, in_flight),
            }
        }
    }

    async fn carry(&mut self, load: &Load) -> Fate {
        let written = match (load.form, load.only()) {
            (Form::Multipart, _) => self.encoder.multipart(&load.batch),
            (Form::One, Some(op)) => self.encoder.json_one(op),
            (Form::Json | Form::One, _) => self.encoder.json_batch(&load.batch),
        };
        let Ok(body) = written else {
            return Fate::Dropped(DropReason::ExporterFailed);
        };
        if body.len() > self.queue.limits().bytes && load.is_divisible() {
            return Fate::TooLarge;
        }
        let body = self.pack(load.form, body);
        self.send(load, body).await
    }

    fn pack(&mut self, form: Form, body: EncodedBody) -> EncodedBody {
        if !self.compress || form != Form::Multipart {
            return body;
        }
        match self.encoder.compress(&body) {
            Ok(packed) => {
                self.encoder.recycle(body);
                packed
            }
            Err(_) => body,
        }
    }

    async fn send(&mut self, load: &Load, body: EncodedBody) -> Fate {
        let (method, path) = load.request_line();
        let begun = Instant::now();
        let mut attempt: u32 = 0;
        loop {
            self.queue.count_request(attempt > 0);
            let request =
                HttpRequest::new(method.clone(), path.clone(), self.config.request_timeout)
                    .body(body.clone());
            let outcome = self.transport.exchange(request).await;
            let after = match judge(&outcome) {
                Verdict::Delivered => {
                    self.encoder.recycle(body);
                    return Fate::Delivered;
                }
                Verdict::NotFound => match (load.form, load.only()) {
                    (Form::Multipart, _) => return Fate::NoMultipart,
                    (Form::One, Some(RunOp::Feedback(_))) => {
                        if attempt + 1 >= self.feedback_attempts {
                            // The others of the batch have waited as long: they are asked once.
                            self.feedback_attempts = 1;
                            return Fate::Dropped(DropReason::Rejected);
                        }
                        None
                    }
                    (Form::One, Some(RunOp::Patch(_))) => {
                        return Fate::Dropped(DropReason::Rejected);
                    }
                    _ => return Fate::Dropped(DropReason::NotFound),
                },
                Verdict::Drop(DropReason::TooLarge) => return Fate::TooLarge,
                Verdict::Drop(_) if is_packing_refused(&outcome, &body) => {
                    return Fate::NoUnpacking;
                }
                Verdict::Drop(_) if is_content_refused(&outcome) => return Fate::Refused,
                Verdict::Drop(reason) => return Fate::Dropped(reason),
                Verdict::Retry(after) => {
                    self.warn_retry(&outcome);
                    after
                }
            };
            let wait = self.config.retry.wait(attempt, after);
            if begun.elapsed().saturating_add(wait) >= self.config.retry.budget {
                return Fate::Dropped(DropReason::RetriesExhausted);
            }
            tokio::time::sleep(wait).await;
            attempt = attempt.saturating_add(1);
        }
    }

    fn drop_load(&mut self, load: &Load, reason: DropReason, in_flight: &mut InFlight) {
        self.warn_dropped(reason);
        in_flight.settle(&load.batch, Err(reason));
    }

    fn book_attachments(&mut self, load: &Load) {
        for (reason, count) in load.attachments_lost() {
            self.queue.count_attachments_lost(reason, count);
            let kind = match reason {
                AttachmentLoss::Name => "attachment: name",
                AttachmentLoss::NoMultipart => "attachment: form",
                AttachmentLoss::TooLarge => "attachment: size",
            };
            if self.first_of_kind(kind) {
                tracing::warn!("attachments are left out: {reason}; later ones are counted only");
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
            DropReason::TransformFailed => "dropped: transform",
            DropReason::RetriesExhausted => "dropped: retries",
            DropReason::Shutdown => "dropped: shutdown",
            DropReason::Damaged => "dropped: damaged",
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

/// Returns true if the server says that it cannot read a packed body (415, RFC 9110).
fn is_packing_refused(outcome: &Result<HttpResponse, TransportError>, body: &EncodedBody) -> bool {
    body.encoding != Encoding::Identity && outcome.as_ref().is_ok_and(|answer| answer.status == 415)
}

/// Returns true if the server read the body and does not accept something that it says.
fn is_content_refused(outcome: &Result<HttpResponse, TransportError>) -> bool {
    outcome
        .as_ref()
        .is_ok_and(|answer| matches!(answer.status, 400 | 422))
}
