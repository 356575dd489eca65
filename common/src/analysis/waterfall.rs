//! The waterfall: what ran when, one lane per run.
//!
//! ```text
//! gateway   │ answer       ██████████████████████ 412 ms
//! retriever │  retrieve       ▒▒▒▒▒▒▒ 180 ms
//! generator │  generate                ▓▓▓▓▓▓▓▓ ✗ 201 ms
//!             time since the first start
//! ```
//!
//! Start at [`waterfall`]; [`Waterfall`] has options.

use std::collections::HashMap;
use std::fmt;

use maud::{Markup, html};

use super::critical_path::CriticalPath;
use super::figure::{Figure, MARGIN, WIDTH};
use super::label::{duration, fit};
use super::palette::{self, BAND, BROKEN, HAIRLINE, INK, LINE, MUTED, PAPER};
use super::performance::PerformanceReport;
use super::rows::{Row, finding, inventory, rows};
use super::superstep_bands::SuperstepBands;
use super::svg::{
    Anchor, Key, NAME, NOTE, SMALL, Swatch, Type, cross, legend, line, n, rect, stripes, text,
};
use super::text::text_tree;
use super::time_axis::TimeAxis;
use super::token_mark::{self, first_token};
use crate::model::{RunId, RunStatus, TraceTree};

/// Most lanes; the rest is counted.
const MAX_LANES: usize = 60;
/// Most levels of indentation.
const MAX_INDENT: usize = 8;
/// Room right of the longest bar, for its label.
const LABEL_ROOM: f64 = 74.0;

/// What stands behind a bar that has no end yet.
const PENDING: &str = "pending ▸";

/// Draws a lane per run in tree order, on a time axis from the first start.
///
/// Lanes of one service (metadata `service`) share a band and a strip. Errors are striped, in the
/// accent color, and carry a cross; a run that has not ended is open to the right. A run whose
/// parent is missing and a second root stand apart and say so. Idle times longer than all work are
/// cut out of the axis. A run that streamed has a diamond where its first token came. After 60 lanes the
/// rest is counted. The text alternative is the tree in text, and when the first tokens came.
pub fn waterfall(tree: &TraceTree) -> Figure {
    Waterfall::of(tree).figure()
}

/// A [`waterfall`] with options.
///
/// ```
/// use common::analysis::Waterfall;
/// use common::model::TraceTree;
///
/// let figure = Waterfall::of(&TraceTree::default()).supersteps().figure();
/// assert!(figure.is_light());
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Waterfall<'a> {
    tree: &'a TraceTree,
    has_supersteps: bool,
    has_path: bool,
    report: Option<&'a PerformanceReport>,
}

impl<'a> Waterfall<'a> {
    /// Begins a waterfall of what was captured.
    pub fn of(tree: &'a TraceTree) -> Self {
        Self {
            tree,
            has_supersteps: false,
            has_path: false,
            report: None,
        }
    }

    /// Shades each superstep of a graph (`graph:step:N`, `langgraph_step`) as a band with its number, behind
    /// all nodes of that call of the graph: nodes that ran in parallel lie in one. A subgraph has bands of
    /// its own. The text alternative names the nodes of each.
    #[must_use]
    pub fn supersteps(self) -> Self {
        Self {
            has_supersteps: true,
            ..self
        }
    }

    /// Underlines the [`CriticalPath`] in the accent color: what the root waited for, moment by moment. The
    /// text alternative has it as a table.
    #[must_use]
    pub fn critical_path(self) -> Self {
        Self {
            has_path: true,
            ..self
        }
    }

    /// Writes the code of each finding behind the runs that show it, in the accent color. The text alternative
    /// has the findings in words.
    #[must_use]
    pub fn findings(self, report: &'a PerformanceReport) -> Self {
        Self {
            report: Some(report),
            ..self
        }
    }

