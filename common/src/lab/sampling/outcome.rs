//! What comes of sampling: shares, visibility, volume, cost.

use std::fmt;

use crate::analysis::Table;

/// Prices, as a program's owner pays them; none is built in.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SamplingPrices {
    /// For a thousand traces that arrive, whole or in part.
    pub per_thousand_traces: f64,
    /// For a million runs.
    pub per_million_runs: f64,
    /// For a gigabyte (10⁹ bytes) sent.
    pub per_gigabyte: f64,
}

/// What comes of sampling, as shares of requests and for a million of them.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SamplingOutcome {
    /// Requests of which every part arrives.
    pub whole: f64,
    /// Requests of which nothing arrives.
    pub absent: f64,
    /// Requests of which a part arrives whose caller's part does not: its runs hang from nothing.
    pub orphaned: f64,
    /// Requests of which a part arrives and that of a service it called does not: the trace is cut short.
    pub truncated: f64,
    /// Errors that are seen, each counted in the service where it arose; none if there are no errors.
    pub errors_seen: Option<f64>,
    /// Slow parts that are seen; none if nothing is slow.
    pub slow_seen: Option<f64>,
    /// Traces that arrive, whole or in part, of a million requests.
    pub traces_per_million: f64,
    /// Runs that arrive of a million requests.
    pub runs_per_million: f64,
    /// Bytes that are sent for a million requests.
    pub bytes_per_million: f64,
}

impl SamplingOutcome {
    /// Returns what a million requests cost.
    pub fn cost_per_million(&self, prices: &SamplingPrices) -> f64 {
        self.traces_per_million / 1e3 * prices.per_thousand_traces
            + self.runs_per_million / 1e6 * prices.per_million_runs
            + self.bytes_per_million / 1e9 * prices.per_gigabyte
    }

    /// Returns several outcomes side by side, with their names.
    pub fn compared<'a>(
        named: impl IntoIterator<Item = (&'a str, Self)>,
        prices: &SamplingPrices,
    ) -> Table {
        let named: Vec<(&str, Self)> = named.into_iter().collect();
        let names = named.iter().map(|(name, _)| (*name).to_owned());
        let table = Table::new(std::iter::once(String::new()).chain(names));
        let share = |share: f64| format!("{:.2} %", share * 100.0);
        let seen = |share_seen: Option<f64>| share_seen.map_or_else(|| "–".to_owned(), share);
        type Show<'s> = &'s dyn Fn(&SamplingOutcome) -> String;
        let rows: [(&str, Show<'_>); 10] = [
            ("whole traces", &|it| share(it.whole)),
            ("nothing arrives", &|it| share(it.absent)),
            ("with orphans", &|it| share(it.orphaned)),
            ("cut short", &|it| share(it.truncated)),
            ("errors seen", &|it| seen(it.errors_seen)),
            ("slow seen", &|it| seen(it.slow_seen)),
            ("traces per million", &|it| {
                format!("{:.0}", it.traces_per_million)
            }),
            ("runs per million", &|it| {
                format!("{:.0}", it.runs_per_million)
            }),
            ("MB per million", &|it| {
                format!("{:.1}", it.bytes_per_million / 1e6)
            }),
            ("cost per million", &|it| {
                format!("{:.2}", it.cost_per_million(prices))
            }),
        ];
        rows.into_iter().fold(table, |table, (name, show)| {
            let cells = named.iter().map(|(_, outcome)| show(outcome));
            table.row(std::iter::once(name.to_owned()).chain(cells))
        })
    }
}

impl fmt::Display for SamplingOutcome {
    /// Writes it as a table of one column, at no price.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Self::compared([("share", *self)], &SamplingPrices::default()).fmt(f)
    }
}
