//! What the pages read from the store, taken while it is locked; all keys are cut out of it.
//!
//! ```text
//! Store ──traces──► [TraceFacts]      one per trace, for the list; known keeps them
//!       ──tree────► Traced            runs without inputs, outputs and events, and what is derived
//!       ──run─────► RunFacts          one run whole
//!       ──counts──► Counts
//! ```
//!
//! Pages are written after the lock is free. Start at [`traces`].

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

use super::derived::Derived;
use super::text::cut;
use crate::langsmith_mock::core::{Core, State};
use crate::langsmith_mock::decode::{Attachment, OpKind, read_id, run as decode_run};
use crate::langsmith_mock::feedback;
use crate::langsmith_mock::merge::StoredRun;
use crate::langsmith_mock::query::{Scene, Seen};
use crate::langsmith_mock::store::{IngestOutcome, RejectedOp};
use crate::langsmith_mock::violation::{Violation, ViolationCode};
use crate::model::{
    DottedOrder, JsonMap, Run, RunId, RunStatus, RunType, Timestamp, TraceId, TraceTree,
};

/// Longest name, project or error that a list keeps, in characters.
const SHORT: usize = 1_000;

/// One trace, as the list tells it.
#[derive(Debug)]
pub(super) struct TraceFacts {
    pub(super) id: TraceId,
    /// Name of the root, or of the first run if there is no root.
    pub(super) name: String,
    pub(super) has_root: bool,
    pub(super) project: String,
    /// Who sent runs, each once, in order of arrival.
    pub(super) services: Vec<String>,
    pub(super) runs: usize,
    pub(super) pending: usize,
    pub(super) errors: usize,
    /// Runs whose parent is not in this trace.
    pub(super) orphans: usize,
    pub(super) status: RunStatus,
    pub(super) error: Option<String>,
    pub(super) start: Timestamp,
    pub(super) end: Option<Timestamp>,
    pub(super) derived: Derived,
}

/// The runs of a trace.
#[derive(Debug)]
pub(super) struct Traced {
    pub(super) tree: TraceTree,
    pub(super) whole: Derived,
    each: HashMap<RunId, Derived>,
}

impl Traced {
    pub(super) fn derived(&self, run: RunId) -> Option<&Derived> {
        self.each.get(&run)
    }
}

/// What clients did wrong, each told once.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) dropped: Vec<Dropped>,
    /// Spans that were answered with 200 and dropped.
    pub(super) spans: Vec<Violation>,
    pub(super) others: Vec<Violation>,
}

/// What arrived, in numbers.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) runs: usize,
    pub(super) ended: usize,
    pub(super) errors: usize,
    pub(super) warnings: usize,
    pub(super) rejected: usize,
    pub(super) requests: u64,
    pub(super) refused: usize,
    pub(super) body_bytes: usize,
    pub(super) decoded_bytes: usize,
    pub(super) created: usize,
    pub(super) merged: usize,
    pub(super) repeated: usize,
    pub(super) feedback: usize,
    /// Spans that were answered with 200 and dropped, because their parents never came.
    pub(super) spans_dropped: usize,
    /// Spans that still wait for their parents.
    pub(super) spans_waiting: usize,
    pub(super) forgotten: u64,
    pub(super) strict: bool,
    /// Grows with everything that arrives.
    pub(super) version: u64,
}

/// One run, whole.
#[derive(Debug)]
pub(super) struct RunFacts {
    pub(super) run: Run,
    pub(super) raw: JsonMap,
    pub(super) attachments: Vec<Attachment>,
    pub(super) feedback: Vec<Value>,
}

/// An operation that was answered with 202 and not stored; without its body, which may be large.
#[derive(Debug)]
pub(super) struct Dropped {
    pub(super) kind: OpKind,
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) violations: Vec<Violation>,
}

