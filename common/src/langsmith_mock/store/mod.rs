//! What has arrived: operations merged into runs, in any order of arrival.
//!
//! ```text
//! operation ──arrive──► complete · check · merge ──► Slot ──traces──► joins its trace, looks back at its children
//!                                                      └─ forget ◄── dropped, deleted, or the oldest
//! record: what is written down about it
//! ```
//!
//! Here stand what is remembered and how it is read. Start at [`Store`].

mod arrive;
mod forget;
mod record;
mod traces;

use std::collections::{BTreeSet, HashMap, VecDeque};

use uuid::Uuid;

use super::decode::Attachment;
use super::feedback::FeedbackBook;
use super::keys::Keys;
use super::merge::{StoredRun, Updates};
use super::projects::Projects;
use super::records::Records;
use super::request::ReceivedRequest;
use super::shares::Shares;
use super::violation::{Violation, ViolationCode};
use crate::model::{Run, RunId, Timestamp, TraceId};

pub(super) use record::Sender;
#[cfg(feature = "analysis")]
pub(super) use record::Told;
pub use record::{IngestEntry, IngestOutcome, Limits, RejectedOp};

/// A run and what is counted about it.
#[derive(Debug, Default)]
struct Slot {
    id: Uuid,
    run: StoredRun,
    readable: bool,
    ended: bool,
    // Dropped from the middle of the line; it stays as an empty place.
    gone: bool,
    // LangSmith looks where the id's time says, and does not find the run there.
    hidden: bool,
    trace: Option<Uuid>,
    start: Option<Timestamp>,
    awaited: Option<Uuid>,
}

/// Where a run stands among all runs, told without reading it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    pub(super) id: Uuid,
    pub(super) trace: Uuid,
    pub(super) start: Timestamp,
}

/// What is known of a trace as long as one of its runs is stored.
#[derive(Debug, Default)]
struct TraceRecord {
    // Numbers of its runs, in order of first arrival.
    members: BTreeSet<usize>,
    // The number of the latest change to one of its runs.
    changed: u64,
    project: Option<String>,
    tenant: Option<String>,
}

/// Everything that the stand-in remembers.
#[derive(Debug, Default)]
pub(super) struct Store {
    limits: Limits,
    strict: bool,
    takes: Updates,
    // In order of first arrival; `first` is the number of the run at the front.
    runs: VecDeque<Slot>,
    first: usize,
    at: HashMap<Uuid, usize>,
    bytes: usize,
    // How many changes there have been; no two times of a trace have the same number.
    changes: u64,
    ended: usize,
    readable: usize,
    traces: HashMap<Uuid, TraceRecord>,
    // Parents that have not come, each with those who named it.
    awaited: HashMap<Uuid, Vec<Uuid>>,
    pub(super) projects: Projects,
    pub(super) forgotten: u64,
    pub(super) violations: VecDeque<Violation>,
    pub(super) rejected: Records<RejectedOp>,
    pub(super) log: VecDeque<IngestEntry>,
    #[cfg(feature = "analysis")]
    pub(super) told: VecDeque<Told>,
    pub(super) requests: Records<ReceivedRequest>,
    pub(super) feedback: FeedbackBook,
    pub(super) shares: Shares,
    pub(super) request_count: u64,
}

impl Store {
    pub(super) fn new(limits: Limits, strict: bool, takes: Updates) -> Self {
        Self {
            limits,
            strict,
            takes,
            feedback: FeedbackBook::new(limits.records),
            ..Self::default()
        }
    }

    /// Forgets everything, and keeps limits and mode.
    pub(super) fn clear(&mut self) {
        let changes = self.changes;
        *self = Self::new(self.limits, self.strict, self.takes);
        self.changes = changes;
    }

