//! What is on its way, and the thread that sends it.
//!
//! ```text
//! take · learn ──► Joining ──ready──► queue ──► thread: batch ──► OTLP, gzip ──► LangSmith
//!                                                  ▲   └── 429, 502, 503, 504, nobody there: again
//!                                                  └── the first window ends
//! ```

use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::Method;
use prost::Message as _;
use tokio::sync::Notify;

use super::RelayCounts;
use super::joining::{As, Joining, Ready};
use super::known::Is;
use super::spans::{Key, Loose, gathered};
use crate::export::{
    Destination, EncodedBody, Encoding, HttpRequest, ReqwestTransport, RetryPolicy, StartError,
    Transport as _, Verdict, judge,
};
use crate::model::DottedOrder;
use crate::otel::exporter::DEFAULT_SPAN_TIMEOUT;
use crate::otel::http::{on_thread, refused_in};
use crate::otel::pipeline::SpanFlushError;

/// Most spans of one request.
const BATCH: usize = 512;
/// Most bytes of one request, unless a single span has more: what came in several goes on in several.
const BATCH_BYTES: usize = 4 << 20;
/// How often a refused request is tried in parts: enough to find a few bad spans among 512.
const MOST_PARTS: usize = 64;
/// How long the end of a relay tries to send what is left.
const FAREWELL: Duration = Duration::from_secs(5);

/// Why spans are not taken in.
pub(super) enum Refused {
    /// There is no room now.
    Full,
    /// There is never room for so many at once.
    TooLarge,
}

/// What became of a request.
enum Sent {
    /// It was taken, but for so many of its spans.
    But(u64),
    /// It is refused as it is; a part of it may not be.
    Refused,
    Lost,
}

/// The state of a relay, and what wakes those who wait for it.
pub(super) struct Outbox {
    state: Mutex<State>,
    work: Notify,
    ending: Notify,
    idle: Condvar,
    most_bytes: usize,
}

/// What the thread waits for that has nothing to send.
enum Next {
    Work,
    Until(Instant),
    End,
}

struct State {
    joining: Joining,
    queue: VecDeque<Ready>,
    bytes: usize,
    /// Taken off the queue, and not yet answered for.
    in_flight: usize,
    counts: RelayCounts,
    told: u64,
    ends: Option<Instant>,
}

impl Outbox {
    /// Starts the thread.
    pub(super) fn start(
        to: &Destination,
        joining: Joining,
        most_bytes: usize,
    ) -> Result<Arc<Self>, StartError> {
        let transport = ReqwestTransport::new(to)?;
        let outbox = Arc::new(Self {
            state: Mutex::new(State {
                joining,
                queue: VecDeque::new(),
                bytes: 0,
                in_flight: 0,
                counts: RelayCounts::default(),
                told: 0,
                ends: None,
            }),
            work: Notify::new(),
            ending: Notify::new(),
            idle: Condvar::new(),
            most_bytes,
        });
        let own = outbox.clone();
        on_thread("langsmith-relay", move || async move {
            own.carry(&transport).await;
        })?;
        Ok(outbox)
    }

    /// Takes spans in.
    pub(super) fn take(&self, spans: Vec<Loose>, believes: bool) -> Result<(), Refused> {
        let bytes: usize = spans.iter().map(Loose::bytes).sum();
        let mut state = self.state();
        if state.ends.is_some() || state.bytes + bytes > self.most_bytes {
            return Err(match bytes > self.most_bytes {
                true => Refused::TooLarge,
                false => Refused::Full,
            });
        }
        let (now, mut ready) = (Instant::now(), Vec::new());
        state.counts.arrived += spans.len() as u64;
        for span in spans {
            state.joining.take(span, believes, now, &mut ready);
        }
        self.put(&mut state, ready);
        Ok(())
    }

    /// Learns which run a span stands for.
    pub(super) fn learn(&self, key: Key, order: DottedOrder) {
        let (mut state, mut ready) = (self.state(), Vec::new());
        let run = Is::Run(order, None);
        state.joining.learn(key, run, &mut ready);
        self.put(&mut state, ready);
    }

    /// Gives up on all that wait.
    pub(super) fn stop_waiting(&self) -> usize {
        self.stop_waiting_in(&mut self.state())
    }

    fn stop_waiting_in(&self, state: &mut State) -> usize {
        let mut ready = Vec::new();
        let waited = state.joining.count();
        state.joining.stop_waiting(None, &mut ready);
        self.put(state, ready);
        waited
    }

    fn put(&self, state: &mut State, ready: Vec<Ready>) {
        for (span, kind) in ready {
            state.bytes += span.bytes();
            state.queue.push_back((span, kind));
        }
        // Also for a window that is now the first to end.
        self.work.notify_one();
    }

    /// Returns the books.
    pub(super) fn counts(&self) -> RelayCounts {
        let state = self.state();
        let held = state.joining.count() + state.queue.len() + state.in_flight;
        RelayCounts {
            held: held as u64,
            ..state.counts
        }
    }

    /// Waits until nothing is on its way.
    pub(super) fn flush(&self, until: Instant) -> Result<(), SpanFlushError> {
        let mut state = self.state();
        while !state.queue.is_empty() || state.in_flight > 0 {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(SpanFlushError::Timeout);
            }
            let waited = self.idle.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let new = state.counts.lost - state.told;
        state.told = state.counts.lost;
        match new {
            0 => Ok(()),
            new => Err(SpanFlushError::NotDelivered(new)),
        }
    }

