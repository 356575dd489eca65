//! The runs of a trace as a nested list, each with its bar on a common time axis.
//!
//! ```text
//! gateway          chain  412 ms   ██████████████████
//!   retrieve  → python retriever     ▓▓▓▓▓▓▓
//!   generate       llm    201 ms             ✗▒▒▒▒▒▒
//! ```
//!
//! Positions are numbers in SVG attributes, because the policy of the page forbids styles in it.
//! Start at [`Rows::of`].

use maud::{Markup, html};

use super::derived::Derived;
use super::facts::{Traced, sender};
use super::shell::trace_href;
use super::text::{line, status};
use crate::analysis::{self, Row, TimeAxis, duration, first_line};
use crate::model::{RunId, RunStatus, RunType, TraceId};

/// Runs on one page at most.
pub(super) const SHOWN: usize = 250;
/// Levels that are indented; deeper runs say their level instead.
const LEVELS: usize = 16;
/// Right end of the axis; a bar that has not ended is drawn to here.
const WIDTH: f64 = 1_000.0;
/// Least distance of two labels of the axis.
const APART: f64 = 180.0;
/// A mark so near to a cut is the first one after it.
const AFTER_CUT: f64 = 20.0;
/// Room for the label of the last bar.
const LABEL: f64 = 160.0;

/// All runs of a trace, and where their bars are.
pub(super) struct Rows<'a> {
    trace: TraceId,
    traced: &'a Traced,
    rows: Vec<Row<'a>>,
    axis: TimeAxis,
    origin: i64,
}

/// A run with those of its descendants that are on the page.
struct Branch<'r, 'a> {
    row: &'r Row<'a>,
    below: Vec<Branch<'r, 'a>>,
}

impl<'a> Rows<'a> {
    pub(super) fn of(trace: TraceId, traced: &'a Traced) -> Self {
        let rows = analysis::rows(&traced.tree);
        let starts = rows.iter().map(|row| row.run.start_time.timestamp_micros());
        let origin = starts.min().unwrap_or(0);
        let spans: Vec<_> = rows.iter().map(|row| span(row, origin)).collect();
        // A run that has not ended is still at work as far as is known.
        let latest = spans.iter().map(|(from, to)| to.unwrap_or(*from));
        let latest = latest.fold(0.0, f64::max);
        let spans = spans.into_iter();
        let spans = spans.map(|(from, to)| (from, to.unwrap_or(latest)));
        Self {
            axis: TimeAxis::new(spans.collect(), 0.0, WIDTH - LABEL),
            trace,
            traced,
            rows,
            origin,
        }
    }

    pub(super) fn pages(&self) -> usize {
        self.rows.len().div_ceil(SHOWN).max(1)
    }

    /// Returns the page on which a run is.
    pub(super) fn page_of(&self, run: RunId) -> Option<usize> {
        let at = self.rows.iter().position(|row| row.run.id == run)?;
        Some(at / SHOWN + 1)
    }

    /// Writes one page of the tree.
    pub(super) fn page(&self, page: usize, current: Option<RunId>) -> Markup {
        let from = (page - 1) * SHOWN;
        let shown = &self.rows[from.min(self.rows.len())..self.rows.len().min(from + SHOWN)];
        html! {
            div .axis aria-hidden="true" {
                span .plot { (self.ticks()) }
            }
            @if from > 0 {
                p .more { "… below the runs of the page before" }
            }
            ul .tree { @for branch in branches(shown) { (self.branch(&branch, page, current)) } }
        }
    }

    fn ticks(&self) -> Markup {
        let cuts = self.axis.cuts();
        let begins = |x: f64| cuts.iter().any(|cut| (0.0..AFTER_CUT).contains(&(x - cut)));
        let mut ticks: Vec<(f64, String, bool)> = Vec::new();
        for tick in self.axis.ticks() {
            let has_room = |ticks: &[(f64, String, bool)]| {
                ticks.last().is_none_or(|last| tick.x - last.0 >= APART)
            };
            if begins(tick.x) {
                // Where time was cut out counts more than the mark before it.
                if ticks.len() > 1 && !has_room(&ticks) {
                    ticks.pop();
                }
                ticks.push((tick.x, format!("╱╱ {}", tick.words), true));
            } else if has_room(&ticks) {
                ticks.push((tick.x, tick.words, ticks.is_empty()));
            }
        }
        html! {
            svg width="100%" height="18" {
                @for (x, words, begins) in ticks {
                    text x=(percent(x)) y="13" text-anchor=[(!begins).then_some("middle")] { (words) }
                }
            }
        }
    }

