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
use crate::otel::http::on_thread;
use crate::otel::pipeline::SpanFlushError;

/// Most spans of one request.
const BATCH: usize = 512;
/// How long the end of a relay tries to send what is left.
const FAREWELL: Duration = Duration::from_secs(5);

/// There is no room.
pub(super) struct Full;

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
    pub(super) fn take(&self, spans: Vec<Loose>, believes: bool) -> Result<(), Full> {
        let bytes: usize = spans.iter().map(Loose::bytes).sum();
        let mut state = self.state();
        if state.ends.is_some() || state.bytes + bytes > self.most_bytes {
            return Err(Full);
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
        let (mut state, mut ready) = (self.state(), Vec::new());
        let waited = state.joining.count();
        state.joining.stop_waiting(None, &mut ready);
        self.put(&mut state, ready);
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
        self.state().ends = Some(Instant::now() + FAREWELL);
        self.stop_waiting();
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
                let delivered = self.deliver(transport, &batch).await;
                self.settle(&batch, delivered);
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
        let count = state.queue.len().min(BATCH);
        state.in_flight = count;
        state.queue.drain(..count).collect()
    }

    fn next(&self) -> Next {
        let mut state = self.state();
        match (state.ends, state.joining.next_end()) {
            (Some(_), _) => Next::End,
            (None, Some(end)) => Next::Until(end),
            (None, None) => Next::Work,
        }
    }

    /// Sends a request for as long as it may help; returns whether it was taken.
    async fn deliver(&self, transport: &ReqwestTransport, batch: &[Ready]) -> bool {
        let (policy, body) = (RetryPolicy::default(), packed(batch));
        let mut attempt = 0;
        loop {
            let request = HttpRequest::new(Method::POST, "", DEFAULT_SPAN_TIMEOUT);
            let outcome = transport.exchange(request.body(body.clone())).await;
            let after = match judge(&outcome) {
                Verdict::Delivered | Verdict::Known => return true,
                Verdict::Retry(after) => after,
                // A key may be mended. Until then the room fills, and senders are told so.
                Verdict::Hold(_) => None,
                Verdict::NotFound | Verdict::Drop(_) => return false,
            };
            let end = self.state().ends;
            let wait = policy.wait(attempt, after);
            if end.is_some_and(|end| Instant::now() + wait >= end) {
                return false;
            }
            attempt += 1;
            // The end of the relay cuts the wait short.
            drop(tokio::time::timeout(wait, self.ending.notified()).await);
        }
    }

    fn settle(&self, batch: &[Ready], delivered: bool) {
        let mut state = self.state();
        for (span, kind) in batch {
            state.bytes -= span.bytes();
            let counts = &mut state.counts;
            *match (delivered, kind) {
                (false, _) => &mut counts.lost,
                (true, As::Joined) => &mut counts.joined,
                (true, As::Rehung) => &mut counts.rehung,
                (true, As::Passed) => &mut counts.passed,
                (true, As::Orphaned) => &mut counts.orphaned,
            } += 1;
        }
        state.in_flight = 0;
        drop(state);
        if !delivered {
            tracing::warn!("{} spans were refused by LangSmith", batch.len());
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
