//! What the doctor looks at: runs in a compact form, and four other kinds of evidence.
//!
//! ```text
//! read ──► Evidence ─┬─ runs         Seen, 160 bytes each; Names kept once; Contents of some ─► Index: parents, traces
//!                    ├─ ingest       Request · Operation · Objection ─► Ingest: counts, and the telling ones
//!                    ├─ ledger       Books of a process at a moment ─► Account: first, last, what rose
//!                    ├─ environment  Process
//!                    └─ headers      Hop ─► Crossing, 80 bytes each
//! ```
//!
//! Whatever strangers may send much of is bounded, and what did not fit is counted: [`Limits`]. Start at
//! [`Evidence`].

mod account;
mod beside;
mod contents;
mod crossing;
mod index;
mod ingest;
mod limits;
mod names;
mod seen;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};

use uuid::Uuid;

pub(super) use account::{Account, sum};
pub use beside::{Books, Hop, Objection, Operation, Process, Request};
pub(super) use contents::Contents;
pub(super) use crossing::{Crossing, told};
pub(super) use index::Index;
pub(super) use ingest::Ingest;
pub(super) use limits::Limits;
pub(super) use names::{Name, Names, cut};
pub(super) use seen::{Kind, NEVER, Seen, flag};

use super::code::EvidenceKind;
use super::read;
use crate::model::{Timestamp, TraceTree};

/// Most sides of calls that are kept, in all 80 MB.
const CROSSINGS: usize = 1_000_000;
/// Most processes, and as many accounts.
const PROCESSES: usize = 20_000;
/// Bytes of a word of a process.
const LONGEST: usize = 200;
/// A run of a saved trace that is under way may take so long since the last that is known of its trace, in
/// microseconds.
const SETTLE: i64 = 10_000_000;

/// All that is known of what happened. Made by its readers: [`read`](Self::read) for what was saved,
/// [`of`](Self::of) for runs that are at hand.
#[derive(Debug)]
pub struct Evidence {
    pub(super) runs: Vec<Seen>,
    pub(super) names: Names,
    places: HashMap<u128, u32>,
    pub(super) contents: Contents,
    pub(super) ingest: Ingest,
    pub(super) accounts: BTreeMap<Box<str>, Account>,
    pub(super) processes: Vec<Process>,
    pub(super) crossings: Vec<Crossing>,
    /// When the capture was taken, in microseconds; [`NEVER`] if nobody said.
    pub(super) taken: i64,
    /// How long a trace may be silent before its open runs count as pending, in microseconds.
    pub(super) patience: i64,
    /// Traces of which some runs were not read.
    pub(super) cut: HashSet<u128>,
    /// Runs that the source had and has no more.
    pub(super) forgotten: u64,
    pub(super) limits: Limits,
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
            contents: Contents::default(),
            ingest: Ingest::default(),
            accounts: BTreeMap::new(),
            processes: Vec::new(),
            crossings: Vec::new(),
            taken: NEVER,
            patience: SETTLE,
            cut: HashSet::new(),
            forgotten: 0,
            limits: Limits::default(),
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

    /// Says when the runs were read, from a system that goes on: what is open may end yet, unless nothing is
    /// known of its trace for as long as `patience` says.
    #[must_use]
    pub fn taken_at(mut self, at: Timestamp, patience: std::time::Duration) -> Self {
        self.taken = at.timestamp_micros();
        self.patience = i64::try_from(patience.as_micros()).unwrap_or(i64::MAX);
        self
    }

    /// Says that some runs of a trace were not read: rules that need the whole then say nothing of it.
    pub fn cut_trace(&mut self, trace: Uuid) {
        self.cut.insert(trace.as_u128());
    }

    /// Says what was not read, in one sentence for the report.
    pub fn mention(&mut self, words: &str) {
        self.limits.mention(words);
    }

