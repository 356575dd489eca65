//! What is said of a run while it is open.

use std::sync::Arc;

use serde_json::Value;

use super::{Record, RunTree};
use crate::model::{Attachment, NEW_TOKEN, RunEvent, Timestamp, USAGE_METADATA, Usage};

impl RunTree {
    /// Adds one key of metadata. Runs started below from now on inherit it.
    pub fn add_metadata(&self, key: impl Into<String>, value: impl Into<Value>) {
        let Some(inner) = self.open() else { return };
        let (key, value) = (key.into(), inner.tracer.shallow(value));
        inner.change_inherited(|inherited| {
            Arc::make_mut(&mut inherited.metadata).insert(key, value);
        });
    }

    /// Adds a tag. Runs started below from now on inherit it, also one that was the run's alone.
    pub fn add_tag(&self, tag: impl Into<String>) {
        let Some(inner) = self.open() else { return };
        let tag = tag.into();
        inner.change_inherited(|inherited| inherited.hand_down(tag));
    }

    /// Records that something happened, in words.
    pub fn add_event(&self, message: impl Into<String>) {
        let Some(inner) = self.recorded() else { return };
        let event = RunEvent {
            name: "event".to_owned(),
            message: Some(message.into()),
            time: inner.tracer.clock().now(),
            kwargs: None,
        };
        inner.change(|run| run.more().events.push(event));
    }

    /// Records that something with a name happened, with values for programs. An object is best; use
    /// [`Value::Null`] for none.
    pub fn record_event(&self, name: impl Into<String>, kwargs: impl Into<Value>) {
        let Some(inner) = self.recorded() else { return };
        let event = RunEvent {
            name: name.into(),
            message: None,
            kwargs: Some(inner.tracer.shallow(kwargs)).filter(|kwargs| !kwargs.is_null()),
            time: inner.tracer.clock().now(),
        };
        inner.change(|run| run.more().events.push(event));
    }

    /// Records that a streamed token arrived: the first one, from which LangSmith derives the time to
    /// the first token. Later calls do nothing, and the token's text is not kept.
    pub fn new_token(&self) {
        let Some(inner) = self.recorded() else { return };
        if inner.change(|run| streams(run)) == Some(false) {
            let time = inner.tracer.clock().now();
            inner.change(|run| first_token(run, time));
        }
    }

    /// Records that the first streamed token arrived so many seconds after the start.
    #[cfg(feature = "tracing_layer")]
    pub(crate) fn new_token_after(&self, seconds: f64) {
        // A float converts to the nearest whole number; one that is none, to zero.
        let after = chrono::TimeDelta::microseconds((seconds * 1e6).round() as i64);
        let Some(inner) = self.recorded() else { return };
        if let Some(time) = inner.live.segment.start.checked_add_signed(after) {
            inner.change(|run| first_token(run, time));
        }
    }

    /// Says what a call of a language model used up. Children do not inherit it.
    pub fn set_usage(&self, usage: Usage) {
        self.add_metadata(USAGE_METADATA, usage);
    }

    /// Adds a file to the run; it leaves when the run ends. One of the same name is replaced.
    pub fn attach(&self, attachment: Attachment) {
        let Some(inner) = self.recorded() else { return };
        // What is replaced goes after the lock: its bytes may be of a type of the caller's.
        let replaced = inner.change(|run| {
            let same = |known: &Attachment| known.name == attachment.name;
            let attachments = std::mem::take(&mut run.more().added);
            let (replaced, mut kept): (Vec<_>, Vec<_>) = attachments.into_iter().partition(same);
            kept.push(attachment);
            run.more().added = kept;
            replaced
        });
        drop(replaced);
    }

    /// Adds one key to what the work gives back, and keeps the others.
    pub fn add_output(&self, key: impl Into<String>, value: impl Into<Value>) {
        let Some(inner) = self.recorded() else { return };
        let (key, value) = (key.into(), inner.tracer.shallow(value));
        inner.change(|run| {
            run.outputs.insert(key, value);
        });
    }

    /// Sets what the work gave back, without ending the run. A value that is no object is sent as
    /// `{"output": value}`.
    pub fn set_outputs(&self, outputs: impl Into<Value>) {
        let Some(inner) = self.recorded() else { return };
        let outputs = inner.tracer.shallow_outputs(outputs);
        inner.change(|run| run.outputs = outputs);
    }
}

fn streams(run: &Record) -> bool {
    run.events().iter().any(|event| event.name == NEW_TOKEN)
}

fn first_token(run: &mut Record, time: Timestamp) {
    if !streams(run) {
        run.more().events.push(RunEvent {
            name: NEW_TOKEN.to_owned(),
            time,
            message: None,
            kwargs: None,
        });
    }
}
