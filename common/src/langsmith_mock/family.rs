//! Which runs are below which, found once for a whole answer.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use crate::model::{DottedOrder, Run, RunId, TraceId};

/// The runs of some traces, by parent and by place.
#[derive(Debug, Default)]
pub(super) struct Family<'a> {
    children: HashMap<RunId, Vec<Uuid>>,
    // Sorted by place, so that the runs below one stand together; with the order of arrival.
    places: Vec<(&'a DottedOrder, usize, Uuid)>,
}

impl<'a> Family<'a> {
    /// Takes those of `runs`, which are in order of arrival, that belong to one of `traces`.
    pub(super) fn of(runs: impl Iterator<Item = &'a Run>, traces: &HashSet<TraceId>) -> Self {
        let mut family = Self::default();
        for (arrival, run) in runs.enumerate() {
            if !traces.contains(&run.trace_id) {
                continue;
            }
            if let Some(parent) = run.parent_run_id {
                family.children.entry(parent).or_default().push(run.id.0);
            }
            family.places.push((&run.dotted_order, arrival, run.id.0));
        }
        family.places.sort_unstable();
        family
    }

    /// Returns the runs that name `run` as their parent, in order of arrival.
    pub(super) fn children(&self, run: &Run) -> &[Uuid] {
        self.children.get(&run.id).map_or(&[], Vec::as_slice)
    }

    /// Returns all runs whose place is below that of `run`, in order of arrival.
    pub(super) fn below(&self, run: &Run) -> Vec<Uuid> {
        let place = &run.dotted_order;
        let first = self.places.partition_point(|(other, ..)| *other <= place);
        // Nothing but a place below begins with a place: its last segment ends in a whole id.
        let mut below: Vec<(usize, Uuid)> = self.places[first..]
            .iter()
            .take_while(|(other, ..)| other.is_below(place))
            .map(|(_, arrival, id)| (*arrival, *id))
            .collect();
        below.sort_unstable();
        below.into_iter().map(|(_, id)| id).collect()
    }
}
