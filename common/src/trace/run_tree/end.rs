//! The end of a run: by its maker's word, or with its last handle.

use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::Serialize;
use serde_json::Value;

use super::live::size_of_end;
use super::{Fields, Inherited, Inner, Record, RunTree, State};
use crate::model::{RunType, USAGE_METADATA};
use crate::trace::builder::serialized;

impl RunTree {
    /// Ends the run.
    pub fn end(&self) {
        if let Some(inner) = self.open() {
            inner.finish(|_| {});
        }
    }

    /// Ends the run with what the work gave back.
    pub fn end_with(&self, outputs: impl Into<Value>) {
        let Some(inner) = self.recorded() else {
            return self.end();
        };
        let outputs = inner.tracer.shallow_outputs(outputs);
        inner.finish(|run| run.outputs = outputs);
    }

    /// Ends the run with what the work gave back, as a value of the program's own type: what
    /// [`RunBuilder::inputs_of`](crate::trace::RunBuilder::inputs_of) is for inputs.
    pub fn end_of(&self, outputs: &(impl Serialize + ?Sized)) {
        let Some(inner) = self.recorded() else {
            return self.end();
        };
        let outputs = Fields::of(serialized(outputs), "output");
        inner.finish(|run| run.outputs = outputs);
    }

    /// Ends the run with an error. Without outputs set before, `{"output": null}` is sent, as the
    /// Python SDK does.
    pub fn fail(&self, error: impl fmt::Display) {
        let Some(inner) = self.recorded() else {
            return self.end();
        };
        let mut text = String::new();
        // Unlike `to_string`, this keeps what was written when a `Display` returns an error.
        let _ = write!(text, "{error}");
        inner.finish(|run| {
            if run.outputs.is_unsaid() {
                run.outputs = Fields::of(Value::Null, "output");
            }
            run.more().error = Some(text);
        });
    }
}

impl Inner {
    fn finish(&self, last: impl FnOnce(&mut Record)) {
        if !self.live.sampled {
            self.live.ended.store(true, Ordering::Release);
            return;
        }
        let now = self.tracer.clock().now();
        let bytes = {
            let Some(mut state) = self.lock() else { return };
            if self.live.ended.swap(true, Ordering::AcqRel) {
                return;
            }
            let State { inherited, record } = &mut *state;
            last(record);
            if self.live.run_type == RunType::Llm {
                keep_usage(record, inherited);
            }
            record.end = Some(now.max(self.live.segment.start));
            size_of_end(&state)
        };
        // Where an update came after the beginning, the end joins neither. One that is under way goes first,
        // wherever the beginning is.
        let was_updated = self.stop_updating();
        let place = self.live.held_at.get().filter(|_| !was_updated);
        self.tracer.end(self.live.clone(), place, bytes);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let live = &*self.live;
        // Whoever drops the last handle sees what was done by the others.
        if live.handles.fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        // The clock is asked only where the answer is used: a stepping one would tell.
        if live.ended.load(Ordering::Relaxed) {
            return;
        }
        // The run goes on in the process that forked this one off, which may hold its lock for ever here.
        if !live.process.is_current() {
            return;
        }
        let why = if std::thread::panicking() {
            "Panicked"
        } else {
            "Cancelled"
        };
        self.finish(|run| {
            run.more().error = Some(format!("{why}: the run was dropped before it ended"))
        });
    }
}

/// Copies the usage of a model's answer to where LangSmith counts it, unless it is there.
///
/// The Python SDK does so for a run of any type; then a chain that returns its model's answer counts
/// the tokens again.
fn keep_usage(record: &Record, inherited: &mut Arc<Inherited>) {
    if inherited.metadata.contains_key(USAGE_METADATA) {
        return;
    }
    let told = record.outputs.get(USAGE_METADATA);
    if let Some(usage) = told.filter(|usage| usage.is_object()) {
        Inherited::own_metadata(inherited).insert(USAGE_METADATA.to_owned(), usage.clone());
    }
}
