//! The pictures of the report. Start at [`figures`].

use common::analysis::{Band, Figure, Series, bar_chart, line_chart_in_bands};
use common::model::{Run, RunType};

use super::over_time::{Buckets, latencies, percentile, seconds};
use super::{Report, loss};
use crate::metrics::Books;
use crate::services::Role;

/// A picture, and what stands above it.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) heading: &'static str,
    pub(super) figures: Vec<Figure>,
}

const TIME: &str = "seconds from the beginning";

/// Draws everything there is something to draw of.
pub(super) fn figures(report: &Report) -> Vec<Shown> {
    let bands = bands(report);
    let shown = [
        ("Latency", vec![latency(report, &bands)]),
        ("Tokens and cost", spend(report, &bands)),
        ("Error visibility", visibility(report)),
        ("Queue depth", depth(report, &bands)),
        ("Loss ledger", lost(report)),
        ("Completeness", completeness(report, &bands)),
    ];
    let shown = shown.into_iter().filter(|(_, figures)| !figures.is_empty());
    shown
        .map(|(heading, figures)| Shown { heading, figures })
        .collect()
}

fn bands(report: &Report) -> Vec<Band> {
    let injected = report.facts.injected.iter();
    injected
        .map(|one| Band::new(one.fault.as_str(), one.from, one.to.unwrap_or(one.from)))
        .collect()
}

fn latency(report: &Report, bands: &[Band]) -> Figure {
    let buckets = Buckets::new(&latencies(&report.facts));
    let line = |name: &str, percent| {
        let of = move |values: &[f64]| 1_000.0 * percentile(values, percent);
        Series::new(name, buckets.each(of))
    };
    let lines = [line("p50", 50), line("p95", 95), line("p99", 99)];
    let (p50, p99) = (
        percentile(&report.latencies, 50),
        percentile(&report.latencies, 99),
    );
    line_chart_in_bands(TIME, "latency (ms)", &lines, bands).title(format!(
        "Half of the requests took {:.0} ms at most, one in a hundred more than {:.0} ms",
        1_000.0 * p50,
        1_000.0 * p99
    ))
}

fn spend(report: &Report, bands: &[Band]) -> Vec<Figure> {
    let usage = |figure: fn(&Run) -> f64| {
        let runs = report.facts.runs.iter();
        let calls = runs.filter(|run| run.run_type == RunType::Llm && run.usage().is_some());
        let mut points: Vec<(f64, f64)> = calls
            .map(|run| (seconds(&report.facts, run), figure(run)))
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points
    };
    let input = usage(|run| run.usage().map_or(0.0, |usage| usage.input_tokens as f64));
    let output = usage(|run| run.usage().map_or(0.0, |usage| usage.output_tokens as f64));
    let cost = usage(|run| {
        run.usage()
            .and_then(|usage| usage.total_cost)
            .unwrap_or_default()
    });
    if input.is_empty() {
        return Vec::new();
    }
    let rate = |name: &str, points: &[(f64, f64)]| {
        let buckets = Buckets::new(points);
        let width = buckets.width;
        Series::new(
            name,
            buckets.each(move |values| values.iter().sum::<f64>() / width),
        )
    };
    let used = report.used;
    let tokens = [rate("read", &input), rate("written", &output)];
    let mut sum = 0.0;
    let cents = cost.iter().map(|(at, dollars)| {
        sum += 100.0 * dollars;
        (*at, sum)
    });
    let cents = Series::new("cost", cents);
    vec![
        line_chart_in_bands(TIME, "tokens a second", &tokens, bands).title(format!(
            "{} calls of the model read {} tokens and wrote {}",
            used.calls, used.input, used.output
        )),
        line_chart_in_bands(TIME, "cost so far (US cents)", &[cents], bands).title(format!(
            "They cost ${:.4}, which is ${:.2} for a million calls",
            used.dollars,
            1e6 * used.dollars / used.calls.max(1) as f64
        )),
    ]
}

fn visibility(report: &Report) -> Vec<Figure> {
    let visible = &report.score.visibility;
    if visible.visible.of == 0 {
        return Vec::new();
    }
    let bars = visible.by_scenario.iter().map(|one| {
        let share = 100.0 * one.visible.ratio().unwrap_or_default();
        (format!("{} (of {})", one.scenario, one.visible.of), share)
    });
    let (got, of) = (visible.visible.got, visible.visible.of);
    let figure = bar_chart("kind of failure", "seen in its trace (%)", bars);
    vec![figure.title(match of - got {
        0 => format!("Each of {of} failures can be seen, at the service whose fault it was"),
        unseen => format!("{unseen} of {of} failures cannot be seen"),
    })]
}

fn depth(report: &Report, bands: &[Band]) -> Vec<Figure> {
    let watched = &report.facts.watched;
    if watched.observations.is_empty() {
        return Vec::new();
    }
    let lines = Role::ALL.map(|role| {
        let held = |books: &Books| (books.queued + books.spooled) as f64;
        Series::new(role.as_str(), watched.series(role, held))
    });
    let points = || lines.iter().flat_map(|line| line.points.iter());
    let most = points().map(|point| point.1).fold(0.0, f64::max);
    let figure = line_chart_in_bands(TIME, "operations held", &lines, bands);
    vec![figure.title(format!(
        "A service held {most:.0} operations at most, in memory and on disk"
    ))]
}

fn lost(report: &Report) -> Vec<Figure> {
    let Some(loss) = &report.loss else {
        return Vec::new();
    };
    let bars = loss.services.iter().flat_map(|service| {
        [
            (format!("{}: due", service.role), service.expected as f64),
            ("arrived".to_owned(), service.arrived as f64),
        ]
    });
    vec![bar_chart("service", "runs", bars).title(report.verdict())]
}

fn completeness(report: &Report, bands: &[Band]) -> Vec<Figure> {
    let Some(ledger) = &report.facts.ledger else {
        return Vec::new();
    };
    let captured = loss::captured(&report.facts.runs);
    let recorded = ledger.entries.iter().filter(|entry| entry.recorded);
    let points: Vec<(f64, f64)> = recorded
        .map(|entry| {
            let (arrived, expected) =
                loss::of_request(entry, &captured, ledger.asked.keeping.keeps_all_errors());
            (
                entry.due_seconds,
                if arrived == expected { 100.0 } else { 0.0 },
            )
        })
        .collect();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let all = points.iter().filter(|point| point.1 > 0.0).count();
    let line = Series::new("whole", Buckets::new(&points).each(mean));
    vec![
        line_chart_in_bands(TIME, "requests with all their runs (%)", &[line], bands).title(
            format!("All runs of {all} of {} requests arrived", points.len()),
        ),
        report.score.card(),
    ]
}