    /// Returns the picture.
    pub fn figure(&self) -> Figure {
        let rows = rows(self.tree);
        let shown = &rows[..lanes_shown(&rows)];
        let bands = match self.has_supersteps {
            true => SuperstepBands::of(self.tree, shown),
            false => SuperstepBands::default(),
        };
        let mut alt = text_tree(self.tree).at_most(shown.len()).to_string();
        alt.push_str(&token_mark::in_words(shown));
        alt.push_str(&bands.in_words());
        let path = self.has_path.then(|| CriticalPath::of(self.tree));
        if let Some(path) = &path {
            alt.push_str(&format!("\n{path}"));
        }
        if let Some(report) = self.report {
            alt.push_str(&format!("\n{report}"));
        }
        let layout = Layout {
            path,
            codes: codes(self.report),
            ..Layout::new(shown, rows.len(), bands)
        };
        let size = (WIDTH, layout.height);
        let figure = Figure::new(&finding(self.tree), &alt, size, layout.draw(shown));
        figure.subtitle(&inventory(&rows))
    }

    /// Returns the picture as SVG.
    pub fn svg(&self) -> String {
        self.figure().svg()
    }

    /// Returns the picture as HTML.
    pub fn to_html(&self) -> String {
        self.figure().to_html()
    }

    /// Shows the picture as the result of a notebook cell, with its text alternative.
    pub fn evcxr_display(&self) {
        self.figure().evcxr_display();
    }
}

impl fmt::Display for Waterfall<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.figure().fmt(f)
    }
}

