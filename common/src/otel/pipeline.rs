//! Everything that spans need on their way to LangSmith, in the order that works.
//!
//! ```text
//! tracer ──► WholeTraces ──► IdentityProcessor ──► BatchSpanProcessor ──► LangSmithExporter
//!             sampled?        which run is it?         └──► other exporters, a queue each
//! ```
//!
//! Start at [`Pipeline`].

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, SdkTracer, SdkTracerProvider, Span, SpanData, SpanExporter, SpanProcessor,
    TracerProviderBuilder,
};

use super::exporter::{LangSmithExporter, OtelError, SpanCounts, SpanStats};
use super::identity::Identity;
use super::ids::TraceIds;
use super::propagator::ContextPropagator;
use super::sampling::WholeTraces;
use crate::client::{Config, Ends, TerminationError, Watched, sampler};
use crate::propagation::LangSmithPropagator;
use crate::trace::Sampler;

/// How many attributes a span of a [`Pipeline`] may have, if `OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT` does not say it.
///
/// The SDK's own default is 128. Where each message is an attribute or two, a long conversation has more, and
/// the usage, which comes last, would be dropped.
pub const DEFAULT_SPAN_ATTRIBUTES: u32 = 1_024;

const ATTRIBUTES_VARIABLE: &str = "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT";

/// Sends the spans of a program to LangSmith, in one tree with its runs. A cheap clone.
///
/// ```no_run
/// use std::time::Duration;
/// use common::client::Config;
/// use common::otel::Pipeline;
/// use common::otel::opentelemetry::trace::{Span as _, Tracer as _};
///
/// let spans = Pipeline::builder(Config::from_env()?).service("retriever").build()?;
/// let _guard = spans.flush_on_termination(Duration::from_secs(10))?;
/// let mut span = spans.tracer("docs").start("retrieve");
/// span.end();
/// spans.flush(Duration::from_secs(5))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// With the layer for `tracing`: `tracing_opentelemetry::layer().with_tracer(spans.tracer("docs"))`.
/// Nothing is installed for the process; `opentelemetry::global` is the program's own to set.
///
/// A span keeps [`DEFAULT_SPAN_ATTRIBUTES`] attributes. Which run it is does not count among them for LangSmith: a
/// span that is full is still in its place.
///
/// Spans are held in memory alone, by the SDK's queue (`OTEL_BSP_MAX_QUEUE_SIZE`, 2048): there is no spool on disk
/// for them, as there is for native runs. What LangSmith does not take in the time of
/// [`DEFAULT_SPAN_TIMEOUT`](super::DEFAULT_SPAN_TIMEOUT) is lost and counted; to get over longer outages put a
/// collector with a persistent queue between, or make native runs. The last handle that is dropped waits up to five
/// seconds for each exporter, as the SDK does; [`shutdown`](Self::shutdown) it before, with a time of your own.
#[derive(Clone)]
pub struct Pipeline(Arc<Inner>);

struct Inner {
    provider: SdkTracerProvider,
    identity: Identity,
    stats: SpanStats,
    // How many exporters have to be ended.
    exporters: u32,
    // Losses that a flush has told of.
    told: AtomicU64,
}

/// What became of spans that should have left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpanFlushError {
    /// Time ran out. What waits goes on waiting; give it more time, or look whether the server answers.
    #[error("time ran out before all spans were delivered")]
    Timeout,
    /// Spans were given up, or found the SDK's queue full (`OTEL_BSP_MAX_QUEUE_SIZE`). The first reason is
    /// in the log.
    #[error("{0} spans were not delivered since the last flush")]
    NotDelivered(u64),
}

/// Configures a [`Pipeline`]. Made by [`Pipeline::builder`].
#[must_use = "a pipeline begins with `.build()`"]
pub struct PipelineBuilder {
    config: Config,
    identity: Identity,
    service: Option<Cow<'static, str>>,
    attributes: Vec<KeyValue>,
    further: Vec<Box<dyn FnOnce(TracerProviderBuilder) -> TracerProviderBuilder>>,
}

impl PipelineBuilder {
    /// Names the service; else `OTEL_SERVICE_NAME` does.
    pub fn service(mut self, service: impl Into<Cow<'static, str>>) -> Self {
        self.service = Some(service.into());
        self
    }

    /// Adds an attribute of the resource. LangSmith keeps it as metadata of each run.
    pub fn resource_attribute(mut self, attribute: KeyValue) -> Self {
        self.attributes.push(attribute);
        self
    }

    /// Leaves roots to the server; see [`Identity::leave_roots_to_the_server`].
    pub fn leave_roots_to_the_server(mut self) -> Self {
        self.identity = self.identity.leave_roots_to_the_server();
        self
    }

