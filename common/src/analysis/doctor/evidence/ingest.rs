//! What the endpoint was asked and answered, without what went well.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use super::beside::{Objection, Operation, Request};
use super::limits::Limits;
use super::names::cut;
use super::push;
use crate::analysis::doctor::read::id_of;

/// Most refused requests that are named; the others are counted.
const REQUESTS: usize = 20_000;
/// Most requests whose status is known to the rule about lost operations, in all 64 MB.
const STATUSES: usize = 4_000_000;
/// Most requests of which operations were lost.
const LOSING: usize = 100_000;
const OBJECTIONS: usize = 20_000;
/// Bytes of a text that rules quote.
const LONGEST: usize = 400;
/// Bytes of an id.
const ID: usize = 64;

/// A request: its source, and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(in crate::analysis::doctor) struct Number {
    source: u16,
    number: u64,
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number)?;
        match self.source {
            0 => Ok(()),
            more => write!(f, " of log {}", u32::from(more) + 1),
        }
    }
}

/// The ingest log, as far as rules look at it.
#[derive(Debug, Default)]
pub(in crate::analysis::doctor) struct Ingest {
    /// Which source is read now. Each counts its requests from the beginning.
    source: u16,
    /// Requests that brought runs and were refused.
    pub(in crate::analysis::doctor) refused: Vec<(Number, Request)>,
    /// How often a key was refused, and the first such request.
    pub(in crate::analysis::doctor) keys_refused: (u64, Number),
    /// How many requests there were in all.
    pub(in crate::analysis::doctor) requests: u64,
    statuses: Vec<(u64, u16, u16)>,
    /// Operations that came to nothing, by request: how many, and the id of the first.
    lost: BTreeMap<Number, (u64, Box<str>)>,
    pub(in crate::analysis::doctor) objections: Vec<Objection>,
    /// Statuses of refused requests that are counted only.
    pub(in crate::analysis::doctor) more_refused: BTreeMap<u16, u64>,
}

impl Ingest {
    /// Says that what comes now is from another source, which numbers its requests anew.
    pub(super) fn next_source(&mut self) {
        if self.requests > 0 || !self.lost.is_empty() {
            self.source = self.source.saturating_add(1);
        }
    }

    fn numbered(&self, number: u64) -> Number {
        let source = self.source;
        Number { source, number }
    }

    pub(super) fn request(&mut self, mut request: Request, limits: &mut Limits) {
        self.requests += 1;
        let number = self.numbered(request.number);
        if self.statuses.len() < STATUSES {
            push(
                &mut self.statuses,
                (request.number, self.source, request.status),
            );
        }
        if matches!(request.status, 401 | 403) {
            if self.keys_refused.0 == 0 {
                self.keys_refused.1 = number;
            }
            self.keys_refused.0 += 1;
        }
        let brings = ["/runs", "/otel"]
            .iter()
            .any(|path| request.path.contains(path));
        let reads = request.method == "GET" || request.path.ends_with("/query");
        if !brings || reads || !matches!(request.status, 409 | 413 | 422 | 429) {
            return;
        }
        if self.refused.len() >= REQUESTS {
            *self.more_refused.entry(request.status).or_default() += 1;
            limits.requests += 1;
            return;
        }
        for text in [
            &mut request.method,
            &mut request.path,
            &mut request.answer,
            &mut request.workspace,
        ] {
            *text = cut(text, LONGEST);
        }
        self.refused.push((number, request));
    }

    pub(super) fn operation(&mut self, operation: &Operation, limits: &mut Limits) {
        let is_lost = matches!(operation.outcome.as_str(), "rejected" | "dropped");
        // A span that LangSmith filtered is told by its rule.
        if !is_lost || id_of(&operation.id) >> 64 == 0 {
            return;
        }
        let request = self.numbered(operation.request);
        if self.lost.len() >= LOSING && !self.lost.contains_key(&request) {
            limits.operations += 1;
            return;
        }
        let first = || (0, cut(&operation.id, ID).into_boxed_str());
        let lost = self.lost.entry(request).or_insert_with(first);
        lost.0 += 1;
    }

    pub(super) fn objection(&mut self, mut objection: Objection, limits: &mut Limits) {
        if self.objections.len() >= OBJECTIONS {
            limits.objections += 1;
            return;
        }
        objection.code = cut(&objection.code, ID);
        objection.message = cut(&objection.message, LONGEST);
        objection.run = objection.run.map(|run| cut(&run, ID));
        self.objections.push(objection);
    }

    /// Returns the requests that were accepted and lost operations: which, how many, and the first one's id.
    /// Where the answer is not known, nobody can say that it was accepted.
    pub(in crate::analysis::doctor) fn accepted_and_lost(
        &self,
    ) -> impl Iterator<Item = (Number, u64, &str)> {
        let statuses = self.statuses.iter().map(|(number, source, status)| {
            let (number, source) = (*number, *source);
            (Number { source, number }, *status)
        });
        let of_losing = statuses.filter(|(number, _)| self.lost.contains_key(number));
        let statuses: HashMap<Number, u16> = of_losing.collect();
        let accepted = move |number: &Number| {
            let status = statuses.get(number);
            status.is_some_and(|status| (200..300).contains(status))
        };
        let lost = self.lost.iter().filter(move |(number, _)| accepted(number));
        lost.map(|(number, (count, first))| (*number, *count, &**first))
    }
}
