//! The handle that a program passes around.

use std::sync::Arc;
use std::time::Duration;

use super::asking::Asking;
use super::builder::ClientBuilder;
use super::check::{self, CheckError, CheckReport};
use super::config::{Config, ConfigError};
use super::exporters::{Exporters, Lane};
use super::guard::FlushGuard;
use super::replica::Replica;
use super::routes::Routes;
use crate::export::{Destination, ExportStats, FlushError};
use crate::trace::{RunBuilder, RunSink, SamplingStats, TeeSink, Tracer};

/// Starts runs and sees them delivered. A cheap clone; all clones are one client.
///
/// When the last clone and the last run are gone, what is still held is sent, for at most five
/// seconds in all ([`BatchConfig::shutdown_timeout`](crate::export::BatchConfig::shutdown_timeout)).
///
/// ```no_run
/// use std::time::Duration;
/// use common::client::Client;
///
/// let client = Client::builder()
///     .endpoint("http://127.0.0.1:1984")
///     .project("docs-assistant")
///     .build()?;
/// let run = client.run("answer").inputs(serde_json::json!({"question": "why?"})).start();
/// run.end_with(serde_json::json!({"answer": 42}));
/// client.flush(Duration::from_secs(5))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Client {
    pub(super) tracer: Tracer,
    pub(super) origin: Arc<Origin>,
    pub(super) main: Option<Arc<Lane>>,
}

/// What a client and the handles with other replicas have in common.
#[derive(Debug)]
pub(super) struct Origin {
    exporters: Arc<Exporters>,
    own: Destination,
    project: String,
    local: Option<Arc<dyn RunSink>>,
    pub(super) asking: Asking,
}

type Wired = (Arc<dyn RunSink>, Option<Arc<Lane>>);

impl Origin {
    pub(super) fn new(config: &Config, local: Option<Arc<dyn RunSink>>) -> Self {
        Self {
            exporters: Arc::new(Exporters::new(config.batch.clone())),
            own: config.destination(),
            project: config.project.clone(),
            local,
            asking: Asking::new(config),
        }
    }

    /// Lets the exporters decide of what the tracer's sampler holds back before they flush or end.
    pub(super) fn hold_back(&self, tracer: &Tracer) {
        if let Some(tail) = tracer.buffer() {
            self.exporters.hold_back(tail);
        }
    }

    /// Returns where the operations for these replicas go, and the first of their exporters.
    pub(super) fn sink(&self, replicas: Vec<Replica>) -> Result<Wired, ConfigError> {
        let routes = Routes::new(self.exporters.clone(), &self.own, &self.project, replicas)?;
        let main = routes.main().cloned();
        let sink: Arc<dyn RunSink> = match &self.local {
            Some(local) => Arc::new(TeeSink::new(local.clone(), Arc::new(routes))),
            None => Arc::new(routes),
        };
        Ok((sink, main))
    }
}

impl Client {
    pub(super) fn new(tracer: Tracer, origin: Origin, main: Option<Arc<Lane>>) -> Self {
        Self {
            tracer,
            origin: Arc::new(origin),
            main,
        }
    }

    /// Returns a handle whose new traces go to these replicas and to no other place; for one request, or
    /// for one part of a program.
    ///
    /// A destination that is new to the client gets an exporter that lives as long as the client.
    /// A run below one of them ([`RunTree::child`](crate::trace::RunTree::child)) follows it. Queues, books
    /// and end are shared with this client.
    ///
    /// ```
    /// use common::client::{Client, Replica};
    ///
    /// let client = Client::builder().endpoint("http://127.0.0.1:1984").build()?;
    /// let copied = client.only_replicas([Replica::own(), Replica::in_project("audit")])?;
    /// copied.run("answer").start().end();
    /// # client.shutdown(std::time::Duration::ZERO).ok();
    /// # Ok::<(), common::client::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// If a replica cannot be used as it is written, or contradicts another.
    pub fn only_replicas(
        &self,
        replicas: impl IntoIterator<Item = Replica>,
    ) -> Result<Self, ConfigError> {
        if !self.is_enabled() {
            return Ok(self.clone());
        }
        let (sink, main) = self.origin.sink(replicas.into_iter().collect())?;
        Ok(Self {
            tracer: self.tracer.with_sink(sink),
            origin: self.origin.clone(),
            main,
        })
    }

    /// Begins the configuration of a client in code: tracing is on, and the environment is not read.
    pub fn builder() -> ClientBuilder {
        Config::default().into()
    }

    /// Makes a client from the environment, as [`Config`] lists it.
    ///
    /// To change some of it in code: `ClientBuilder::from(Config::from_env()?)`. Without
    /// `LANGSMITH_TRACING=true` the client is there and records nothing.
    ///
    /// # Errors
    /// If a setting cannot be used.
    pub fn from_env() -> Result<Self, ConfigError> {
        ClientBuilder::from(Config::from_env()?).build()
    }

    /// Begins a run: a root, unless the builder is given a parent.
    pub fn run(&self, name: impl Into<String>) -> RunBuilder {
        self.tracer.run(name)
    }

