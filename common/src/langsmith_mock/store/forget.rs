//! Runs that go: dropped, deleted, or the oldest when a limit is reached.

use uuid::Uuid;

use super::{Slot, Store};
use crate::model::Run;

impl Store {
    /// Takes a run out of the middle.
    pub(super) fn drop_run(&mut self, id: Uuid) {
        let Some(at) = self.position(id) else { return };
        self.at.remove(&id);
        let slot = &mut self.runs[at];
        let gone = std::mem::replace(
            slot,
            Slot {
                id,
                gone: true,
                ..Slot::default()
            },
        );
        self.count_out(&gone, self.first + at);
    }

    /// Takes out all runs of a project.
    pub(in crate::langsmith_mock) fn drop_session(&mut self, session: Uuid) {
        let of_session = |run: &Run| self.session_of(run) == session;
        let ids: Vec<Uuid> = self.runs().filter(of_session).map(|run| run.id.0).collect();
        for id in ids {
            self.drop_run(id);
        }
    }

    pub(in crate::langsmith_mock) fn forget_oldest(&mut self) {
        // Runs are what everybody came for, so the rest goes before them.
        while self.too_many_bytes()
            && (self.rejected.forget() || self.feedback.forget() || self.requests.forget())
        {
        }
        while self.runs.len() > 1 && (self.runs.len() > self.limits.runs || self.too_many_bytes()) {
            let Some(slot) = self.runs.pop_front() else {
                return;
            };
            self.first += 1;
            if !slot.gone {
                self.at.remove(&slot.id);
                self.count_out(&slot, self.first - 1);
                self.forgotten += 1;
            }
        }
    }

    fn count_out(&mut self, slot: &Slot, number: usize) {
        self.leave_trace(slot.trace, number);
        self.bytes -= slot.run.bytes();
        self.readable -= usize::from(slot.readable);
        self.ended -= usize::from(slot.ended);
        if let Some(parent) = slot.awaited
            && let Some(children) = self.awaited.get_mut(&parent)
        {
            children.retain(|child| *child != slot.id);
            if children.is_empty() {
                self.awaited.remove(&parent);
            }
        }
    }
}

impl Store {
    fn too_many_bytes(&self) -> bool {
        let records = self.rejected.bytes() + self.feedback.bytes() + self.requests.bytes();
        self.bytes + records > self.limits.total_bytes
    }

    pub(super) fn leave_trace(&mut self, trace: Option<Uuid>, number: usize) {
        let Some(trace) = trace else { return };
        if let Some(record) = self.traces.get_mut(&trace) {
            record.members.remove(&number);
            record.touch(&mut self.changes);
            if record.members.is_empty() {
                self.traces.remove(&trace);
            }
        }
    }
}
