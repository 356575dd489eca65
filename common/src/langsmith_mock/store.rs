//! What has arrived: operations merged into runs, in any order of arrival.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use serde_json::Value;
use uuid::Uuid;

use super::decode::{Attachment, OpKind, ReceivedOp, run};
use super::keys::Keys;
use super::projects::Projects;
use super::request::ReceivedRequest;
use super::validate::{self, Context};
use super::violation::{Violation, ViolationCode};
use crate::model::{JsonMap, Run, RunId, Timestamp, TraceId};

/// How much the stand-in holds before it forgets what is oldest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest body, on the wire and decompressed. Default: 32 MiB, above the 20 MiB that `/info`
    /// advertises, because clients count data without part headers.
    pub body_bytes: usize,
    /// Number of runs. Default: 100,000.
    pub runs: usize,
    /// Bytes of all runs together, as they came. Default: 512 MiB.
    pub total_bytes: usize,
    /// Number of requests, violations, rejected operations, feedback and log entries, each.
    /// Default: 10,000.
    pub records: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 32 * 1024 * 1024,
            runs: 100_000,
            total_bytes: 512 * 1024 * 1024,
            records: 10_000,
        }
    }
}

/// What became of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IngestOutcome {
    /// The run is new.
    Created,
    /// The run was known, and is now what both operations say.
    Merged,
    /// The same operation had arrived before; nothing changed.
    Repeated,
    /// The operation has a violation; LangSmith would drop it after its 202.
    Rejected,
}

/// One operation in the order of arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestEntry {
    /// Number of the request that brought it, from 0.
    pub request: u64,
    /// Create or update.
    pub kind: OpKind,
    /// The run's id as it was sent.
    pub id: String,
    /// What became of it.
    pub outcome: IngestOutcome,
}

/// An operation that was not stored.
#[derive(Debug, Clone, PartialEq)]
pub struct RejectedOp {
    /// Create or update.
    pub kind: OpKind,
    /// The run's id as it was sent.
    pub id: String,
    /// The whole operation as JSON.
    pub body: Value,
    /// Why.
    pub violations: Vec<Violation>,
}

/// The operations on one run.
#[derive(Debug, Default)]
pub(super) struct StoredRun {
    post: Option<JsonMap>,
    patch: Option<JsonMap>,
    pub(super) attachments: Vec<Attachment>,
    bytes: usize,
    ended: bool,
    /// False as long as an unbatched update waits for its creation.
    readable: bool,
}

impl StoredRun {
    /// Returns the run as JSON: the update wins field by field, null says nothing.
    ///
    /// Events, extra and outputs are fields like others, so they are replaced whole, as the server
    /// does.
    pub(super) fn merged(&self) -> JsonMap {
        let mut merged = self.post.clone().unwrap_or_default();
        for (key, value) in self.patch.iter().flatten() {
            merged.insert(key.clone(), value.clone());
        }
        merged
    }

    pub(super) fn run(&self) -> Option<Run> {
        run::read(&self.merged()).0
    }
}

/// Everything that the stand-in remembers.
#[derive(Debug, Default)]
pub(super) struct Store {
    limits: Limits,
    strict: bool,
    // In order of first arrival; `first` is the number of the run at the front.
    runs: VecDeque<(Uuid, StoredRun)>,
    first: usize,
    at: HashMap<Uuid, usize>,
    bytes: usize,
    ended: usize,
    readable: usize,
    trace_projects: HashMap<Uuid, String>,
    pub(super) projects: Projects,
    pub(super) forgotten: u64,
    pub(super) violations: VecDeque<Violation>,
    pub(super) rejected: VecDeque<RejectedOp>,
    pub(super) log: VecDeque<IngestEntry>,
    pub(super) requests: VecDeque<ReceivedRequest>,
    pub(super) feedback: VecDeque<Value>,
    pub(super) request_count: u64,
}

impl Store {
    pub(super) fn new(limits: Limits, strict: bool) -> Self {
        Self {
            limits,
            strict,
            ..Self::default()
        }
    }

