//! What could not be looked at, because there was too much of it or because it was not read.

use super::names::cut;

/// Sentences of a source that are kept.
const SAID: usize = 8;

/// Counts of what did not fit. A report names those that are not zero.
#[derive(Debug, Default)]
pub(in crate::analysis::doctor) struct Limits {
    pub(in crate::analysis::doctor) headers: u64,
    pub(in crate::analysis::doctor) ledgers: u64,
    pub(in crate::analysis::doctor) environments: u64,
    /// Requests that were refused, and are counted only.
    pub(in crate::analysis::doctor) requests: u64,
    pub(in crate::analysis::doctor) operations: u64,
    pub(in crate::analysis::doctor) objections: u64,
    /// Entries within lists that are nested too deep.
    pub(in crate::analysis::doctor) too_deep: u64,
    said: Vec<String>,
}

impl Limits {
    pub(super) fn mention(&mut self, words: &str) {
        let words = cut(words, 400);
        if self.said.len() < SAID && !self.said.contains(&words) {
            self.said.push(words);
        }
    }

    /// Returns a sentence for each kind of thing that was not looked at.
    pub(in crate::analysis::doctor) fn words(&self) -> Vec<String> {
        let counted = [
            (
                self.headers,
                "lines of headers are over the million that is kept",
            ),
            (
                self.ledgers,
                "lines of ledgers are of processes over 20,000",
            ),
            (
                self.environments,
                "environments are over the 20,000 that are kept",
            ),
            (self.requests, "refused requests are counted, and not named"),
            (
                self.operations,
                "lost operations are of requests over 100,000",
            ),
            (
                self.objections,
                "objections of the endpoint are over the 20,000 that are kept",
            ),
            (
                self.too_deep,
                "entries in lists nested over 50 levels were passed over",
            ),
        ];
        let counted = counted.into_iter().filter(|(count, _)| *count > 0);
        let counted = counted.map(|(count, words)| format!("{count} {words}"));
        self.said.iter().cloned().chain(counted).collect()
    }
}
