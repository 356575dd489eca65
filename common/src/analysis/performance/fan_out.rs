//! LT051: siblings of one name, one after the other, that did not need each other.

use chrono::TimeDelta;

use super::Seen;
use super::calls::{is_call, needs};
use super::finding::{PerformanceCode, PerformanceFinding, said};
use crate::analysis::critical_path::tolerance;
use crate::analysis::label::duration;
use crate::model::{JsonMap, Run, RunStatus};

/// Looks for rows of calls: same parent, name and type, nothing between them, all of them successful, with
/// inputs that differ and of which none holds what an earlier one of the row had answered.
pub(super) fn find(seen: &Seen<'_>) -> Vec<PerformanceFinding> {
    let nodes = seen.tree.nodes();
    let mut found = Vec::new();
    for (at, parent) in nodes.iter().enumerate() {
        let mut children = parent.children.clone();
        children.sort_by_key(|child| (seen.spans.at(*child).from, seen.spans.at(*child).to));
        let follows = |a: &usize, b: &usize| {
            let (first, next) = (seen.spans.at(*a), seen.spans.at(*b));
            let after = first.to.saturating_sub(tolerance(first.length())) <= next.from;
            let (first, next) = (&nodes[*a].run, &nodes[*b].run);
            after && first.name == next.name && first.run_type == next.run_type
        };
        for row in children.chunk_by(follows) {
            let runs: Vec<&Run> = row.iter().map(|child| &nodes[*child].run).collect();
            if row.len() < seen.limits.fan_out || !could_run_at_once(&runs) {
                continue;
            }
            let length = |child: &usize| seen.spans.at(*child).length();
            let sum: i64 = row.iter().map(length).sum();
            let longest = row.iter().map(length).max().unwrap_or(0);
            let saved = sum - longest;
            if !seen.limits.pays(saved, seen.spans.at(at).length()) {
                continue;
            }
            let micros = TimeDelta::microseconds;
            found.push(PerformanceFinding {
                code: PerformanceCode::SerializedFanOut,
                place: parent.run.id,
                name: parent.run.name.clone(),
                runs: runs.iter().map(|run| run.id).collect(),
                lost: micros(saved),
                words: format!(
                    "{} runs {} {} times, one after the other, {} in all; the longest takes {}",
                    said(&parent.run.name),
                    said(&runs[0].name),
                    runs.len(),
                    duration(micros(sum)),
                    duration(micros(longest)),
                ),
            });
        }
    }
    found
}

fn could_run_at_once(runs: &[&Run]) -> bool {
    if !runs
        .iter()
        .all(|run| is_call(run) && run.status() == RunStatus::Success)
    {
        return false;
    }
    let inputs: Vec<&JsonMap> = runs.iter().filter_map(|run| run.inputs.as_ref()).collect();
    // Without them nobody knows; with equal ones it is a call that is made again.
    if inputs.len() < runs.len() || inputs.iter().any(|map| map.is_empty()) {
        return false;
    }
    let differ = inputs.windows(2).all(|pair| pair[0] != pair[1]);
    differ
        && runs.windows(2).zip(&inputs).all(|(pair, given)| {
            let (earlier, later) = (pair[0], pair[1]);
            match (&earlier.outputs, &later.inputs) {
                (Some(outputs), Some(later)) => !needs(later, given, outputs),
                _ => false,
            }
        })
}