impl Dropped {
    fn read(op: &RejectedOp, state: &State) -> Self {
        let name = op.body.get("name").and_then(Value::as_str);
        Self {
            kind: op.kind,
            id: op.id.clone(),
            name: name.map(|name| state.scrub(cut(name, SHORT).0)),
            violations: op.violations.clone(),
        }
    }
}

pub(super) fn counts(core: &Core, state: &State) -> Counts {
    let store = &state.store;
    let (runs, ended) = store.counts();
    let mut counts = Counts {
        runs,
        ended,
        rejected: store.rejected.len(),
        requests: store.request_count,
        feedback: store.feedback.len(),
        spans_waiting: state.waiting.count(),
        forgotten: store.forgotten,
        strict: core.settings().strict,
        version: store.request_count,
        ..Counts::default()
    };
    counts.errors = store.violations.iter().filter(|v| v.is_error()).count();
    counts.warnings = store.violations.len() - counts.errors;
    for request in store.requests.iter() {
        counts.refused += usize::from(request.status >= 400);
        counts.body_bytes += request.body_bytes;
        counts.decoded_bytes += request.decoded_bytes;
    }
    let mut dropped = 0_usize;
    for entry in &store.log {
        match entry.outcome {
            IngestOutcome::Created => counts.created += 1,
            IngestOutcome::Merged => counts.merged += 1,
            IngestOutcome::Repeated => counts.repeated += 1,
            IngestOutcome::Dropped => dropped += 1,
            IngestOutcome::Waiting | IngestOutcome::Rejected => {}
        }
    }
    let is_span = |v: &&Violation| v.code == ViolationCode::SpanOrphan;
    counts.spans_dropped = store.violations.iter().filter(is_span).count();
    // What is no span came before its parent, which showed it to be wrong.
    counts.rejected += dropped.saturating_sub(counts.spans_dropped);
    counts
}

/// Gathers what the list tells of some traces.
pub(super) fn traces(state: &State, asked: &[TraceId]) -> Vec<TraceFacts> {
    let mut found: Vec<TraceFacts> = Vec::new();
    let mut place: HashMap<Uuid, usize> = HashMap::new();
    let mut ids: HashSet<(Uuid, Uuid)> = HashSet::new();
    let mut parents: Vec<(usize, Uuid, Uuid)> = Vec::new();
    let store = &state.store;
    let all = || asked.iter().flat_map(|trace| store.stored_of(*trace));
    for stored in all() {
        let Some((id, trace, start)) = position(stored) else {
            continue;
        };
        ids.insert((trace, id));
        let at = *place.entry(trace).or_insert_with(|| {
            found.push(TraceFacts::begin(TraceId(trace), start));
            found.len() - 1
        });
        let facts = &mut found[at];
        let parent = stored.field("parent_run_id").and_then(id_of);
        if let Some(parent) = parent {
            parents.push((at, trace, parent));
        }
        facts.take(stored, parent.is_none(), start, state);
    }
    for (at, trace, parent) in parents {
        found[at].orphans += usize::from(!ids.contains(&(trace, parent)));
    }
    let judged: HashSet<Uuid> = store.feedback.iter().filter_map(feedback::run_of).collect();
    // Nothing is derived of a trace but by its root, its calls to models, and what was judged.
    let tells = |stored: &&StoredRun| {
        let is_judged = || {
            stored
                .field("id")
                .and_then(id_of)
                .is_some_and(|id| judged.contains(&id))
        };
        stored.field("parent_run_id").is_none() || is_call(stored) || is_judged()
    };
    let telling = all().filter(tells);
    let scene = Scene::of(store, telling, |stored| light(stored, state));
    for facts in &mut found {
        let seen: Vec<&Seen<'_>> = scene.trace(facts.id).collect();
        facts.derived = Derived::of_trace(&seen, state);
    }
    found
}

impl TraceFacts {
    fn begin(id: TraceId, start: Timestamp) -> Self {
        Self {
            id,
            name: String::new(),
            has_root: false,
            project: String::new(),
            services: Vec::new(),
            runs: 0,
            pending: 0,
            errors: 0,
            orphans: 0,
            status: RunStatus::Success,
            error: None,
            start,
            end: None,
            derived: Derived::default(),
        }
    }