    fn branch(&self, branch: &Branch<'_, 'a>, page: usize, current: Option<RunId>) -> Markup {
        let row = branch.row;
        let (id, total) = (row.run.id, self.traced.tree.nodes()[row.at].children.len());
        html! {
            li {
                @if let Some(mark) = row.mark {
                    p .mark { "⚠ " (mark.in_words()) }
                }
                (self.line(row, page, current == Some(id)))
                @if !branch.below.is_empty() {
                    details #{ "below-" (id) } open {
                        summary {
                            span .hidden { (total) " below " (row.name(60)) }
                        }
                        ul { @for below in &branch.below { (self.branch(below, page, current)) } }
                    }
                }
            }
        }
    }

    fn line(&self, row: &Row<'a>, page: usize, is_current: bool) -> Markup {
        let run = row.run;
        let nodes = self.traced.tree.nodes();
        let parent = nodes[row.at].parent.map(|at| &nodes[at].run);
        let derived = self.traced.derived(run.id);
        // What a chain used is what its models used, which stands beside them.
        let used = derived.filter(|_| run.run_type == RunType::Llm);
        let from = sender(run);
        // A service is told where it begins: at the top, and where a request crossed to it.
        let crossed = parent.is_some_and(|parent| sender(parent) != from);
        let told = from.filter(|_| crossed || parent.is_none());
        let failed = row.failed();
        let started = duration(run.start_time.signed_duration_since(
            chrono::DateTime::from_timestamp_micros(self.origin).unwrap_or(run.start_time),
        ));
        html! {
            div .run .current[is_current] .failed[failed] {
                div .what {
                    span .kind.(kind(&run.run_type)) aria-hidden="true" {}
                    a #{ "run-" (run.id) } .said href=(trace_href(self.trace, Some(run.id), Some(page)))
                        data-swap aria-current=[is_current.then_some("true")] { (row.name(120)) }
                    " " span .type .said { (row.run_type(24)) }
                    @if run.status() != RunStatus::Success { " " (status(run.status())) }
                    @if let Some(service) = told {
                        " " span .chip .said .crossed[crossed] {
                            @if crossed { span aria-hidden="true" { "→ " } span .hidden { "in service " } }
                            (line(service, 32))
                        }
                    }
                    @if let Some(project) = row.other_project {
                        " " small .said { "project " (line(project, 32)) }
                    }
                    @if row.depth >= LEVELS { " " small { "level " (row.depth + 1) } }
                    @if let Some(tokens) = used.and_then(Derived::tokens) { " " small { (tokens) "\u{a0}tokens" } }
                    @if let Some(cost) = used.and_then(Derived::cost) { " " small { (cost) } }
                    @if let Some(derived) = derived { (derived.chips()) }
                    @if failed {
                        @if let Some(error) = &run.error {
                            " " small .why .said { (line(first_line(error), 60)) }
                        }
                    }
                }
                span .hidden { " took " (row.latency()) ", began after " (started) }
                (self.bar(row))
            }
        }
    }

    fn bar(&self, row: &Row<'a>) -> Markup {
        let (from, to) = span(row, self.origin);
        let x = self.axis.x(from);
        let end = to.map_or(WIDTH - LABEL, |to| self.axis.x(to));
        let width = (end - x).max(3.0);
        let class = match row.run.status() {
            RunStatus::Error => "bad",
            _ => kind(&row.run.run_type),
        };
        html! {
            span .plot aria-hidden="true" {
                svg .bar width="100%" height="20" {
                    @match to {
                        Some(_) => rect .(class) x=(percent(x)) y="5" width=(percent(width))
                            height="10" rx="3" {}
                        None => rect .open.(class) x=(percent(x)) y="5" width=(percent(width))
                            height="10" rx="3" {}
                    }
                    text x=(percent(x + width)) dx="6" y="14" { (row.latency()) }
                }
            }
        }
    }
}

/// Nests rows as their depths say; what is deeper than [`LEVELS`] stays on the last one.
fn branches<'r, 'a>(rows: &'r [Row<'a>]) -> Vec<Branch<'r, 'a>> {
    let mut open: Vec<Branch<'r, 'a>> = Vec::new();
    let mut tops = Vec::new();
    let depth = |row: &Row<'_>| row.depth.min(LEVELS);
    // Ends the branches that are at least as deep as what comes next.
    let mut close = |open: &mut Vec<Branch<'r, 'a>>, least: usize| {
        while open.last().is_some_and(|last| depth(last.row) >= least) {
            let Some(done) = open.pop() else { break };
            match open.last_mut() {
                Some(parent) => parent.below.push(done),
                None => tops.push(done),
            }
        }
    };
    for row in rows {
        close(&mut open, depth(row));
        open.push(Branch {
            row,
            below: Vec::new(),
        });
    }
    close(&mut open, 0);
    tops
}

/// Returns start and end in microseconds since `origin`; an end before its start counts as the start.
fn span(row: &Row<'_>, origin: i64) -> (f64, Option<f64>) {
    let since =
        |time: crate::model::Timestamp| time.timestamp_micros().saturating_sub(origin) as f64;
    let from = since(row.run.start_time);
    (from, row.run.end_time.map(|end| since(end).max(from)))
}

fn percent(x: f64) -> String {
    format!("{:.2}%", x / WIDTH * 100.0)
}

/// Returns the class that colors a run type.
pub(super) fn kind(run_type: &RunType) -> &'static str {
    match run_type {
        RunType::Llm => "llm",
        RunType::Tool => "tool",
        RunType::Retriever => "retriever",
        RunType::Embedding => "embedding",
        RunType::Prompt => "prompt",
        RunType::Parser => "parser",
        RunType::Chain => "chain",
        RunType::Other(_) => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_type_has_the_color_that_it_has_in_pictures() {
        let styles = include_str!("assets/viewer.css");
        for name in [
            "llm",
            "tool",
            "retriever",
            "embedding",
            "prompt",
            "parser",
            "chain",
            "other",
        ] {
            let run_type = RunType::from(name);
            assert_eq!(kind(&run_type), name);
            let fill = analysis::of_type(&run_type).fill;
            assert!(styles.contains(&format!("--{name}: {fill};")), "{name}");
            assert!(styles.contains(&format!(".{name} {{")), "{name}");
        }
    }
}
