//! The critical path: what the root of a trace waited for, moment by moment.

use std::collections::HashMap;
use std::fmt;

use chrono::TimeDelta;

use super::spans::Spans;
use super::walk::walk;
use crate::analysis::label::{self, count, duration, fit};
use crate::analysis::rich_output;
use crate::analysis::rows::service;
use crate::analysis::table::Table;
use crate::analysis::waterfall::Waterfall;
use crate::model::{Run, RunId, TraceTree};

/// Most stretches that are written; the rest is counted.
const MAX_WRITTEN: usize = 60;

/// A stretch of the critical path: the root waited for this run, and for none below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathSegment {
    /// The run.
    pub run: RunId,
    /// Its name.
    pub name: String,
    /// The service that it names in its metadata.
    pub service: Option<String>,
    /// Levels between it and the root of the path.
    pub depth: usize,
    /// When the stretch begins, since the root did.
    pub after: TimeDelta,
    /// How long it is.
    pub length: TimeDelta,
    pub(in crate::analysis) node: usize,
    pub(in crate::analysis) from_micros: i64,
}

/// Why nobody waited for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnwaitedBecause {
    /// It ended so long after its parent.
    EndsLater(TimeDelta),
    /// Its parent has ended, and it has not.
    NeverEnded,
    /// It ran before its parent began or after it ended: it was put off, or clocks differ.
    Elsewhen,
}

/// A run that its parent did not wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unwaited {
    /// The run.
    pub run: RunId,
    /// Its name.
    pub name: String,
    /// Why.
    pub because: UnwaitedBecause,
}

/// What a trace waited for. The lengths of its segments add up to the latency of the root, to the
/// microsecond.
///
/// To make the trace faster, make one of these runs faster: nothing beside the path was waited for. A child
/// that outlives its parent is not on it, nor is one that overlaps the child that ended after it. Of a
/// root that has not ended the path goes up to the last thing known of its trace.
///
/// ```
/// use common::analysis::CriticalPath;
/// use common::model::TraceTree;
///
/// let path = CriticalPath::of(&TraceTree::default());
/// assert_eq!(path.segments(), []);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CriticalPath {
    root: String,
    latency: TimeDelta,
    is_open: bool,
    segments: Vec<PathSegment>,
    unwaited: Vec<Unwaited>,
}

impl CriticalPath {
    /// Finds the critical path of the first root; without a root, of the first run without a parent here.
    pub fn of(tree: &TraceTree) -> Self {
        let nodes = tree.nodes();
        let root = tree.tops().iter().find(|at| !nodes[**at].is_orphan());
        match root.or(tree.tops().first()) {
            Some(root) => Self::from(tree, *root),
            None => Self::default(),
        }
    }

    /// Finds the critical path of one run and what is below it; none if there is no such run.
    pub fn below(tree: &TraceTree, run: RunId) -> Option<Self> {
        let root = tree.nodes().iter().position(|node| node.run.id == run)?;
        Some(Self::from(tree, root))
    }

    fn from(tree: &TraceTree, root: usize) -> Self {
        let spans = Spans::of(tree);
        let (nodes, span) = (tree.nodes(), spans.at(root));
        let segments = walk(tree, &spans, root).into_iter().map(|stretch| {
            let node = &nodes[stretch.node];
            PathSegment {
                run: node.run.id,
                name: node.run.name.clone(),
                service: service(&node.run).map(str::to_owned),
                depth: node.depth - nodes[root].depth,
                after: TimeDelta::microseconds(stretch.from - span.from),
                length: TimeDelta::microseconds(stretch.to - stretch.from),
                node: stretch.node,
                from_micros: stretch.from,
            }
        });
        Self {
            root: name(&nodes[root].run),
            latency: TimeDelta::microseconds(span.length()),
            is_open: span.is_open,
            segments: segments.collect(),
            unwaited: unwaited(tree, &spans, root),
        }
    }

    /// Returns the stretches in order, without a hole.
    pub fn segments(&self) -> &[PathSegment] {
        &self.segments
    }

    /// Returns the runs that their parents did not wait for.
    pub fn unwaited(&self) -> &[Unwaited] {
        &self.unwaited
    }

    /// Returns the latency of the root; the sum of all segments.
    pub fn latency(&self) -> TimeDelta {
        self.latency
    }

    /// Returns true if the root has not ended: then there may be more to come.
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Returns how long the root waited for each run, the longest first.
    pub fn by_run(&self) -> Vec<(RunId, TimeDelta)> {
        let mut at: HashMap<RunId, usize> = HashMap::new();
        let mut sums: Vec<(RunId, TimeDelta)> = Vec::new();
        for segment in &self.segments {
            let place = *at.entry(segment.run).or_insert_with(|| {
                sums.push((segment.run, TimeDelta::zero()));
                sums.len() - 1
            });
            sums[place].1 += segment.length;
        }
        sums.sort_by_key(|(_, sum)| std::cmp::Reverse(*sum));
        sums
    }

