//! The cost table, for a terminal and for the page.

use crate::contestants::{ALL, Contestant, OURS};
use crate::headers::Cost;
use crate::rounds::Results;
use crate::sample::{Sample, median, ratio};
use crate::web::{Load, Way};
use crate::workload::WORKLOADS;

/// A table of words: titles, then rows.
#[derive(Debug, Clone, Default)]
pub struct Grid {
    /// What stands above the columns.
    pub titles: Vec<&'static str>,
    /// The rows.
    pub rows: Vec<Vec<String>>,
}

impl Grid {
    /// Writes it with aligned columns.
    pub fn plain(&self) -> String {
        let titles: Vec<String> = self.titles.iter().map(ToString::to_string).collect();
        let lines = || std::iter::once(&titles).chain(&self.rows);
        let width = |column: usize| {
            let cells = lines().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..titles.len()).map(width).collect();
        let mut text = String::new();
        for row in lines() {
            let cells = row.iter().zip(&widths).enumerate();
            let cells = cells.map(|(at, (cell, &width))| match at {
                0 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            });
            let line = cells.collect::<Vec<_>>().join("  ");
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// Writes it as Markdown.
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let titles: Vec<String> = self.titles.iter().map(ToString::to_string).collect();
        let mut text = line(&titles);
        text.push_str(&format!("|{}\n", "---|".repeat(titles.len())));
        for row in &self.rows {
            text.push_str(&line(row));
        }
        text
    }
}

/// Returns the table of each workload: its id, what it is, the figures.
pub fn cost(results: &Results) -> Vec<(&'static str, &'static str, Grid)> {
    let table = |(id, what, _)| (id, what, of_workload(results, id));
    WORKLOADS.into_iter().map(table).collect()
}

/// Returns the table of headers.
pub fn headers(results: &Results) -> Grid {
    let median_of = |costs: &[Cost], figure: fn(&Cost) -> f64| median(costs.iter().map(figure));
    let ours = results.headers.first().map(|(_, costs)| costs.as_slice());
    let times = |costs: &[Cost], figure: fn(&Cost) -> f64| {
        let pairs = costs.iter().zip(ours.unwrap_or_default());
        number(median(
            pairs.map(|(theirs, ours)| figure(theirs) / figure(ours)),
        ))
    };
    let row = |(contestant, costs): &(Contestant, Vec<Cost>)| {
        vec![
            contestant.title.to_owned(),
            grouped(median_of(costs, |it| it.encode_ns)),
            times(costs, |it| it.encode_ns),
            grouped(median_of(costs, |it| it.decode_ns)),
            times(costs, |it| it.decode_ns),
        ]
    };
    Grid {
        titles: vec!["", "write ns", "× ours", "read ns", "× ours"],
        rows: results.headers.iter().map(row).collect(),
    }
}

/// Returns the table of the middleware.
pub fn web(results: &Results) -> Grid {
    let row = |(way, loads): &(Way, Vec<Load>)| {
        let of = |figure: fn(&Load) -> f64| median(loads.iter().map(figure));
        vec![
            way.title.to_owned(),
            number(of(|it| it.cpu)),
            format!("{:+.1}", of(|it| it.added)),
            grouped(of(|it| it.rate)),
            grouped(of(|it| it.share)),
            grouped(of(|it| it.arrived)),
        ]
    };
    Grid {
        titles: vec![
            "",
            "CPU µs/request",
            "added",
            "requests/s",
            "% of bare",
            "runs per 100",
        ],
        rows: results.web.iter().map(row).collect(),
    }
}

/// Returns a line for each of ours that lost something: what its own books say of it.
pub fn losses(results: &Results) -> Vec<String> {
    let mut lines = Vec::new();
    for (id, _, _) in WORKLOADS {
        for contestant in ALL.into_iter().filter(|it| it.is_ours() && it.sends) {
            let samples = results.of(id, contestant).unwrap_or_default();
            let lost = samples.iter().find(|sample| sample.complete < 100.0);
            if let Some(said) = lost.and_then(|sample| sample.said.as_ref()) {
                lines.push(format!("{id}, {}: {said}", contestant.title));
            }
        }
    }
    lines
}

fn of_workload(results: &Results, workload: &'static str) -> Grid {
    let ours = results.of(workload, OURS).unwrap_or_default();
    let row = |contestant: Contestant| {
        let samples = results.of(workload, contestant)?;
        Some(cells(contestant, samples, ours))
    };
    Grid {
        titles: vec![
            "",
            "caller µs p50",
            "p99",
            "caller CPU µs",
            "× ours",
            "CPU µs/run",
            "× ours",
            "runs/s",
            "peak MB",
            "growth",
            "wire B/run",
            "complete %",
            "again",
        ],
        rows: ALL.into_iter().filter_map(row).collect(),
    }
}

fn cells(contestant: Contestant, samples: &[Sample], ours: &[Sample]) -> Vec<String> {
    let it = Sample::median(samples);
    let times = |figure: fn(&Sample) -> f64| match contestant == OURS {
        true => "1".to_owned(),
        false => number(ratio(samples, ours, figure)),
    };
    let sent = |text: String| {
        if contestant.sends {
            text
        } else {
            "–".to_owned()
        }
    };
    vec![
        contestant.title.to_owned(),
        number(it.caller_p50),
        number(it.caller_p99),
        number(it.caller_cpu),
        times(|it| it.caller_cpu),
        number(it.cpu),
        times(|it| it.cpu),
        sent(grouped(it.rate)),
        number(it.peak_mb),
        number(it.growth_mb),
        sent(grouped(it.wire)),
        sent(percent(it.complete)),
        sent(grouped(it.duplicates)),
    ]
}

/// Writes a figure with as many digits as it deserves.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        size if !size.is_finite() || size == 0.0 => "0".to_owned(),
        size if size >= 100.0 => grouped(value),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Writes a percentage; 99.96 is not 100.
pub(crate) fn percent(value: f64) -> String {
    match value {
        whole if whole >= 100.0 => "100".to_owned(),
        near if near > 99.9 => "99.9".to_owned(),
        other => format!("{other:.1}"),
    }
}

/// Writes a whole number with its thousands apart.
pub(crate) fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.max(0.0));
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_as_people_read_them() {
        assert_eq!(grouped(1_234_567.4), "1,234,567");
        assert_eq!(number(0.456), "0.46");
        assert_eq!(number(12.34), "12.3");
        assert_eq!(percent(99.96), "99.9");
        assert_eq!(percent(100.0), "100");
    }

    #[test]
    fn columns_stand_below_each_other() {
        let grid = Grid {
            titles: vec!["", "µs"],
            rows: vec![vec!["common".into(), "1".into()]],
        };
        assert_eq!(grid.plain(), "        µs\ncommon   1\n");
        assert!(grid.markdown().contains("|---|---|"));
    }
}