    /// Gives the same spans to one more exporter, with a queue of its own: a collector, a local viewer.
    ///
    /// Nothing is masked for it. Do not give it LangSmith's address: each span goes there once.
    pub fn also_export_to(mut self, exporter: impl SpanExporter + 'static) -> Self {
        let add = |provider: TracerProviderBuilder| provider.with_batch_exporter(exporter);
        self.further.push(Box::new(add));
        self
    }

    /// Makes the pipeline. Where the configuration switches tracing off, no span is recorded.
    ///
    /// # Errors
    /// If a setting cannot be used.
    pub fn build(self) -> Result<Pipeline, OtelError> {
        let config = self.config;
        let sampled = match config.tracing {
            true => sampler(config.sampling_rate)?,
            false => Sampler::AlwaysOff,
        };
        let mut identity = self.identity.project(&config.project);
        if let Some(service) = &self.service {
            identity = identity.service(service);
        }
        let mut resource = Resource::builder().with_attributes(self.attributes);
        if let Some(service) = self.service {
            resource = resource.with_service_name(service.into_owned());
        }
        let mut provider = SdkTracerProvider::builder()
            .with_resource(resource.build())
            .with_id_generator(TraceIds::default())
            .with_sampler(WholeTraces::new(sampled, &identity))
            .with_span_processor(identity.processor());
        if std::env::var_os(ATTRIBUTES_VARIABLE).is_none() {
            provider = provider.with_max_attributes_per_span(DEFAULT_SPAN_ATTRIBUTES);
        }
        let mut stats = SpanStats::default();
        let exporters = 1 + u32::try_from(self.further.len()).unwrap_or(u32::MAX - 1);
        if config.tracing {
            let exporter = LangSmithExporter::new(&config)?;
            stats = exporter.stats();
            let batches = BatchSpanProcessor::builder(exporter).build();
            provider = provider.with_span_processor(Counted {
                batches,
                identity: identity.clone(),
                stats: stats.clone(),
            });
            for add in self.further {
                provider = add(provider);
            }
        }
        Ok(Pipeline(Arc::new(Inner {
            provider: provider.build(),
            identity,
            stats,
            exporters,
            told: AtomicU64::new(0),
        })))
    }
}

impl fmt::Debug for PipelineBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipelineBuilder")
            .field("config", &self.config)
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

impl Pipeline {
    /// Begins the configuration of a pipeline to where `config` sends.
    pub fn builder(config: Config) -> PipelineBuilder {
        PipelineBuilder {
            config,
            identity: Identity::new(),
            service: None,
            attributes: Vec::new(),
            further: Vec::new(),
        }
    }

    /// Returns a tracer; name it after the crate or part of the program that it instruments.
    pub fn tracer(&self, name: impl Into<Cow<'static, str>>) -> SdkTracer {
        self.0.provider.tracer(name)
    }

    /// Returns the SDK's provider, such as for `opentelemetry::global::set_tracer_provider`.
    pub fn provider(&self) -> &SdkTracerProvider {
        &self.0.provider
    }

    /// Returns which run each span is.
    pub fn identity(&self) -> &Identity {
        &self.0.identity
    }

    /// Returns a propagator for these spans, which reads as `runs` is set up to read.
    pub fn propagator(&self, runs: LangSmithPropagator) -> ContextPropagator {
        ContextPropagator::new(runs, &self.0.identity)
    }

    /// Returns the books.
    pub fn stats(&self) -> SpanCounts {
        self.0.stats.get()
    }

    /// Waits until all spans that ended so far are delivered, for at most `timeout`. It blocks the thread,
    /// and works in any runtime or none.
    ///
    /// # Errors
    /// If time ran out, or spans were lost since the last flush.
    pub fn flush(&self, timeout: Duration) -> Result<(), SpanFlushError> {
        let (begun, ended) = (Instant::now(), self.stats().ended);
        let provider = self.0.provider.clone();
        let flush = move || {
            // The SDK waits five seconds and no longer, and hides in a text that this is why it failed.
            let mut tried = Instant::now();
            while provider.force_flush().is_err() && begun.elapsed() < timeout {
                if tried.elapsed() < SOON {
                    // It did not wait: it cannot flush, and will not.
                    break;
                }
                tried = Instant::now();
            }
        };
        within(timeout, flush)?;
        self.books(ended)
    }

