//! The books of the exporters, for Prometheus.
//!
//! ```text
//! Client ──metrics()──► ExportMetrics ──register_collector──► Registry ──► GET /metrics
//!                            └── reads the books of every destination, each time it is asked
//! ```
//!
//! Start at [`Client::metrics`].

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Weak};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::exporters::Exporters;
use super::handle::Client;
use super::sampling_metrics::Sampled;
use crate::export::{AttachmentLoss, DropReason, ExportStats, RefuseReason};

impl Client {
    /// Returns the books of all destinations as metrics, for a registry of the
    /// [`prometheus_client`](https://docs.rs/prometheus-client) crate.
    ///
    /// | metric | labels | says |
    /// |---|---|---|
    /// | `langsmith_export_accepted_total` | | operations taken in |
    /// | `langsmith_export_operations_total` | `outcome`, `reason` | operations `delivered`, `dropped`, or `refused` (never taken in) |
    /// | `langsmith_export_queued` | | operations held in memory |
    /// | `langsmith_export_queue_bytes` | | their size, by estimate |
    /// | `langsmith_export_stalled_seconds` | | how long what is held has been waiting |
    /// | `langsmith_export_spooled` | | operations on disk only |
    /// | `langsmith_export_spool_bytes` | | bytes on disk |
    /// | `langsmith_export_spool_troubles_total` | `kind` | as [`SpoolStats`](crate::export::SpoolStats) counts them |
    /// | `langsmith_export_recovered_total` | | operations that an earlier process had left on disk |
    /// | `langsmith_export_truncated_total` | | runs that arrived with something cut |
    /// | `langsmith_export_requests_total` | | requests sent |
    /// | `langsmith_export_retries_total` | | requests that repeated another |
    /// | `langsmith_export_attachments_lost_total` | `reason` | attachments left out of their runs |
    ///
    /// What sampling did, as [`SamplingStats`](crate::trace::SamplingStats) counts it:
    ///
    /// | metric | labels | says |
    /// |---|---|---|
    /// | `langsmith_sampling_traces_total` | `outcome`, `reason` | parts of traces `kept` or `left_out` |
    /// | `langsmith_sampling_seen_total` | | parts of traces that began here |
    /// | `langsmith_sampling_joined_total` | | those of them that continue another process's trace |
    /// | `langsmith_sampling_rule_traces_total` | `outcome`, `rule` | what the head decided by each rule |
    /// | `langsmith_sampling_runs_total` | `outcome` | runs of parts that were held back, `kept` or `left_out` |
    /// | `langsmith_sampling_waiting` | | parts of traces held back, not decided of |
    /// | `langsmith_sampling_waiting_runs` | | their runs |
    /// | `langsmith_sampling_waiting_bytes` | | their size, by estimate |
    /// | `langsmith_sampling_missed_errors_total` | | runs that failed after their part had been left out |
    /// | `langsmith_sampling_forgotten_total` | | operations on parts of which it was no longer known what had been decided |
    /// | `langsmith_sampling_left_out_feedback_total` | | judgements left out with their traces, by the tail |
    ///
    /// All have the label `destination`, never a key: those of the export as in
    /// [`stats_by_destination`](Self::stats_by_destination), those of sampling that of the main destination, because
    /// it is decided once for all; empty if runs are not sent. Two clients with one destination need a label of their
    /// own each, by `Registry::sub_registry_with_label`. Every reason is there from the first, with zero, so that the first loss shows as growth. Worth an
    /// alert: any growth of `outcome="dropped"`, and `stalled_seconds` above a minute. The metrics keep no
    /// client alive: without one there are none.
    ///
    /// ```
    /// use axum::{Router, http::header::CONTENT_TYPE, routing::get};
    /// use common::client::Client;
    /// use prometheus_client::{encoding::text::encode, registry::Registry};
    ///
    /// let client = Client::builder().endpoint("http://127.0.0.1:1984").build()?;
    /// let mut registry = Registry::default();
    /// registry.register_collector(Box::new(client.metrics()));
    ///
    /// let registry = std::sync::Arc::new(registry);
    /// let metrics = move || async move {
    ///     let mut text = String::new();
    ///     encode(&mut text, &registry).map_err(|error| error.to_string())?;
    ///     let form = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ///     Ok::<_, String>(([(CONTENT_TYPE, form)], text))
    /// };
    /// let app: Router = Router::new().route("/metrics", get(metrics));
    /// # drop(app);
    /// # Ok::<(), common::client::ConfigError>(())
    /// ```
    pub fn metrics(&self) -> ExportMetrics {
        ExportMetrics {
            exporters: Arc::downgrade(self.exporters()),
            sampled: Sampled::by(self),
        }
    }
}

/// Reads the books of a client whenever metrics are asked for. Made by [`Client::metrics`].
#[derive(Clone)]
pub struct ExportMetrics {
    exporters: Weak<Exporters>,
    sampled: Sampled,
}

impl fmt::Debug for ExportMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExportMetrics")
    }
}

/// A destination and its books.
type Books = (String, ExportStats);

