//! Spans of services that know no LangSmith, put into the tree that they belong to.
//!
//! ```text
//! spans, OTLP ──► whose child? ──known──► stamped ──► outbox ──► thread ──► LangSmith
//!                    ▲      └──not yet──► held ──its parent came──► stamped
//!   spans that say   │                     └──never──► below the trace's root, else as it came
//!   which run they are, headers that were seen
//! ```
//!
//! A service with OpenTelemetry alone continues `traceparent`: its spans name a parent of eight bytes, and
//! LangSmith drops them where that parent is a run, or a span that says which run it is. Who sees the spans
//! of both sides knows what the eight bytes stand for. Start at [`Relay`].

mod joining;
mod known;
mod otlp;
mod outbox;
mod spans;
mod weigh;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::propagation::TraceContextPropagator;

use self::joining::{Bounds, Joining};
use self::outbox::{Outbox, Refused};
use self::spans::Key;
use super::exporter::{OtelError, destination};
use super::pipeline::SpanFlushError;
use crate::client::Config;
use crate::propagation::{LangSmithPropagator, Propagator as _, TrustPolicy};

/// How long a span waits for its parent: longer than a call of a model takes, since a parent ends, and so
/// comes, after its children.
pub const DEFAULT_RELAY_WINDOW: Duration = Duration::from_secs(600);
/// Most bytes of spans that a relay holds, waiting or on their way.
pub const DEFAULT_RELAY_BYTES: usize = 64 << 20;

/// Passes spans on to LangSmith, and tells those that need it which run they are.
///
/// It is an OTLP receiver without a server: [`receive`](Self::receive) takes a request and gives the answer,
/// and whatever serves HTTP may call it. `common::lab` has one that is served.
///
/// ```
/// use common::client::Config;
/// use common::otel::Relay;
///
/// let config = Config { endpoint: "http://127.0.0.1:1984".into(), ..Config::default() };
/// let relay = Relay::builder(config).start()?;
/// let request = http::Request::post("/v1/traces").header("content-type", "application/x-protobuf");
/// let answer = relay.receive(&request.body(bytes::Bytes::new())?);
/// assert_eq!(answer.status(), 200);
/// assert_eq!(relay.counts().arrived, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What it knows, and what it cannot know
///
/// | what it sees | what it learns |
/// |---|---|
/// | a span with `langsmith.span.dotted_order`, such as those of [`Pipeline`](super::Pipeline) | the run behind its eight bytes |
/// | a request with `traceparent` and `langsmith-trace`, given to [`saw`](Self::saw) | the run behind the caller's eight bytes |
/// | a span that carries the header `langsmith-trace` as an attribute, if that is [believed](RelayBuilder::believe_headers_on_spans) | the run above it |
/// | nothing of these | nothing: eight bytes name no run, and nobody can guess sixteen of them |
///
/// So the spans of the service in front have to come through the relay too, or its headers be seen. A root, and
/// what is below it, is passed on as it came, and so is a span that says itself which run it is.
///
/// The parent of a span mostly comes after it. A span waits for the [window](RelayBuilder::window); then it is
/// hung below the root of its trace, if that is known, with the missing parent's id in its metadata, and else
/// passed on as it came, which LangSmith drops. Run ids are made of the span's ids and start, so what arrives
/// twice is one run.
///
/// What is held is in memory. When it is full it answers 503, and the exporters of OpenTelemetry try again; a
/// request that would not fit into an empty relay is answered with 413. Nothing is masked here, so a
/// configuration that masks is refused.
///
/// A cheap clone. The last one that is dropped stops all waiting and gives its thread five seconds to send what
/// is left, but does not wait for it: a program that ends calls [`stop_waiting`](Self::stop_waiting) and
/// [`flush`](Self::flush) first.
#[derive(Clone)]
pub struct Relay(Arc<Handle>);

struct Handle {
    outbox: Arc<Outbox>,
    believes_headers: bool,
}

/// Configures a [`Relay`]. Made by [`Relay::builder`].
#[derive(Debug)]
#[must_use = "a relay begins with `.start()`"]
pub struct RelayBuilder {
    config: Config,
    window: Duration,
    bytes: usize,
    believes_headers: bool,
}

/// The books of a [`Relay`] at one moment: `arrived` is the sum of all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RelayCounts {
    /// Spans taken in.
    pub arrived: u64,
    /// Spans that were told which run they are, and delivered.
    pub joined: u64,
    /// Spans whose parent never came, delivered below the root of their trace.
    pub rehung: u64,
    /// Spans delivered as they came: they knew their run, or are in a trace of OpenTelemetry alone.
    pub passed: u64,
    /// Spans delivered as they came because nobody knew their parent: LangSmith drops them.
    pub orphaned: u64,
    /// Spans that wait for a parent, or are on their way.
    pub held: u64,
    /// Spans that LangSmith refused, some of a request that it took among them, or that were left when the
    /// relay ended.
    pub lost: u64,
}

