//! One batch under way: load after load, until the fate of each is known.

use std::sync::Arc;

use tokio::time::Instant;

use super::Shared;
use crate::export::encode::{EncodedBody, Encoding};
use crate::export::in_flight::Held;
use crate::export::ledger::{AttachmentLoss, DropReason};
use crate::export::retry::{Verdict, judge};
use crate::export::route::{Form, Load, divide};
use crate::export::transport::{HttpRequest, HttpResponse, TransportError};
use crate::model::RunOp;

/// How often feedback on a run that the server does not know is sent: it may know the run soon. The
/// Python SDK tries ten times; we do not hold up the runs for that long.
const FEEDBACK_ATTEMPTS: u32 = 4;

/// How many refused requests one batch may cost before the rest of it is not cut any further: enough to
/// find three bad runs among a hundred, and an end where the server takes nothing at all.
const REFUSALS: u32 = 24;

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

/// Carries a batch until each piece of it is settled.
pub(super) async fn fly(shared: Arc<Shared>, batch: Held) {
    let flight = Flight {
        shared,
        feedback_attempts: FEEDBACK_ATTEMPTS,
        refusals: 0,
    };
    flight.run(batch).await;
}

struct Flight {
    shared: Arc<Shared>,
    // What is left of the patience with this batch.
    feedback_attempts: u32,
    refusals: u32,
}

impl Flight {
    async fn run(mut self, batch: Held) {
        let dialect = *self.shared.dialect();
        // The next load is last. A load that does not go through as it is comes back changed.
        let mut waiting = divide(batch, dialect.form, dialect.feedback_as_part);
        while let Some(mut load) = waiting.pop() {
            match self.carry(&load).await {
                Fate::Delivered => {
                    if load.form == Form::Json {
                        // Remembered only now: a wrong endpoint has neither path.
                        self.shared.dialect().form = Form::Json;
                    }
                    self.book_attachments(&load);
                    load.batch.settle(Ok(()));
                }
                Fate::NoMultipart => waiting.extend(divide(load.batch, Form::Json, false)),
                Fate::NoUnpacking => {
                    self.shared.dialect().compress = false;
                    waiting.push(load);
                }
                // The server or a proxy takes less than anybody said; only what is too large by
                // itself is lost.
                Fate::TooLarge if load.is_divisible() => waiting.extend(load.halves()),
                Fate::TooLarge if load.lighten() => waiting.push(load),
                Fate::TooLarge => load.batch.settle(Err(DropReason::TooLarge)),
                // One run that the server does not accept must not cost those beside it.
                Fate::Refused if load.is_divisible() && self.refusals < REFUSALS => {
                    self.refusals += 1;
                    waiting.extend(load.halves());
                }
                Fate::Refused => load.batch.settle(Err(DropReason::Rejected)),
                Fate::Dropped(reason) => load.batch.settle(Err(reason)),
            }
        }
    }

    async fn carry(&mut self, load: &Load) -> Fate {
        let Some(body) = self.write(load) else {
            return Fate::Dropped(DropReason::ExporterFailed);
        };
        if body.len() > self.shared.queue.limits().bytes && load.is_divisible() {
            return Fate::TooLarge;
        }
        let body = self.pack(load.form, body);
        self.send(load, body).await
    }

    fn write(&self, load: &Load) -> Option<EncodedBody> {
        let mut encoder = self.shared.encoder();
        let written = match (load.form, load.only()) {
            (Form::Multipart, _) => encoder.multipart(&load.batch),
            (Form::One, Some(op)) => encoder.json_one(op),
            (Form::Json | Form::One, _) => encoder.json_batch(&load.batch),
        };
        written.ok()
    }

    fn pack(&self, form: Form, body: EncodedBody) -> EncodedBody {
        let compress = self.shared.dialect().compress;
        if !compress || form != Form::Multipart {
            return body;
        }
        let mut encoder = self.shared.encoder();
        match encoder.compress(&body) {
            Ok(packed) => {
                encoder.recycle(body);
                packed
            }
            Err(_) => body,
        }
    }

    async fn send(&mut self, load: &Load, body: EncodedBody) -> Fate {
        let (method, path) = load.request_line();
        let config = &self.shared.config;
        let begun = Instant::now();
        let mut attempt: u32 = 0;
        loop {
            self.shared.queue.count_request(attempt > 0);
            let request = HttpRequest::new(method.clone(), path.clone(), config.request_timeout)
                .body(body.clone());
            let outcome = self.shared.transport.exchange(request).await;
            let after = match judge(&outcome) {
                Verdict::Delivered => {
                    self.shared.encoder().recycle(body);
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
                    self.shared.warnings.retry(&outcome);
                    after
                }
            };
            let wait = config.retry.wait(attempt, after);
            if begun.elapsed().saturating_add(wait) >= config.retry.budget {
                return Fate::Dropped(DropReason::RetriesExhausted);
            }
            tokio::time::sleep(wait).await;
            attempt = attempt.saturating_add(1);
        }
    }

    fn book_attachments(&self, load: &Load) {
        for (reason, count) in load.attachments_lost() {
            self.shared.queue.count_attachments_lost(reason, count);
            let words = match reason {
                AttachmentLoss::Name | AttachmentLoss::NoMultipart | AttachmentLoss::TooLarge => {
                    format!("runs arrived without attachments: {reason}")
                }
            };
            self.shared.warnings.left_out(&words);
        }
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