/// Returns how many rows have a place; a marked one takes that of three.
fn lanes_shown(rows: &[Row<'_>]) -> usize {
    let mut taken = 0;
    rows.iter()
        .take_while(|row| {
            taken += if row.mark.is_some() { 3 } else { 1 };
            taken <= MAX_LANES
        })
        .count()
}

/// Where everything goes.
struct Layout {
    axis: TimeAxis,
    /// Earliest start, in microseconds; all times count from here.
    origin: i64,
    lane: f64,
    names: f64,
    plot: f64,
    right: f64,
    /// Middle of each lane, and the top of the mark above it if there is one.
    lanes: Vec<f64>,
    bottom: f64,
    height: f64,
    more: usize,
    supersteps: SuperstepBands,
    path: Option<CriticalPath>,
    codes: HashMap<RunId, String>,
}

impl Layout {
    fn new(rows: &[Row<'_>], total: usize, supersteps: SuperstepBands) -> Self {
        let more = total - rows.len();
        let marks = rows.iter().filter(|row| row.mark.is_some()).count();
        let crowd = rows.len() as f64 + 1.4 * marks as f64 + 0.8 * supersteps.strips() as f64;
        let lane = (720.0 / crowd.max(1.0)).clamp(12.5, 26.0);
        let services = rows
            .iter()
            .filter_map(|row| row.service)
            .map(|name| Type::small().px(&fit(name, 24)))
            .fold(0.0, f64::max);
        let names = match services > 0.0 {
            true => MARGIN + services.min(92.0) + 18.0,
            false => MARGIN,
        };
        let widest = rows
            .iter()
            .map(|row| indent(row) + name_look(row, lane).px(&row.name(40)))
            .fold(60.0, f64::max);
        let plot = names + widest.min(190.0) + 14.0;
        let right = WIDTH - MARGIN;
        let origin = rows
            .iter()
            .map(|row| row.run.start_time.timestamp_micros())
            .min()
            .unwrap_or(0);
        let spans = rows.iter().map(|row| {
            let (from, to) = span(row, origin);
            (from, to.unwrap_or(from))
        });
        let mut lanes = Vec::with_capacity(rows.len());
        let mut y = 6.0;
        for (at, row) in rows.iter().enumerate() {
            if row.is_top && at > 0 {
                y += 0.4 * lane;
            }
            if row.mark.is_some() {
                y += lane.max(15.0);
            }
            y += supersteps.above(at);
            lanes.push(y + lane / 2.0);
            y += lane;
        }
        if more > 0 {
            y += 18.0;
        }
        let bottom = y + 6.0;
        Self {
            axis: TimeAxis::new(spans.collect(), plot + 4.0, right - LABEL_ROOM),
            origin,
            lane,
            names,
            plot,
            right,
            lanes,
            bottom,
            height: bottom + 74.0,
            more,
            supersteps,
            path: None,
            codes: HashMap::new(),
        }
    }

    fn draw(&self, rows: &[Row<'_>]) -> Markup {
        html! {
            (self.bands(rows))
            (self.superstep_bands(rows))
            (self.axis())
            @for (row, y) in rows.iter().zip(&self.lanes) {
                (self.mark(row, *y))
                (self.name(row, *y))
                (self.bar(row, *y))
                (self.code(row, *y))
            }
            (self.path(rows))
            @if self.more > 0 {
                @let words = format!("… {} more", self.more);
                (text(self.names, self.bottom - 14.0, Type::new(NOTE, MUTED), &words))
            }
            @let keys: Vec<Key<'_>> = keys(rows).into_iter()
                .chain(self.supersteps.key()).chain(self.path_key()).collect();
            (legend(MARGIN, self.bottom + 54.0, self.right, &keys))
        }
    }

    /// Draws a band and a strip behind neighbors of one service.
    fn bands(&self, rows: &[Row<'_>]) -> Markup {
        let service_look = Type::small().anchor(Anchor::End);
        let mut first = 0;
        let groups = rows
            .chunk_by(|a, b| a.service == b.service && !b.is_top)
            .map(|group| {
                let lanes = &self.lanes[first..first + group.len()];
                first += group.len();
                (group[0].service, lanes)
            });
        html! {
            @for (number, (service, lanes)) in groups.enumerate() {
                @let top = lanes[0] - self.lane / 2.0;
                // Between lanes may be the numbers of supersteps, so the lanes alone do not make the height.
                @let height = lanes[lanes.len() - 1] - lanes[0] + self.lane;
                @if let Some(service) = service {
                    @if number % 2 == 0 {
                        @let width = self.right - MARGIN + 16.0;
                        (rect(MARGIN - 8.0, top, width, height, 4.0, BAND, None))
                    }
                    (rect(self.names - 10.0, top + 3.0, 2.0, height - 6.0, 1.0, LINE, None))
                    @let words = service_look.fit(service, self.names - MARGIN - 10.0);
                    (text(self.names - 16.0, lanes[0], service_look, &words))
                }
            }
        }
    }

    fn superstep_bands(&self, rows: &[Row<'_>]) -> Markup {
        let since = |time: crate::model::Timestamp| {
            time.timestamp_micros().saturating_sub(self.origin) as f64
        };
        let name_at = |row: usize| self.names + indent(&rows[row]);
        let lanes = (&self.lanes[..], self.lane);
        let label_at = |row: usize| self.label(&rows[row]);
        self.supersteps
            .draw(&self.axis, since, lanes, name_at, label_at)
    }

    /// Returns from where to where the label of a bar stands.
    fn label(&self, row: &Row<'_>) -> (f64, f64) {
        let note = self.note();
        let (_, end) = self.ends(row);
        match row.run.status() {
            RunStatus::Error => (end + 5.0, end + 22.0 + note.px(&row.latency())),
            RunStatus::Pending => (end + 5.0, end + 5.0 + note.px(PENDING)),
            _ => (end + 6.0, end + 6.0 + note.px(&row.latency())),
        }
    }

    fn note(&self) -> Type {
        Type::new(SMALL.min(self.lane - 2.0), MUTED)
    }

    /// Returns from where to where a bar goes.
    fn ends(&self, row: &Row<'_>) -> (f64, f64) {
        let (from, to) = span(row, self.origin);
        let x = self.axis.x(from);
        let open = self.right - LABEL_ROOM + 8.0;
        let width = match to {
            Some(to) => (self.axis.x(to) - x).max(2.5),
            None => (open - x).max(12.0),
        };
        (x, x + width)
    }

    /// Underlines the stretches of the critical path, and joins them where it changes lanes.
    fn path(&self, rows: &[Row<'_>]) -> Markup {
        let lane_of = |node: usize| rows.iter().position(|row| row.at == node);
        let below = (self.lane * 0.56).clamp(7.0, 14.0) / 2.0 + 2.6;
        let since = |micros: i64| self.axis.x(micros.saturating_sub(self.origin) as f64);
        let segments = self.path.iter().flat_map(|path| path.segments());
        let lines: Vec<[f64; 3]> = segments
            .filter_map(|segment| {
                let y = self.lanes[lane_of(segment.node)?] + below;
                let length = segment.length.num_microseconds().unwrap_or(0);
                let to = segment.from_micros.saturating_add(length);
                Some([since(segment.from_micros), since(to), y])
            })
            .collect();
        html! {
            @for pair in lines.windows(2) {
                @let ([_, x, y], [_, _, next]) = (pair[0], pair[1]);
                (line((x, y), (x, next), BROKEN, 1.0, Some("1.5 2")))
            }
            @for [from, to, y] in &lines {
                (line((*from, *y), (to.max(from + 1.5), *y), BROKEN, 2.4, None))
            }
        }
    }

    fn path_key(&self) -> Option<Key<'static>> {
        let is_drawn = self
            .path
            .as_ref()
            .is_some_and(|path| !path.segments().is_empty());
        is_drawn.then(|| Key {
            swatch: Swatch::Line { color: BROKEN },
            words: "waited for".to_owned(),
        })
    }

    fn axis(&self) -> Markup {
        let small = Type::small();
        html! {
            @for tick in self.axis.ticks() {
                (line((tick.x, 0.0), (tick.x, self.bottom), HAIRLINE, 1.0, None))
                (text(tick.x, self.bottom + 11.0, small.anchor(Anchor::Middle), &tick.words))
            }
            (line((self.plot, self.bottom), (self.right, self.bottom), LINE, 1.0, None))
            @for x in self.axis.cuts() {
                (rect(x - 5.0, 0.0, 10.0, self.bottom + 4.0, 0.0, PAPER, None))
                @for x in [x - 5.0, x + 5.0] {
                    @let (above, below) = (self.bottom - 5.0, self.bottom + 5.0);
                    (line((x - 2.0, below), (x + 2.0, above), LINE, 1.2, None))
                    (line((x, 0.0), (x, above), HAIRLINE, 1.0, Some("2 3")))
                }
            }
            @let words = "time since the first start";
            (text(self.right, self.bottom + 28.0, small.anchor(Anchor::End), words))
        }
    }

    fn mark(&self, row: &Row<'_>, y: f64) -> Markup {
        let top = y - self.lane / 2.0 - 8.0;
        let look = Type::new(SMALL, BROKEN).bold();
        html! {
            @if let Some(mark) = row.mark {
                @let words = format!("⚠ {}", mark.in_words());
                @let end = self.names + look.px(&words) + 10.0;
                (text(self.names, top, look, &words))
                (line((end, top), (self.right, top), BROKEN, 1.0, Some("3 4")))
            }
        }
    }

    fn name(&self, row: &Row<'_>, y: f64) -> Markup {
        let look = name_look(row, self.lane);
        let x = self.names + indent(row);
        text(x, y, look, &look.fit(&row.name(60), self.plot - 10.0 - x))
    }

    /// Writes the codes of what was found, at the edge, beside the latency of the longest bar.
    fn code(&self, row: &Row<'_>, y: f64) -> Markup {
        let look = Type::new(SMALL.min(self.lane - 2.0), BROKEN).bold();
        html! {
            @if let Some(codes) = self.codes.get(&row.run.id) {
                (text(self.right + 7.0, y, look.anchor(Anchor::End), codes))
            }
        }
    }

    fn bar(&self, row: &Row<'_>, y: f64) -> Markup {
        let (from, _) = span(row, self.origin);
        let color = palette::of_type(&row.run.run_type);
        let thick = (self.lane * 0.56).clamp(7.0, 14.0);
        let ((x, end), top) = (self.ends(row), y - thick / 2.0);
        let width = end - x;
        let mut tip = format!(
            "{} · {} · {}",
            row.name(60),
            row.run_type(24),
            row.latency()
        );
        if let Some(after) = first_token(row) {
            tip.push_str(&format!(" · first token after {}", duration(after)));
        }
        let corner = 3.0_f64.min(width / 2.0);
        let note = self.note();
        html! {
            g {
                title { (tip) }
                @match row.run.status() {
                    RunStatus::Error => {
                        (rect(x, top, width, thick, corner, BROKEN, None))
                        (stripes(x, top, width, thick))
                        (cross(end + 11.0, y))
                        (text(end + 22.0, y, Type { color: BROKEN, ..note }, &row.latency()))
                    }
                    RunStatus::Pending => {
                        path d=(format!("M{x} {top}H{end}M{x} {bottom}H{end}M{x} {top}V{bottom}",
                            x = n(x), top = n(top), bottom = n(top + thick), end = n(end)))
                            fill="none" stroke=(color.edge) stroke-width="1.4"
                            stroke-dasharray="4 3" {}
                        rect x=(n(x)) y=(n(top)) width=(n(width)) height=(n(thick))
                            fill=(color.fill) fill-opacity="0.4" {}
                        (text(end + 5.0, y, note, PENDING))
                    }
                    _ => {
                        (rect(x, top, width, thick, corner, color.fill, Some(color.edge)))
                        (text(end + 6.0, y, note, &row.latency()))
                    }
                }
                @if let Some(after) = first_token(row) {
                    @let micros = after.num_microseconds().unwrap_or(i64::MAX) as f64;
                    (token_mark::mark(self.axis.x(from + micros).clamp(x, end), y, thick))
                }
            }
        }
    }
}

/// Gathers the codes of each run; of several the one that costs most, and a sign that there are more.
fn codes(report: Option<&PerformanceReport>) -> HashMap<RunId, String> {
    let mut codes: HashMap<RunId, String> = HashMap::new();
    for finding in report.iter().flat_map(|report| report.findings()) {
        for run in &finding.runs {
            let told = codes.entry(*run).or_default();
            match told.is_empty() {
                true => told.push_str(finding.code.as_str()),
                false if !told.ends_with('+') => told.push('+'),
                false => {}
            }
        }
    }
    codes
}

/// Returns start and end in microseconds since `origin`; an end before its start counts as the
/// start.
fn span(row: &Row<'_>, origin: i64) -> (f64, Option<f64>) {
    let since =
        |time: crate::model::Timestamp| time.timestamp_micros().saturating_sub(origin) as f64;
    let from = since(row.run.start_time);
    (from, row.run.end_time.map(|end| since(end).max(from)))
}

fn indent(row: &Row<'_>) -> f64 {
    12.0 * row.depth.min(MAX_INDENT) as f64
}

fn name_look(row: &Row<'_>, lane: f64) -> Type {
    let size = (lane - 3.0).clamp(9.5, NAME);
    let look = Type::new(size, if row.failed() { BROKEN } else { INK });
    if row.is_top { look.bold() } else { look }
}

/// Explains the colors that occur, in the order of first use.
fn keys(rows: &[Row<'_>]) -> Vec<Key<'static>> {
    let mut keys: Vec<Key<'static>> = Vec::new();
    for row in rows.iter().filter(|row| !row.failed()) {
        let color = palette::of_type(&row.run.run_type);
        let words = match &row.run.run_type {
            crate::model::RunType::Other(_) => "other".to_owned(),
            known => known.to_string(),
        };
        if keys.iter().all(|key| key.words != words) {
            let (fill, edge) = (color.fill, color.edge);
            keys.push(Key {
                swatch: Swatch::Bar { fill, edge },
                words,
            });
        }
    }
    if rows.iter().any(Row::failed) {
        let (fill, edge) = (BROKEN, BROKEN);
        keys.push(Key {
            swatch: Swatch::Striped { fill, edge },
            words: "error".to_owned(),
        });
    }
    keys.extend(token_mark::key(rows));
    keys
}
