//! An operation arrives: it is completed, checked, merged into its run, and written down.

use serde_json::Value;
use uuid::Uuid;

use super::{IngestEntry, IngestOutcome, RejectedOp, Sender, Slot, Store, push};
use crate::langsmith_mock::decode::{self, OpKind, ReceivedOp, read_id};
use crate::langsmith_mock::keys::Keys;
use crate::langsmith_mock::merge::Merge;
use crate::langsmith_mock::validate::{self, Context};
use crate::langsmith_mock::violation::{Violation, ViolationCode};
use crate::model::{DottedOrder, JsonMap, Run, Segment};

impl Store {
    /// Checks and stores an operation; returns what became of it and what is wrong with it.
    pub(in crate::langsmith_mock) fn apply(
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
        #[cfg(feature = "analysis")]
        self.tell(&entry, Some(sender.at), stored.map(|id| id.0), &violations);
        push(&mut self.log, entry, limit);
        if matches!(outcome, IngestOutcome::Created | IngestOutcome::Merged)
            && let Some(id) = stored
        {
            self.look_back(id.0, request, keys);
        }
        (outcome, violations)
    }

    /// Writes down that something accepted is gone.
    pub(in crate::langsmith_mock) fn log_drop(&mut self, id: String, request: u64) {
        self.log(id, request, IngestOutcome::Dropped);
    }

    /// Writes down that a span was accepted without its parent.
    pub(in crate::langsmith_mock) fn log_waiting(&mut self, id: String, request: u64) {
        self.log(id, request, IngestOutcome::Waiting);
    }

    fn log(&mut self, id: String, request: u64, outcome: IngestOutcome) {
        let entry = IngestEntry {
            request,
            kind: OpKind::Post,
            id,
            outcome,
        };
        #[cfg(feature = "analysis")]
        self.tell(&entry, None, None, &[]);
        push(&mut self.log, entry, self.limits.records);
    }

    /// Writes down a step of the film, with what people look at of the run.
    #[cfg(feature = "analysis")]
    fn tell(
        &mut self,
        entry: &IngestEntry,
        at: Option<crate::model::Timestamp>,
        stored: Option<Uuid>,
        violations: &[Violation],
    ) {
        let after = stored.and_then(|id| self.get(id)).and_then(|stored| {
            const SHOWN: [&str; 10] = [
                "id",
                "trace_id",
                "parent_run_id",
                "dotted_order",
                "name",
                "run_type",
                "start_time",
                "end_time",
                "session_name",
                "error",
            ];
            let mut fields = JsonMap::new();
            for key in SHOWN {
                if let Some(value) = stored.field(key) {
                    fields.insert(key.to_owned(), value.clone());
                }
            }
            let service = stored
                .metadata("service")
                .or_else(|| stored.metadata("service.name"));
            if let Some(service) = service {
                let extra = serde_json::json!({ "metadata": { "service": service } });
                fields.insert("extra".to_owned(), extra);
            }
            decode::run::read(&fields).0.map(Box::new)
        });
        let told = super::Told {
            entry: entry.clone(),
            at,
            after,
            problems: (violations.iter().filter(|it| it.is_error()))
                .map(|it| it.message.clone())
                .collect(),
        };
        push(&mut self.told, told, self.limits.records);
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