    fn take(&mut self, stored: &StoredRun, is_root: bool, start: Timestamp, state: &State) {
        let text = |key: &str| stored.field(key).and_then(Value::as_str);
        let short = |text: &str| state.scrub(cut(text, SHORT).0);
        let status = status_of(stored);
        self.runs += 1;
        self.pending += usize::from(status == RunStatus::Pending);
        self.errors += usize::from(status == RunStatus::Error);
        self.start = self.start.min(start);
        if let Some(service) = sender_of(stored).map(short)
            && !self.services.contains(&service)
        {
            self.services.push(service);
        }
        // The first root speaks for the trace; without one, the first run does.
        if (is_root && !self.has_root) || self.runs == 1 {
            self.has_root |= is_root;
            self.name = short(text("name").unwrap_or("Unnamed"));
            let pinned = state.store.project_of(self.id);
            let project = pinned.or(text("session_name"));
            self.project = short(project.unwrap_or("default"));
            self.status = status;
            self.error = text("error").map(short);
            self.end = decode_run::time_of(stored.field("end_time"));
        }
    }
}

/// Gathers the runs of a trace, without what only the page of one run shows.
pub(super) fn tree(state: &State, trace: TraceId) -> Traced {
    let store = &state.store;
    let scene = Scene::of(store, store.stored_of(trace), |stored| light(stored, state));
    let seen: Vec<&Seen<'_>> = scene.seen.iter().collect();
    let whole = Derived::of_trace(&seen, state);
    let each = |seen: &&Seen<'_>| (seen.run.id, Derived::of_run(seen, state));
    Traced {
        whole,
        each: seen.iter().map(each).collect(),
        tree: TraceTree::build(scene.seen.into_iter().map(|seen| seen.run)),
    }
}

/// Finds the trace of a run.
pub(super) fn trace_of(state: &State, run: RunId) -> Option<TraceId> {
    let stored = state.store.get(run.0)?;
    stored.field("trace_id").and_then(id_of).map(TraceId)
}

pub(super) fn run(state: &State, id: RunId) -> Option<RunFacts> {
    let stored = state.store.get(id.0)?;
    let is_of_run = |entry: &&Value| feedback::run_of(entry) == Some(id.0);
    let feedback = state.store.feedback.iter().filter(is_of_run);
    Some(RunFacts {
        run: stored.run()?,
        raw: stored.merged(),
        attachments: stored.attachments().to_vec(),
        feedback: feedback.cloned().collect(),
    })
}

/// Gathers the operations and spans that were dropped, and the violations that do not stand there.
pub(super) fn all_wrong(state: &State) -> Wrong {
    gather(state, |_| true, |_| true)
}

/// The same for one trace.
pub(super) fn wrong(state: &State, trace: TraceId, tree: &TraceTree) -> Wrong {
    let runs: HashSet<RunId> = tree.nodes().iter().map(|node| node.run.id).collect();
    let of_trace = |op: &RejectedOp| op.body.get("trace_id").and_then(id_of) == Some(trace.0);
    let of_tree = |v: &Violation| v.run.is_some_and(|run| runs.contains(&run));
    gather(state, of_trace, of_tree)
}

fn gather(
    state: &State,
    is_asked: impl Fn(&RejectedOp) -> bool,
    fits: impl Fn(&Violation) -> bool,
) -> Wrong {
    let dropped = state.store.rejected.iter().filter(|op| is_asked(op));
    let dropped: Vec<Dropped> = dropped.map(|op| Dropped::read(op, state)).collect();
    let key = |v: &Violation| (v.code, v.run, v.message.clone());
    let told: HashSet<_> = dropped
        .iter()
        .flat_map(|op| &op.violations)
        .map(key)
        .collect();
    let violations = state.store.violations.iter();
    let violations = violations.filter(|v| fits(v) && !told.contains(&key(v)));
    let is_span = |v: &Violation| v.code == ViolationCode::SpanOrphan;
    let (spans, others) = violations.cloned().partition(is_span);
    Wrong {
        dropped,
        spans,
        others,
    }
}

