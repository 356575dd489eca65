//! What was decided of traces, for those of which their id does not tell it.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// A map that forgets what it was told first when it is full.
#[derive(Debug)]
pub(super) struct Memory<K, V> {
    known: HashMap<K, V>,
    order: VecDeque<K>,
}

impl<K, V> Default for Memory<K, V> {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            order: VecDeque::new(),
        }
    }
}

impl<K: Copy + Eq + Hash, V> Memory<K, V> {
    /// Remembers something, and returns what was forgotten for its sake.
    pub(super) fn remember(&mut self, key: K, value: V, most: usize) -> Option<(K, V)> {
        if self.known.insert(key, value).is_none() {
            self.order.push_back(key);
        }
        if self.known.len() <= most {
            return None;
        }
        let first = self.order.pop_front()?;
        self.known.remove(&first).map(|value| (first, value))
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.known.get(key)
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.known.get_mut(key)
    }
}