    /// Returns the tracer, for code that starts runs and need not know about sending.
    pub fn tracer(&self) -> &Tracer {
        &self.tracer
    }

    /// Returns true if runs are recorded.
    pub fn is_enabled(&self) -> bool {
        self.tracer.is_enabled()
    }

    /// Returns the address of the main destination; empty if runs are not sent.
    pub fn endpoint(&self) -> &str {
        self.main.as_ref().map_or("", |lane| lane.endpoint())
    }

    /// Waits until every operation so far is delivered, to each destination, for at most `timeout`; with
    /// a spool also what earlier processes left there. What is then on disk alone is told as
    /// [`FlushError::Stored`].
    ///
    /// The destinations work side by side. If several have a problem, the result is that of the first;
    /// [`stats_by_destination`](Self::stats_by_destination) has the books of all.
    ///
    /// It blocks the thread; see [`flush_async`](Self::flush_async).
    ///
    /// # Errors
    /// If time ran out, or operations were dropped or refused since the last flush.
    pub fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        self.origin.exporters.flush(timeout)
    }

    /// Waits as [`flush`](Self::flush) does, without blocking; on any runtime.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub async fn flush_async(&self, timeout: Duration) -> Result<(), FlushError> {
        self.origin.exporters.flush_async(timeout).await
    }

    /// Records nothing more, sends what is held for at most `timeout`, and ends the exporters.
    ///
    /// # Errors
    /// As [`flush`](Self::flush). What was left is dropped and counted.
    pub fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        self.origin.exporters.shutdown(timeout)
    }

    /// Shuts down as [`shutdown`](Self::shutdown) does, without blocking; on any runtime.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub async fn shutdown_async(&self, timeout: Duration) -> Result<(), FlushError> {
        self.origin.exporters.shutdown_async(timeout).await
    }

    /// Returns the books of the main destination; empty if runs are not sent.
    pub fn stats(&self) -> ExportStats {
        let main = self.main.as_ref();
        main.map(|lane| lane.exporter.stats()).unwrap_or_default()
    }

    /// Returns the books of every destination, the main one first.
    pub fn stats_by_destination(&self) -> Vec<(String, ExportStats)> {
        let lanes = self.origin.exporters.each();
        lanes
            .iter()
            .map(|lane| (lane.label.clone(), lane.exporter.stats()))
            .collect()
    }

    /// Makes a guard that flushes when it is dropped, for at most `timeout`: the last line of `main`
    /// that nobody forgets.
    pub fn flush_guard(&self, timeout: Duration) -> FlushGuard {
        FlushGuard::new(self.clone(), timeout)
    }

    /// Returns how many handles there are on this client, open runs among them, and those of handles with other
    /// replicas: their routes hold the exporters.
    pub(super) fn handles(&self) -> usize {
        Arc::strong_count(&self.origin)
            + self.tracer.handles()
            + Arc::strong_count(self.exporters())
    }

    /// Returns how many operations all destinations hold: in memory, and on disk alone.
    pub(super) fn held(&self) -> (u64, u64) {
        let each = self.exporters().each();
        let held = each.iter().map(|lane| lane.exporter.held());
        held.fold((0, 0), |(queued, spooled), it| {
            (queued + it.0, spooled + it.1)
        })
    }

    /// Returns the books of all destinations as one.
    pub(super) fn ledger(&self) -> ExportStats {
        let mut sum = ExportStats::default();
        for lane in self.exporters().each() {
            sum.add(&lane.exporter.stats());
        }
        sum
    }

    /// Returns what sampling did with the traces that began or went on in this client: what was kept, left out, and
    /// waits, by reason.
    pub fn sampling_stats(&self) -> SamplingStats {
        self.tracer.sampling_stats()
    }

    pub(super) fn exporters(&self) -> &Arc<Exporters> {
        &self.origin.exporters
    }

    /// Asks the main destination whether it is there and takes the key.
    ///
    /// # Errors
    /// If not; the error says what is wrong and what to do.
    pub async fn check(&self) -> Result<CheckReport, CheckError> {
        let lane = self.main.as_ref().ok_or(CheckError::NotSending)?;
        let (endpoint, exporter) = (lane.endpoint(), &lane.exporter);
        let info = exporter.exchange(check::info_request()).await;
        let report = check::read_info(endpoint, info)?;
        let sessions = exporter.exchange(check::key_request()).await;
        check::read_key(endpoint, sessions)?;
        Ok(report)
    }

    /// Asks as [`check`](Self::check) does, and blocks until the answer.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn check_blocking(&self) -> Result<CheckReport, CheckError> {
        let lane = self.main.as_ref().ok_or(CheckError::NotSending)?;
        let (endpoint, exporter) = (lane.endpoint(), &lane.exporter);
        let info = exporter.exchange_blocking(check::info_request());
        let report = check::read_info(endpoint, info)?;
        let sessions = exporter.exchange_blocking(check::key_request());
        check::read_key(endpoint, sessions)?;
        Ok(report)
    }
}
