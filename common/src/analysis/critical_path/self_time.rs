//! Self time: how long a run was at work while none of its children was.

use std::collections::HashMap;
use std::fmt;

use chrono::TimeDelta;

use super::path::share;
use super::spans::{Span, Spans};
use super::walk::walk;
use crate::analysis::label::{self, duration, fit};
use crate::analysis::rich_output;
use crate::analysis::rows::service;
use crate::analysis::table::Table;
use crate::model::{RunId, TraceTree};

/// Most rows of the printed table.
const TOP: usize = 12;

/// What runs of one name and service did themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelfTime {
    /// The name that they share.
    pub name: String,
    /// The service that they name in their metadata.
    pub service: Option<String>,
    /// How many there are.
    pub calls: usize,
    /// How long they took, with what is below them; runs at the same time count each.
    pub total: TimeDelta,
    /// How long they were at work while none of their children was.
    pub own: TimeDelta,
    /// How much of that their roots waited for: their part of the critical paths.
    pub on_path: TimeDelta,
}

/// The self times of a tree by name and service, the longest first.
///
/// ```
/// use common::analysis::SelfTimes;
/// use common::model::TraceTree;
///
/// assert!(SelfTimes::of(&TraceTree::default()).rows().is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SelfTimes {
    rows: Vec<SelfTime>,
    own: HashMap<RunId, TimeDelta>,
    latency: TimeDelta,
}

impl SelfTimes {
    /// Measures all runs of a tree. Children count as far as they ran within their parent's time.
    pub fn of(tree: &TraceTree) -> Self {
        let spans = Spans::of(tree);
        let nodes = tree.nodes();
        let mut on_path = vec![0_i64; nodes.len()];
        let mut latency = 0_i64;
        for root in tree.tops() {
            latency = latency.saturating_add(spans.at(*root).length());
            for stretch in walk(tree, &spans, *root) {
                on_path[stretch.node] += stretch.to - stretch.from;
            }
        }
        let mut rows: Vec<SelfTime> = Vec::new();
        let mut places: HashMap<(&str, Option<&str>), usize> = HashMap::new();
        let mut own = HashMap::with_capacity(nodes.len());
        for (at, node) in nodes.iter().enumerate() {
            let key = (node.run.name.as_str(), service(&node.run));
            let place = *places.entry(key).or_insert_with(|| {
                rows.push(SelfTime {
                    name: key.0.to_owned(),
                    service: key.1.map(str::to_owned),
                    calls: 0,
                    total: TimeDelta::zero(),
                    own: TimeDelta::zero(),
                    on_path: TimeDelta::zero(),
                });
                rows.len() - 1
            });
            let alone = idle(tree, &spans, at)
                .iter()
                .map(|span| span.length())
                .fold(0, i64::saturating_add);
            let row = &mut rows[place];
            row.calls += 1;
            add(&mut row.total, spans.at(at).length());
            add(&mut row.own, alone);
            add(&mut row.on_path, on_path[at]);
            own.insert(node.run.id, TimeDelta::microseconds(alone));
        }
        rows.sort_by(|a, b| (b.own, &a.name, &a.service).cmp(&(a.own, &b.name, &b.service)));
        Self {
            rows,
            own,
            latency: TimeDelta::microseconds(latency),
        }
    }

    /// Returns all rows, the longest self time first.
    pub fn rows(&self) -> &[SelfTime] {
        &self.rows
    }

    /// Returns the self time of one run; none if it is not in the tree.
    pub fn of_run(&self, run: RunId) -> Option<TimeDelta> {
        self.own.get(&run).copied()
    }

    /// Returns the first rows as a table. The share is of the latencies of all roots.
    pub fn top(&self, most: usize) -> Table {
        let header = [
            "run",
            "service",
            "calls",
            "self",
            "of it waited for",
            "share",
            "total",
        ];
        self.rows
            .iter()
            .take(most)
            .fold(Table::new(header), |table, row| {
                table.row([
                    label::or_else(fit(&row.name, 40), "(no name)"),
                    row.service
                        .as_deref()
                        .map(|it| fit(it, 24))
                        .unwrap_or_default(),
                    row.calls.to_string(),
                    duration(row.own),
                    duration(row.on_path),
                    share(row.on_path, self.latency),
                    duration(row.total),
                ])
            })
    }

    /// Shows the table as the result of a notebook cell.
    pub fn evcxr_display(&self) {
        let table = self.top(TOP);
        rich_output::show(&[
            ("text/html", &table.to_html()),
            ("text/plain", &self.to_string()),
        ]);
    }
}

impl fmt::Display for SelfTimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.top(TOP).fmt(f)?;
        match self.rows.len().saturating_sub(TOP) {
            0 => Ok(()),
            more => writeln!(f, "… {more} more"),
        }
    }
}

/// Adds microseconds to a sum, as far as that goes.
pub(super) fn add(sum: &mut TimeDelta, micros: i64) {
    let more = TimeDelta::microseconds(micros);
    *sum = sum.checked_add(&more).unwrap_or(TimeDelta::MAX);
}

/// Returns the stretches of a run in which none of its children ran, in order.
pub(super) fn idle(tree: &TraceTree, spans: &Spans, at: usize) -> Vec<Span> {
    let whole = spans.at(at);
    let children = tree.nodes()[at].children.iter();
    let mut busy: Vec<Span> = children.map(|child| spans.at(*child)).collect();
    busy.sort_by_key(|span| (span.from, span.to));
    let (mut idle, mut until) = (Vec::new(), whole.from);
    for span in busy {
        let from = span.from.clamp(whole.from, whole.to);
        if from > until {
            idle.push(Span {
                from: until,
                to: from,
                is_open: false,
            });
        }
        until = until.max(span.to.min(whole.to));
    }
    if until < whole.to {
        idle.push(Span {
            from: until,
            to: whole.to,
            is_open: whole.is_open,
        });
    }
    idle
}
