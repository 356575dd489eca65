//! The scorecard as a page of Prometheus' text format, version 0.0.4.
//!
//! ```text
//! # HELP name words          once a family
//! # TYPE name gauge          of one load, so that nothing only ever grows
//! name{label="value"} 0.5    what was not measured has no line
//! ```
//!
//! Start at [`page`].

use std::fmt::Write as _;

use super::{Scorecard, Share};

pub(super) fn page(score: &Scorecard) -> String {
    let mut page = Page::default();
    page.family(
        "runs",
        "Runs captured.",
        [(vec![], Some(score.runs as f64))],
    );
    completeness(&mut page, score);
    propagation(&mut page, score);
    impact(&mut page, score);
    debugging(&mut page, score);
    visibility(&mut page, score);
    page.0
}

fn completeness(page: &mut Page, score: &Scorecard) {
    let all = &score.completeness;
    page.ratio(
        "trace_completeness_ratio",
        "Complete traces per request of the load.",
        all.complete,
    );
    page.counts(
        "requests",
        "Requests by what arrived of them.",
        "trace",
        [
            ("complete", all.complete.got),
            ("partial", all.partial),
            ("missing", all.missing),
        ],
    );
    let flaws = all
        .flaws
        .iter()
        .map(|(flaw, count)| (flaw.as_str(), *count));
    page.counts(
        "flawed_traces",
        "Partial traces by what is wrong.",
        "flaw",
        flaws,
    );
    let absent = all
        .absent
        .iter()
        .map(|(name, count)| (name.as_str(), *count));
    page.counts(
        "absent_services",
        "Partial traces that lack the runs of a service.",
        "service",
        absent,
    );
    let strays = [(vec![], Some(all.strays as f64))];
    page.family("stray_traces", "Traces of no request.", strays);
}

fn propagation(page: &mut Page, score: &Scorecard) {
    let all = &score.propagation;
    page.ratio(
        "edge_success_ratio",
        "Linked calls per call between services.",
        all.edges,
    );
    page.ratio(
        "node_success_ratio",
        "Runs with their parent per run below a root.",
        all.nodes,
    );
    page.counts(
        "lost_nodes",
        "Runs below a root without their parent, by reason.",
        "reason",
        [
            ("parent_absent", all.parent_absent),
            ("in_a_circle", all.in_a_circle),
            ("other_trace", all.other_trace),
        ],
    );
    let mut calls = Vec::new();
    for edge in &all.by_edge {
        let labels = |result| vec![("from", &*edge.from), ("to", &*edge.to), ("result", result)];
        calls.push((labels("linked"), Some(edge.linked.got as f64)));
        for (cut, count) in &edge.cuts {
            calls.push((labels(cut.as_str()), Some(*count as f64)));
        }
    }
    page.family(
        "calls",
        "Calls between services, by what became of the context.",
        calls,
    );
}

fn impact(page: &mut Page, score: &Scorecard) {
    let all = &score.impact;
    let (mut took, mut added) = (Vec::new(), Vec::new());
    for timing in &all.timings {
        let labels = |quantile| vec![("load", timing.load.as_str()), ("quantile", quantile)];
        let more = timing.added;
        for (quantile, time, more) in [
            ("0.5", timing.p50, more.map(|added| added.p50)),
            ("0.95", timing.p95, more.map(|added| added.p95)),
            ("0.99", timing.p99, more.map(|added| added.p99)),
        ] {
            took.push((labels(quantile), Some(time)));
            added.push((labels(quantile), more));
        }
    }
    page.family(
        "request_duration_seconds",
        "Time of a request, by state.",
        took,
    );
    page.family(
        "added_latency_seconds",
        "Time added by tracing, by state.",
        added,
    );
    for (name, words, value) in [
        (
            "cpu_seconds_per_run",
            "Processor time for a run.",
            all.cpu_seconds_per_run,
        ),
        ("bytes_per_run", "Bytes sent for a run.", all.bytes_per_run),
        (
            "peak_queue_bytes",
            "Most bytes that waited to be sent.",
            all.peak_queue_bytes.map(|bytes| bytes as f64),
        ),
    ] {
        page.family(name, words, [(vec![], value)]);
    }
}

fn debugging(page: &mut Page, score: &Scorecard) {
    let all = &score.debugging;
    let people = || {
        all.people
            .iter()
            .map(|(means, found)| (vec![("means", means.as_str())], found))
    };
    let times = people().map(|(labels, found)| (labels, found.median_seconds));
    page.family(
        "diagnosis_seconds",
        "Median time to the right diagnosis.",
        times,
    );
    let right = people().map(|(labels, found)| (labels, found.correct.ratio()));
    page.family(
        "diagnosis_correct_ratio",
        "Right diagnoses per drill.",
        right,
    );
    page.ratio(
        "doctor_recall_ratio",
        "Faults found per fault put in.",
        all.faults_found,
    );
    page.ratio(
        "doctor_precision_ratio",
        "Right findings per finding.",
        all.findings_right,
    );
}

fn visibility(page: &mut Page, score: &Scorecard) {
    let all = &score.visibility;
    page.ratio(
        "error_visibility_ratio",
        "Visible errors per error scenario.",
        all.visible,
    );
    let mut scenarios = Vec::new();
    for one in &all.by_scenario {
        let labels = |result| {
            vec![
                ("scenario", &*one.scenario),
                ("service", &*one.service),
                ("result", result),
            ]
        };
        scenarios.push((labels("visible"), Some(one.visible.got as f64)));
        for (why, count) in &one.unseen {
            scenarios.push((labels(why.as_str()), Some(*count as f64)));
        }
    }
    page.family(
        "error_scenarios",
        "Error scenarios, by whether they can be seen.",
        scenarios,
    );
}

/// A line: its labels, and its value if there is one.
type Sample<'a> = (Vec<(&'a str, &'a str)>, Option<f64>);

#[derive(Default)]
struct Page(String);

impl Page {
    fn family<'a>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = Sample<'a>>,
    ) {
        let mut lines = String::new();
        for (labels, value) in samples {
            let Some(value) = value else { continue };
            let labels: Vec<String> = labels
                .into_iter()
                .map(|(label, value)| format!("{label}=\"{}\"", escaped(value)))
                .collect();
            let labels = match labels.is_empty() {
                true => String::new(),
                false => format!("{{{}}}", labels.join(",")),
            };
            let _ = writeln!(lines, "scorecard_{name}{labels} {value}");
        }
        if !lines.is_empty() {
            let _ = write!(
                self.0,
                "# HELP scorecard_{name} {help}\n# TYPE scorecard_{name} gauge\n{lines}"
            );
        }
    }

    fn ratio(&mut self, name: &str, help: &str, share: Share) {
        self.family(name, help, [(vec![], share.ratio())]);
    }

    fn counts<'a>(
        &mut self,
        name: &str,
        help: &str,
        label: &'a str,
        counts: impl IntoIterator<Item = (&'a str, usize)>,
    ) {
        let sample = |(value, count): (&'a str, usize)| (vec![(label, value)], Some(count as f64));
        self.family(name, help, counts.into_iter().map(sample));
    }
}

/// Escapes what the format asks for and nothing else, so that two names never become one.
fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
