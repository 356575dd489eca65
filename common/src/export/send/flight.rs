//! One batch under way: load after load, until the fate of each is known.

use std::sync::Arc;

use tokio::time::Instant;

use super::Shared;
use super::fate::{Fate, read};
use super::route::{Form, Load, divide};
use super::truncate::shorten;
use crate::export::batch::Held;
use crate::export::encode::EncodedBody;
use crate::export::endpoint::HttpRequest;
use crate::export::ledger::DropReason;

/// How often feedback on a run that the server does not know is sent: it may know the run soon. The
/// Python SDK tries ten times; we do not hold up the runs for that long.
const FEEDBACK_ATTEMPTS: u32 = 4;

/// How many refused requests one batch may cost before the rest of it is not cut any further: enough to
/// find three bad runs among a hundred, and an end where the server takes nothing at all.
const REFUSALS: u32 = 24;

/// How often a batch of which the server has something already is halved, before the rest of it is sent
/// one by one: few known runs are found in few requests, and many cost about one request each.
const HALVINGS_OF_KNOWN: u32 = 16;

/// How often runs are sent that the server names as failed in an answer that is a success.
const PARTIAL_ATTEMPTS: u32 = 4;

/// A larger body is not kept while the endpoint is away, but written again: the bounds of the queue do not
/// count it.
const KEPT_BODY: usize = 1024 * 1024;

/// Carries a batch until each piece of it is settled.
pub(super) async fn fly(shared: Arc<Shared>, batch: Held) {
    let flight = Flight {
        shared,
        feedback_attempts: FEEDBACK_ATTEMPTS,
        refusals: 0,
        known: 0,
    };
    flight.run(batch).await;
}

struct Flight {
    shared: Arc<Shared>,
    // What is left of the patience with this batch.
    feedback_attempts: u32,
    refusals: u32,
    known: u32,
}

impl Flight {
    async fn run(mut self, batch: Held) {
        let dialect = *self.shared.dialect();
        // The next load is last. A load that does not go through as it is comes back changed.
        let mut waiting = divide(batch, dialect.form, dialect.feedback_as_part);
        while let Some(mut load) = waiting.pop() {
            match self.carry(&mut load).await {
                Fate::Delivered => self.delivered(load),
                Fate::Partly(named) => {
                    let (failed, done) = load.part(&named);
                    self.delivered(done);
                    if failed.attempts < PARTIAL_ATTEMPTS {
                        let retry = &self.shared.config.retry;
                        tokio::time::sleep(retry.wait(failed.attempts - 1, None)).await;
                        waiting.push(failed);
                    } else {
                        failed.batch.settle(Err(DropReason::Rejected));
                    }
                }
                // Each of them is told apart: no run may be lost because one beside it was known.
                Fate::Known if load.is_divisible() && self.known < HALVINGS_OF_KNOWN => {
                    self.known += 1;
                    waiting.extend(load.halves());
                }
                Fate::Known if load.is_divisible() => waiting.extend(load.singles()),
                Fate::Known => self.delivered(load),
                Fate::NoMultipart => waiting.extend(load.into_json()),
                Fate::NoPath => waiting.push(load.back_to_multipart()),
                Fate::NoUnpacking => {
                    self.shared.dialect().compress = false;
                    waiting.push(load.changed());
                }
                // The server or a proxy takes less than anybody said; only what is too large by
                // itself is lost.
                Fate::TooLarge if load.is_divisible() => waiting.extend(load.halves()),
                Fate::TooLarge if load.lighten(shorten) => waiting.push(load.changed()),
                Fate::TooLarge => load.batch.settle(Err(DropReason::TooLarge)),
                // One run that the server does not accept must not cost those beside it.
                Fate::Refused if load.is_divisible() && self.refusals < REFUSALS => {
                    self.refusals += 1;
                    waiting.extend(load.halves());
                }
                // What it is about may lie on disk, and is sent before it from there.
                Fate::NoRun | Fate::NotYet if self.may_wait(&load) => load.batch.set_back(),
                Fate::Refused | Fate::NoRun | Fate::NotYet => {
                    load.batch.settle(Err(DropReason::Rejected));
                }
                Fate::Dropped(reason) => load.batch.settle(Err(reason)),
            }
        }
    }

