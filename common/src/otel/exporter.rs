//! Spans to LangSmith.
//!
//! ```text
//! SDK ──batch──► complete (dialect) ──► mask ──► OTLP, protobuf, gzip ──► courier ──► LangSmith
//!                                                    │ 429, 502, 503, 504, nobody there: again, a while
//!                                                    └──► counted: delivered or failed
//! ```
//!
//! Start at [`LangSmithExporter`].

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry_otlp::{Compression, Protocol, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use super::address::traces_url;
use super::dialect::complete;
use super::http::{Courier, Rejected};
use super::masking::{mask, mask_resource};
use super::requests::requests;
use crate::client::{Config, ConfigError};
use crate::export::{Destination, StartError, show_endpoint};
use crate::trace::Redactor;

/// How long a request with spans is tried again, and how long each attempt may take: twice as long in all, if
/// the last one hangs.
pub const DEFAULT_SPAN_TIMEOUT: Duration = Duration::from_secs(10);

/// Why spans cannot be sent. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OtelError {
    /// A setting cannot be used; the text says which.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The destination cannot be used as it is written, or the system gives no thread.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A [`Relay`](super::Relay) does not mask, and the configuration wants masking: mask where the spans are
    /// made, or give the relay a configuration without.
    #[error("a relay passes spans on as they are, and this configuration masks")]
    RelayMasks,
    /// The OpenTelemetry SDK refuses the exporter; the text is its own.
    #[error("the exporter of spans cannot be made: {0}")]
    Sdk(String),
}

/// Sends spans to LangSmith: the exporter of OpenTelemetry's own SDK, set up so that it works there.
///
/// Address, key, workspace, certificates, masking and project are those of the [`Config`], so a program
/// configures native runs and spans in one place. Fixed are protobuf over HTTP and gzip. The variables
/// `OTEL_EXPORTER_OTLP_*` are not read: they are another backend's, and so may be the credentials in them.
///
/// ```
/// use common::client::Config;
/// use common::otel::LangSmithExporter;
/// use common::otel::opentelemetry_sdk::trace::SdkTracerProvider;
///
/// let config = Config { endpoint: "http://127.0.0.1:1984".into(), ..Config::default() };
/// let exporter = LangSmithExporter::new(&config)?;
/// let stats = exporter.stats();
/// let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
/// # drop(provider);
/// # assert_eq!(stats.get().delivered, 0);
/// # Ok::<(), common::otel::OtelError>(())
/// ```
///
/// A batch of more than 20 MiB leaves in several requests, so that it is not refused whole.
///
/// [`Pipeline`](super::Pipeline) adds what belongs around it. A request that is not taken in the time of
/// [`DEFAULT_SPAN_TIMEOUT`] is lost and counted: unlike native runs, spans are held by nobody else.
pub struct LangSmithExporter {
    otlp: opentelemetry_otlp::SpanExporter,
    redactor: Option<Redactor>,
    rejected: Rejected,
    stats: SpanStats,
    shown: String,
}

/// How many spans there were. Made by [`LangSmithExporter::stats`]; a clone counts the same.
#[derive(Debug, Clone, Default)]
pub struct SpanStats(Arc<Counting>);

#[derive(Debug, Default)]
struct Counting {
    ended: AtomicU64,
    delivered: AtomicU64,
    failed: AtomicU64,
    warned: AtomicBool,
}

/// The books at one moment. Spans that ended and are in neither of the others wait, or found the SDK's
/// queue full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpanCounts {
    /// Spans that ended and were in the sample; counted in a [`Pipeline`](super::Pipeline) only.
    pub ended: u64,
    /// Spans that were answered with 200. LangSmith may still drop one whose parent never comes.
    pub delivered: u64,
    /// Spans given up, and those that the server refused while it took others of the same request.
    pub failed: u64,
}

impl fmt::Display for SpanCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            ended,
            delivered,
            failed,
        } = self;
        write!(f, "ended {ended}, delivered {delivered}, failed {failed}")
    }
}

