//! Backward from the end: which run was each moment waited for?
//!
//! ```text
//! answer    |########################|      walked from the right:
//! search    |  ####                  |      answer 2 · write 9 · answer 1 · search 4 · answer …
//! write     |       #########        |
//! log       |   ###########          |      overlaps `write`, which was last: nobody waited for it there
//! ```

use super::spans::{Spans, tolerance};
use crate::model::TraceTree;

/// A stretch of time, given to one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) node: usize,
    pub(super) from: i64,
    pub(super) to: i64,
}

/// A run under way, seen from its end.
struct Frame {
    node: usize,
    from: i64,
    /// All after this is given away.
    until: i64,
    /// Children that were waited for, the last to end at the back.
    children: Vec<Stretch>,
}

/// Gives every moment of a run to one run at or below it; the stretches are in order and without a hole.
///
/// Of the children of a run, the one that ended last was waited for last; before it began, the one that had
/// ended last by then; and so on. What ran beside these would not have made the parent any faster.
pub(super) fn walk(tree: &TraceTree, spans: &Spans, root: usize) -> Vec<Stretch> {
    let span = spans.at(root);
    let mut backward: Vec<Stretch> = Vec::new();
    let mut open = vec![frame(tree, spans, root, span.from, span.to)];
    while let Some(now) = open.last_mut() {
        let mut give = |node: usize, from: i64, to: i64| {
            if from < to {
                backward.push(Stretch { node, from, to });
            }
        };
        match now.children.pop() {
            Some(child)
                if child.to > now.until.saturating_add(tolerance(child.to - child.from)) => {}
            Some(child) => {
                let to = child.to.min(now.until);
                give(now.node, to, now.until);
                now.until = child.from.min(to);
                if child.from < to {
                    let below = frame(tree, spans, child.node, child.from, to);
                    open.push(below);
                }
            }
            None => {
                give(now.node, now.from, now.until);
                open.pop();
            }
        }
    }
    backward.reverse();
    let mut forward: Vec<Stretch> = Vec::with_capacity(backward.len());
    for stretch in backward {
        match forward.last_mut() {
            Some(last) if last.node == stretch.node => last.to = stretch.to,
            _ => forward.push(stretch),
        }
    }
    forward
}

fn frame(tree: &TraceTree, spans: &Spans, node: usize, from: i64, until: i64) -> Frame {
    let below = tree.nodes()[node].children.iter().copied();
    let waited = below.filter(|child| spans.is_waited_for(*child, node));
    let within = waited.map(|child| {
        let span = spans.at(child);
        Stretch {
            node: child,
            from: span.from.max(from),
            to: span.to.min(until),
        }
    });
    let mut children: Vec<Stretch> = within.filter(|child| child.from < child.to).collect();
    // Of those that end together one that has not ended is what is waited for now; else the longest, which
    // covers the others.
    let is_open = |node: usize| spans.at(node).is_open;
    children.sort_by_key(|child| (child.to, is_open(child.node), std::cmp::Reverse(child.from)));
    Frame {
        node,
        from,
        until,
        children,
    }
}