    /// Ends the pipeline: sends what is held, for at most `timeout`, and records nothing more.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub fn shutdown(&self, timeout: Duration) -> Result<(), SpanFlushError> {
        let (provider, ended) = (self.0.provider.clone(), self.stats().ended);
        let each = self.0.share(timeout);
        within(timeout, move || {
            // Its result says less than the books.
            let _ = provider.shutdown_with_timeout(each);
        })?;
        self.books(ended)
    }

    /// Says how many spans were lost, of `ended` at least, that no flush has told of.
    fn books(&self, ended: u64) -> Result<(), SpanFlushError> {
        let SpanCounts {
            delivered, failed, ..
        } = self.stats();
        let lost = failed.max(ended.saturating_sub(delivered));
        let told = self.0.told.fetch_max(lost, Ordering::Relaxed);
        match lost.saturating_sub(told) {
            0 => Ok(()),
            new => Err(SpanFlushError::NotDelivered(new)),
        }
    }

    /// Makes a guard that flushes when it is dropped, for at most `timeout`.
    pub fn flush_guard(&self, timeout: Duration) -> SpanGuard {
        SpanGuard {
            pipeline: self.clone(),
            timeout,
            watched: None,
        }
    }

    /// Sends what is held when the process is told to end, by SIGTERM or SIGINT (Ctrl-C), before it ends:
    /// what [`Client::flush_on_termination`](crate::client::Client::flush_on_termination) does for runs.
    /// One process may have both; it ends when all are done.
    ///
    /// The guard also flushes when it is dropped.
    ///
    /// # Errors
    /// If signals cannot be watched.
    pub fn flush_on_termination(&self, grace: Duration) -> Result<SpanGuard, TerminationError> {
        let ends: Arc<dyn Ends> = self.0.clone();
        let watched = Watched::begin(Arc::downgrade(&ends), grace)?;
        Ok(SpanGuard {
            pipeline: self.clone(),
            timeout: grace,
            watched: Some(watched),
        })
    }
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// A flush that fails sooner than this was refused; one that fails later ran out of the SDK's patience.
const SOON: Duration = Duration::from_secs(2);

/// Does work on a plain thread, and waits for it so long: the SDK blocks, and may not know for how long.
fn within(timeout: Duration, work: impl FnOnce() + Send + 'static) -> Result<(), SpanFlushError> {
    let (tell, told) = mpsc::channel();
    let work = move || {
        work();
        let _ = tell.send(());
    };
    let thread = std::thread::Builder::new().name("langsmith-otlp-flush".to_owned());
    thread.spawn(work).map_err(|_| SpanFlushError::Timeout)?;
    told.recv_timeout(timeout)
        .map_err(|_| SpanFlushError::Timeout)
}

impl Inner {
    /// Returns what each exporter may take of a time: the SDK ends one after the other, and gives each all of it.
    fn share(&self, time: Duration) -> Duration {
        time / self.exporters
    }
}

impl Ends for Inner {
    fn hurry(&self) {
        let provider = self.provider.clone();
        // Without a thread the spans leave with the end.
        let _ = std::thread::Builder::new().spawn(move || provider.force_flush());
    }

    fn leave(&self, left: Duration, _grace: Duration) {
        let (provider, each) = (self.provider.clone(), self.share(left));
        // The process ends; what there was no time for is lost.
        let _ = within(left, move || drop(provider.shutdown_with_timeout(each)));
    }
}

/// Flushes a pipeline when it is dropped. Made by [`Pipeline::flush_guard`] and
/// [`Pipeline::flush_on_termination`].
///
/// Bind it to a name: `let _guard = …` lives to the end of the block, `let _ = …` is dropped at once.
#[must_use = "dropped at once it flushes at once; bind it as `let _guard = …`"]
pub struct SpanGuard {
    pipeline: Pipeline,
    timeout: Duration,
    watched: Option<Watched>,
}

impl Drop for SpanGuard {
    fn drop(&mut self) {
        if let Err(error) = self.pipeline.flush(self.timeout) {
            tracing::warn!("not every span was delivered to LangSmith: {error}");
        }
        if let Some(watched) = &self.watched {
            watched.release();
        }
    }
}

impl fmt::Debug for SpanGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpanGuard")
            .field("pipeline", &self.pipeline)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// The batches of the exporter to LangSmith, with a count of what goes in, each span with its identity.
#[derive(Debug)]
struct Counted {
    batches: BatchSpanProcessor,
    identity: Identity,
    stats: SpanStats,
}

impl SpanProcessor for Counted {
    fn on_start(&self, span: &mut Span, cx: &Context) {
        self.batches.on_start(span, cx);
    }

    fn on_end(&self, mut span: SpanData) {
        self.identity.restore(&mut span);
        if span.span_context.is_sampled() {
            self.stats.ended();
        }
        self.batches.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batches.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.batches.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.batches.set_resource(resource);
    }
}