    /// Returns the stretches as a table.
    pub fn table(&self) -> Table {
        let mut table = Table::new(["after", "for", "share", "run", "service"]);
        for segment in self.segments.iter().take(MAX_WRITTEN) {
            let indent = "· ".repeat(segment.depth.min(8));
            table = table.row([
                duration(segment.after),
                duration(segment.length),
                share(segment.length, self.latency),
                format!(
                    "{indent}{}",
                    label::or_else(fit(&segment.name, 40), "(no name)")
                ),
                segment
                    .service
                    .as_deref()
                    .map(|it| fit(it, 24))
                    .unwrap_or_default(),
            ]);
        }
        table
    }

    /// Draws the path on the waterfall of its tree.
    pub fn figure(tree: &TraceTree) -> crate::analysis::Figure {
        let path = Self::of(tree);
        let figure = Waterfall::of(tree).critical_path().figure();
        match path.longest() {
            Some(words) => figure.title(words),
            None => figure,
        }
    }

    /// Says which run was waited for longest.
    fn longest(&self) -> Option<String> {
        let (run, sum) = *self.by_run().first()?;
        let segment = self.segments.iter().find(|segment| segment.run == run)?;
        Some(format!(
            "{} took {}, {} of it waiting for {}",
            self.root,
            duration(self.latency),
            share(sum, self.latency),
            label::or_else(fit(&segment.name, 32), "(no name)"),
        ))
    }

    /// Says in words what the path shows: the heading of the text.
    fn in_words(&self) -> String {
        if self.segments.is_empty() && self.root.is_empty() {
            return "no run was captured".to_owned();
        }
        let so_far = if self.is_open {
            " so far, and has not ended"
        } else {
            ""
        };
        format!(
            "{} took {}{so_far}; it waited for",
            self.root,
            duration(self.latency)
        )
    }

    /// Shows the path as the result of a notebook cell.
    pub fn evcxr_display(&self) {
        rich_output::show(&[("text/plain", &self.to_string())]);
    }
}

impl fmt::Display for CriticalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.in_words())?;
        if !self.segments.is_empty() {
            write!(f, "{}", self.table())?;
        }
        if self.segments.len() > MAX_WRITTEN {
            writeln!(
                f,
                "… {}",
                count(self.segments.len() - MAX_WRITTEN, "more stretch")
            )?;
        }
        for run in self.unwaited.iter().take(8) {
            let name = label::or_else(fit(&run.name, 40), "(no name)");
            writeln!(f, "not waited for: {name}, {}", run.because)?;
        }
        match self.unwaited.len().saturating_sub(8) {
            0 => Ok(()),
            more => writeln!(f, "… {more} more that were not waited for"),
        }
    }
}

impl fmt::Display for UnwaitedBecause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndsLater(by) => write!(f, "which ended {} after its parent", duration(*by)),
            Self::NeverEnded => f.write_str("which has not ended, though its parent has"),
            Self::Elsewhen => f.write_str("which ran outside of its parent's time"),
        }
    }
}

fn unwaited(tree: &TraceTree, spans: &Spans, root: usize) -> Vec<Unwaited> {
    let nodes = tree.nodes();
    let mut found = Vec::new();
    let mut open = vec![root];
    while let Some(parent) = open.pop() {
        let above = spans.at(parent);
        for child in &nodes[parent].children {
            let span = spans.at(*child);
            let is_elsewhen = span.to < above.from || span.from > above.to;
            let because = match spans.is_waited_for(*child, parent) {
                _ if is_elsewhen => Some(UnwaitedBecause::Elsewhen),
                true => None,
                false if span.is_open => Some(UnwaitedBecause::NeverEnded),
                false => {
                    let by = TimeDelta::microseconds(span.to - above.to);
                    Some(UnwaitedBecause::EndsLater(by))
                }
            };
            let run = &nodes[*child].run;
            found.extend(because.map(|because| Unwaited {
                run: run.id,
                name: run.name.clone(),
                because,
            }));
        }
        open.extend(nodes[parent].children.iter().rev());
    }
    found
}

fn name(run: &Run) -> String {
    label::or_else(fit(&run.name, 32), "(no name)")
}

/// Writes a part of a whole in percent.
pub(super) fn share(part: TimeDelta, whole: TimeDelta) -> String {
    let micros = |span: TimeDelta| span.num_microseconds().unwrap_or(0) as f64;
    match micros(whole) > 0.0 {
        true => format!("{:.0} %", 100.0 * micros(part) / micros(whole)),
        false => "–".to_owned(),
    }
}
