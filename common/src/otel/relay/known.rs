//! What the ids of OpenTelemetry stand for, as far as it was seen.

use std::collections::{HashMap, VecDeque};

use super::spans::Key;
use crate::model::DottedOrder;

/// Most spans that are remembered, the latest.
const MOST: usize = 200_000;
/// Most bytes that they may take: a place is a hundred bytes long near the root, and thousands far below it.
const MOST_BYTES: usize = 64 << 20;

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
    roots: HashMap<[u8; 16], Root>,
    root_order: VecDeque<[u8; 16]>,
    bytes: usize,
}

type Root = (DottedOrder, Option<String>);

impl Is {
    /// Returns about how many bytes it takes to remember it.
    fn bytes(&self) -> usize {
        const ITSELF: usize = size_of::<Is>() + 2 * size_of::<Key>();
        match self {
            Self::Run(order, project) => ITSELF + texts(order, project.as_ref()),
            Self::AsItCame | Self::Unclear => ITSELF,
        }
    }
}

fn texts(order: &DottedOrder, project: Option<&String>) -> usize {
    order.as_str().len() + project.map_or(0, String::len)
}

fn bytes_of_root(root: &Root) -> usize {
    size_of::<(Root, [[u8; 16]; 2])>() + texts(&root.0, root.1.as_ref())
}

impl Known {
    pub(super) fn get(&self, key: Key) -> Option<&Is> {
        self.spans.get(&key)
    }

    /// Returns the root of the runs that a trace of OpenTelemetry is about.
    pub(super) fn root(&self, key: Key) -> Option<&Root> {
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
                    self.bytes -= known.bytes();
                    *known = Is::Unclear;
                    self.bytes += known.bytes();
                }
            }
            None => {
                self.bytes += is.bytes();
                self.spans.insert(key, is);
                self.order.push_back(key);
            }
        }
        self.forget();
    }

    fn learn_root(&mut self, trace: [u8; 16], order: &DottedOrder, project: Option<&String>) {
        if self.roots.contains_key(&trace) {
            return;
        }
        let first = order.as_str().split('.').next().unwrap_or_default();
        let Ok(root) = first.parse() else { return };
        let root = (root, project.cloned());
        self.bytes += bytes_of_root(&root);
        self.roots.insert(trace, root);
        self.root_order.push_back(trace);
    }

    /// Forgets the oldest for as long as there is too much.
    fn forget(&mut self) {
        while self.order.len() > MOST || self.bytes > MOST_BYTES {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            let gone = self.spans.remove(&oldest);
            self.bytes -= gone.map_or(0, |gone| gone.bytes());
        }
        while self.root_order.len() > MOST || self.bytes > MOST_BYTES {
            let Some(oldest) = self.root_order.pop_front() else {
                break;
            };
            let gone = self.roots.remove(&oldest);
            self.bytes -= gone.map_or(0, |gone| bytes_of_root(&gone));
        }
    }
}