/// Returns who sent a run: the service that it names, or else its SDK.
pub(super) fn sender(run: &Run) -> Option<&str> {
    let service = run.extra.metadata.get("service").and_then(Value::as_str);
    let sdk = || run.extra.runtime.as_ref()?.get("sdk")?.as_str();
    service.or_else(sdk)
}

fn light(stored: &StoredRun, state: &State) -> Option<Run> {
    let text = |key: &str| stored.field(key).and_then(Value::as_str);
    let short = |text: &str| state.scrub(cut(text, SHORT).0);
    let time = |key: &str| decode_run::time_of(stored.field(key));
    let order: DottedOrder = text("dotted_order")?.parse().ok()?;
    let start = time("start_time").or(order.start_time())?;
    let run_type = RunType::from(text("run_type").unwrap_or_default());
    let mut run = Run::begin(
        order,
        short(text("name").unwrap_or("Unnamed")),
        run_type,
        start,
    );
    run.id = RunId(stored.field("id").and_then(id_of)?);
    run.trace_id = TraceId(stored.field("trace_id").and_then(id_of)?);
    run.parent_run_id = stored.field("parent_run_id").and_then(id_of).map(RunId);
    run.end_time = time("end_time");
    run.project = text("session_name").map(short);
    run.error = stored.field("error").map(|error| match error {
        Value::String(text) => short(text),
        other => short(&other.to_string()),
    });
    let mut metadata = JsonMap::new();
    if let Some(service) = stored.metadata("service").and_then(Value::as_str) {
        metadata.insert("service".to_owned(), short(service).into());
    }
    if let Some(interrupt) = stored.metadata("ls_is_error_interrupt") {
        metadata.insert("ls_is_error_interrupt".to_owned(), interrupt.clone());
    }
    run.extra.metadata = Arc::new(metadata);
    if let Some(sdk) = sdk_of(stored) {
        let runtime = JsonMap::from_iter([("sdk".to_owned(), short(sdk).into())]);
        run.extra.runtime = Some(Arc::new(runtime));
    }
    Some(run)
}

fn position(stored: &StoredRun) -> Option<(Uuid, Uuid, Timestamp)> {
    let id = |key: &str| stored.field(key).and_then(id_of);
    let start = decode_run::time_of(stored.field("start_time"));
    // Rarely missing, and then told by the run's place.
    let start = start.or_else(|| Some(stored.run()?.start_time));
    Some((id("id")?, id("trace_id")?, start?))
}

fn status_of(stored: &StoredRun) -> RunStatus {
    let interrupted = || stored.metadata("ls_is_error_interrupt")?.as_bool();
    match (stored.field("error"), stored.field("end_time")) {
        (Some(_), _) if interrupted() == Some(true) => RunStatus::Interrupted,
        (Some(_), _) => RunStatus::Error,
        (None, Some(_)) => RunStatus::Success,
        (None, None) => RunStatus::Pending,
    }
}

fn sender_of(stored: &StoredRun) -> Option<&str> {
    let service = stored.metadata("service").and_then(Value::as_str);
    service.or_else(|| sdk_of(stored))
}

fn sdk_of(stored: &StoredRun) -> Option<&str> {
    stored.field("extra")?.get("runtime")?.get("sdk")?.as_str()
}

fn is_call(stored: &StoredRun) -> bool {
    let run_type = stored.field("run_type").and_then(Value::as_str);
    run_type.is_some_and(|run_type| RunType::from(run_type) == RunType::Llm)
}

fn id_of(value: &Value) -> Option<Uuid> {
    value.as_str().and_then(read_id)
}
