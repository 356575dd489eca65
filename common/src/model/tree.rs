//! Runs put back together: parents over children, and what does not fit.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use super::ids::{RunId, TraceId};
use super::run::Run;

/// A run in a [`TraceTree`].
#[derive(Debug, Clone, PartialEq)]
pub struct TreeNode {
    /// The run.
    pub run: Run,
    /// Positions of its children in [`TraceTree::nodes`], in dotted order.
    pub children: Vec<usize>,
    /// Position of its parent; none for a root and for an orphan.
    pub parent: Option<usize>,
    /// Levels above it in this tree.
    pub depth: usize,
}

impl TreeNode {
    /// Returns true if the run names a parent but has none in this tree: the parent is not here, or
    /// the run would be its own ancestor.
    pub fn is_orphan(&self) -> bool {
        self.parent.is_none() && self.run.parent_run_id.is_some()
    }
}

/// All runs that were captured, as trees.
///
/// One whole trace is one tree with one root. A trace broken in two shows as two: a second root, or an
/// orphan whose parent never arrived. Nothing is repaired and nothing is left out.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TraceTree {
    nodes: Vec<TreeNode>,
    tops: Vec<usize>,
}

impl TraceTree {
    /// Builds the trees from runs in any order; of two runs with one id the later one counts.
    ///
    /// Parents are found by `parent_run_id`. A chain of parents that bites its own tail is cut at the
    /// run that sorts first, so that every run stays reachable.
    pub fn build(runs: impl IntoIterator<Item = Run>) -> Self {
        let mut slots: HashMap<RunId, usize> = HashMap::new();
        let mut captured: Vec<Run> = Vec::new();
        for run in runs {
            match slots.entry(run.id) {
                Entry::Occupied(slot) => captured[*slot.get()] = run,
                Entry::Vacant(slot) => {
                    slot.insert(captured.len());
                    captured.push(run);
                }
            }
        }
        // Positions are sorted, and each run is moved once: runs are large, and sorting moves much.
        let mut order: Vec<usize> = (0..captured.len()).collect();
        order.sort_unstable_by(|a, b| {
            let (a, b) = (&captured[*a], &captured[*b]);
            (a.dotted_order.as_str(), a.id).cmp(&(b.dotted_order.as_str(), b.id))
        });
        let mut place = vec![0; order.len()];
        for (at, slot) in order.iter().enumerate() {
            place[*slot] = at;
        }
        let parent_of = |run: &Run| Some(place[*slots.get(&run.parent_run_id?)?]);
        let parents: Vec<Option<usize>> = captured.iter().map(parent_of).collect();
        let mut captured: Vec<Option<Run>> = captured.into_iter().map(Some).collect();
        let mut nodes: Vec<TreeNode> = order
            .iter()
            .filter_map(|slot| {
                Some(TreeNode {
                    run: captured[*slot].take()?,
                    children: Vec::new(),
                    parent: parents[*slot],
                    depth: 0,
                })
            })
            .collect();
        cut_cycles(&mut nodes);
        for at in 0..nodes.len() {
            if let Some(parent) = nodes[at].parent {
                nodes[parent].children.push(at);
            }
        }
        let tops: Vec<usize> = (0..nodes.len())
            .filter(|at| nodes[*at].parent.is_none())
            .collect();
        let mut tree = Self { nodes, tops };
        for at in tree.walk() {
            if let Some(parent) = tree.nodes[at].parent {
                tree.nodes[at].depth = tree.nodes[parent].depth + 1;
            }
        }
        tree
    }

    /// Returns all nodes, sorted by dotted order.
    pub fn nodes(&self) -> &[TreeNode] {
        &self.nodes
    }

    /// Returns the positions of the nodes without a parent here: roots and orphans.
    pub fn tops(&self) -> &[usize] {
        &self.tops
    }

    /// Returns the positions of all nodes, each parent before its children.
    pub fn walk(&self) -> Vec<usize> {
        let mut order = Vec::with_capacity(self.nodes.len());
        let mut stack: Vec<usize> = self.tops.iter().rev().copied().collect();
        while let Some(at) = stack.pop() {
            order.push(at);
            stack.extend(self.nodes[at].children.iter().rev());
        }
        order
    }

    /// Returns the number of runs.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Returns true if there is no run.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Returns the ids of the traces that the runs belong to, in dotted order.
    pub fn trace_ids(&self) -> Vec<TraceId> {
        let mut seen = HashSet::new();
        self.nodes
            .iter()
            .map(|node| node.run.trace_id)
            .filter(|id| seen.insert(*id))
            .collect()
    }

    /// Returns the runs that name a parent but have none in this tree.
    pub fn orphans(&self) -> Vec<&Run> {
        self.nodes
            .iter()
            .filter(|node| node.is_orphan())
            .map(|node| &node.run)
            .collect()
    }

    /// Returns true if all runs hang together: one root, no orphan, and one trace id.
    ///
    /// A child that names another trace than its parent is shown in that other trace by LangSmith.
    pub fn is_whole(&self) -> bool {
        let [top] = self.tops[..] else {
            return false;
        };
        let root = &self.nodes[top];
        let is_of_trace = |node: &TreeNode| node.run.trace_id == root.run.trace_id;
        !root.is_orphan() && self.nodes.iter().all(is_of_trace)
    }

    /// Returns the first run of that name in dotted order.
    pub fn find(&self, name: &str) -> Option<&Run> {
        self.nodes
            .iter()
            .map(|node| &node.run)
            .find(|run| run.name == name)
    }

    /// Returns the parent of a run, if both are here.
    pub fn parent_of(&self, id: RunId) -> Option<&Run> {
        let node = self.nodes.iter().find(|node| node.run.id == id)?;
        node.parent.map(|parent| &self.nodes[parent].run)
    }
}

/// Makes a top of one node of each chain of parents that never ends.
fn cut_cycles(nodes: &mut [TreeNode]) {
    const DONE: usize = usize::MAX;
    // 0: not seen; DONE: known to reach a top; else the number of the walk that saw it.
    let mut seen = vec![0_usize; nodes.len()];
    for start in 0..nodes.len() {
        let walk = start + 1;
        let mut path = Vec::new();
        let mut at = start;
        while seen[at] == 0 {
            seen[at] = walk;
            path.push(at);
            match nodes[at].parent {
                Some(parent) => at = parent,
                None => break,
            }
        }
        if seen[at] == walk && nodes[at].parent.is_some() {
            let cycle = path.iter().position(|node| *node == at).unwrap_or(0);
            if let Some(first) = path[cycle..].iter().min().copied() {
                nodes[first].parent = None;
            }
        }
        for node in path {
            seen[node] = DONE;
        }
    }
}
