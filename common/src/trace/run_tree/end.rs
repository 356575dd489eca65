//! The end of a run: by its maker's word, or with its last handle.

use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::Serialize;
use serde_json::Value;

use super::{Inner, RunTree};
use crate::model::{Baggage, JsonMap, Run, RunOp, RunType, USAGE_METADATA};
use crate::trace::builder::{into_object, serialized};

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
        inner.finish(|run| run.outputs = Some(outputs));
    }

    /// Ends the run with what the work gave back, as a value of the program's own type: what
    /// [`RunBuilder::inputs_of`](crate::trace::RunBuilder::inputs_of) is for inputs.
    pub fn end_of(&self, outputs: &(impl Serialize + ?Sized)) {
        let Some(inner) = self.recorded() else {
            return self.end();
        };
        let outputs = into_object(serialized(outputs), "output");
        inner.finish(|run| run.outputs = Some(outputs));
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
            run.outputs
                .get_or_insert_with(|| into_object(Value::Null, "output"));
            run.error = Some(text);
        });
    }
}

impl Inner {
    fn finish(&self, last: impl FnOnce(&mut Run)) {
        if !self.sampled {
            self.ended.store(true, Ordering::Release);
            return;
        }
        let now = self.tracer.clock().now();
        let patch = {
            let Some(mut state) = self.lock() else { return };
            let Some(mut patch) = state.run.take() else {
                return;
            };
            self.ended.store(true, Ordering::Release);
            last(&mut patch);
            keep_usage(&patch, &mut state.baggage.metadata);
            let Baggage {
                metadata,
                tags,
                project,
            } = state.baggage.clone();
            patch.extra.metadata = metadata;
            patch.tags = tags;
            patch.project = project;
            patch.end_time = Some(now.max(patch.start_time));
            patch
        };
        self.tracer.submit_shallow(RunOp::Patch(patch));
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The run goes on in the process that forked this one off, which may hold its lock for ever here.
        if !self.process.is_current() {
            return;
        }
        // The clock is asked only where the answer is used: a stepping one would tell.
        if *self.ended.get_mut() {
            return;
        }
        let why = if std::thread::panicking() {
            "Panicked"
        } else {
            "Cancelled"
        };
        self.finish(|run| run.error = Some(format!("{why}: the run was dropped before it ended")));
    }
}

/// Copies the usage of a model's answer to where LangSmith counts it, unless it is there.
///
/// The Python SDK does so for a run of any type; then a chain that returns its model's answer counts
/// the tokens again.
fn keep_usage(run: &Run, metadata: &mut Arc<JsonMap>) {
    let told = |map: &JsonMap| {
        map.get(USAGE_METADATA)
            .filter(|usage| usage.is_object())
            .cloned()
    };
    if run.run_type == RunType::Llm
        && !metadata.contains_key(USAGE_METADATA)
        && let Some(usage) = run.outputs.as_ref().and_then(told)
    {
        Arc::make_mut(metadata).insert(USAGE_METADATA.to_owned(), usage);
    }
}
