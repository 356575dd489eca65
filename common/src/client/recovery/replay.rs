//! A capture becomes a new trace: fresh ids, every run at its place, nothing out of order.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::TimeDelta;

use crate::model::{
    DottedOrder, IdGenerator, RandomIds, Run, RunId, RunOp, Segment, Timestamp, TraceTree,
};

use super::plan::RecoveryPlan;

/// The key of metadata under which a run says whose copy it is.
pub const REPLAYED_FROM: &str = "replayed_from";

/// What the places of a plan's runs may take in all, in bytes: so much, and so much more for each run. A place
/// is 59 bytes a level, so a chain of runs takes the square of its length, and hostile captures hold chains.
const MAX_PLACES: usize = 64 << 20;
const PLACE_PER_RUN: usize = 4 << 10;

/// How a capture is replayed.
#[derive(Debug, Clone)]
pub struct ReplayOptions {
    ids: Arc<dyn IdGenerator>,
    project: Option<String>,
    begins_at: Option<Timestamp>,
    below: HashMap<RunId, RunId>,
}

impl Default for ReplayOptions {
    fn default() -> Self {
        Self {
            ids: Arc::new(RandomIds),
            project: None,
            begins_at: None,
            below: HashMap::new(),
        }
    }
}

impl ReplayOptions {
    /// Begins with fresh random ids, and projects and times as they were.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes ids from a generator; for tests and lessons.
    #[must_use]
    pub fn ids(mut self, ids: Arc<dyn IdGenerator>) -> Self {
        self.ids = ids;
        self
    }

    /// Sends all runs to one project.
    #[must_use]
    pub fn project(mut self, project: impl Into<String>) -> Self {
        self.project = Some(project.into());
        self
    }

    /// Moves all runs in time, so that the first root starts then. LangSmith may refuse what is too old.
    #[must_use]
    pub fn begins_at(mut self, time: Timestamp) -> Self {
        self.begins_at = Some(time);
        self
    }

    /// Puts a run, with all that is below it, below another: how a trace in pieces becomes one.
    #[must_use]
    pub fn put_below(mut self, run: RunId, parent: RunId) -> Self {
        self.below.insert(run, parent);
        self
    }
}

/// Plans the runs of a capture anew, each with a fresh id and a place that fits its parent's.
///
/// Trace ids and dotted orders are made of the tree, so whatever was wrong with them is mended; a child that
/// began before its parent begins with it; an end before the start becomes the start. An orphan stays at the
/// top as a root unless [`put_below`](ReplayOptions::put_below) says where it belongs, or
/// [`adopt_orphans`](super::adopt_orphans) was applied first. A run without an end stays without one.
/// Attachments go along as far as the capture has them. What is nested so deep that its places take more than
/// 64 MiB and 4 KiB a run is left alone, with all below it.
pub fn replay(runs: &[Run], options: &ReplayOptions) -> RecoveryPlan {
    let placed = runs.iter().cloned().map(|mut run| {
        if let Some(parent) = options.below.get(&run.id) {
            run.parent_run_id = Some(*parent);
        }
        run
    });
    let tree = TraceTree::build(placed);
    let nodes = tree.nodes();
    // Whatever began before its root begins with it.
    let first = tree.tops().iter().map(|at| nodes[*at].run.start_time).min();
    let shift = match (options.begins_at, first) {
        (Some(begins_at), Some(first)) => begins_at - first,
        _ => TimeDelta::zero(),
    };
    let mut plan = RecoveryPlan::default();
    let mut step_of: Vec<Option<usize>> = vec![None; nodes.len()];
    let mut room = MAX_PLACES.saturating_add(PLACE_PER_RUN.saturating_mul(nodes.len()));
    for at in tree.walk() {
        let was = &nodes[at].run;
        let above = nodes[at].parent.map(|parent| step_of[parent]);
        let copy_of = |step: usize| plan.steps.get(step).and_then(|step| step.op.run());
        let parent = above.map(|step| step.and_then(copy_of));
        let place = match parent {
            Some(Some(parent)) => parent.dotted_order.as_str().len() + 1 + Segment::LEN,
            // What is above it was left alone.
            Some(None) => usize::MAX,
            None => Segment::LEN,
        };
        if place > room {
            let why = "it is nested so deep that a copy of its place would take too much memory";
            plan.leave(was, why);
            continue;
        }
        room -= place;
        let parent = parent.flatten();
        let parent = parent.map(|run| (run.dotted_order.clone(), run.project.clone()));
        let moved = |time: Timestamp| time.checked_add_signed(shift).unwrap_or(time);
        let earliest = parent.as_ref().and_then(|(order, _)| order.start_time());
        let start = moved(was.start_time);
        let start = earliest.map_or(start, |earliest| earliest.max(start));
        let id = options.ids.run_id(start);
        let segment = Segment { start, id };
        let order = match &parent {
            Some((order, _)) => order.child(segment),
            None => DottedOrder::root(segment),
        };
        // One trace is in one project.
        let project = options.project.clone();
        let project = project.or_else(|| match &parent {
            Some((_, project)) => project.clone(),
            None => was.project.clone(),
        });
        let mut run = was.clone();
        run.id = id;
        run.trace_id = order.trace_id();
        run.parent_run_id = order.parent_run_id();
        run.start_time = start;
        run.end_time = was.end_time.map(|end| moved(end).max(start));
        run.events
            .iter_mut()
            .for_each(|event| event.time = moved(event.time));
        run.project.clone_from(&project);
        let metadata = Arc::make_mut(&mut run.extra.metadata);
        metadata.insert(REPLAYED_FROM.to_owned(), was.id.to_string().into());
        run.dotted_order = order;
        step_of[at] = Some(plan.steps.len());
        let place = match parent {
            Some(_) => "below its parent",
            None => "as a root",
        };
        plan.send(
            RunOp::Post(Box::new(run)),
            format!("a copy of {}, {place}", was.id),
        );
    }
    plan
}