    /// Returns the traces of which a run names a parent that is not here, with when each was last heard of;
    /// those that were said to be cut are not among them.
    pub fn incomplete_traces(&self) -> Vec<(Uuid, Option<Timestamp>)> {
        let index = Index::new(self);
        let is_orphan = |at: &u32| !index.run(*at).is_root() && index.parent(*at).is_none();
        let traces = index
            .traces()
            .filter(|trace| !index.is_partial(trace) && trace.iter().any(is_orphan));
        let told = traces.filter_map(|trace| {
            let id = index.run(*trace.first()?).trace;
            let last = trace.iter().map(|at| index.run(*at).latest()).max();
            let last = last.filter(|last| *last != NEVER);
            let last = last.and_then(chrono::DateTime::from_timestamp_micros);
            Some((Uuid::from_u128(id), last))
        });
        told.collect()
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

    /// Says that what comes now is from another source.
    pub(super) fn begin_source(&mut self) {
        self.ingest.next_source();
    }

    /// Adds a request that the endpoint received. Only those that were refused are kept, and a number of each.
    pub fn add_request(&mut self, request: Request) {
        self.give(EvidenceKind::IngestLog);
        self.ingest.request(request, &mut self.limits);
    }

    /// Adds what became of an operation. Only those that were lost are kept: there are as many as runs.
    pub fn add_operation(&mut self, operation: &Operation) {
        self.give(EvidenceKind::IngestLog);
        self.ingest.operation(operation, &mut self.limits);
    }

    /// Adds something that the endpoint objected to. Twenty thousand are kept.
    pub fn add_objection(&mut self, objection: Objection) {
        self.give(EvidenceKind::IngestLog);
        self.ingest.objection(objection, &mut self.limits);
    }

    /// Adds the books of a client. Several of one process are taken as one after the other.
    pub fn add_books(&mut self, mut books: Books) {
        self.give(EvidenceKind::Ledger);
        books.process = cut(&books.process, LONGEST);
        if let Some(account) = self.accounts.get_mut(books.process.as_str()) {
            account.look(books);
        } else if self.accounts.len() >= PROCESSES {
            self.limits.ledgers += 1;
        } else {
            let process = books.process.clone().into_boxed_str();
            self.accounts.insert(process, Account::open(books));
        }
    }

    /// Adds the environment of a process. Variables that no rule reads are not kept, and of two equal ones one
    /// is enough.
    pub fn add_process(&mut self, mut process: Process) {
        self.give(EvidenceKind::Environment);
        process.variables.retain(|name, value| {
            *value = cut(value, LONGEST);
            super::rules::reads_variable(name)
        });
        process.process = cut(&process.process, LONGEST);
        // A cut project would be another one.
        process.project = process.project.filter(|project| project.len() <= LONGEST);
        process.endpoint = process.endpoint.map(|endpoint| cut(&endpoint, LONGEST));
        if self.processes.last() == Some(&process) {
            return;
        }
        if self.processes.len() >= PROCESSES {
            self.limits.environments += 1;
            return;
        }
        self.processes.push(process);
    }

    /// Adds the headers of a call, as one side saw them. What rules read of them is kept, never their text.
    pub fn add_hop(&mut self, hop: &Hop) {
        self.give(EvidenceKind::Headers);
        if self.crossings.len() >= CROSSINGS {
            self.limits.headers += 1;
            return;
        }
        let crossing = Crossing::read(hop, &mut self.names);
        push(&mut self.crossings, crossing);
    }

    /// Adds a run, or completes the one that has its id. Its inputs and outputs have so many bytes.
    pub(super) fn add_run(&mut self, run: Seen, sizes: [u32; 2]) {
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
            Entry::Occupied(place) => self.runs[*place.get() as usize].complete(&run, sizes),
            Entry::Vacant(place) => {
                place.insert(next);
                push(&mut self.runs, run);
            }
        }
    }

    /// Returns true if a run with this id was read, and is a call.
    pub(super) fn is_call(&self, id: u128) -> bool {
        let at = self.places.get(&id);
        at.is_some_and(|at| self.runs[*at as usize].kind.is_call())
    }

    /// Returns the text of a name.
    pub(super) fn text(&self, name: Name) -> &str {
        self.names.text(name)
    }
}

/// Adds to a long list without doubling it, which would hold twice what a million entries need.
fn push<T>(list: &mut Vec<T>, entry: T) {
    if list.len() == list.capacity() {
        list.reserve_exact(list.len() / 8 + 64);
    }
    list.push(entry);
}
