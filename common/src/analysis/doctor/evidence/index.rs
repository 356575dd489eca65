//! Who is whose parent, and which runs are of one trace.

use std::ops::Range;

use super::{Evidence, Seen};

/// No run.
const NOBODY: u32 = u32::MAX;

/// Runs by trace, with their parents. Positions are those in [`Evidence`]'s runs.
#[derive(Debug)]
pub(in crate::analysis::doctor) struct Index<'a> {
    pub(in crate::analysis::doctor) evidence: &'a Evidence,
    parents: Vec<u32>,
    /// Positions by id.
    by_id: Vec<u32>,
    /// Positions, trace by trace, by start within each.
    order: Vec<u32>,
    traces: Vec<Range<u32>>,
    depths: Vec<u32>,
}

impl<'a> Index<'a> {
    pub(in crate::analysis::doctor) fn new(evidence: &'a Evidence) -> Self {
        let runs = &evidence.runs;
        let mut by_id: Vec<u32> = (0..runs.len() as u32).collect();
        by_id.sort_unstable_by_key(|at| (runs[*at as usize].id, *at));
        // Copies by project: there may be as many as runs, with as many children that look for theirs.
        let mut order = by_id.clone();
        let copy = |at: &u32| (runs[*at as usize].id, runs[*at as usize].project);
        order.sort_unstable_by_key(|at| (copy(at), *at));
        let find = |run: &Seen| -> u32 {
            if run.parent == 0 {
                return NOBODY;
            }
            // Of two copies the one in the run's own project, else the first.
            let own = (run.parent, run.project);
            let from = order.partition_point(|at| copy(at) < own);
            if let Some(at) = order.get(from).filter(|at| copy(at) == own) {
                return *at;
            }
            let from = by_id.partition_point(|at| runs[*at as usize].id < run.parent);
            let first = by_id.get(from).copied();
            first
                .filter(|at| runs[*at as usize].id == run.parent)
                .unwrap_or(NOBODY)
        };
        let parents: Vec<u32> = runs.iter().map(find).collect();
        let depths = depths(&parents);
        order.sort_unstable_by_key(|at| {
            let run = &runs[*at as usize];
            (run.trace, run.start, *at)
        });
        let mut traces: Vec<Range<u32>> = Vec::new();
        for (place, at) in order.iter().enumerate() {
            let place = place as u32;
            let trace = runs[*at as usize].trace;
            match traces.last_mut() {
                Some(range) if runs[order[range.start as usize] as usize].trace == trace => {
                    range.end = place + 1;
                }
                _ => traces.push(place..place + 1),
            }
        }
        Self {
            evidence,
            parents,
            by_id,
            order,
            traces,
            depths,
        }
    }

    pub(in crate::analysis::doctor) fn run(&self, at: u32) -> &'a Seen {
        &self.evidence.runs[at as usize]
    }

    /// Returns the position of the run with an id.
    pub(in crate::analysis::doctor) fn find(&self, id: u128) -> Option<u32> {
        let from = self.by_id.partition_point(|at| self.run(*at).id < id);
        let found = self.by_id.get(from).copied();
        found.filter(|at| self.run(*at).id == id)
    }

    /// Returns the position of a run's parent, if it is here.
    pub(in crate::analysis::doctor) fn parent(&self, at: u32) -> Option<u32> {
        let parent = self.parents[at as usize];
        (parent != NOBODY && parent != at).then_some(parent)
    }

    /// Returns the positions above a run, the nearest first; 1,000 at most, so that a circle ends.
    pub(in crate::analysis::doctor) fn above(&self, at: u32) -> impl Iterator<Item = u32> {
        std::iter::successors(self.parent(at), |at| self.parent(*at)).take(1_000)
    }

    /// Returns how many runs are above a run. Within a circle the numbers differ, and mean nothing.
    pub(in crate::analysis::doctor) fn depth(&self, at: u32) -> u32 {
        self.depths[at as usize]
    }

    /// Returns true if runs of this trace may be missing because of how it was read, so that what is not
    /// here may be somewhere.
    pub(in crate::analysis::doctor) fn is_partial(&self, trace: &[u32]) -> bool {
        let Some(first) = trace.first() else {
            return false;
        };
        let is_cut = self.evidence.cut.contains(&self.run(*first).trace);
        is_cut || (self.evidence.forgotten > 0 && self.root(trace).is_none())
    }

    /// Returns the positions of each trace's runs, by start.
    pub(in crate::analysis::doctor) fn traces(&self) -> impl Iterator<Item = &[u32]> {
        let slice = |range: &Range<u32>| &self.order[range.start as usize..range.end as usize];
        self.traces.iter().map(slice)
    }

    /// Returns all positions, trace by trace.
    pub(in crate::analysis::doctor) fn all(&self) -> impl Iterator<Item = u32> {
        self.order.iter().copied()
    }

    /// Returns the root of a trace's runs: the earliest without a parent.
    pub(in crate::analysis::doctor) fn root(&self, trace: &[u32]) -> Option<u32> {
        trace.iter().copied().find(|at| self.run(*at).is_root())
    }
}

/// Counts the runs above each, every one of them once.
fn depths(parents: &[u32]) -> Vec<u32> {
    const OPEN: u32 = u32::MAX;
    const UNSEEN: u32 = u32::MAX - 1;
    let mut depths = vec![UNSEEN; parents.len()];
    let mut path = Vec::new();
    for start in 0..parents.len() {
        let mut at = start;
        while depths[at] == UNSEEN {
            depths[at] = OPEN;
            path.push(at);
            match parents[at] {
                NOBODY => break,
                parent => at = parent as usize,
            }
        }
        // Of a circle the run at which the way came back counts as its top.
        let mut depth = match depths[at] {
            OPEN => 0,
            known => known.saturating_add(1),
        };
        while let Some(at) = path.pop() {
            depths[at] = depth;
            depth = depth.saturating_add(1);
        }
    }
    depths
}

#[cfg(test)]
mod tests {
    use super::super::Name;
    use super::*;

    #[test]
    fn a_parent_in_many_projects_is_that_of_the_own_one_and_else_the_first() {
        let mut evidence = Evidence::default();
        let seen = |id: u128, parent: u128, project: &str| Seen {
            id,
            parent,
            trace: 1,
            project: Name::of(project),
            ..Seen::default()
        };
        let copies = ["b", "c", "a", "d"].map(|project| seen(1, 0, project));
        let children = ["a", "b", "c", "d", "elsewhere", ""]
            .into_iter()
            .zip(2..)
            .map(|(project, id)| seen(id, 1, project));
        evidence.runs.extend(copies);
        evidence.runs.extend(children);
        evidence.runs.push(seen(9, 8, "a"));
        let index = Index::new(&evidence);
        let parents: Vec<Option<u32>> = (4..11).map(|at| index.parent(at)).collect();
        let (a, b, c, d) = (Some(2), Some(0), Some(1), Some(3));
        assert_eq!(parents, [a, b, c, d, Some(0), Some(0), None]);
        assert_eq!(index.find(1), Some(0));
    }

    #[test]
    fn depths_are_counted_in_chains_in_trees_and_in_circles() {
        assert_eq!(depths(&[NOBODY, 0, 1, 1, 0]), [0, 1, 2, 2, 1]);
        assert_eq!(depths(&[3, 0, 1, NOBODY]), [1, 2, 3, 0]);
        // Its own parent; two of each other; one below the circle.
        assert_eq!(depths(&[0]), [0]);
        assert_eq!(depths(&[1, 0, 0]), [1, 0, 2]);
    }
}
