//! A tree as it would be if all clocks were the same, for drawing.

use std::collections::{HashMap, HashSet, VecDeque};

use chrono::TimeDelta;

use super::bounds::{host, moved};
use super::estimate::ClockSkew;
use crate::model::{Run, Timestamp, TraceTree};

impl ClockSkew {
    /// Returns the tree with every run moved to the clock of the first root's host.
    ///
    /// Moved are only the runs of hosts whose clock cannot be the same, by the middle of the interval;
    /// hosts that never called each other are reached over others. Ids and places stay as they are, so
    /// this is for drawing and measuring, never for sending.
    pub fn correct(&self, tree: &TraceTree) -> TraceTree {
        let nodes = tree.nodes();
        let root = tree.tops().first().and_then(|top| host(&nodes[*top].run));
        let Some(root) = root else {
            return tree.clone();
        };
        let ahead = self.seen_from(root);
        let mut runs: Vec<Option<Run>> = nodes.iter().map(|_| None).collect();
        let mut starts = HashMap::new();
        for at in tree.walk() {
            let mut run = nodes[at].run.clone();
            let by = host(&run)
                .and_then(|host| ahead.get(host))
                .copied()
                .unwrap_or_default();
            if by != TimeDelta::zero() {
                // It was moved to its parent's start when it was made; its clock showed less.
                let moved = TimeDelta::microseconds(moved(&run).unwrap_or(0));
                run.start_time = earlier(earlier(run.start_time, moved), by);
                run.end_time = run.end_time.map(|end| earlier(end, by));
                let events = run.events.iter_mut();
                events.for_each(|event| event.time = earlier(event.time, by));
            }
            let above = nodes[at]
                .parent
                .and_then(|parent| starts.get(&parent))
                .copied();
            // The middle of an interval may be too much by half its width.
            if let Some(above) = above {
                run.start_time = run.start_time.max(above);
            }
            run.end_time = run.end_time.map(|end| end.max(run.start_time));
            starts.insert(at, run.start_time);
            runs[at] = Some(run);
        }
        TraceTree::build(runs.into_iter().flatten())
    }

    /// Returns how far each host's clock is ahead of one host's, over as few others as possible.
    fn seen_from<'a>(&'a self, root: &'a str) -> HashMap<&'a str, TimeDelta> {
        let mut neighbors: HashMap<&str, Vec<(&str, TimeDelta)>> = HashMap::new();
        for pair in &self.pairs {
            let step = pair.offset().filter(|_| pair.is_skewed());
            let step = step.unwrap_or_default();
            let (from, to) = (pair.from.as_str(), pair.to.as_str());
            neighbors.entry(from).or_default().push((to, step));
            neighbors.entry(to).or_default().push((from, -step));
        }
        let mut ahead: HashMap<&str, TimeDelta> = HashMap::new();
        let mut seen: HashSet<&str> = HashSet::from([root]);
        let mut open = VecDeque::from([(root, TimeDelta::zero())]);
        while let Some((from, by)) = open.pop_front() {
            for (other, step) in neighbors.get(from).into_iter().flatten() {
                if seen.insert(other) {
                    let by = by.checked_add(step).unwrap_or(by);
                    ahead.insert(other, by);
                    open.push_back((other, by));
                }
            }
        }
        ahead
    }
}

/// Returns a time moved back; as it is if there is no such time.
fn earlier(time: Timestamp, by: TimeDelta) -> Timestamp {
    time.checked_sub_signed(by).unwrap_or(time)
}