    /// Ends the thread, once it has sent what is left or ran out of time.
    pub(super) fn end(&self) {
        let mut state = self.state();
        // In one: a thread that sees the end sees all that is left, too.
        state.ends = Some(Instant::now() + FAREWELL);
        self.stop_waiting_in(&mut state);
        drop(state);
        self.ending.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends until the relay ends and nothing is left.
    async fn carry(&self, transport: &ReqwestTransport) {
        loop {
            let batch = self.next_batch();
            if !batch.is_empty() {
                self.hand_over(transport, &batch).await;
                continue;
            }
            let work = self.work.notified();
            match self.next() {
                Next::End => return,
                Next::Work => work.await,
                // Either way there is something to look at.
                Next::Until(end) => drop(tokio::time::timeout_at(end.into(), work).await),
            }
        }
    }

    /// Takes the spans of the next request, those among them that have just stopped waiting.
    fn next_batch(&self) -> Vec<Ready> {
        let (mut state, mut ready) = (self.state(), Vec::new());
        state.joining.stop_waiting(Some(Instant::now()), &mut ready);
        for (span, kind) in ready {
            state.bytes += span.bytes();
            state.queue.push_back((span, kind));
        }
        let mut bytes = 0;
        let sizes = state.queue.iter().take(BATCH).map(|(span, _)| span.bytes());
        let fits = |size: &usize| {
            bytes += size;
            bytes <= BATCH_BYTES || bytes == *size
        };
        let count = sizes.take_while(fits).count();
        state.in_flight = count;
        state.queue.drain(..count).collect()
    }

    fn next(&self) -> Next {
        let mut state = self.state();
        match (state.ends, state.joining.next_end()) {
            (Some(_), _) if state.queue.is_empty() => Next::End,
            // What came since the last look has notified.
            (Some(_), _) => Next::Work,
            (None, Some(end)) => Next::Until(end),
            (None, None) => Next::Work,
        }
    }

    /// Sends spans, and in parts what is refused as a whole: a bad span takes no others with it.
    async fn hand_over(&self, transport: &ReqwestTransport, batch: &[Ready]) {
        let (mut parts, mut tried) = (vec![batch], 0);
        while let Some(part) = parts.pop() {
            let sent = self.deliver(transport, part).await;
            tried += 1;
            match sent {
                Sent::Refused if part.len() > 1 && tried < MOST_PARTS => {
                    let (first, rest) = part.split_at(part.len() / 2);
                    parts.extend([rest, first]);
                }
                sent => self.settle(part, &sent),
            }
        }
    }

    /// Sends a request for as long as it may help.
    async fn deliver(&self, transport: &ReqwestTransport, batch: &[Ready]) -> Sent {
        let (policy, body) = (RetryPolicy::default(), packed(batch));
        let mut attempt = 0;
        loop {
            let request = HttpRequest::new(Method::POST, "", DEFAULT_SPAN_TIMEOUT);
            let outcome = transport.exchange(request.body(body.clone())).await;
            let after = match judge(&outcome) {
                Verdict::Delivered | Verdict::Known => {
                    return Sent::But(outcome.as_ref().map_or(0, refused_in));
                }
                Verdict::Retry(after) => after,
                // A key may be mended. Until then the room fills, and senders are told so.
                Verdict::Hold(_) => None,
                Verdict::Drop(_) => return Sent::Refused,
                Verdict::NotFound => return Sent::Lost,
            };
            let end = self.state().ends;
            let wait = policy.wait(attempt, after);
            if end.is_some_and(|end| Instant::now() + wait >= end) {
                return Sent::Lost;
            }
            attempt += 1;
            // The end of the relay cuts the wait short.
            drop(tokio::time::timeout(wait, self.ending.notified()).await);
        }
    }

    fn settle(&self, batch: &[Ready], sent: &Sent) {
        let lost = match sent {
            Sent::But(refused) => usize::try_from(*refused).unwrap_or(usize::MAX),
            Sent::Refused | Sent::Lost => batch.len(),
        };
        let lost = lost.min(batch.len());
        let mut state = self.state();
        for (at, (span, kind)) in batch.iter().enumerate() {
            state.bytes -= span.bytes();
            let counts = &mut state.counts;
            *match kind {
                // Which ones LangSmith refused among others it does not say.
                _ if at < lost => &mut counts.lost,
                As::Joined => &mut counts.joined,
                As::Rehung => &mut counts.rehung,
                As::Passed => &mut counts.passed,
                As::Orphaned => &mut counts.orphaned,
            } += 1;
        }
        state.in_flight -= batch.len();
        drop(state);
        if lost > 0 {
            tracing::warn!("{lost} spans were refused by LangSmith");
        }
        self.idle.notify_all();
    }
}

/// Writes the body of a request.
fn packed(batch: &[Ready]) -> EncodedBody {
    let plain = gathered(batch.iter().map(|(span, _)| span)).encode_to_vec();
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    let packed = packer.write_all(&plain).and_then(|()| packer.finish());
    let (encoding, bytes) = match packed {
        Ok(bytes) => (Encoding::Gzip, bytes),
        // Writing into memory does not fail; and plain is understood too.
        Err(_) => (Encoding::Identity, plain.clone()),
    };
    EncodedBody {
        content_type: "application/x-protobuf".to_owned(),
        encoding,
        data_size: plain.len(),
        chunks: vec![Bytes::from(bytes)],
    }
}
