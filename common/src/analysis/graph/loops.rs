//! Loops, and how far they are from the limit of runs that a trace may have.
//!
//! ```text
//! graph       node   visits            (agent → tools) ×14
//! docs_agent  agent      15            30 runs of 25,000 …
//! ```
//!
//! Start at [`Loops::of`].

use std::collections::HashMap;
use std::fmt;

use chrono::TimeDelta;
use maud::{PreEscaped, html};

use super::name;
use super::visits::Visits;
use super::walked::{MAX_PIECE, folded, repeats, together};
use crate::analysis::label::{count, duration, fit, short_id, thousands};
use crate::analysis::{Table, rich_output};
use crate::model::{TraceId, TraceTree};

/// Runs that LangSmith keeps of one trace; what comes later is not recorded.
///
/// From LangSmith's documentation of its limits; issue 3300 of `langchain-ai/docs` is about a loop that
/// met it.
pub const RUNS_PER_TRACE: usize = 25_000;

/// Most lines of each kind in a text.
const MAX_LINES: usize = 30;
/// Most pieces of a course in a text.
const MAX_COURSE: usize = 40;

/// How often agents went round, and when their trace will be full. Made by [`Loops::of`].
#[derive(Debug, Clone, PartialEq)]
pub struct Loops {
    /// The nodes of all graphs, in the order of their first visit.
    pub visits: Vec<NodeVisits>,
    /// Paths that came several times in a row, the most repeated first.
    pub cycles: Vec<Cycle>,
    /// The traces, the largest first.
    pub traces: Vec<TraceSize>,
    courses: Vec<(String, Vec<String>)>,
    times: bool,
}

/// How often a node ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeVisits {
    /// Name of its graph.
    pub graph: String,
    /// Its name.
    pub node: String,
    /// Runs of it.
    pub visits: usize,
    /// Most runs of it in one superstep.
    pub at_once: usize,
}

/// A path that came several times in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle {
    /// Name of the graph.
    pub graph: String,
    /// The nodes of the path; those of one superstep are joined by a plus sign.
    pub path: Vec<String>,
    /// How often it came in a row.
    pub times: usize,
}

/// The runs of a trace, held against [`RUNS_PER_TRACE`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceSize {
    /// The trace.
    pub trace_id: TraceId,
    /// Its runs.
    pub runs: usize,
    /// Supersteps of all graphs in it.
    pub supersteps: usize,
    /// From the first run's start to the last one's.
    pub span: TimeDelta,
}

impl TraceSize {
    /// Returns the runs that the trace has room for.
    pub fn runs_left(&self) -> usize {
        RUNS_PER_TRACE.saturating_sub(self.runs)
    }

    /// Returns how many supersteps of the present size fit in; none if there were none.
    pub fn supersteps_left(&self) -> Option<usize> {
        let left = self.runs_left().checked_mul(self.supersteps)?;
        (self.supersteps > 0).then(|| left / self.runs.max(1))
    }

    /// Returns in what time the trace is full, if runs come as they did; none if they came all at once,
    /// or in more than a century.
    pub fn time_left(&self) -> Option<TimeDelta> {
        let so_far = self.span.num_microseconds().filter(|span| *span > 0)?;
        // A run begins a gap; the last one's is not over.
        let gaps = self.runs.checked_sub(1).filter(|gaps| *gaps > 0)?;
        let left = so_far as f64 / gaps as f64 * self.runs_left() as f64;
        let century = 100.0 * 365.0 * 86_400.0 * 1e6;
        (left < century).then(|| TimeDelta::microseconds(left as i64))
    }
}

impl Loops {
    /// Counts visits, cycles and runs.
    ///
    /// Nodes are known by `langgraph_node` and `langgraph_step`; the runs of traces without a graph are
    /// counted as well.
    pub fn of(tree: &TraceTree) -> Self {
        let found = Visits::of(tree);
        let mut visits: Vec<NodeVisits> = Vec::new();
        let mut place: HashMap<(&str, &str), usize> = HashMap::new();
        let mut supersteps: HashMap<TraceId, usize> = HashMap::new();
        let mut courses = Vec::new();
        let mut cycles: Vec<Cycle> = Vec::new();
        for invocation in &found.invocations {
            let course = found.course(invocation);
            let graph = invocation.graph;
            for names in &course {
                let mut now: HashMap<&str, usize> = HashMap::new();
                for node in names {
                    let at = *place.entry((graph, node)).or_insert_with(|| {
                        visits.push(NodeVisits {
                            graph: graph.to_owned(),
                            node: (*node).to_owned(),
                            visits: 0,
                            at_once: 0,
                        });
                        visits.len() - 1
                    });
                    let at_once = now.entry(node).or_default();
                    *at_once += 1;
                    visits[at].visits += 1;
                    visits[at].at_once = visits[at].at_once.max(*at_once);
                }
            }
            if let Some(visit) = invocation.steps.values().flatten().next() {
                let steps = supersteps.entry(found.all[*visit].run.trace_id);
                *steps.or_default() += course.len();
            }
            let words: Vec<String> = course.iter().map(|names| together(names)).collect();
            let repeated = repeats(&words).into_iter().filter(|(_, times)| *times > 1);
            cycles.extend(repeated.map(|(path, times)| Cycle {
                graph: graph.to_owned(),
                path: path.to_vec(),
                times,
            }));
            courses.push((graph.to_owned(), folded(&course)));
        }
        cycles.sort_by_key(|cycle| std::cmp::Reverse(cycle.times * cycle.path.len()));
        Self {
            visits,
            cycles,
            traces: sizes(tree, &supersteps),
            courses,
            times: true,
        }
    }

