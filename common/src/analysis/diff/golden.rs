//! A trace as text that is the same each time the same work is done.

use std::fmt;

use super::mask::{content, masked};
use crate::analysis::label::{clean, first_line, fit};
use crate::analysis::rich_output;
use crate::analysis::rows::service;
use crate::model::{Run, RunStatus, TraceTree};

/// Longest line of inputs or outputs.
const MAX_LINE: usize = 400;
/// Levels that are still indented.
const MAX_INDENT: usize = 24;

/// The text of a trace for snapshot tests.
///
/// Written are names, types, status, services, errors, inputs and outputs; ids, times, latencies, ports and
/// addresses in memory are left out or masked. Siblings that ran at the same time are sorted by name, because
/// which of them was first is chance.
///
/// ```
/// use std::sync::Arc;
/// use common::analysis::Golden;
/// use common::model::TraceTree;
/// use common::trace::{MemorySink, Tracer};
///
/// let sink = Arc::new(MemorySink::new());
/// let root = Tracer::builder(sink.clone()).build().run("answer").start();
/// root.child("retrieve").run_type("retriever").start().end();
/// root.end();
/// let golden = Golden::of(&TraceTree::build(sink.runs()));
/// assert_eq!(golden.to_string(), "answer [chain]\n  retrieve [retriever]\n");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Golden {
    lines: Vec<String>,
}

impl Golden {
    /// Writes a trace.
    pub fn of(tree: &TraceTree) -> Self {
        let nodes = tree.nodes();
        let mut lines = Vec::new();
        let mut open: Vec<usize> = in_order(tree, tree.tops());
        open.reverse();
        while let Some(at) = open.pop() {
            let node = &nodes[at];
            write(&node.run, node.depth, node.is_orphan(), &mut lines);
            open.extend(in_order(tree, &node.children).into_iter().rev());
        }
        Self { lines }
    }

    /// Returns the first lines that differ, this one's first; none if both are the same.
    pub fn first_difference(&self, other: &Self) -> Option<(String, String)> {
        let most = self.lines.len().max(other.lines.len());
        let line = |golden: &Self, at: usize| golden.lines.get(at).cloned().unwrap_or_default();
        let pairs = (0..most).map(|at| (line(self, at), line(other, at)));
        pairs.into_iter().find(|(one, other)| one != other)
    }

    /// Shows the text as the result of a notebook cell.
    pub fn evcxr_display(&self) {
        rich_output::show(&[("text/plain", &self.to_string())]);
    }
}

impl fmt::Display for Golden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Returns siblings in the order of their starts; those that ran at the same time by what they are.
fn in_order(tree: &TraceTree, siblings: &[usize]) -> Vec<usize> {
    let nodes = tree.nodes();
    let mut order = siblings.to_vec();
    order.sort_by_key(|at| nodes[*at].run.start_time);
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut until = None;
    for at in order {
        let run = &nodes[at].run;
        match groups
            .last_mut()
            .filter(|_| until.is_some_and(|until| run.start_time < until))
        {
            Some(group) => group.push(at),
            None => groups.push(vec![at]),
        }
        let end = run.end_time.unwrap_or(run.start_time);
        until = Some(until.map_or(end, |until| end.max(until)));
    }
    for group in &mut groups {
        group.sort_by_cached_key(|at| {
            let run = &nodes[*at].run;
            (
                run.name.clone(),
                run.run_type.to_string(),
                content(run.inputs.as_ref()),
            )
        });
    }
    groups.concat()
}

fn write(run: &Run, depth: usize, is_orphan: bool, lines: &mut Vec<String>) {
    let indent = "  ".repeat(depth.min(MAX_INDENT));
    let mut head = format!(
        "{indent}{} [{}]",
        clean(&masked(&run.name)),
        fit(run.run_type.as_str(), 24)
    );
    if run.status() != RunStatus::Success {
        head.push_str(&format!(" {}", run.status()));
    }
    if let Some(service) = service(run) {
        head.push_str(&format!(" ({})", fit(service, 40)));
    }
    if is_orphan {
        head.push_str(" (no parent here)");
    }
    lines.push(head);
    let sides = [
        ("in", content(run.inputs.as_ref())),
        ("out", content(run.outputs.as_ref())),
        (
            "error",
            run.error.as_deref().map(|error| masked(first_line(error))),
        ),
    ];
    for (word, text) in sides {
        lines.extend(text.map(|text| format!("{indent}  {word}: {}", fit(&text, MAX_LINE))));
    }
}