impl SpanStats {
    /// Returns the books of this moment.
    pub fn get(&self) -> SpanCounts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SpanCounts {
            ended: of(&self.0.ended),
            delivered: of(&self.0.delivered),
            failed: of(&self.0.failed),
        }
    }

    pub(super) fn ended(&self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// Returns where the spans of a configuration go, and with which headers.
pub(super) fn destination(config: &Config) -> Result<Destination, OtelError> {
    let mut to = config.destination();
    to.endpoint = traces_url(&to.endpoint);
    if !to.has_key() && crate::client::is_hosted(&to.endpoint) {
        return Err(ConfigError::MissingApiKey.into());
    }
    // A header holds ASCII that can be printed; a project of another name is on each span all the same.
    if config
        .project
        .bytes()
        .all(|byte| (b' '..=b'~').contains(&byte))
    {
        let project = config.project.clone();
        to.headers.push(("Langsmith-Project".to_owned(), project));
    }
    Ok(to)
}

impl LangSmithExporter {
    /// Makes an exporter to where `config` sends.
    ///
    /// # Errors
    /// If the hosted service is meant and there is no key, or the address cannot be used.
    pub fn new(config: &Config) -> Result<Self, OtelError> {
        let redactor = Some(config.redactor.clone()).filter(Redactor::masks);
        Self::to(&destination(config)?, redactor)
    }

    /// Makes an exporter to a whole address, with the masking of LangSmith's.
    fn to(to: &Destination, redactor: Option<Redactor>) -> Result<Self, OtelError> {
        let rejected = Rejected::default();
        let courier = Courier::start(to, DEFAULT_SPAN_TIMEOUT, rejected.clone())?;
        let otlp = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            // Without one of our own, the features of any crate in the tree choose the client.
            .with_http_client(courier)
            .with_endpoint(&to.endpoint)
            .with_protocol(Protocol::HttpBinary)
            .with_compression(Compression::Gzip)
            .with_timeout(DEFAULT_SPAN_TIMEOUT)
            .build();
        Ok(Self {
            otlp: otlp.map_err(|error| OtelError::Sdk(error.to_string()))?,
            redactor,
            rejected,
            stats: SpanStats::default(),
            shown: show_endpoint(&to.endpoint),
        })
    }

    /// Returns the books, to be looked at when the SDK owns the exporter.
    pub fn stats(&self) -> SpanStats {
        self.stats.clone()
    }
}

impl SpanExporter for LangSmithExporter {
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        for span in &mut batch {
            complete(span);
            if let Some(redactor) = &self.redactor {
                mask(redactor, span);
            }
        }
        let mut result = Ok(());
        for request in requests(batch) {
            let sent = self.send(request).await;
            result = result.and(sent);
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.otlp.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.otlp.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        match &self.redactor {
            Some(redactor) => self.otlp.set_resource(&mask_resource(redactor, resource)),
            None => self.otlp.set_resource(resource),
        }
    }
}

impl LangSmithExporter {
    /// Sends spans in one request, and enters in the books what became of them.
    async fn send(&self, request: Vec<SpanData>) -> OTelSdkResult {
        let spans = request.len() as u64;
        let result = self.otlp.export(request).await;
        let (counting, rejected) = (&self.stats.0, self.rejected.take());
        let (failed, why) = match &result {
            Ok(()) => (
                rejected.min(spans),
                "refused among others that were taken".to_owned(),
            ),
            Err(error) => (spans, error.to_string()),
        };
        if failed > 0 && !counting.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "spans were not delivered to {}: {why} (logged once)",
                self.shown
            );
        }
        counting.failed.fetch_add(failed, Ordering::Relaxed);
        counting
            .delivered
            .fetch_add(spans - failed, Ordering::Relaxed);
        result
    }
}

impl fmt::Debug for LangSmithExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LangSmithExporter")
            .field("endpoint", &self.shown)
            .field("stats", &self.stats.get())
            .finish_non_exhaustive()
    }
}