    /// Returns how many runs are stored, and how many of them have ended.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.readable, self.ended)
    }

    pub(super) fn get(&self, id: Uuid) -> Option<&StoredRun> {
        self.runs.get(self.position(id)?).map(|slot| &slot.run)
    }

    fn position(&self, id: Uuid) -> Option<usize> {
        self.at.get(&id)?.checked_sub(self.first)
    }

    /// Returns all runs in order of first arrival.
    pub(super) fn runs(&self) -> impl Iterator<Item = Run> {
        self.stored().filter_map(StoredRun::run)
    }

    pub(super) fn stored(&self) -> impl Iterator<Item = &StoredRun> {
        let there = self.runs.iter().filter(|slot| !slot.gone);
        there.map(|slot| &slot.run)
    }

    /// Returns a run if it opens: LangSmith does not find one whose id tells another time.
    pub(super) fn open(&self, id: Uuid) -> Option<&StoredRun> {
        let slot = self.runs.get(self.position(id)?)?;
        (!slot.hidden).then_some(&slot.run)
    }

    /// Tells whether a run is stored and yet does not open.
    pub(super) fn is_hidden(&self, id: Uuid) -> bool {
        let slot = self.position(id).and_then(|at| self.runs.get(at));
        slot.is_some_and(|slot| slot.hidden)
    }

    /// Returns the project that a run is in: that of its trace, which the first run decided.
    pub(super) fn session_of(&self, run: &Run) -> Uuid {
        let of_trace = self.traces.get(&run.trace_id.0);
        let pinned = of_trace.and_then(|trace| trace.project.as_deref());
        let name = pinned.or(run.project.as_deref()).unwrap_or("default");
        self.projects.id_of(name)
    }

    pub(super) fn runs_of(&self, trace: TraceId) -> impl Iterator<Item = Run> {
        self.stored_of(trace).filter_map(StoredRun::run)
    }

    pub(super) fn stored_of(&self, trace: TraceId) -> impl Iterator<Item = &StoredRun> {
        let members = self.traces.get(&trace.0).into_iter();
        let members = members.flat_map(|record| &record.members);
        members.filter_map(|number| {
            let at = number.checked_sub(self.first)?;
            self.runs.get(at).map(|slot| &slot.run)
        })
    }

    /// Returns where each run stands, in order of first arrival.
    pub(super) fn standings(&self) -> impl Iterator<Item = Standing> {
        self.runs.iter().filter_map(|slot| {
            Some(Standing {
                id: slot.id,
                trace: slot.trace?,
                start: slot.start?,
            })
        })
    }

    /// Returns the project that the runs of a trace are in, if one of them named it.
    pub(super) fn session_of_trace(&self, trace: Uuid) -> Option<Uuid> {
        let project = self.traces.get(&trace)?.project.as_deref()?;
        Some(self.projects.id_of(project))
    }

    /// Returns all traces, each with the number of its latest change.
    #[cfg(feature = "analysis")]
    pub(super) fn changed_traces(&self) -> impl Iterator<Item = (TraceId, u64)> {
        let traces = self.traces.iter();
        traces.map(|(id, record)| (TraceId(*id), record.changed))
    }

    /// Returns the number of a trace's latest change.
    #[cfg(feature = "analysis")]
    pub(super) fn changed(&self, trace: TraceId) -> Option<u64> {
        self.traces.get(&trace.0).map(|record| record.changed)
    }

    /// Returns the name of the project that the runs of a trace are in, if one of them named it.
    #[cfg(feature = "analysis")]
    pub(super) fn project_of(&self, trace: TraceId) -> Option<&str> {
        self.traces.get(&trace.0)?.project.as_deref()
    }

    /// Counts the runs of a project.
    pub(super) fn count_of(&self, session: Uuid) -> usize {
        let ids = self.traces.values().map(|trace| {
            let name = trace.project.as_deref().unwrap_or("default");
            (self.projects.id_of(name), trace.members.len())
        });
        let of_session = ids.filter(|(id, _)| *id == session);
        of_session.map(|(_, runs)| runs).sum()
    }

    pub(super) fn object(&mut self, violation: Violation) {
        push(&mut self.violations, violation, self.limits.records);
    }

    pub(super) fn remember_request(&mut self, request: ReceivedRequest) {
        let text = |(name, value): &(String, String)| name.len() + value.len();
        let bytes = request.headers.iter().map(text).sum();
        self.requests.push(request, bytes, self.limits.records);
        self.forget_oldest();
    }

    pub(super) fn attach(&mut self, run: Uuid, attachment: Attachment, keys: &Keys) {
        let Some(at) = self.position(run) else {
            let message = format!("attachment {:?} belongs to no known run", attachment.name);
            let code = ViolationCode::AttachmentOrphan;
            self.object(Violation::new(code, Some(RunId(run)), message).tidied(keys));
            return;
        };
        let stored = &mut self.runs[at].run;
        self.bytes -= stored.bytes();
        stored.attach(attachment);
        self.bytes += stored.bytes();
        self.forget_oldest();
    }
}

fn push<T>(list: &mut VecDeque<T>, item: T, limit: usize) {
    if list.len() >= limit {
        list.pop_front();
    }
    list.push_back(item);
}
