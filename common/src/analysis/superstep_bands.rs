//! The supersteps of graphs as bands behind a waterfall.
//!
//! ```text
//!               │  1   │    2     │ 3 │      the number of each superstep
//!   plan        │▓▓▓▓▓▓│          │   │
//!   research    │      │▓▓▓▓▓▓▓▓▓▓│   │      parallel nodes share one
//!   research    │      │▓▓▓▓▓▓▓   │   │
//!   write       │      │          │▓▓▓│
//! ```
//!
//! Start at [`SuperstepBands::of`].

use maud::{Markup, html};

use super::graph::together;
use super::graph::visits::Visits;
use super::label::{count, fit};
use super::palette::{BLUE, LINE, MUTED};
use super::rows::Row;
use super::svg::{Anchor, Key, SMALL, Swatch, Type, n, text};
use super::time_axis::TimeAxis;
use crate::model::{Timestamp, TraceTree};

/// Room above the first node of a graph, for the numbers.
pub(super) const STRIP: f64 = 15.0;
/// Most supersteps that are drawn, and most that are said in words.
const MAX_BANDS: usize = 120;
const MAX_WORDS: usize = 24;

/// The bands of all graphs in a waterfall.
#[derive(Debug, Default)]
pub(super) struct SuperstepBands {
    graphs: Vec<Graph>,
    left_out: usize,
}

/// One call of a graph: its supersteps lie over the rows of all its nodes.
#[derive(Debug)]
struct Graph {
    name: String,
    first: usize,
    last: usize,
    bands: Vec<Band>,
}

#[derive(Debug)]
struct Band {
    step: u64,
    nodes: String,
    from: Timestamp,
    to: Timestamp,
}

impl SuperstepBands {
    /// Finds the supersteps whose rows are shown.
    pub(super) fn of(tree: &TraceTree, shown: &[Row<'_>]) -> Self {
        let visits = Visits::of(tree);
        let mut place = vec![None; tree.len()];
        for (row, shown) in shown.iter().enumerate() {
            place[shown.at] = Some(row);
        }
        let mut found = Self::default();
        let mut drawn = 0;
        for call in &visits.invocations {
            let all = call.steps.values().flatten();
            let Some(first) = all.filter_map(|visit| place[visits.all[*visit].at]).min() else {
                found.left_out += call.steps.len();
                continue;
            };
            let depth = shown[first].depth;
            let is_within = |row: &&Row<'_>| row.depth >= depth && (depth > 0 || !row.is_top);
            let rows = shown[first + 1..].iter().take_while(is_within).count();
            let mut bands = Vec::new();
            for (step, now) in &call.steps {
                let now: Vec<_> = now.iter().map(|visit| &visits.all[*visit]).collect();
                let is_shown = now.iter().any(|visit| place[visit.at].is_some());
                let times = now.iter().map(|visit| {
                    let start = visit.run.start_time;
                    (start, visit.run.end_time.unwrap_or(start).max(start))
                });
                let span = times.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
                match span {
                    Some((from, to)) if is_shown && drawn < MAX_BANDS => {
                        let names: Vec<&str> = now.iter().map(|visit| visit.node).collect();
                        drawn += 1;
                        bands.push(Band {
                            step: *step,
                            nodes: together(&names),
                            from,
                            to,
                        });
                    }
                    _ => found.left_out += 1,
                }
            }
            found.graphs.push(Graph {
                name: call.graph.to_owned(),
                first,
                last: first + rows,
                bands,
            });
        }
        found
    }

    pub(super) fn is_empty(&self) -> bool {
        self.graphs.is_empty()
    }

    /// Returns the room above a row.
    pub(super) fn above(&self, row: usize) -> f64 {
        match self.graphs.iter().any(|graph| graph.first == row) {
            true => STRIP,
            false => 0.0,
        }
    }

    /// Returns the number of rows that have room above them.
    pub(super) fn strips(&self) -> usize {
        self.graphs.len()
    }

    /// Draws the bands, and left of their numbers what they are. Their borders leave out what `label_at` says
    /// of a row: from where to where the label of its bar stands.
    pub(super) fn draw(
        &self,
        axis: &TimeAxis,
        micros: impl Fn(Timestamp) -> f64,
        (lanes, lane): (&[f64], f64),
        name_at: impl Fn(usize) -> f64,
        label_at: impl Fn(usize) -> (f64, f64),
    ) -> Markup {
        let small = Type::new(SMALL, MUTED);
        html! {
            @for graph in &self.graphs {
                @let top = lanes[graph.first] - lane / 2.0 - STRIP;
                @let bottom = lanes[graph.last] + lane / 2.0;
                @let numbers = numbers(graph, axis, &micros);
                (text(name_at(graph.first), top + STRIP / 2.0, small, "superstep"))
                @for (at, band) in graph.bands.iter().enumerate() {
                    @let (left, right) = (axis.x(micros(band.from)), axis.x(micros(band.to)));
                    @let opacity = if at % 2 == 0 { "0.09" } else { "0.2" };
                    g {
                        title { "superstep " (band.step) }
                        rect x=(n(left)) y=(n(top)) width=(n((right - left).max(2.0)))
                            height=(n(bottom - top)) fill=(BLUE) fill-opacity=(opacity) {}
                    }
                    @let is_free = |row: &usize| {
                        let (from, to) = label_at(*row);
                        left < from - 2.0 || left > to + 2.0
                    };
                    @let rows = graph.first..=graph.last;
                    @let way: String = free(rows, (lanes, lane), top, is_free).iter()
                        .map(|(from, to)| format!("M{} {}V{}", n(left), n(*from), n(*to))).collect();
                    path d=(way) stroke=(LINE) stroke-width="0.8" stroke-dasharray="2 2" fill="none" {}
                    @if let Some(x) = numbers[at] {
                        @let look = small.bold().anchor(Anchor::Middle);
                        (text(x, top + STRIP / 2.0, look, &band.step.to_string()))
                    }
                }
            }
        }
    }

    /// Explains the bands, if there are any.
    pub(super) fn key(&self) -> Option<Key<'static>> {
        (!self.is_empty()).then(|| Key {
            swatch: Swatch::Bar {
                fill: "#dbe3ea",
                edge: LINE,
            },
            words: "superstep".to_owned(),
        })
    }

