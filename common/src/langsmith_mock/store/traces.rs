//! How runs hang together: traces, their projects, and parents that come late.

use serde_json::Value;
use uuid::Uuid;

use super::{Sender, Store, TraceRecord};
use crate::langsmith_mock::decode::{self, OpKind, read_id};
use crate::langsmith_mock::keys::Keys;
use crate::langsmith_mock::merge::StoredRun;
use crate::langsmith_mock::validate;
use crate::langsmith_mock::violation::{Violation, ViolationCode};
use crate::model::Run;

impl TraceRecord {
    /// Writes down that something of the trace changed.
    pub(super) fn touch(&mut self, changes: &mut u64) {
        *changes += 1;
        self.changed = *changes;
    }
}

impl Store {
    /// Looks at the runs that came before their parent `id`: now it shows whether they are right.
    pub(super) fn look_back(&mut self, id: Uuid, request: u64, keys: &Keys) {
        let Some(parent) = self.get(id).and_then(StoredRun::run) else {
            return;
        };
        for child in self.awaited.remove(&id).unwrap_or_default() {
            let Some(run) = self.get(child).and_then(StoredRun::run) else {
                continue;
            };
            if run.start_time >= parent.start_time {
                continue;
            }
            let message = validate::earlier_than_parent(run.start_time, parent.start_time);
            let code = ViolationCode::ChildBeforeParent;
            self.object(Violation::new(code, Some(run.id), message).tidied(keys));
            if self.strict {
                self.drop_run(child);
                self.log_drop(child.to_string(), request);
            }
        }
    }

    /// Gives a project's runs its new name.
    pub(in crate::langsmith_mock) fn rename_session(&mut self, before: &str, after: &str) {
        for record in self.traces.values_mut() {
            if record.project.as_deref() == Some(before) {
                record.project = Some(after.to_owned());
                record.touch(&mut self.changes);
            }
        }
    }

    pub(super) fn join_trace(&mut self, at: usize, run: &Run, kind: OpKind, sender: &Sender) {
        let stored = &self.runs[at].run;
        let id = |key| stored.field(key).and_then(Value::as_str).and_then(read_id);
        let trace = id("trace_id").unwrap_or(run.trace_id.0);
        let start = decode::run::time_of(stored.field("start_time")).unwrap_or(run.start_time);
        let parent = run.parent_run_id.map(|id| id.0);
        let awaited = parent.filter(|parent| self.position(*parent).is_none());
        let (number, before) = (self.first + at, self.runs[at].trace);
        if before != Some(trace) {
            self.leave_trace(before, number);
        }
        let record = self.traces.entry(trace).or_default();
        record.touch(&mut self.changes);
        if record.members.insert(number) {
            record.tenant = record.tenant.take().or_else(|| sender.tenant.clone());
        }
        let slot = &mut self.runs[at];
        (slot.trace, slot.start) = (Some(trace), Some(start));
        if let Some(parent) = awaited
            && slot.awaited.is_none()
        {
            slot.awaited = awaited;
            self.awaited.entry(parent).or_default().push(run.id.0);
        }
        let by_id = self.runs[at].run.field("session_id");
        let by_id = by_id.and_then(Value::as_str).and_then(read_id);
        let by_id = by_id.and_then(|id| self.projects.by_id(id));
        let named = run.project.clone().or(by_id.map(|has| has.name.clone()));
        match &named {
            Some(project) => {
                let record = self.traces.get_mut(&trace);
                let pinned = record.map(|record| record.project.get_or_insert(project.clone()));
                let project = pinned.map_or(project, |pinned| &*pinned);
                self.projects.ensure(project, run.start_time);
            }
            None if kind == OpKind::Post => self.projects.ensure("default", run.start_time),
            None => {}
        }
    }
}
