//! One measurement and what many of them say.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use crate::contestants::Contestant;
use crate::process::Process;
use crate::protocol::{Ending, Order, Report};
use crate::sink::{Script, Sink, Tally};
use crate::workload::Workload;

/// How long one driver may take in all.
const PATIENCE: Duration = Duration::from_secs(180);

/// Traces before those that are measured. The first takes some hundred times as long as the others: the
/// SDKs look at their surroundings, libraries connect. Nobody pays for that once a run.
const WARM_UP: usize = 2;

/// What one driver cost in one round, for one run where nothing else is said.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Sample {
    /// Time in the calls, in microseconds: the median over traces.
    pub caller_p50: f64,
    /// The same, 99 of hundred traces.
    pub caller_p99: f64,
    /// The same, the slowest trace.
    pub caller_max: f64,
    /// CPU of the calling thread in the calls, in microseconds.
    pub caller_cpu: f64,
    /// CPU of the process until all was sent, in microseconds.
    pub cpu: f64,
    /// Complete runs a second, from the first call until all was sent.
    pub rate: f64,
    /// Memory at its highest, in megabytes.
    pub peak_mb: f64,
    /// How much of it came with the work.
    pub growth_mb: f64,
    /// Bytes over the wire for a complete run.
    pub wire: f64,
    /// Runs that arrived whole, of hundred.
    pub complete: f64,
    /// Beginnings and ends that came again.
    pub duplicates: f64,
    /// The library and its version, where the driver knows.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// What the library says of losses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
}

impl Sample {
    /// Has one driver do one workload.
    ///
    /// # Errors
    /// If it does not start, does not report, or sends what cannot be read.
    pub fn take(contestant: Contestant, workload: Workload, prose: &Path) -> Result<Self> {
        let sink = Sink::start(Script::default())?;
        let spool = crate::folders::make()?;
        let order = Order {
            url: sink.url.clone(),
            prose: prose.to_owned(),
            workload,
            warm_up: WARM_UP,
            rate: None,
            ending: Ending::Flush,
            spool: Some(spool.path().to_owned()),
            odd: None,
            tells_ids: false,
            patience: 60.0,
        };
        let mut process = Process::start(contestant, &order)?;
        let report: Report = process.report(PATIENCE, |_| {})?;
        process.end(PATIENCE)?;
        let tally = sink.finish()?;
        Ok(Self::of(workload, WARM_UP, &report, &tally))
    }

    fn of(workload: Workload, warm_up: usize, report: &Report, tally: &Tally) -> Self {
        let runs = workload.runs().max(1) as f64;
        let sent = (workload.runs() + warm_up * workload.spans).max(1) as f64;
        let micros = |nanos: u64| nanos as f64 / 1e3;
        let mut traces = report.trace_ns.clone();
        traces.sort_unstable();
        let spans = workload.spans.max(1) as f64;
        let at = |part: f64| {
            let index = ((traces.len() as f64 * part) as usize).min(traces.len().max(1) - 1);
            micros(traces.get(index).copied().unwrap_or_default()) / spans
        };
        let complete = tally.complete() as f64;
        Self {
            caller_p50: at(0.5),
            caller_p99: at(0.99),
            caller_max: at(1.0),
            caller_cpu: micros(report.caller_cpu_ns) / runs,
            cpu: micros(report.cpu_ns) / runs,
            // Of the runs that were measured as many are complete as of all.
            rate: complete / sent * runs / (report.wall_ns as f64 / 1e9),
            peak_mb: report.peak_kb as f64 / 1024.0,
            growth_mb: report.peak_kb.saturating_sub(report.before_kb) as f64 / 1024.0,
            wire: tally.wire_bytes as f64 / complete.max(1.0),
            complete: complete / sent * 100.0,
            duplicates: tally.duplicates() as f64,
            version: report.version.clone(),
            said: report.said.clone(),
        }
    }

    /// Returns the median of each figure.
    pub fn median(samples: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| median(samples.iter().map(figure));
        let last = samples.last();
        Self {
            caller_p50: of(|it| it.caller_p50),
            caller_p99: of(|it| it.caller_p99),
            caller_max: of(|it| it.caller_max),
            caller_cpu: of(|it| it.caller_cpu),
            cpu: of(|it| it.cpu),
            rate: of(|it| it.rate),
            peak_mb: of(|it| it.peak_mb),
            growth_mb: of(|it| it.growth_mb),
            wire: of(|it| it.wire),
            complete: of(|it| it.complete),
            duplicates: of(|it| it.duplicates),
            version: last.map(|it| it.version.clone()).unwrap_or_default(),
            said: last.and_then(|it| it.said.clone()),
        }
    }
}

/// Returns the median; of an even number, the mean of the two in the middle. Nothing is 0.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().filter(|it| it.is_finite()).collect();
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// Returns the median of what each round says of a figure: theirs to ours.
pub fn ratio(theirs: &[Sample], ours: &[Sample], figure: fn(&Sample) -> f64) -> f64 {
    let pairs = theirs.iter().zip(ours);
    median(pairs.map(|(theirs, ours)| figure(theirs) / figure(ours)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_ratios_is_not_the_ratio_of_medians() {
        let sample = |cpu| Sample {
            cpu,
            ..Sample::default()
        };
        // A neighbour made the second round slow for both.
        let ours = [1.0, 10.0, 1.0].map(sample);
        let theirs = [2.0, 20.0, 2.0].map(sample);
        assert!((ratio(&theirs, &ours, |it| it.cpu) - 2.0).abs() < 1e-9);
        assert!((median([4.0, 1.0, 3.0, 2.0]) - 2.5).abs() < 1e-9);
    }
}
