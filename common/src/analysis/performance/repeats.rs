//! LT055: the same call with the same inputs and the same answer, several times in one trace.

use std::collections::{HashMap, HashSet};

use chrono::TimeDelta;

use super::Seen;
use super::calls::{fingerprint, is_call};
use super::finding::{PerformanceCode, PerformanceFinding, said};
use crate::analysis::label::duration;
use crate::model::RunStatus;

/// Compares inputs and outputs whole. Calls without either say too little to be called the same.
pub(super) fn find(seen: &Seen<'_>) -> Vec<PerformanceFinding> {
    let nodes = seen.tree.nodes();
    let mut groups: HashMap<_, Vec<usize>> = HashMap::new();
    for (at, node) in nodes.iter().enumerate() {
        let run = &node.run;
        let asked = fingerprint(run.inputs.as_ref());
        let told = fingerprint(run.outputs.as_ref());
        if let (Some(asked), Some(told)) = (asked, told)
            && is_call(run)
            && run.status() == RunStatus::Success
        {
            let key = (run.trace_id, &run.name, run.run_type.as_str(), asked, told);
            groups.entry(key).or_default().push(at);
        }
    }
    let mut found = Vec::new();
    for mut group in groups.into_values() {
        group.sort_by_key(|at| seen.spans.at(*at).from);
        // A wrapper that says the same as what it wraps is one call, told twice.
        let all: HashSet<usize> = group.iter().copied().collect();
        let is_inner = |at: &usize| {
            let above = nodes[*at].parent;
            above.is_some_and(|above| all.contains(&above))
        };
        let calls: Vec<usize> = group.iter().filter(|at| !is_inner(at)).copied().collect();
        let length = |at: &usize| seen.spans.at(*at).length();
        let lost = calls
            .iter()
            .skip(1)
            .map(length)
            .fold(0, i64::saturating_add);
        let Some(first) = calls.first() else { continue };
        let run = &nodes[*first].run;
        let mut root = *first;
        while let Some(above) = nodes[root].parent {
            root = above;
        }
        let pays = seen.limits.pays(lost, seen.spans.at(root).length());
        if calls.len() >= seen.limits.repeats && pays {
            found.push(PerformanceFinding {
                code: PerformanceCode::RepeatedCall,
                place: nodes[root].run.id,
                name: nodes[root].run.name.clone(),
                runs: calls.iter().map(|at| nodes[*at].run.id).collect(),
                lost: TimeDelta::microseconds(lost),
                words: format!(
                    "{} was asked the same {} times and answered the same; all but the first took {}",
                    said(&run.name),
                    calls.len(),
                    duration(TimeDelta::microseconds(lost)),
                ),
            });
        }
    }
    found.sort_by_key(|finding| finding.runs[0]);
    found
}
