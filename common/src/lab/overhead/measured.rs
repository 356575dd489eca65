//! What was measured, as a table and as charts.

use std::fmt;
use std::time::Duration;

use crate::analysis::{
    Figure, Impact, Ledger, Load, Series, Table, Timing, bar_chart, line_chart, scorecard,
};
use crate::export::ExportStats;
use crate::model::TraceTree;

/// What the turns took.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    pub(super) ledger: Ledger,
    pub(super) books: Vec<StateBooks>,
}

/// The books of one state after its turns.
#[derive(Debug, Clone)]
pub struct StateBooks {
    /// The state.
    pub load: Load,
    /// Requests done, those of the warm-up among them.
    pub requests: u64,
    /// What became of the operations.
    pub stats: ExportStats,
    /// Time of the processor for the thread of the requests; none where the system does not say.
    pub caller_cpu: Option<Duration>,
    /// Time of the processor for the exporter's threads; none where the system does not say.
    pub exporter_cpu: Option<Duration>,
    /// Bytes of bodies that arrived at the backend, compressed as LangSmith takes them.
    pub bytes: u64,
    /// Requests that arrived at the backend.
    pub sent: u64,
    /// Most bytes that were held between two turns.
    pub peak_queue_bytes: u64,
    /// What was held after each turn: its number, and bytes.
    pub queue: Vec<(usize, usize)>,
}

impl StateBooks {
    /// Returns the number of runs that were taken in: each is two operations.
    pub fn runs(&self) -> u64 {
        self.stats.accepted / 2
    }

    /// Says what became of what did not arrive, by reason; a dash if all of it did.
    pub fn lost(&self) -> String {
        let stats = &self.stats;
        let dropped = stats
            .dropped
            .iter()
            .map(|(why, count)| format!("{count} dropped: {why}"));
        let refused = stats
            .refused
            .iter()
            .map(|(why, count)| format!("{count} refused: {why}"));
        let spooled = (stats.spooled > 0).then(|| format!("{} on disk", stats.spooled));
        let all: Vec<String> = dropped.chain(refused).chain(spooled).collect();
        match all.is_empty() {
            true => "–".to_owned(),
            false => all.join("; "),
        }
    }
}

impl Measured {
    /// Returns the books of each state.
    pub fn books(&self) -> &[StateBooks] {
        &self.books
    }

    /// Returns the books of a state.
    pub fn of(&self, load: Load) -> Option<&StateBooks> {
        self.books.iter().find(|books| books.load == load)
    }

    /// Returns times and costs as a ledger, for a [`Scorecard`](crate::analysis::Scorecard).
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Returns percentiles, differences and where they lie, as the scorecard tells them.
    pub fn impact(&self) -> Impact {
        scorecard(&TraceTree::default(), &self.ledger).impact
    }

    /// Lists the latency of a request in each state, what tracing added to it, and the ratio of the medians.
    pub fn latency_table(&self) -> Table {
        let impact = self.impact();
        let off = impact
            .timings
            .iter()
            .find(|timing| timing.load == Load::Off);
        let off = off.map_or(0.0, |timing| timing.p50);
        let head = Table::new([
            "state",
            "p50 (µs)",
            "p95",
            "p99",
            "added",
            "95 % interval",
            "of off",
        ]);
        impact.timings.iter().fold(head, |table, timing| {
            let added = timing.added.as_ref();
            let interval = added.and_then(|added| added.interval);
            table.row([
                name(timing.load).to_owned(),
                micros(timing.p50),
                micros(timing.p95),
                micros(timing.p99),
                added.map_or("–".to_owned(), |added| micros(added.median)),
                interval.map_or("–".to_owned(), |(low, high)| {
                    format!("{} to {}", micros(low), micros(high))
                }),
                ratio(timing.p50, off),
            ])
        })
    }

    /// Lists what tracing took of the processor beyond the state "off", what was sent and held, and what became of
    /// the operations. The warm-up counts.
    pub fn cost_table(&self) -> Table {
        let off = self.of(Load::Off).and_then(|off| off.caller_cpu);
        let head = Table::new([
            "state",
            "runs",
            "caller (µs/request)",
            "exporter (µs/request)",
            "bytes/run",
            "peak queue (KiB)",
            "lost",
        ]);
        self.books.iter().fold(head, |table, state| {
            let runs = state.runs();
            let caller = state
                .caller_cpu
                .zip(off)
                .map(|(on, off)| on.as_secs_f64() - off.as_secs_f64());
            let exporter = state.exporter_cpu.map(|time| time.as_secs_f64());
            // By request, so that a state that keeps a part of the runs can be compared.
            let each = |time: Option<f64>| match (time, state.load) {
                (Some(time), load) if load != Load::Off && state.requests > 0 => {
                    micros(time / state.requests as f64)
                }
                _ => "–".to_owned(),
            };
            table.row([
                name(state.load).to_owned(),
                runs.to_string(),
                each(caller),
                each(exporter),
                match runs {
                    0 => "–".to_owned(),
                    _ => (state.bytes / runs).to_string(),
                },
                (state.peak_queue_bytes / 1_024).to_string(),
                state.lost(),
            ])
        })
    }

    /// Draws the median latency of a request in each state.
    pub fn latency_chart(&self) -> Figure {
        let impact = self.impact();
        let bar = |timing: &Timing| (name(timing.load).to_owned(), timing.p50 * 1e6);
        let bars: Vec<_> = impact.timings.iter().map(bar).collect();
        bar_chart("state", "median time of a request (µs)", bars)
    }

    /// Draws the latency of each state at the 50th, 95th and 99th percentile. Four lines fit: "sampled" is left out.
    pub fn tail_chart(&self) -> Figure {
        let impact = self.impact();
        let drawn = impact
            .timings
            .iter()
            .filter(|timing| timing.load != Load::Sampled);
        let line = |timing: &Timing| {
            let points = [(50.0, timing.p50), (95.0, timing.p95), (99.0, timing.p99)];
            Series::new(name(timing.load), points.map(|(at, time)| (at, time * 1e6)))
        };
        line_chart(
            "percentile",
            "time of a request (µs)",
            &drawn.map(line).collect::<Vec<_>>(),
        )
    }

    /// Draws what the clients of a healthy, a slow and a dead backend hold in memory, turn by turn.
    pub fn queue_chart(&self) -> Figure {
        let drawn = [Load::On, Load::SlowBackend, Load::DeadBackend];
        let states = drawn.iter().filter_map(|load| self.of(*load));
        let line = |state: &StateBooks| {
            let points = state
                .queue
                .iter()
                .map(|(turn, bytes)| (*turn as f64, *bytes as f64 / 1_024.0));
            Series::new(name(state.load), points)
        };
        line_chart(
            "request",
            "held in memory (KiB)",
            &states.map(line).collect::<Vec<_>>(),
        )
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.latency_table(), self.cost_table())
    }
}

fn name(load: Load) -> &'static str {
    match load {
        Load::Off => "off",
        Load::On => "on",
        Load::Sampled => "sampled",
        Load::SlowBackend => "slow backend",
        Load::DeadBackend => "dead backend",
    }
}

fn micros(seconds: f64) -> String {
    format!("{:.1}", seconds * 1e6)
}

fn ratio(of: f64, to: f64) -> String {
    match to > 0.0 {
        true => format!("{:.2}×", of / to),
        false => "–".to_owned(),
    }
}
