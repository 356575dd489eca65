//! Performance impact: what tracing adds to a request, and what a run costs.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::ledger::{Ledger, Load};

/// Fewest pairs of which an interval is told: with fewer, 95 % would span all of them.
const MIN_PAIRS: usize = 10;

/// What tracing cost the traced.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Impact {
    /// Each state that was timed, [`Load::Off`] first.
    pub timings: Vec<Timing>,
    /// Time of the processor for a run, in seconds.
    pub cpu_seconds_per_run: Option<f64>,
    /// Bytes sent for a run.
    pub bytes_per_run: Option<f64>,
    /// Most bytes that waited to be sent.
    pub peak_queue_bytes: Option<u64>,
}

/// How long requests took in one state, in seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Timing {
    /// The state.
    #[serde(serialize_with = "load_name")]
    pub load: Load,
    /// Requests that were timed.
    pub requests: usize,
    /// Half of the requests took no longer.
    pub p50: f64,
    /// Of 100 requests, 95 took no longer.
    pub p95: f64,
    /// Of 100 requests, 99 took no longer.
    pub p99: f64,
    /// What was added to the requests that were not traced.
    pub added: Option<Added>,
}

/// The difference to requests that were not traced, in seconds; negative if they took longer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Added {
    /// The difference of the medians.
    pub p50: f64,
    /// The difference of the 95th percentiles.
    pub p95: f64,
    /// The difference of the 99th percentiles.
    pub p99: f64,
    /// Pairs of neighboring requests, one traced and one not.
    pub pairs: usize,
    /// The median difference within a pair.
    pub median: f64,
    /// Where that median lies with 95 % confidence, by the sign test; none with fewer than 10 pairs.
    pub interval: Option<(f64, f64)>,
}

fn load_name<S: serde::Serializer>(load: &Load, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(load.as_str())
}

impl Impact {
    /// Returns the timing that the card shows: traced, with a backend that answers, else the first
    /// that is compared.
    pub fn traced(&self) -> Option<&Timing> {
        let compared = || self.timings.iter().filter(|timing| timing.added.is_some());
        let on = compared().find(|timing| timing.load == Load::On);
        on.or_else(|| compared().next())
    }
}

pub(super) fn score(ledger: &Ledger) -> Impact {
    let mut times: BTreeMap<Load, Vec<f64>> = BTreeMap::new();
    for (load, time) in &ledger.times {
        times.entry(*load).or_default().push(time.as_secs_f64());
    }
    let off = times.get(&Load::Off).cloned();
    let timing = |(load, times): (&Load, &Vec<f64>)| {
        let at = Percentiles::of(times);
        let compared = off.as_ref().filter(|_| *load != Load::Off);
        Timing {
            load: *load,
            requests: times.len(),
            p50: at.p50,
            p95: at.p95,
            p99: at.p99,
            added: compared.map(|off| added(off, times)),
        }
    };
    // What was measured for no run says nothing about one.
    let per_run = |of: fn(&super::Cost) -> Option<f64>| {
        let measured = ledger
            .costs
            .iter()
            .filter_map(|cost| Some((of(cost)?, cost.runs)));
        let (sum, runs) = measured.fold((0.0, 0), |(sum, runs), (one, of)| (sum + one, runs + of));
        (runs > 0).then(|| sum / runs as f64)
    };
    Impact {
        timings: times.iter().map(timing).collect(),
        cpu_seconds_per_run: per_run(|cost| cost.cpu.as_ref().map(Duration::as_secs_f64)),
        bytes_per_run: per_run(|cost| cost.bytes.map(|bytes| bytes as f64)),
        peak_queue_bytes: ledger
            .costs
            .iter()
            .filter_map(|cost| cost.peak_queue_bytes)
            .max(),
    }
}

struct Percentiles {
    p50: f64,
    p95: f64,
    p99: f64,
}

impl Percentiles {
    /// Takes the nearest rank: a time that was measured, not one in between.
    fn of(times: &[f64]) -> Self {
        let sorted = sorted(times.to_vec());
        let at = |percent: usize| {
            let rank = (percent * sorted.len()).div_ceil(100);
            sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
        };
        Self {
            p50: at(50),
            p95: at(95),
            p99: at(99),
        }
    }
}

fn added(off: &[f64], on: &[f64]) -> Added {
    let (before, after) = (Percentiles::of(off), Percentiles::of(on));
    let pairs = sorted(off.iter().zip(on).map(|(off, on)| on - off).collect());
    let count = pairs.len();
    let interval = (count >= MIN_PAIRS).then(|| {
        // The ranks between which the median lies in 95 of 100 cases, whatever the distribution.
        let reach = 1.96 * (count as f64).sqrt() / 2.0;
        let low = (count as f64 / 2.0 - reach).floor().max(0.0) as usize;
        (pairs[low], pairs[count - 1 - low])
    });
    Added {
        p50: after.p50 - before.p50,
        p95: after.p95 - before.p95,
        p99: after.p99 - before.p99,
        pairs: count,
        median: Percentiles::of(&pairs).p50,
        interval,
    }
}

fn sorted(mut times: Vec<f64>) -> Vec<f64> {
    times.sort_unstable_by(f64::total_cmp);
    times
}
