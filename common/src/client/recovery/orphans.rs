//! Runs whose parent is lost get a parent: a placeholder with the id that they name.

use std::collections::{HashMap, HashSet};
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
/// Where its children tell of different places, the first one counts.
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
    let mut made = Made::default();
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
        let Some(place) = named else {
            let why = "its dotted order does not name its parent; only a replay can mend that";
            plan.leave(orphan, why);
            continue;
        };
        if let Err(why) = made.stand_above(orphan, place, latest[*at], &known) {
            plan.leave(orphan, why);
        }
    }
    for run in made.in_order() {
        let why = format!("run {} is named as a parent and was never stored", run.id);
        plan.send(RunOp::Post(Box::new(run)), why);
    }
    plan
}

/// The placeholders so far: one for each run that is lost, wherever its children say that it stood.
#[derive(Default)]
struct Made {
    runs: HashMap<RunId, Run>,
    /// Parents before their children.
    order: Vec<RunId>,
}

impl Made {
    /// Makes what is lost above an orphan, or says why that cannot be.
    fn stand_above(
        &mut self,
        orphan: &Run,
        place: DottedOrder,
        end: Timestamp,
        known: &HashSet<RunId>,
    ) -> Result<(), &'static str> {
        let mut lost: Vec<DottedOrder> = Vec::new();
        let mut next = Some(place);
        // Up to what is there, or was made for another orphan: what is above that was made then.
        let mut joins = None;
        let mut met = HashSet::from([orphan.id]);
        while let Some(place) = next.filter(|place| !known.contains(&place.run_id())) {
            let id = place.run_id();
            if !met.insert(id) {
                return Err("its dotted order names a run twice; only a replay can mend that");
            }
            if let Some(other) = self.runs.get(&id) {
                if other.trace_id != orphan.trace_id {
                    return Err("its parent is lost in another trace; only a replay can mend that");
                }
                joins = Some(id);
                break;
            }
            next = above(&place);
            lost.push(place);
        }
        for place in lost.into_iter().rev() {
            let mut run = stand_in(&place, orphan);
            run.end_time = run.end_time.max(Some(end));
            self.order.push(run.id);
            self.runs.insert(run.id, run);
        }
        // Whoever waited for that run has waited as long.
        while let Some(run) = joins.and_then(|id| self.runs.get_mut(&id)) {
            if run.end_time >= Some(end) {
                break;
            }
            run.end_time = Some(end);
            joins = run.parent_run_id;
        }
        Ok(())
    }

    fn in_order(mut self) -> impl Iterator<Item = Run> {
        let order = std::mem::take(&mut self.order);
        order
            .into_iter()
            .filter_map(move |id| self.runs.remove(&id))
    }
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
