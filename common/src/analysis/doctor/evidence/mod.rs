//! What the doctor looks at: runs in a compact form, and four other kinds of evidence.
//!
//! ```text
//! read ──► Evidence ─┬─ runs       Seen, 200 bytes each, names kept once        ─► Index: parents, traces
//!                    ├─ ingest     Request · Operation · Objection
//!                    ├─ ledger     Books of a process at a moment
//!                    ├─ environment Process
//!                    └─ headers    Hop
//! ```
//!
//! Start at [`Evidence`].

mod beside;
mod index;
mod names;
mod seen;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

pub use beside::{Books, Hop, Objection, Operation, Process, Request};
pub(super) use index::Index;
pub(super) use names::{Name, Names};
pub(super) use seen::{Kind, NEVER, Seen, flag};

use super::code::EvidenceKind;
use super::read;
use crate::model::TraceTree;

/// All that is known of what happened. Made by its readers: [`read`](Self::read) for what was saved,
/// [`of`](Self::of) for runs that are at hand.
#[derive(Debug)]
pub struct Evidence {
    pub(super) runs: Vec<Seen>,
    pub(super) names: Names,
    places: HashMap<u128, u32>,
    pub(super) requests: Vec<Request>,
    pub(super) operations: Vec<Operation>,
    pub(super) objections: Vec<Objection>,
    pub(super) books: Vec<Books>,
    pub(super) processes: Vec<Process>,
    pub(super) hops: Vec<Hop>,
    /// When the capture was taken, in microseconds; [`NEVER`] if nobody said.
    pub(super) taken: i64,
    pub(super) unreadable: u64,
    /// Entries that were understood.
    pub(super) taken_entries: u64,
    given: [bool; 5],
}

impl Default for Evidence {
    fn default() -> Self {
        Self::new()
    }
}

impl Evidence {
    /// Begins without any.
    pub fn new() -> Self {
        Self {
            runs: Vec::new(),
            names: Names::default(),
            places: HashMap::new(),
            requests: Vec::new(),
            operations: Vec::new(),
            objections: Vec::new(),
            books: Vec::new(),
            processes: Vec::new(),
            hops: Vec::new(),
            taken: NEVER,
            unreadable: 0,
            taken_entries: 0,
            given: [false; 5],
        }
    }

    /// Says that all work is over: what has no end will get none, however lately it began.
    #[must_use]
    pub fn settled(mut self) -> Self {
        self.taken = NEVER;
        self
    }

    /// Takes the runs of a tree.
    ///
    /// ```
    /// use common::analysis::doctor::{Evidence, examine};
    /// use common::model::TraceTree;
    ///
    /// assert!(examine(&Evidence::of(&TraceTree::default())).is_clean());
    /// ```
    pub fn of(tree: &TraceTree) -> Self {
        let mut evidence = Self::new();
        evidence.add_tree(tree);
        evidence
    }

    /// Adds the runs of a tree to what is there.
    pub fn add_tree(&mut self, tree: &TraceTree) {
        self.give(EvidenceKind::Trace);
        for node in tree.nodes() {
            if let Ok(value) = serde_json::to_value(&node.run) {
                read::take_value(self, value);
            }
        }
    }

    /// Returns the number of runs.
    pub fn len(&self) -> usize {
        self.runs.len()
    }

    /// Returns true if there is nothing to look at.
    pub fn is_empty(&self) -> bool {
        self.given.iter().all(|given| !given)
    }

    /// Returns true if this kind of evidence was given.
    pub fn has(&self, kind: EvidenceKind) -> bool {
        self.given[kind as usize]
    }

    /// Returns how many entries could not be read, and were passed over.
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// Writes down that a kind was given, even if it has no entry.
    pub fn give(&mut self, kind: EvidenceKind) {
        self.given[kind as usize] = true;
    }

    /// Adds a request that the endpoint received.
    pub fn add_request(&mut self, request: Request) {
        self.give(EvidenceKind::IngestLog);
        self.requests.push(request);
    }

    /// Adds what became of an operation. Only those that were lost are kept: there are as many as runs.
    pub fn add_operation(&mut self, operation: Operation) {
        self.give(EvidenceKind::IngestLog);
        if matches!(operation.outcome.as_str(), "rejected" | "dropped") {
            self.operations.push(operation);
        }
    }

    /// Adds something that the endpoint objected to.
    pub fn add_objection(&mut self, objection: Objection) {
        self.give(EvidenceKind::IngestLog);
        self.objections.push(objection);
    }

    /// Adds the books of a client. Several of one process are taken as one after the other.
    pub fn add_books(&mut self, books: Books) {
        self.give(EvidenceKind::Ledger);
        self.books.push(books);
    }

    /// Adds the environment of a process.
    pub fn add_process(&mut self, process: Process) {
        self.give(EvidenceKind::Environment);
        self.processes.push(process);
    }

    /// Adds the headers of a call, as one side saw them. Those that no rule reads are not kept.
    pub fn add_hop(&mut self, mut hop: Hop) {
        self.give(EvidenceKind::Headers);
        hop.forget_others();
        self.hops.push(hop);
    }

    /// Adds a run, or completes the one that has its id.
    pub(super) fn add_run(&mut self, run: Seen) {
        self.give(EvidenceKind::Trace);
        let Ok(next) = u32::try_from(self.runs.len()) else {
            self.unreadable += 1;
            return;
        };
        // An update need not repeat the project.
        let first = self
            .places
            .get(&run.id)
            .map(|at| self.runs[*at as usize].project);
        let is_same =
            |known: Name| known == run.project || !known.is_some() || !run.project.is_some();
        // An id may be in two projects: each has its own copy.
        let key = match first {
            Some(known) if !is_same(known) => run.id ^ (u128::from(run.project.number()) << 64),
            _ => run.id,
        };
        match self.places.entry(key) {
            Entry::Occupied(place) => self.runs[*place.get() as usize].complete(&run),
            Entry::Vacant(place) => {
                place.insert(next);
                // Doubling would hold twice what a million runs need.
                if self.runs.len() == self.runs.capacity() {
                    self.runs.reserve_exact(self.runs.len() / 8 + 64);
                }
                self.runs.push(run);
            }
        }
    }

    /// Returns the text of a name.
    pub(super) fn text(&self, name: Name) -> &str {
        self.names.text(name)
    }
}
