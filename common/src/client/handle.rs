//! The handle that a program passes around.

use std::sync::Arc;
use std::time::Duration;

use super::asking::Asking;
use super::builder::ClientBuilder;
use super::check::{self, CheckError, CheckReport};
use super::config::{Config, ConfigError};
use super::exporters::Exporters;
use super::guard::FlushGuard;
use crate::export::{BatchExporter, ExportStats, FlushError};
use crate::trace::{RunBuilder, Tracer};

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
    exporters: Arc<Exporters>,
    pub(super) asking: Arc<Asking>,
}

impl Client {
    pub(super) fn new(tracer: Tracer, exporters: Arc<Exporters>, asking: Asking) -> Self {
        let asking = Arc::new(asking);
        Self {
            tracer,
            exporters,
            asking,
        }
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
        self.exporters.main().map_or("", |(endpoint, _)| endpoint)
    }

    /// Returns the exporter that carries questions.
    pub(super) fn main_exporter(&self) -> Option<&BatchExporter> {
        self.exporters.main().map(|(_, exporter)| exporter)
    }

    /// Waits until every operation so far is delivered, to each destination, for at most `timeout`.
    ///
    /// The destinations work side by side. If several have a problem, the result is that of the first;
    /// [`stats_by_destination`](Self::stats_by_destination) has the books of all.
    ///
    /// It blocks the thread; see [`flush_async`](Self::flush_async).
    ///
    /// # Errors
    /// If time ran out, or operations were dropped or refused since the last flush.
    pub fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        self.exporters.flush(timeout)
    }

    /// Waits as [`flush`](Self::flush) does, without blocking; on any runtime.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub async fn flush_async(&self, timeout: Duration) -> Result<(), FlushError> {
        self.exporters.flush_async(timeout).await
    }

    /// Records nothing more, sends what is held for at most `timeout`, and ends the exporters.
    ///
    /// # Errors
    /// As [`flush`](Self::flush). What was left is dropped and counted.
    pub fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        self.exporters.shutdown(timeout)
    }

    /// Shuts down as [`shutdown`](Self::shutdown) does, without blocking; on any runtime.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub async fn shutdown_async(&self, timeout: Duration) -> Result<(), FlushError> {
        self.exporters.shutdown_async(timeout).await
    }

    /// Returns the books of the main destination; empty if runs are not sent.
    pub fn stats(&self) -> ExportStats {
        self.exporters
            .main()
            .map(|(_, exporter)| exporter.stats())
            .unwrap_or_default()
    }

    /// Returns the books of every destination, the main one first.
    pub fn stats_by_destination(&self) -> Vec<(String, ExportStats)> {
        self.exporters
            .each()
            .iter()
            .map(|(endpoint, exporter)| (endpoint.clone(), exporter.stats()))
            .collect()
    }

    /// Makes a guard that flushes when it is dropped, for at most `timeout`: the last line of `main`
    /// that nobody forgets.
    pub fn flush_guard(&self, timeout: Duration) -> FlushGuard {
        FlushGuard::new(self.clone(), timeout)
    }

    /// Asks the main destination whether it is there and takes the key.
    ///
    /// # Errors
    /// If not; the error says what is wrong and what to do.
    pub async fn check(&self) -> Result<CheckReport, CheckError> {
        let (endpoint, exporter) = self.exporters.main().ok_or(CheckError::NotSending)?;
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
        let (endpoint, exporter) = self.exporters.main().ok_or(CheckError::NotSending)?;
        let info = exporter.exchange_blocking(check::info_request());
        let report = check::read_info(endpoint, info)?;
        let sessions = exporter.exchange_blocking(check::key_request());
        check::read_key(endpoint, sessions)?;
        Ok(report)
    }
}