    /// Forgets everything, and keeps limits and mode.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.limits, self.strict);
    }

    /// Returns how many runs are stored, and how many of them have ended.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.readable, self.ended)
    }

    pub(super) fn get(&self, id: Uuid) -> Option<&StoredRun> {
        let at = self.at.get(&id)?.checked_sub(self.first)?;
        self.runs.get(at).map(|(_, stored)| stored)
    }

    /// Returns all runs in order of first arrival.
    pub(super) fn runs(&self) -> impl Iterator<Item = Run> {
        self.stored().filter_map(StoredRun::run)
    }

    pub(super) fn stored(&self) -> impl Iterator<Item = &StoredRun> {
        self.runs.iter().map(|(_, stored)| stored)
    }

    pub(super) fn runs_of(&self, trace: TraceId) -> impl Iterator<Item = Run> {
        self.runs().filter(move |run| run.trace_id == trace)
    }

    pub(super) fn object(&mut self, violation: Violation) {
        push(&mut self.violations, violation, self.limits.records);
    }

    pub(super) fn remember_request(&mut self, request: ReceivedRequest) {
        push(&mut self.requests, request, self.limits.records);
    }

    pub(super) fn add_feedback(&mut self, feedback: Value) {
        push(&mut self.feedback, feedback, self.limits.records);
    }

    pub(super) fn attach(&mut self, run: Uuid, attachment: Attachment) {
        let at = self.at.get(&run).and_then(|at| at.checked_sub(self.first));
        let Some((_, stored)) = at.and_then(|at| self.runs.get_mut(at)) else {
            self.object(Violation::new(
                ViolationCode::AttachmentOrphan,
                Some(RunId(run)),
                format!("attachment {:?} belongs to no known run", attachment.name),
            ));
            return;
        };
        // The slice of the request's buffer would keep the whole body alive.
        let data = Bytes::copy_from_slice(&attachment.data);
        stored.bytes += data.len();
        self.bytes += data.len();
        stored.attachments.retain(|has| has.name != attachment.name);
        stored.attachments.push(Attachment { data, ..attachment });
        self.forget_oldest();
    }

    /// Checks and stores an operation; returns what became of it and what is wrong with it.
    pub(super) fn apply(
        &mut self,
        mut op: ReceivedOp,
        batched: bool,
        request: u64,
        now: Timestamp,
        keys: &Keys,
    ) -> (IngestOutcome, Vec<Violation>) {
        self.complete(&mut op, batched, now);
        let context = self.context(&op, batched);
        let mut violations = validate::check(&op, &context);
        op.fields.retain(|_, value| !value.is_null());
        let id = validate::id_of(&op);
        let rejected = violations.iter().any(Violation::is_error);
        let outcome = match id {
            Some(id) if !rejected || (!self.strict && readable(&op)) => {
                self.merge(id.0, op.kind, op.fields.clone(), op.bytes, &mut violations)
            }
            _ => IngestOutcome::Rejected,
        };
        for violation in &mut violations {
            violation.message = keys.scrub(&violation.message);
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
            push(&mut self.rejected, rejected, limit);
        }
        let entry = IngestEntry {
            request,
            kind: op.kind,
            id: op.id,
            outcome,
        };
        push(&mut self.log, entry, limit);
        (outcome, violations)
    }

    /// Gives an unbatched run the place in its trace that it leaves to the server.
    fn complete(&self, op: &mut ReceivedOp, batched: bool, now: Timestamp) {
        if batched {
            return;
        }
        if !op.fields.contains_key("id") {
            op.fields.insert("id".to_owned(), op.id.clone().into());
        }
        let placed = op.fields.get("dotted_order").is_some_and(Value::is_string);
        let Some(id) = validate::id_of(op).filter(|_| op.kind == OpKind::Post && !placed) else {
            return;
        };
        let start = run::start_of(&op.fields).unwrap_or(now);
        let segment = crate::model::Segment { start, id };
        let parent = op.fields.get("parent_run_id").and_then(Value::as_str);
        let above = parent
            .and_then(super::decode::read_id)
            .and_then(|parent| self.get(parent)?.run());
        let order = match above {
            Some(above) => above.dotted_order.child(segment),
            None => crate::model::DottedOrder::root(segment),
        };
        let trace = order.trace_id().to_string();
        op.fields.insert("trace_id".to_owned(), trace.into());
        op.fields
            .insert("dotted_order".to_owned(), order.as_str().into());
    }

    fn context(&self, op: &ReceivedOp, batched: bool) -> Context {
        let known = validate::id_of(op).and_then(|id| self.get(id.0));
        let known = known.map(StoredRun::merged).unwrap_or_default();
        let trace = op.fields.get("trace_id").and_then(Value::as_str);
        Context {
            batched,
            start: run::start_of(&op.fields).or_else(|| run::start_of(&known)),
            end: run::end_of(&known),
            project_of_trace: trace
                .and_then(super::decode::read_id)
                .and_then(|trace| self.trace_projects.get(&trace).cloned()),
        }
    }

    fn merge(
        &mut self,
        id: Uuid,
        kind: OpKind,
        fields: JsonMap,
        bytes: usize,
        violations: &mut Vec<Violation>,
    ) -> IngestOutcome {
        let new = !self.at.contains_key(&id);
        if new {
            self.at.insert(id, self.first + self.runs.len());
            self.runs.push_back((id, StoredRun::default()));
        }
        let at = self.at[&id] - self.first;
        let stored = &mut self.runs[at].1;
        let repeated = match (kind, &mut stored.post, &mut stored.patch) {
            (OpKind::Post, Some(earlier), _) => {
                if *earlier != fields {
                    violations.push(Violation::new(
                        ViolationCode::AlreadyReceived,
                        Some(RunId(id)),
                        "payload already received; this one differs, and is ignored",
                    ));
                }
                true
            }
            (OpKind::Post, post, _) => {
                *post = Some(fields);
                false
            }
            (OpKind::Patch, _, Some(earlier)) => {
                let repeated = fields
                    .iter()
                    .all(|(key, value)| earlier.get(key) == Some(value));
                earlier.extend(fields);
                repeated
            }
            (OpKind::Patch, _, patch) => {
                *patch = Some(fields);
                false
            }
        };
        if repeated {
            return IngestOutcome::Repeated;
        }
        stored.bytes += bytes;
        self.bytes += bytes;
        let run = stored.run();
        let (was_readable, was_ended) = (stored.readable, stored.ended);
        stored.readable = run.is_some();
        stored.ended = run.as_ref().is_some_and(|run| run.end_time.is_some());
        let (is_readable, is_ended) = (stored.readable, stored.ended);
        self.readable = self.readable + usize::from(is_readable) - usize::from(was_readable);
        self.ended = self.ended + usize::from(is_ended) - usize::from(was_ended);
        if let Some(run) = run {
            let project = run.project.unwrap_or_else(|| "default".to_owned());
            self.projects.ensure(&project, run.start_time);
            self.trace_projects.entry(run.trace_id.0).or_insert(project);
        }
        self.forget_oldest();
        if new {
            IngestOutcome::Created
        } else {
            IngestOutcome::Merged
        }
    }

    fn forget_oldest(&mut self) {
        while self.runs.len() > 1
            && (self.runs.len() > self.limits.runs || self.bytes > self.limits.total_bytes)
        {
            let Some((id, stored)) = self.runs.pop_front() else {
                return;
            };
            self.at.remove(&id);
            self.trace_projects.remove(&id);
            self.first += 1;
            self.bytes -= stored.bytes;
            self.readable -= usize::from(stored.readable);
            self.ended -= usize::from(stored.ended);
            self.forgotten += 1;
        }
    }
}

fn readable(op: &ReceivedOp) -> bool {
    run::read(&op.fields).0.is_some()
}

fn push<T>(list: &mut VecDeque<T>, item: T, limit: usize) {
    if list.len() >= limit {
        list.pop_front();
    }
    list.push_back(item);
}
