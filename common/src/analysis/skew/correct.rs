//! A tree as it would be if all clocks were the same, for drawing.

use std::collections::{HashMap, HashSet};

use chrono::TimeDelta;

use super::bounds::{host, moved};
use super::estimate::ClockSkew;
use crate::model::{Run, TraceTree};

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
                let start = run.start_time;
                // It was moved to its parent's start when it was made; its clock showed less.
                let read =
                    moved(&run).map_or(start, |moved| start - TimeDelta::microseconds(moved));
                run.start_time = read - by;
                let shift = |time: &mut crate::model::Timestamp| *time -= by;
                run.end_time.as_mut().map(shift);
                run.events.iter_mut().for_each(|event| event.time -= by);
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
    fn seen_from(&self, root: &str) -> HashMap<&str, TimeDelta> {
        let mut ahead: HashMap<&str, TimeDelta> = HashMap::new();
        let mut seen: HashSet<&str> = HashSet::from([root]);
        let mut open = vec![(root.to_owned(), TimeDelta::zero())];
        while !open.is_empty() {
            let mut next = Vec::new();
            for (from, by) in open {
                for pair in &self.pairs {
                    let (other, sign) = match (pair.from == from, pair.to == from) {
                        (true, _) => (pair.to.as_str(), 1),
                        (_, true) => (pair.from.as_str(), -1),
                        _ => continue,
                    };
                    if seen.insert(other) {
                        let step = pair.offset().filter(|_| pair.is_skewed());
                        let by = by + step.unwrap_or_default() * sign;
                        ahead.insert(other, by);
                        next.push((other.to_owned(), by));
                    }
                }
            }
            open = next;
        }
        ahead
    }
}
