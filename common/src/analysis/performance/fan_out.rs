//! LT051: siblings of one name, one after the other, that did not need each other.

use std::collections::HashSet;

use chrono::TimeDelta;

use super::Seen;
use super::calls::{Answers, fingerprint, is_call};
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
            let sum = row.iter().map(length).fold(0, i64::saturating_add);
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
    let asked: HashSet<Option<u64>> = inputs.iter().map(|map| fingerprint(Some(map))).collect();
    if asked.len() < runs.len() || asked.contains(&None) {
        return false;
    }
    // Not the neighbor's answer alone: a call may wait for any that was before it.
    let mut answers = Answers::default();
    for pair in runs.windows(2) {
        let (Some(given), Some(outputs), Some(later)) =
            (&pair[0].inputs, &pair[0].outputs, &pair[1].inputs)
        else {
            return false;
        };
        answers.add(given, outputs);
        if answers.are_needed_by(later) {
            return false;
        }
    }
    true
}
