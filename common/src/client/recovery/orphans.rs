//! Runs whose parent is lost get a parent: a placeholder with the id that they name.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::model::{DottedOrder, Run, RunId, RunOp, RunType, Timestamp, TraceTree};

use super::pending::last_known;
use super::plan::RecoveryPlan;

/// The tag of a run that was made to stand for one that was lost.
pub const PLACEHOLDER: &str = "placeholder";

/// Plans a placeholder for each parent that is named and not there, up to the root.
///
/// The place of a lost run is known: it is the dotted order of its children without their last segment, and
/// holds its id and its start. Its name, inputs and outputs are lost; it ends when the last run below it did.
/// If the lost run is delivered after all, LangSmith keeps the placeholder. An orphan whose dotted order
/// does not name its parent was broken when it was made, and is left alone: [`replay`](super::replay()) can
/// mend it, as a new trace.
pub fn adopt_orphans(runs: &[Run]) -> RecoveryPlan {
    let known: HashSet<RunId> = runs.iter().map(|run| run.id).collect();
    let tree = TraceTree::build(runs.iter().cloned());
    let nodes = tree.nodes();
    let mut latest: Vec<Timestamp> = nodes.iter().map(|node| last_known(&node.run)).collect();
    for at in tree.walk().iter().rev() {
        if let Some(parent) = nodes[*at].parent {
            latest[parent] = latest[parent].max(latest[*at]);
        }
    }
    let mut plan = RecoveryPlan::default();
    // By place, so that parents are created before their children.
    let mut made: BTreeMap<String, Run> = BTreeMap::new();
    let orphans = tree.tops().iter().filter(|at| nodes[**at].is_orphan());
    for at in orphans {
        let orphan = &nodes[*at].run;
        if orphan
            .parent_run_id
            .is_some_and(|parent| known.contains(&parent))
        {
            plan.leave(
                orphan,
                "its parents go in a circle; only a replay can mend that",
            );
            continue;
        }
        let named = above(&orphan.dotted_order).filter(|order| {
            Some(order.run_id()) == orphan.parent_run_id && order.trace_id() == orphan.trace_id
        });
        let Some(mut place) = named else {
            let why = "its dotted order does not name its parent; only a replay can mend that";
            plan.leave(orphan, why);
            continue;
        };
        loop {
            let end = latest[*at];
            let placeholder = made
                .entry(place.to_string())
                .or_insert_with(|| stand_in(&place, orphan));
            placeholder.end_time = placeholder.end_time.max(Some(end));
            match above(&place) {
                Some(next) if !known.contains(&next.run_id()) => place = next,
                _ => break,
            }
        }
    }
    for run in made.into_values() {
        let why = format!("run {} is named as a parent and was never stored", run.id);
        plan.send(RunOp::Post(Box::new(run)), why);
    }
    plan
}

/// Returns the place of the run above.
fn above(order: &DottedOrder) -> Option<DottedOrder> {
    order.as_str().rsplit_once('.')?.0.parse().ok()
}

fn stand_in(place: &DottedOrder, orphan: &Run) -> Run {
    let start = place.start_time().unwrap_or(orphan.start_time);
    let name = format!("(lost) above {}", orphan.name);
    let mut run = Run::begin(place.clone(), name, RunType::Chain, start);
    run.project.clone_from(&orphan.project);
    run.tags.push(PLACEHOLDER.to_owned());
    run.end_time = Some(start);
    Arc::make_mut(&mut run.extra.metadata).insert(PLACEHOLDER.to_owned(), true.into());
    run
}