    /// Says the same in words, a line for each superstep.
    pub(super) fn in_words(&self) -> String {
        let all = || {
            self.graphs
                .iter()
                .flat_map(|graph| graph.bands.iter().map(move |band| (graph, band)))
        };
        let lines = all().take(MAX_WORDS);
        let mut words: String = lines
            .map(|(graph, band)| format!("{}\n", band.in_words(&graph.name)))
            .collect();
        let more = all().count().saturating_sub(MAX_WORDS) + self.left_out;
        if more > 0 {
            words.push_str(&format!("… {}\n", count(more, "more superstep")));
        }
        match words.is_empty() {
            true => words,
            false => format!("\n{words}"),
        }
    }
}

impl Band {
    fn in_words(&self, graph: &str) -> String {
        format!(
            "superstep {} of {}: {}",
            self.step,
            fit(graph, 40),
            fit(&self.nodes, 80)
        )
    }
}

/// Returns the stretches from `top` to the last row in which no row is in the way.
fn free(
    rows: std::ops::RangeInclusive<usize>,
    (lanes, lane): (&[f64], f64),
    top: f64,
    is_free: impl Fn(&usize) -> bool,
) -> Vec<(f64, f64)> {
    let mut stretches = Vec::new();
    let mut from = top;
    let mut to = top;
    for row in rows {
        let (above, below) = (lanes[row] - lane / 2.0, lanes[row] + lane / 2.0);
        if !is_free(&row) {
            stretches.push((from, above));
            from = below;
        }
        to = below;
    }
    stretches.push((from, to));
    stretches.retain(|(from, to)| to - from > 0.5);
    stretches
}

/// Returns where each number stands; one that would touch the number before it is left out.
fn numbers(graph: &Graph, axis: &TimeAxis, micros: &impl Fn(Timestamp) -> f64) -> Vec<Option<f64>> {
    let look = Type::small().bold();
    let mut end = f64::NEG_INFINITY;
    let numbers = graph.bands.iter().map(|band| {
        let middle = (axis.x(micros(band.from)) + axis.x(micros(band.to))) / 2.0;
        let half = look.px(&band.step.to_string()) / 2.0;
        (middle - half > end + 2.0).then(|| {
            end = middle + half;
            middle
        })
    });
    numbers.collect()
}