    /// Sends a load until the endpoint says something about it.
    async fn carry(&mut self, load: &mut Load) -> Fate {
        let shared = self.shared.clone();
        let deadline = load.deadline(&shared.config.retry);
        let (method, path) = load.request_line();
        let mut written = None;
        loop {
            let entered = shared.breaker.enter(deadline, &*shared.transport).await;
            let pass = match entered {
                Ok(pass) => pass,
                Err(reason) => return Fate::Dropped(at_the_end(reason)),
            };
            // Not before: what waits for a server that is away is held once.
            let body: &EncodedBody = match &mut written {
                Some(body) => body,
                none => match self.encode(load) {
                    Ok(body) => none.insert(body),
                    Err(fate) => return fate,
                },
            };
            shared.queue.count_request(load.attempts > 0);
            let timeout = shared.config.request_timeout;
            let request = HttpRequest::new(method.clone(), path.clone(), timeout);
            let outcome = shared.transport.exchange(request.body(body.clone())).await;
            let attempt = load.attempts;
            load.attempts = attempt.saturating_add(1);
            let fate = read(&outcome, load, body);
            let is_waited_for = match &fate {
                // Neither good nor bad: the other path will tell.
                Ok(Fate::NoMultipart) => false,
                Ok(_) => {
                    pass.works();
                    false
                }
                Err(trouble) => {
                    shared.warnings.held(trouble.reason, &outcome);
                    pass.fails(*trouble)
                }
            };
            shared.queue.set_trouble(shared.breaker.trouble());
            let reason = match fate {
                Ok(Fate::NotYet) if load.attempts < self.feedback_attempts => DropReason::Rejected,
                Ok(fate) => {
                    if fate == Fate::NotYet {
                        // The others of the batch have waited as long: they are asked once.
                        self.feedback_attempts = 1;
                    }
                    if let Some(body) = written {
                        shared.encoder().recycle(body);
                    }
                    return fate;
                }
                Err(trouble) if trouble.reason == DropReason::NotFound && load.is_fallback => {
                    return Fate::NoPath;
                }
                Err(trouble) => trouble.reason,
            };
            if is_waited_for {
                // What may be held for minutes is held once.
                written = written.filter(|body: &EncodedBody| body.len() <= KEPT_BODY);
            } else {
                let wait = shared.config.retry.wait(attempt, None);
                if Instant::now() + wait >= deadline {
                    return Fate::Dropped(at_the_end(reason));
                }
                tokio::time::sleep(wait).await;
            }
        }
    }

    /// Writes the body of a load.
    ///
    /// # Errors
    /// What becomes of a load that cannot be sent as it is.
    fn encode(&self, load: &Load) -> Result<EncodedBody, Fate> {
        let shared = &self.shared;
        let compress = shared.dialect().compress && load.form == Form::Multipart;
        let mut encoder = shared.encoder();
        let written = match (load.form, load.only()) {
            (Form::Multipart, _) => encoder.multipart(&load.batch),
            (Form::One, Some(group)) => encoder.json_of(&group.view()),
            (Form::Json | Form::One, _) => encoder.json_batch(&load.batch),
        };
        let body = written.map_err(|_| Fate::Dropped(DropReason::ExporterFailed))?;
        if body.len() > shared.queue.limits().bytes && load.is_divisible() {
            return Err(Fate::TooLarge);
        }
        if !compress {
            return Ok(body);
        }
        match encoder.compress(&body) {
            Ok(packed) => {
                encoder.recycle(body);
                Ok(packed)
            }
            Err(_) => Ok(body),
        }
    }

    /// Returns true if a load that came too early has not come back for that too often.
    fn may_wait(&self, load: &Load) -> bool {
        let has_spool = self.shared.config.spool.is_some();
        has_spool && (load.only()).is_some_and(|it| self.shared.early().may_wait(it.content.id()))
    }

    fn delivered(&self, load: Load) {
        if load.form == Form::Json {
            // Remembered only now: a wrong endpoint has neither path.
            self.shared.dialect().form = Form::Json;
        }
        if let (Form::One, Some(group)) = (load.form, load.only()) {
            self.shared.early().forget(group.content.id());
        }
        for (reason, count) in load.attachments_lost() {
            self.shared.queue.count_attachments_lost(reason, count);
            let words = format!("runs arrived without attachments: {reason}");
            self.shared.warnings.left_out(&words);
        }
        let truncated = load.truncated();
        if truncated > 0 {
            self.shared.queue.count_truncated(truncated);
            let words = "runs arrived truncated: too large for the server";
            self.shared.warnings.left_out(words);
        }
        load.batch.settle(Ok(()));
    }
}

/// Returns what a load is dropped for that was held for a reason until its time was over.
fn at_the_end(reason: DropReason) -> DropReason {
    match reason {
        DropReason::Unreachable | DropReason::Unavailable => DropReason::RetriesExhausted,
        reason => reason,
    }
}
