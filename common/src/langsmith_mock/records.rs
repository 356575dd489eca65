//! A list that forgets its oldest entries, by number and by weight.

use std::collections::VecDeque;

/// Entries in order of arrival, each with the bytes it takes.
#[derive(Debug)]
pub(super) struct Records<T> {
    entries: VecDeque<(T, usize)>,
    bytes: usize,
    pushed: usize,
}

impl<T> Default for Records<T> {
    fn default() -> Self {
        Self {
            entries: VecDeque::new(),
            bytes: 0,
            pushed: 0,
        }
    }
}

impl<T> Records<T> {
    /// Adds an entry; beyond `limit` entries the oldest goes.
    pub(super) fn push(&mut self, entry: T, bytes: usize, limit: usize) {
        if self.entries.len() >= limit {
            self.pop();
        }
        self.entries.push_back((entry, bytes));
        self.bytes += bytes;
        self.pushed += 1;
    }

    /// Puts another entry in the place of one.
    pub(super) fn replace(&mut self, at: usize, entry: T, bytes: usize) {
        if let Some(place) = self.entries.get_mut(at) {
            self.bytes = self.bytes - place.1 + bytes;
            *place = (entry, bytes);
        }
    }

    pub(super) fn remove(&mut self, at: usize) {
        self.bytes -= self.entries.remove(at).map_or(0, |(_, bytes)| bytes);
    }

    pub(super) fn get(&self, at: usize) -> Option<&T> {
        self.entries.get(at).map(|(entry, _)| entry)
    }

    /// Forgets the oldest entry, but never the only one; returns false if nothing was forgotten.
    pub(super) fn forget(&mut self) -> bool {
        let several = self.entries.len() > 1;
        if several {
            self.pop();
        }
        several
    }

    fn pop(&mut self) {
        self.bytes -= self.entries.pop_front().map_or(0, |(_, bytes)| bytes);
    }

    /// Returns the bytes that all entries take together.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns how many entries there have ever been.
    pub(super) fn pushed(&self) -> usize {
        self.pushed
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.entries.iter().map(|(entry, _)| entry)
    }

    pub(super) fn last(&self) -> Option<&T> {
        self.entries.back().map(|(entry, _)| entry)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}
