//! Which run of one trace is which of the other.
//!
//! ```text
//! tops of both ─► pairs ─► their children ─► pairs ─► …      same name and type; of several the one with the
//!                                                             same inputs, else the one at the same place
//! what is left over ─► the same, wherever it stands           a run that moved
//! ```

use std::collections::{HashMap, VecDeque};

use super::mask::content;
use crate::model::TraceTree;

/// What tells runs apart: name and type.
type Kind<'a> = (&'a str, &'a str);

/// Pairs of positions in two trees.
#[derive(Debug)]
pub(super) struct Aligned {
    /// For each run of the left tree its counterpart.
    pub(super) right_of: Vec<Option<usize>>,
    /// For each run of the right tree its counterpart.
    pub(super) left_of: Vec<Option<usize>>,
}

/// The two trees, with what of their runs is compared.
struct Sides<'a> {
    trees: [&'a TraceTree; 2],
    inputs: [Vec<Option<String>>; 2],
}

impl<'a> Sides<'a> {
    fn kind(&self, side: usize, at: usize) -> Kind<'a> {
        let run = &self.trees[side].nodes()[at].run;
        (run.name.as_str(), run.run_type.as_str())
    }

    fn inputs(&self, side: usize, at: usize) -> Option<&str> {
        self.inputs[side][at].as_deref()
    }
}

/// Aligns two trees. Each run is looked at a fixed number of times, so 25,000 runs are no trouble.
pub(super) fn align(left: &TraceTree, right: &TraceTree) -> Aligned {
    let inputs = |tree: &TraceTree| {
        let nodes = tree.nodes().iter();
        nodes
            .map(|node| content(node.run.inputs.as_ref()))
            .collect()
    };
    let sides = Sides {
        trees: [left, right],
        inputs: [inputs(left), inputs(right)],
    };
    let mut aligned = Aligned {
        right_of: vec![None; left.len()],
        left_of: vec![None; right.len()],
    };
    pair_level(&sides, left.tops(), right.tops(), &mut aligned);
    pair_moved(&sides, &mut aligned);
    aligned
}

/// Pairs two lists of siblings, then the children of each pair, down to the leaves.
fn pair_level(sides: &Sides<'_>, left: &[usize], right: &[usize], aligned: &mut Aligned) {
    let mut open = vec![(left.to_vec(), right.to_vec())];
    while let Some((left, right)) = open.pop() {
        for (l, r) in pair_siblings(sides, &left, &right, aligned) {
            aligned.right_of[l] = Some(r);
            aligned.left_of[r] = Some(l);
            let children = |side: usize, at: usize| sides.trees[side].nodes()[at].children.clone();
            open.push((children(0, l), children(1, r)));
        }
    }
}

/// Pairs siblings of one name and type: first those with the same inputs, then by their order.
fn pair_siblings(
    sides: &Sides<'_>,
    left: &[usize],
    right: &[usize],
    aligned: &Aligned,
) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let mut taken_left: HashMap<usize, ()> = HashMap::new();
    let mut rest: Vec<usize> = Vec::new();
    let free_left = || left.iter().filter(|at| aligned.right_of[**at].is_none());
    let mut by_content: HashMap<(Kind<'_>, Option<&str>), VecDeque<usize>> = HashMap::new();
    for at in free_left() {
        let key = (sides.kind(0, *at), sides.inputs(0, *at));
        by_content.entry(key).or_default().push_back(*at);
    }
    for at in right.iter().filter(|at| aligned.left_of[**at].is_none()) {
        let key = (sides.kind(1, *at), sides.inputs(1, *at));
        match by_content.get_mut(&key).and_then(VecDeque::pop_front) {
            Some(found) => {
                taken_left.insert(found, ());
                pairs.push((found, *at));
            }
            None => rest.push(*at),
        }
    }
    let mut by_kind: HashMap<Kind<'_>, VecDeque<usize>> = HashMap::new();
    for at in free_left().filter(|at| !taken_left.contains_key(at)) {
        by_kind
            .entry(sides.kind(0, *at))
            .or_default()
            .push_back(*at);
    }
    for at in rest {
        let found = by_kind
            .get_mut(&sides.kind(1, at))
            .and_then(VecDeque::pop_front);
        pairs.extend(found.map(|found| (found, at)));
    }
    pairs
}

/// Pairs what is left over, wherever it stands: by name, type and inputs; without these only what there is
/// one of on either side, because a guess would tell of a move that never was.
fn pair_moved(sides: &Sides<'_>, aligned: &mut Aligned) {
    type Content<'a> = (Kind<'a>, &'a str);
    let mut by_content: HashMap<Content<'_>, VecDeque<usize>> = HashMap::new();
    // How many are left over of each kind, and one of them.
    let mut left_of_kind: HashMap<Kind<'_>, (usize, usize)> = HashMap::new();
    let mut right_of_kind: HashMap<Kind<'_>, usize> = HashMap::new();
    for at in sides.trees[0].walk() {
        if aligned.right_of[at].is_none() {
            let kind = sides.kind(0, at);
            if let Some(inputs) = sides.inputs(0, at) {
                by_content.entry((kind, inputs)).or_default().push_back(at);
            }
            left_of_kind.entry(kind).or_insert((0, at)).0 += 1;
        }
    }
    let order = sides.trees[1].walk();
    for at in order.iter().filter(|at| aligned.left_of[**at].is_none()) {
        *right_of_kind.entry(sides.kind(1, *at)).or_default() += 1;
    }
    for at in order {
        if aligned.left_of[at].is_some() {
            continue;
        }
        let kind = sides.kind(1, at);
        let alike = sides.inputs(1, at);
        let alike = alike.and_then(|inputs| by_content.get_mut(&(kind, inputs)));
        // What was paired meanwhile, below a run that moved, is no candidate any more.
        let alike = alike.and_then(|list| {
            while let Some(found) = list.pop_front() {
                if aligned.right_of[found].is_none() {
                    return Some(found);
                }
            }
            None
        });
        let only = match (left_of_kind.get(&kind), right_of_kind.get(&kind)) {
            (Some((1, only)), Some(1)) => Some(*only),
            _ => None,
        };
        let only = only.filter(|only| aligned.right_of[*only].is_none());
        if let Some(found) = alike.or(only) {
            pair_level(sides, &[found], &[at], aligned);
        }
    }
}