impl RelayBuilder {
    /// Sets how long a span waits for its parent; [`DEFAULT_RELAY_WINDOW`] if not set.
    pub fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// Bounds what is held, in bytes; [`DEFAULT_RELAY_BYTES`] if not set. A quarter of it is for what is on
    /// its way; the spans that have waited longest stop waiting when the rest is full.
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// Believes the header `langsmith-trace` where a span carries it: as `http.request.header.langsmith-trace`,
    /// which OpenTelemetry's instrumentations write when they are told to capture that header, or as
    /// `langsmith-trace`, which its baggage processor writes.
    ///
    /// Off by default: a service that strangers can call records what strangers say, and their spans would be
    /// in any trace that they name.
    pub fn believe_headers_on_spans(mut self) -> Self {
        self.believes_headers = true;
        self
    }

    /// Starts the relay: one thread, which sends.
    ///
    /// # Errors
    /// If a setting cannot be used, or the configuration masks.
    pub fn start(self) -> Result<Relay, OtelError> {
        if self.config.redactor.masks() {
            return Err(OtelError::RelayMasks);
        }
        let on_its_way = self.bytes / 4;
        let bounds = Bounds {
            window: self.window,
            bytes: self.bytes - on_its_way,
        };
        let joining = Joining::new(bounds, &self.config.project);
        let outbox = Outbox::start(&destination(&self.config)?, joining, on_its_way)?;
        Ok(Relay(Arc::new(Handle {
            outbox,
            believes_headers: self.believes_headers,
        })))
    }
}

impl Relay {
    /// Begins the configuration of a relay to where `config` sends, with its key.
    pub fn builder(config: Config) -> RelayBuilder {
        RelayBuilder {
            config,
            window: DEFAULT_RELAY_WINDOW,
            bytes: DEFAULT_RELAY_BYTES,
            believes_headers: false,
        }
    }

    /// Takes a request of OTLP over HTTP (`POST …/v1/traces`, protobuf, gzip or plain) and returns the answer.
    /// It never blocks. Who may ask is for the server to say: no key is looked at.
    pub fn receive(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let spans = match otlp::read(request.headers(), request.body()) {
            Ok(spans) => spans,
            Err(refusal) => return refusal.answer(),
        };
        match self.0.outbox.take(spans, self.0.believes_headers) {
            Ok(()) => otlp::taken(),
            Err(Refused::Full) => otlp::full(),
            // It would never fit, so the sender must not try again for ever.
            Err(Refused::TooLarge) => otlp::TOO_LARGE.answer(),
        }
    }

    /// Learns from the headers of a request that passes by on its way to a service with OpenTelemetry alone:
    /// if both `traceparent` and `langsmith-trace` are there, which run the first stands for. Returns true if
    /// so.
    ///
    /// Whoever calls it says that the sender is to be believed.
    pub fn saw(&self, headers: &HeaderMap) -> bool {
        let cx = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
        let span = cx.span().span_context().clone();
        let reads = LangSmithPropagator::new().policy(TrustPolicy::Continue);
        let run = reads.extract(headers).context;
        match run.filter(|_| span.is_valid()) {
            Some(run) => {
                let key = Key::of(span.trace_id(), span.span_id());
                self.0.outbox.learn(key, run.dotted_order);
                true
            }
            None => false,
        }
    }

    /// Stops all waiting: what is held goes on its way as if its window were over. Returns how many did.
    pub fn stop_waiting(&self) -> usize {
        self.0.outbox.stop_waiting()
    }

    /// Returns the books.
    pub fn counts(&self) -> RelayCounts {
        self.0.outbox.counts()
    }

    /// Waits until all that does not wait for a parent is delivered, for at most `timeout`. It blocks the
    /// thread.
    ///
    /// # Errors
    /// If time ran out, or spans were lost since the last flush.
    pub fn flush(&self, timeout: Duration) -> Result<(), SpanFlushError> {
        self.0.outbox.flush(Instant::now() + timeout)
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay")
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for RelayCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            arrived,
            joined,
            rehung,
            passed,
            orphaned,
            held,
            lost,
        } = self;
        write!(
            f,
            "arrived {arrived} = joined {joined} + rehung {rehung} + passed {passed} + orphaned {orphaned} \
             + held {held} + lost {lost}"
        )
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.outbox.end();
    }
}
