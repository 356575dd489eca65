//! What has arrived: operations merged into runs, in any order of arrival.

mod forget;
mod record;
mod traces;

use std::collections::{BTreeSet, HashMap, VecDeque};

use serde_json::Value;
use uuid::Uuid;

use super::decode::{self, Attachment, OpKind, ReceivedOp, read_id};
use super::feedback::FeedbackBook;
use super::keys::Keys;
use super::merge::{Merge, StoredRun, Updates};
use super::projects::Projects;
use super::records::Records;
use super::request::ReceivedRequest;
use super::shares::Shares;
use super::validate::{self, Context};
use super::violation::{Violation, ViolationCode};
use crate::model::{DottedOrder, JsonMap, Run, RunId, Segment, Timestamp, TraceId};

pub(super) use record::Sender;
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

    /// Checks and stores an operation; returns what became of it and what is wrong with it.
    pub(super) fn apply(
        &mut self,
        mut op: ReceivedOp,
        sender: &Sender,
        request: u64,
        keys: &Keys,
    ) -> (IngestOutcome, Vec<Violation>) {
        self.complete(&mut op, sender);
        let context = self.context(&op, sender);
        let (mut run, mut violations) = validate::check(&op, &context);
        op.fields.retain(|_, value| !value.is_null());
        let rejected = violations.iter().any(Violation::is_error);
        let stored = validate::id_of(&op).filter(|_| !rejected || (!self.strict && run.is_some()));
        let outcome = match stored {
            None => IngestOutcome::Rejected,
            Some(id) => {
                let mut fields = std::mem::take(&mut op.fields);
                if let Some(run) = run.as_mut().filter(|run| run.id != id) {
                    // Only a lenient stand-in comes here. What is listed under an id must open by it.
                    run.id = id;
                    fields.insert("id".to_owned(), id.to_string().into());
                }
                let hidden = self.strict
                    && !sender.spans
                    && run
                        .as_ref()
                        .is_some_and(|run| validate::is_hidden(run.id, run.start_time));
                match self.merge(id.0, op.kind, fields, op.bytes, run, sender, hidden) {
                    Merge::Created => IngestOutcome::Created,
                    Merge::Merged => IngestOutcome::Merged,
                    Merge::Repeated => IngestOutcome::Repeated,
                    Merge::Differs => {
                        violations.push(Violation::new(
                            ViolationCode::AlreadyReceived,
                            Some(id),
                            "payload already received; this one differs, and is ignored",
                        ));
                        IngestOutcome::Repeated
                    }
                }
            }
        };
        let violations: Vec<Violation> = violations
            .into_iter()
            .map(|violation| violation.tidied(keys))
            .collect();
        for violation in &violations {
            self.object(violation.clone());
        }
        let limit = self.limits.records;
        if outcome == IngestOutcome::Rejected {
            let rejected = RejectedOp {
                kind: op.kind,
                id: op.id.clone(),
                body: Value::Object(op.fields),
                violations: violations.clone(),
            };
            self.rejected.push(rejected, op.bytes, limit);
            self.forget_oldest();
        }
        let entry = IngestEntry {
            request,
            kind: op.kind,
            id: op.id,
            outcome,
        };
        push(&mut self.log, entry, limit);
        if matches!(outcome, IngestOutcome::Created | IngestOutcome::Merged)
            && let Some(id) = stored
        {
            self.look_back(id.0, request, keys);
        }
        (outcome, violations)
    }

    /// Writes down that something accepted is gone.
    pub(super) fn log_drop(&mut self, id: String, request: u64) {
        self.log(id, request, IngestOutcome::Dropped);
    }

    /// Writes down that a span was accepted without its parent.
    pub(super) fn log_waiting(&mut self, id: String, request: u64) {
        self.log(id, request, IngestOutcome::Waiting);
    }

    fn log(&mut self, id: String, request: u64, outcome: IngestOutcome) {
        let entry = IngestEntry {
            request,
            kind: OpKind::Post,
            id,
            outcome,
        };
        push(&mut self.log, entry, self.limits.records);
    }

    /// Gives an unbatched run the place in its trace that it leaves to the server.
    fn complete(&self, op: &mut ReceivedOp, sender: &Sender) {
        if sender.batched {
            return;
        }
        if !op.fields.contains_key("id") {
            op.fields.insert("id".to_owned(), op.id.clone().into());
        }
        let placed = op.fields.get("dotted_order").is_some_and(Value::is_string);
        let Some(id) = validate::id_of(op).filter(|_| op.kind == OpKind::Post && !placed) else {
            return;
        };
        let start = decode::run::time_of(op.fields.get("start_time")).unwrap_or(sender.at);
        let segment = Segment { start, id };
        let parent = op.fields.get("parent_run_id").and_then(Value::as_str);
        let above = parent
            .and_then(read_id)
            .and_then(|parent| self.get(parent)?.run());
        let order = match above {
            Some(above) => above.dotted_order.child(segment),
            None => DottedOrder::root(segment),
        };
        let trace = order.trace_id().to_string();
        op.fields.insert("trace_id".to_owned(), trace.into());
        op.fields
            .insert("dotted_order".to_owned(), order.as_str().into());
    }

    fn context(&self, op: &ReceivedOp, sender: &Sender) -> Context {
        let known = validate::id_of(op).and_then(|id| self.get(id.0));
        let time = |key| known.and_then(|known| decode::run::time_of(known.field(key)));
        let id = |key| op.fields.get(key).and_then(Value::as_str).and_then(read_id);
        let trace = id("trace_id").and_then(|trace| self.traces.get(&trace));
        let full = trace.is_some_and(|trace| trace.members.len() >= self.limits.runs_per_trace);
        Context {
            batched: sender.batched,
            spans: sender.spans,
            start: decode::run::time_of(op.fields.get("start_time")).or_else(|| time("start_time")),
            end: time("end_time"),
            parent_start: id("parent_run_id")
                .and_then(|parent| Some(self.get(parent)?.run()?.start_time)),
            dotted_order: known
                .and_then(|known| known.field("dotted_order")?.as_str())
                .map(str::to_owned),
            project_of_trace: trace.and_then(|trace| trace.project.clone()),
            tenants: trace
                .and_then(|trace| Some((trace.tenant.clone()?, sender.tenant.clone()?)))
                .filter(|(earlier, now)| earlier != now),
            over: (full && known.is_none()).then_some(self.limits.runs_per_trace),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the operation, taken apart")]
    fn merge(
        &mut self,
        id: Uuid,
        kind: OpKind,
        fields: JsonMap,
        bytes: usize,
        run: Option<Run>,
        sender: &Sender,
        hidden: bool,
    ) -> Merge {
        let at = self.position(id).unwrap_or_else(|| {
            self.at.insert(id, self.first + self.runs.len());
            self.runs.push_back(Slot {
                id,
                ..Slot::default()
            });
            self.runs.len() - 1
        });
        let slot = &mut self.runs[at];
        self.bytes -= slot.run.bytes();
        let merge = slot.run.take(kind, fields, bytes, self.takes);
        self.bytes += slot.run.bytes();
        slot.hidden |= hidden;
        // One readable operation makes a readable run: it names id, trace and place.
        if run.is_some() && !slot.readable {
            slot.readable = true;
            self.readable += 1;
        }
        if slot.readable && !slot.ended && slot.run.field("end_time").is_some() {
            slot.ended = true;
            self.ended += 1;
        }
        if let Some(run) = run {
            self.join_trace(at, &run, kind, sender);
        }
        self.forget_oldest();
        merge
    }
}

fn push<T>(list: &mut VecDeque<T>, item: T, limit: usize) {
    if list.len() >= limit {
        list.pop_front();
    }
    list.push_back(item);
}
