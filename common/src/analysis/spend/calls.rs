//! The model calls of a capture, each once.
//!
//! ```text
//! llm runs ─┬─ of two in one another, the inner one; both, if a tool lies between ─┐
//!           ├─ of two at once with one response id and the same tokens, the first ─┼─► Calls::counted
//!           └─ all others ─────────────────────────────────────────────────────────┘   the rest: doubled
//! ```
//!
//! Start at [`Calls::of`].

use std::collections::HashMap;

use super::told::{response_id, spend_of};
use super::{Doubled, DoubledBy, Spend, Tokens};
use crate::model::{Run, RunType, TraceId, TraceTree};

/// A model call that counts.
#[derive(Debug, Clone)]
pub(in crate::analysis) struct Call {
    /// Position of its run in [`TraceTree::nodes`].
    pub(in crate::analysis) at: usize,
    pub(in crate::analysis) spend: Spend,
}

/// What models used, and which runs say it twice.
#[derive(Debug, Default)]
pub(in crate::analysis) struct Calls {
    /// In the order of [`TraceTree::walk`].
    pub(in crate::analysis) counted: Vec<Call>,
    pub(super) doubled: Vec<Doubled>,
    /// The sum over all `llm` runs.
    pub(super) sum: Spend,
    /// Runs of other types that carry a usage; it counts nowhere.
    pub(super) echoes: usize,
}

impl Calls {
    pub(in crate::analysis) fn of(tree: &TraceTree) -> Self {
        let nodes = tree.nodes();
        let found = Nested::of(tree);
        let mut repeats = found.repeats(tree);
        found.find_at_once(tree, &mut repeats);
        let mut calls = Self {
            sum: found.sum,
            echoes: found.echoes,
            ..Self::default()
        };
        for at in found.calls {
            let spend = found.own[&at].clone();
            let Some((counted, evidence)) = repeats.get(&at) else {
                calls.counted.push(Call { at, spend });
                continue;
            };
            // What an outer call repeats may itself be the second of two at once.
            let counted = repeats.get(counted).map_or(*counted, |first| first.0);
            calls.doubled.push(Doubled {
                counted: nodes[counted].run.id,
                counted_name: nodes[counted].run.name.clone(),
                repeat: nodes[at].run.id,
                repeat_name: nodes[at].run.name.clone(),
                evidence: evidence.clone(),
                spend,
            });
        }
        calls
    }
}

/// For each call that says again what another one says: that one, and what shows it.
type Repeats = HashMap<usize, (usize, DoubledBy)>;

/// The calls of a tree, and which are next below which. Runs are named by their positions.
#[derive(Debug, Default)]
struct Nested {
    /// Each before those below it.
    calls: Vec<usize>,
    own: HashMap<usize, Spend>,
    below: HashMap<usize, Below>,
    sum: Spend,
    echoes: usize,
}

/// The nearest call above a run, and whether a tool lies between.
#[derive(Debug, Clone, Copy)]
struct Above {
    call: usize,
    by_tool: bool,
}

/// The calls next below a call.
#[derive(Debug, Default)]
struct Below {
    calls: Vec<usize>,
    all: Spend,
    /// The first without a tool between, and what all of these used.
    direct: Option<(usize, Spend)>,
}

impl Nested {
    fn of(tree: &TraceTree) -> Self {
        let nodes = tree.nodes();
        let mut found = Self::default();
        let mut above: Vec<Option<Above>> = vec![None; nodes.len()];
        for at in tree.walk() {
            let run = &nodes[at].run;
            let outer = nodes[at].parent.and_then(|parent| {
                if found.own.contains_key(&parent) {
                    let (call, by_tool) = (parent, false);
                    return Some(Above { call, by_tool });
                }
                let is_tool = nodes[parent].run.run_type == RunType::Tool;
                above[parent].map(|above| Above {
                    by_tool: above.by_tool || is_tool,
                    ..above
                })
            });
            above[at] = outer;
            let Some(spend) = spend_of(run) else { continue };
            if run.run_type != RunType::Llm {
                found.echoes += 1;
                continue;
            }
            found.sum.add(&spend);
            if let Some(Above { call, by_tool }) = outer {
                let below = found.below.entry(call).or_default();
                below.calls.push(at);
                below.all.add(&spend);
                if !by_tool {
                    let direct = below.direct.get_or_insert_with(|| (at, Spend::default()));
                    direct.1.add(&spend);
                }
            }
            found.own.insert(at, spend);
            found.calls.push(at);
        }
        found
    }

    /// Finds the calls that say again what calls below them say.
    fn repeats(&self, tree: &TraceTree) -> Repeats {
        let mut repeats = Repeats::new();
        // From the end: what is below a call is decided before it, however deep they lie in one another.
        for at in self.calls.iter().rev() {
            let Some(below) = self.below.get(at) else {
                continue;
            };
            let Some(evidence) = self.repeated_by(tree, *at, below) else {
                continue;
            };
            let first = below
                .direct
                .as_ref()
                .map_or(below.calls[0], |first| first.0);
            let counted = repeats.get(&first).map_or(first, |inner| inner.0);
            repeats.insert(*at, (counted, evidence));
        }
        repeats
    }

    /// Tells what shows that a call is the same as those below it; nothing, if a tool that asked another
    /// model lies between.
    fn repeated_by(&self, tree: &TraceTree, at: usize, below: &Below) -> Option<DoubledBy> {
        let (nodes, spend) = (tree.nodes(), &self.own[&at]);
        let direct = below.direct.as_ref();
        let has_same = below.all.has_tokens_of(spend)
            || direct.is_some_and(|(_, direct)| direct.has_tokens_of(spend));
        if direct.is_none() && !has_same {
            return None;
        }
        let id = response_id(&nodes[at].run);
        let has_id = |call: &usize| response_id(&nodes[*call].run) == id;
        Some(match id {
            Some(id) if below.calls.iter().any(has_id) => DoubledBy::ResponseId(id.to_owned()),
            _ if has_same => DoubledBy::SameUsage,
            _ => DoubledBy::Nesting,
        })
    }

    /// Finds calls at the same time with one response id and the same tokens.
    fn find_at_once(&self, tree: &TraceTree, repeats: &mut Repeats) {
        let nodes = tree.nodes();
        let is_new = |at: &&usize| !repeats.contains_key(*at);
        let mut calls: Vec<usize> = self.calls.iter().filter(is_new).copied().collect();
        calls.sort_by_key(|at| nodes[*at].run.start_time);
        let mut latest: HashMap<(TraceId, &str, Tokens), usize> = HashMap::new();
        for at in calls {
            let run = &nodes[at].run;
            let Some(id) = response_id(run) else { continue };
            let key = (run.trace_id, id, self.own[&at].tokens());
            match latest.get(&key).map(|first| (*first, &nodes[*first].run)) {
                Some((first, earlier)) if overlap(earlier, run) => {
                    repeats.insert(at, (first, DoubledBy::ResponseId(id.to_owned())));
                }
                // One after the other are two calls, whatever their ids say. Who ended before this one
                // began is over for all later ones too, so one of them is enough to remember.
                Some((_, earlier)) if !is_before(earlier, run) => {}
                _ => {
                    latest.insert(key, at);
                }
            }
        }
    }
}

fn is_before(a: &Run, b: &Run) -> bool {
    a.end_time.is_some_and(|end| end <= b.start_time)
}

fn overlap(a: &Run, b: &Run) -> bool {
    !is_before(a, b) && !is_before(b, a)
}
