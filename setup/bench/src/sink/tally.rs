//! What arrived, counted.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context as _, Result};

use super::decode::{Mention, mentions};
use super::wire::Request;

/// What the requests that were answered 2xx brought.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Requests with runs.
    pub requests: usize,
    /// Bytes of their bodies, as they came over the wire.
    pub wire_bytes: usize,
    /// How many requests went to each path.
    pub paths: BTreeMap<String, usize>,
    runs: HashMap<String, Seen>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    begun: usize,
    ended: usize,
    inputs: bool,
    outputs: bool,
    cut: bool,
}

impl Seen {
    fn is_complete(self) -> bool {
        self.begun > 0 && self.ended > 0 && self.inputs && self.outputs
    }
}

impl Tally {
    pub(super) fn of(taken: &[Request]) -> Result<Self> {
        let mut tally = Self {
            requests: taken.len(),
            ..Self::default()
        };
        for request in taken {
            tally.wire_bytes += request.body.len();
            let path = request.target.split('?').next().unwrap_or_default();
            *tally.paths.entry(path.to_owned()).or_default() += 1;
            let said = mentions(request)
                .with_context(|| format!("reading what was sent to {}", request.target))?;
            for mention in said {
                tally.add(mention);
            }
        }
        Ok(tally)
    }

    fn add(&mut self, mention: Mention) {
        let seen = self.runs.entry(mention.id).or_default();
        seen.begun += usize::from(mention.begins);
        seen.ended += usize::from(mention.ends);
        seen.inputs |= mention.inputs;
        seen.outputs |= mention.outputs;
        seen.cut |= mention.cut;
    }

    /// Returns how many runs arrived with beginning, end, inputs and outputs, each counted once.
    pub fn complete(&self) -> usize {
        self.runs.values().filter(|seen| seen.is_complete()).count()
    }

    /// Returns how many runs arrived with beginning and end, whatever they carried.
    pub fn begun_and_ended(&self) -> usize {
        let is_whole = |seen: &&Seen| seen.begun > 0 && seen.ended > 0;
        self.runs.values().filter(is_whole).count()
    }

    /// Returns how many of these runs did.
    pub fn complete_of<'a>(&self, ids: impl IntoIterator<Item = &'a String>) -> usize {
        let complete = |id: &&String| self.runs.get(*id).is_some_and(|it| it.is_complete());
        ids.into_iter().filter(complete).count()
    }

    /// Returns how many runs came of which a part was missing.
    pub fn incomplete(&self) -> usize {
        self.runs.len() - self.complete()
    }

    /// Returns how many beginnings and ends came once more than needed.
    pub fn duplicates(&self) -> usize {
        let again = |seen: &Seen| seen.begun.saturating_sub(1) + seen.ended.saturating_sub(1);
        self.runs.values().map(again).sum()
    }

    /// Returns how many runs were cut because they were too large.
    pub fn cut(&self) -> usize {
        self.runs.values().filter(|seen| seen.cut).count()
    }
}
