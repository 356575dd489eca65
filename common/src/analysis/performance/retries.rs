//! LT052: the same call fails again and again, often because several layers retry it.

use std::collections::{HashMap, HashSet};

use chrono::TimeDelta;

use super::Seen;
use super::calls::fingerprint;
use super::finding::{PerformanceCode, PerformanceFinding, said};
use crate::analysis::label::duration;
use crate::model::{Run, RunStatus};

/// Counts failed calls of one name, type and inputs in a trace. Where a layer above retries as well, the
/// failures of all layers are the same ones, so only those with no failed run below them count.
pub(super) fn find(seen: &Seen<'_>) -> Vec<PerformanceFinding> {
    let nodes = seen.tree.nodes();
    let failed = |at: usize| nodes[at].run.status() == RunStatus::Error;
    let mut groups: HashMap<_, Vec<usize>> = HashMap::new();
    for (at, node) in nodes.iter().enumerate() {
        if !failed(at) || node.children.iter().any(|child| failed(*child)) {
            continue;
        }
        let inputs = fingerprint(node.run.inputs.as_ref());
        // Calls that say nothing of their inputs are the same if one run made them.
        let maker = inputs.is_none().then_some(node.parent);
        let run = &node.run;
        let key = (
            run.trace_id,
            &run.name,
            run.run_type.as_str(),
            inputs,
            maker,
        );
        groups.entry(key).or_default().push(at);
    }
    let mut found: Vec<PerformanceFinding> = groups
        .into_values()
        .filter(|group| group.len() > seen.limits.attempts)
        .map(|mut group| {
            group.sort_by_key(|at| seen.spans.at(*at).from);
            storm(seen, &group)
        })
        .collect();
    found.sort_by_key(|finding| finding.place);
    found
}

fn storm(seen: &Seen<'_>, group: &[usize]) -> PerformanceFinding {
    let nodes = seen.tree.nodes();
    let runs: Vec<&Run> = group.iter().map(|at| &nodes[*at].run).collect();
    let (first, last) = (group[0], group[group.len() - 1]);
    let lost = seen.spans.at(last).to - seen.spans.at(first).from;
    let spans = group.iter().map(|at| seen.spans.at(*at));
    let spans: Vec<_> = spans.collect();
    let longest = spans
        .windows(2)
        .map(|pair| (pair[1].from - pair[0].to).max(0))
        .max();
    let place = common_parent(seen, group).unwrap_or(first);
    let micros = TimeDelta::microseconds;
    PerformanceFinding {
        code: PerformanceCode::RetryStorm,
        place: nodes[place].run.id,
        name: nodes[place].run.name.clone(),
        runs: runs.iter().map(|run| run.id).collect(),
        lost: micros(lost),
        words: format!(
            "{} failed {} times within {}, with pauses of {} at most",
            said(&runs[0].name),
            runs.len(),
            duration(micros(lost)),
            duration(micros(longest.unwrap_or(0))),
        ),
    }
}

/// Returns the deepest run that all of them are below.
fn common_parent(seen: &Seen<'_>, group: &[usize]) -> Option<usize> {
    let nodes = seen.tree.nodes();
    let mut shared = nodes[*group.first()?].parent?;
    // Known to be below it: nobody climbs the same way twice.
    let mut below: HashSet<usize> = HashSet::new();
    for at in group {
        let mut above = nodes[*at].parent?;
        while above != shared && !below.contains(&above) {
            if nodes[above].depth > nodes[shared].depth {
                below.insert(above);
                above = nodes[above].parent?;
            } else {
                below.insert(shared);
                shared = nodes[shared].parent?;
            }
        }
    }
    Some(shared)
}
