//! A tree as rows: what text, waterfall and diagram tell of each run, worked out once.
//!
//! ```text
//! TraceTree ──walk──► Row { depth, name, type, latency, … } in the order of reading
//!                      └ mark: none · another root · no parent here · parents in a circle
//! ```
//!
//! Start at [`rows`].

use std::collections::HashSet;

use serde_json::Value;

use super::graph::visits::is_paused;
use super::label::{self, short_id};
use crate::model::{Run, RunId, RunStatus, TraceId, TraceTree};

/// Why a run stands at the top of a tree although it might not belong there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A root that is not the first one.
    AnotherRoot(TraceId),
    /// Its parent was named but never captured.
    NoParent(RunId),
    /// It is its own ancestor.
    Circle,
}

impl Mark {
    /// Says it in words, as all pictures do.
    pub(crate) fn in_words(self) -> String {
        match self {
            Self::AnotherRoot(trace) => format!("another root: {}", short_id(trace.0)),
            Self::NoParent(parent) => format!("no parent here: {}", short_id(parent.0)),
            Self::Circle => "its parents go in a circle".to_owned(),
        }
    }
}

/// One run, in the order of reading.
#[derive(Debug, Clone)]
pub(crate) struct Row<'a> {
    pub(crate) run: &'a Run,
    /// Position in [`TraceTree::nodes`].
    pub(crate) at: usize,
    pub(crate) depth: usize,
    /// No sibling comes after it.
    pub(crate) is_last: bool,
    pub(crate) is_top: bool,
    pub(crate) mark: Option<Mark>,
    /// The metadata key `service`, else `service.name`, as spans have it.
    pub(crate) service: Option<&'a str>,
    /// The run's project, where it is not the parent's.
    pub(crate) other_project: Option<&'a str>,
}

impl Row<'_> {
    /// Returns the run's name, cut to so many columns.
    pub(crate) fn name(&self, width: usize) -> String {
        label::or_else(label::fit(&self.run.name, width), "(no name)")
    }

    /// Returns the run's type, cut to so many columns.
    pub(crate) fn run_type(&self, width: usize) -> String {
        label::or_else(label::fit(self.run.run_type.as_str(), width), "(no type)")
    }

    /// Returns how long the run took, or that it has not ended.
    pub(crate) fn latency(&self) -> String {
        self.run
            .latency()
            .map_or_else(|| "pending".to_owned(), label::duration)
    }

    /// Returns true if the run ended in an error.
    pub(crate) fn failed(&self) -> bool {
        self.run.status() == RunStatus::Error
    }
}

/// Returns the rows of a tree, each parent before its children.
pub(crate) fn rows(tree: &TraceTree) -> Vec<Row<'_>> {
    let nodes = tree.nodes();
    let has_orphan = nodes.iter().any(|node| node.is_orphan());
    // Needed only to tell an absent parent from a circle.
    let ids: HashSet<RunId> = match has_orphan {
        true => nodes.iter().map(|node| node.run.id).collect(),
        false => HashSet::new(),
    };
    let first_root = tree
        .tops()
        .iter()
        .find(|at| nodes[**at].run.parent_run_id.is_none())
        .copied();
    tree.walk()
        .into_iter()
        .map(|at| {
            let node = &nodes[at];
            let parent = node.parent.map(|parent| &nodes[parent]);
            let mark = match (parent, node.run.parent_run_id) {
                (Some(_), _) => None,
                (None, Some(named)) if ids.contains(&named) => Some(Mark::Circle),
                (None, Some(named)) => Some(Mark::NoParent(named)),
                (None, None) if Some(at) == first_root => None,
                (None, None) => Some(Mark::AnotherRoot(node.run.trace_id)),
            };
            let project = node.run.project.as_deref();
            Row {
                run: &node.run,
                at,
                depth: node.depth,
                is_last: parent.is_none_or(|parent| parent.children.last() == Some(&at)),
                is_top: parent.is_none(),
                mark,
                service: service(&node.run),
                other_project: project.filter(|_| {
                    parent.is_some_and(|parent| parent.run.project.as_deref() != project)
                }),
            }
        })
        .collect()
}

/// Returns the service that a run names: the metadata key `service`, else `service.name`.
pub(crate) fn service(run: &Run) -> Option<&str> {
    let metadata = &run.extra.metadata;
    let named = metadata.get("service").or(metadata.get("service.name"));
    named
        .and_then(Value::as_str)
        .filter(|name| !label::fit(name, 1).is_empty())
}

/// States in one sentence what the runs show: the default title of a picture.
pub(crate) fn finding(tree: &TraceTree) -> String {
    let nodes = tree.nodes();
    let name = |run: &Run| label::or_else(label::fit(&run.name, 32), "(no name)");
    let orphans = tree.orphans().len();
    let tops = tree.tops().len();
    if nodes.is_empty() {
        return "No run was captured".to_owned();
    }
    if orphans > 0 {
        return match (tops, orphans) {
            (1, _) => "The trace has no root: its parent was never captured".to_owned(),
            (_, 1) => format!("The trace is in {tops} pieces: one run has no parent here"),
            _ => format!("The trace is in {tops} pieces: {orphans} runs have no parent here"),
        };
    }
    if tops > 1 {
        return match tree.trace_ids().len() {
            traces if traces == tops => {
                format!("{tops} roots: these runs are {tops} traces, not one")
            }
            _ => format!("{tops} roots where one was expected"),
        };
    }
    // The deepest failure is the cause; the failures above it are its echo.
    let failed = nodes
        .iter()
        .filter(|node| node.run.status() == RunStatus::Error && !is_paused(&node.run))
        .max_by_key(|node| (node.depth, std::cmp::Reverse(node.run.start_time)));
    if let Some(node) = failed {
        let error = label::fit(
            label::first_line(node.run.error.as_deref().unwrap_or("")),
            48,
        );
        return match error.is_empty() {
            true => format!("{} failed", name(&node.run)),
            false => format!("{} failed: {error}", name(&node.run)),
        };
    }
    if let Some(node) = nodes.iter().find(|node| is_paused(&node.run)) {
        return format!("{} waits for an answer", name(&node.run));
    }
    let pending = nodes
        .iter()
        .filter(|node| node.run.end_time.is_none())
        .count();
    if pending > 0 {
        return match pending {
            1 => "One run has not ended".to_owned(),
            _ => format!("{pending} runs have not ended"),
        };
    }
    let root = &nodes[tree.tops()[0]].run;
    let total = root.latency().map(label::duration).unwrap_or_default();
    let slowest = nodes
        .iter()
        .filter(|node| node.children.is_empty() && !node.run.is_root())
        .max_by_key(|node| node.run.latency());
    match slowest {
        Some(node) => format!(
            "{} took {total}, {} of it in {}",
            name(root),
            node.run.latency().map(label::duration).unwrap_or_default(),
            name(&node.run)
        ),
        None => format!("{} took {total}", name(root)),
    }
}

/// Counts what the runs are made of: the line below a picture's title.
pub(crate) fn inventory(rows: &[Row<'_>]) -> String {
    let services: HashSet<&str> = rows.iter().filter_map(|row| row.service).collect();
    let errors = rows.iter().filter(|row| row.failed()).count();
    let mut parts = vec![label::count(rows.len(), "run")];
    if !services.is_empty() {
        parts.push(label::count(services.len(), "service"));
    }
    if errors > 0 {
        parts.push(label::count(errors, "error"));
    }
    parts.join(" · ")
}
