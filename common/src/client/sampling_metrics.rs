//! What sampling did, for Prometheus, beside the books of the exporters.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::handle::Client;
use crate::trace::{KeepReason, LeaveReason, SamplingBooks, SamplingStats};

/// Reads the books of a client's sampler, and keeps nothing of the client alive that sends.
#[derive(Clone)]
pub(super) struct Sampled {
    books: SamplingBooks,
    // What tells the series of this client from those of another.
    destination: String,
}

type Row<'a> = (Vec<(&'a str, &'a str)>, u64);

impl Sampled {
    pub(super) fn by(client: &Client) -> Self {
        let main = client.main.as_ref();
        Self {
            books: client.tracer.sampling_books(),
            destination: main.map(|lane| lane.label.clone()).unwrap_or_default(),
        }
    }

    pub(super) fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let stats = self.books.stats();
        let mut page = Page {
            encoder,
            destination: &self.destination,
        };
        page.counters(
            "seen",
            "Parts of traces that began here",
            vec![(vec![], stats.seen)],
        )?;
        let joined = vec![(vec![], stats.joined)];
        page.counters(
            "joined",
            "Parts that continue another process's trace",
            joined,
        )?;
        page.counters(
            "traces",
            "Parts of traces by what became of them",
            fates(&stats),
        )?;
        page.counters("rule_traces", "Traces by rule", rules(&stats))?;
        let held = [("kept", stats.held.kept), ("left_out", stats.held.left_out)];
        let held = held.map(|(outcome, count)| (vec![("outcome", outcome)], count));
        page.counters("runs", "Runs of parts that were held back", held.into())?;
        for (name, help, count) in [
            (
                "missed_errors",
                "Runs that failed after their part was left out",
                stats.missed_errors,
            ),
            (
                "forgotten",
                "Operations on parts that were forgotten",
                stats.forgotten,
            ),
            (
                "left_out_feedback",
                "Judgements left out with their traces",
                stats.left_out_feedback,
            ),
        ] {
            page.counters(name, help, vec![(vec![], count)])?;
        }
        page.gauge("waiting", "Parts of traces held back", stats.waiting)?;
        page.gauge("waiting_runs", "Runs held back", stats.held.waiting)?;
        page.gauge(
            "waiting_bytes",
            "Bytes held back, by estimate",
            stats.waiting_bytes,
        )
    }
}

/// Every reason is there from the first, so that the first of its kind shows as growth.
fn fates(stats: &SamplingStats) -> Vec<Row<'static>> {
    let row = |outcome, reason, count: Option<&u64>| {
        let labels = vec![("outcome", outcome), ("reason", reason)];
        (labels, count.copied().unwrap_or_default())
    };
    let kept = KeepReason::ALL.map(|reason| row("kept", reason.word(), stats.kept.get(&reason)));
    let left_out =
        LeaveReason::ALL.map(|reason| row("left_out", reason.word(), stats.left_out.get(&reason)));
    kept.into_iter().chain(left_out).collect()
}

fn rules(stats: &SamplingStats) -> Vec<Row<'_>> {
    let tallies = stats.by_rule.iter().flat_map(|(label, tally)| {
        let row = |outcome, count| (vec![("outcome", outcome), ("rule", label.as_str())], count);
        [row("kept", tally.kept), row("left_out", tally.left_out)]
    });
    tallies.collect()
}

struct Page<'a, 'd> {
    encoder: DescriptorEncoder<'a>,
    destination: &'d str,
}

impl Page<'_, '_> {
    fn counters(&mut self, name: &str, help: &str, rows: Vec<Row<'_>>) -> Result<(), fmt::Error> {
        let name = format!("langsmith_sampling_{name}");
        let mut metric = self
            .encoder
            .encode_descriptor(&name, help, None, MetricType::Counter)?;
        for (labels, count) in rows {
            let labels: Vec<(&str, &str)> = [("destination", self.destination)]
                .into_iter()
                .chain(labels)
                .collect();
            ConstCounter::new(count).encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn gauge(&mut self, name: &str, help: &str, level: u64) -> Result<(), fmt::Error> {
        let name = format!("langsmith_sampling_{name}");
        let mut metric = self
            .encoder
            .encode_descriptor(&name, help, None, MetricType::Gauge)?;
        let labels = [("destination", self.destination)];
        ConstGauge::new(level as f64).encode(metric.encode_family(&labels)?)
    }
}

// It is shown inside of `ExportMetrics`, which tells nothing either.
impl fmt::Debug for Sampled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sampled")
    }
}