impl Collector for ExportMetrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(exporters) = self.exporters.upgrade() else {
            return Ok(());
        };
        let lanes = exporters.each();
        let books = lanes
            .iter()
            .map(|lane| (lane.label.clone(), lane.exporter.stats()));
        let mut page = Page {
            books: books.collect(),
            encoder,
        };
        page.counter("accepted", "Operations taken in", |stats| stats.accepted)?;
        page.fates()?;
        page.gauge("queued", "Operations held in memory", |stats| {
            stats.queued as f64
        })?;
        page.gauge(
            "queue_bytes",
            "Bytes held in memory, by estimate",
            |stats| stats.queued_bytes as f64,
        )?;
        page.gauge(
            "stalled_seconds",
            "How long what is held has been waiting",
            |stats| stats.stalled.as_secs_f64(),
        )?;
        page.gauge("spooled", "Operations kept on disk only", |stats| {
            stats.spooled as f64
        })?;
        page.gauge("spool_bytes", "Bytes on disk", |stats| {
            stats.spool.bytes as f64
        })?;
        page.counter(
            "recovered",
            "Operations that an earlier process left",
            |stats| stats.recovered,
        )?;
        page.troubles()?;
        page.counter("requests", "Requests sent", |stats| stats.requests)?;
        page.counter("retries", "Requests that repeated another", |stats| {
            stats.retries
        })?;
        page.counter(
            "truncated",
            "Runs that arrived with something cut",
            |stats| stats.truncated,
        )?;
        page.attachments()?;
        self.sampled.encode(page.encoder)
    }
}

/// The metrics that are being written.
struct Page<'a> {
    books: Vec<Books>,
    encoder: DescriptorEncoder<'a>,
}

impl Page<'_> {
    fn counter(
        &mut self,
        name: &str,
        help: &str,
        count: impl Fn(&ExportStats) -> u64,
    ) -> Result<(), fmt::Error> {
        let name = format!("langsmith_export_{name}");
        let mut metric = self
            .encoder
            .encode_descriptor(&name, help, None, MetricType::Counter)?;
        for (destination, stats) in &self.books {
            let labels = [("destination", destination.as_str())];
            ConstCounter::new(count(stats)).encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn gauge(
        &mut self,
        name: &str,
        help: &str,
        level: impl Fn(&ExportStats) -> f64,
    ) -> Result<(), fmt::Error> {
        let name = format!("langsmith_export_{name}");
        let mut metric = self
            .encoder
            .encode_descriptor(&name, help, None, MetricType::Gauge)?;
        for (destination, stats) in &self.books {
            let labels = [("destination", destination.as_str())];
            ConstGauge::new(level(stats)).encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn fates(&mut self) -> Result<(), fmt::Error> {
        let mut metric = self.encoder.encode_descriptor(
            "langsmith_export_operations",
            "Operations by what became of them",
            None,
            MetricType::Counter,
        )?;
        for (destination, stats) in &self.books {
            write(&mut metric, destination, "delivered", "", stats.delivered)?;
            for (reason, count) in counted(&DropReason::ALL, &stats.dropped) {
                write(&mut metric, destination, "dropped", &label(reason), count)?;
            }
            for (reason, count) in counted(&RefuseReason::ALL, &stats.refused) {
                write(&mut metric, destination, "refused", &label(reason), count)?;
            }
        }
        Ok(())
    }

    fn troubles(&mut self) -> Result<(), fmt::Error> {
        let mut metric = self.encoder.encode_descriptor(
            "langsmith_export_spool_troubles",
            "What the spool met",
            None,
            MetricType::Counter,
        )?;
        for (destination, stats) in &self.books {
            for (kind, count) in [
                ("unstored", stats.spool.unstored),
                ("rejected", stats.spool.rejected),
                ("damaged", stats.spool.damaged),
                ("set_aside", stats.spool.set_aside),
                ("full", stats.spool.full),
                ("disk_error", stats.spool.disk_errors),
            ] {
                let labels = [("destination", destination.as_str()), ("kind", kind)];
                ConstCounter::new(count).encode(metric.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    fn attachments(&mut self) -> Result<(), fmt::Error> {
        let mut metric = self.encoder.encode_descriptor(
            "langsmith_export_attachments_lost",
            "Attachments left out of their runs",
            None,
            MetricType::Counter,
        )?;
        for (destination, stats) in &self.books {
            for (reason, count) in counted(&AttachmentLoss::ALL, &stats.attachments_lost) {
                let reason = label(reason);
                let labels = [("destination", destination.as_str()), ("reason", &reason)];
                ConstCounter::new(count).encode(metric.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

/// Returns each reason with its count. A series that begins with its first loss shows no growth to
/// Prometheus, so those that have not occurred are there too.
fn counted<'a, R: Ord>(
    reasons: &'a [R],
    counts: &'a BTreeMap<R, u64>,
) -> impl Iterator<Item = (&'a R, u64)> {
    let count = |reason| counts.get(reason).copied().unwrap_or_default();
    reasons.iter().map(move |reason| (reason, count(reason)))
}

fn write(
    metric: &mut MetricEncoder<'_>,
    destination: &str,
    outcome: &str,
    reason: &str,
    count: u64,
) -> Result<(), fmt::Error> {
    let labels = [
        ("destination", destination),
        ("outcome", outcome),
        ("reason", reason),
    ];
    // Without a reason there is no such label, which is the same to Prometheus.
    let labels = &labels[..if reason.is_empty() { 2 } else { 3 }];
    ConstCounter::new(count).encode(metric.encode_family(&labels)?)
}

/// Writes a reason as labels are: `KeyRefused` is `key_refused`.
fn label(reason: &impl fmt::Debug) -> String {
    let mut label = String::new();
    for letter in format!("{reason:?}").chars() {
        if letter.is_uppercase() && !label.is_empty() {
            label.push('_');
        }
        label.extend(letter.to_lowercase());
    }
    label
}
