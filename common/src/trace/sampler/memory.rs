//! What was decided of traces, for those of which their id does not tell it.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// A map in the order in which it was told what it knows.
#[derive(Debug)]
pub(super) struct Memory<K, V> {
    known: HashMap<K, (u64, V)>,
    order: BTreeMap<u64, K>,
    told: u64,
}

impl<K, V> Default for Memory<K, V> {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            order: BTreeMap::new(),
            told: 0,
        }
    }
}

impl<K: Copy + Eq + Hash, V> Memory<K, V> {
    /// Remembers something. What is known already keeps its place in the order.
    pub(super) fn remember(&mut self, key: K, value: V) {
        let at = match self.known.get(&key) {
            Some((at, _)) => *at,
            None => {
                self.told += 1;
                self.order.insert(self.told, key);
                self.told
            }
        };
        self.known.insert(key, (at, value));
    }

    /// Forgets one thing, and returns what it was.
    pub(super) fn take(&mut self, key: &K) -> Option<V> {
        let (at, value) = self.known.remove(key)?;
        self.order.remove(&at);
        Some(value)
    }

    /// Forgets what it was told first, and returns it.
    pub(super) fn take_first(&mut self) -> Option<(K, V)> {
        let (_, key) = self.order.pop_first()?;
        let (_, value) = self.known.remove(&key)?;
        Some((key, value))
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.known.get(key).map(|(_, value)| value)
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.known.get_mut(key).map(|(_, value)| value)
    }
}