    /// Leaves out when a trace will be full, and its id, so that the text is the same each time.
    #[must_use]
    pub fn without_times(mut self) -> Self {
        self.times = false;
        self
    }

    /// Returns the visits as a table, a row for each node.
    pub fn table(&self) -> Table {
        let mut table = Table::new(["graph", "node", "visits", "at once"]);
        for node in self.visits.iter().take(MAX_LINES) {
            let (visits, at_once) = (node.visits.to_string(), node.at_once.to_string());
            table = table.row([name(&node.graph), name(&node.node), visits, at_once]);
        }
        match self.visits.len().saturating_sub(MAX_LINES) {
            0 => table,
            more => table.row([format!("… {}", count(more, "more node"))]),
        }
    }

    /// Returns what the table does not say: the way through each graph, and the room that is left.
    fn sentences(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (graph, course) in self.courses.iter().take(MAX_LINES) {
            let shown = course.iter().take(MAX_COURSE);
            let shown = shown.map(|piece| fit(piece, MAX_PIECE));
            let mut way = shown.collect::<Vec<_>>().join(" → ");
            if course.len() > MAX_COURSE {
                way.push_str(&format!(" → … {} more", course.len() - MAX_COURSE));
            }
            lines.push(format!("{}: {way}", name(graph)));
        }
        if self.courses.len() > MAX_LINES {
            let more = self.courses.len() - MAX_LINES;
            lines.push(format!("… {}", count(more, "more call")));
        }
        for trace in self.traces.iter().take(3) {
            let share = 100.0 * trace.runs as f64 / RUNS_PER_TRACE as f64;
            lines.push(format!(
                "{}: {} of {} that LangSmith keeps ({share:.1} %)",
                match self.times {
                    true => format!("trace {}", short_id(trace.trace_id.0)),
                    false => "the trace".to_owned(),
                },
                count(trace.runs, "run"),
                thousands(RUNS_PER_TRACE),
            ));
            if trace.runs_left() == 0 {
                lines.push("  it is full: nothing more is recorded".to_owned());
                continue;
            }
            let steps = trace.supersteps_left();
            let steps =
                steps.map(|steps| format!("room for {} supersteps like these", thousands(steps)));
            let time = trace.time_left().filter(|_| self.times);
            let time = time.map(|time| format!("full in {} at this rate", duration(time)));
            let left: Vec<String> = steps.into_iter().chain(time).collect();
            if !left.is_empty() {
                lines.push(format!("  {}", left.join("; ")));
            }
        }
        if self.traces.len() > 3 {
            lines.push(format!(
                "… {}",
                count(self.traces.len() - 3, "smaller trace")
            ));
        }
        lines
    }

    /// Returns table and sentences as HTML.
    pub fn to_html(&self) -> String {
        html! {
            @if !self.visits.is_empty() { (PreEscaped(self.table().to_html())) }
            @for line in self.sentences() { p { (line) } }
        }
        .into_string()
    }

    /// Shows the loops as the result of a notebook cell.
    pub fn evcxr_display(&self) {
        rich_output::show(&[
            ("text/html", &self.to_html()),
            ("text/plain", &self.to_string()),
        ]);
    }
}

impl fmt::Display for Loops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.traces.is_empty() {
            return writeln!(f, "(no runs)");
        }
        if !self.visits.is_empty() {
            writeln!(f, "{}", self.table())?;
        }
        for line in self.sentences() {
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

fn sizes(tree: &TraceTree, supersteps: &HashMap<TraceId, usize>) -> Vec<TraceSize> {
    let mut place: HashMap<TraceId, usize> = HashMap::new();
    let mut found = Vec::new();
    for node in tree.nodes() {
        let start = node.run.start_time;
        let at = *place.entry(node.run.trace_id).or_insert_with(|| {
            found.push((node.run.trace_id, 0_usize, start, start));
            found.len() - 1
        });
        let (_, runs, first, last) = &mut found[at];
        *runs += 1;
        *first = start.min(*first);
        *last = start.max(*last);
    }
    let mut sizes: Vec<TraceSize> = found
        .into_iter()
        .map(|(trace_id, runs, first, last)| TraceSize {
            trace_id,
            runs,
            supersteps: supersteps.get(&trace_id).copied().unwrap_or(0),
            span: last - first,
        })
        .collect();
    sizes.sort_by_key(|trace| std::cmp::Reverse(trace.runs));
    sizes
}
