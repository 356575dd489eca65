//! What the ids of OpenTelemetry stand for, as far as it was seen.

use std::collections::{HashMap, VecDeque};

use super::spans::Key;
use crate::model::DottedOrder;

/// Most spans that are remembered, the latest: about a hundred bytes each.
const MOST: usize = 200_000;

/// What a span is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Is {
    /// This run, in this project.
    Run(DottedOrder, Option<String>),
    /// Whatever LangSmith makes of it by itself.
    AsItCame,
    /// Several runs: the first halves of their ids are alike.
    Unclear,
}

/// The spans that were seen, and the roots of the traces that runs are in.
#[derive(Debug, Default)]
pub(super) struct Known {
    spans: HashMap<Key, Is>,
    order: VecDeque<Key>,
    roots: HashMap<[u8; 16], (DottedOrder, Option<String>)>,
    root_order: VecDeque<[u8; 16]>,
}

impl Known {
    pub(super) fn get(&self, key: Key) -> Option<&Is> {
        self.spans.get(&key)
    }

    /// Returns the root of the runs that a trace of OpenTelemetry is about.
    pub(super) fn root(&self, key: Key) -> Option<&(DottedOrder, Option<String>)> {
        self.roots.get(&key.trace)
    }

    /// Remembers what a span is. What contradicts what is known makes it unclear.
    pub(super) fn learn(&mut self, key: Key, is: Is) {
        if let Is::Run(order, project) = &is {
            self.learn_root(key.trace, order, project.as_ref());
        }
        match self.spans.get_mut(&key) {
            Some(known) => {
                let same = match (&*known, &is) {
                    (Is::Run(one, _), Is::Run(other, _)) => one == other,
                    (one, other) => one == other,
                };
                if !same {
                    *known = Is::Unclear;
                }
            }
            None => {
                self.spans.insert(key, is);
                self.order.push_back(key);
            }
        }
        if self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.spans.remove(&oldest);
        }
    }

    fn learn_root(&mut self, trace: [u8; 16], order: &DottedOrder, project: Option<&String>) {
        if self.roots.contains_key(&trace) {
            return;
        }
        let first = order.as_str().split('.').next().unwrap_or_default();
        let Ok(root) = first.parse() else { return };
        self.roots.insert(trace, (root, project.cloned()));
        self.root_order.push_back(trace);
        if self.root_order.len() > MOST
            && let Some(oldest) = self.root_order.pop_front()
        {
            self.roots.remove(&oldest);
        }
    }
}
