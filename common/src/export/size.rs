//! How much an operation takes, before it is written.

use serde_json::Value;

use crate::model::{Feedback, JsonMap, Run, RunOp};

/// What an operation costs besides its inputs, outputs, metadata and events: names, ids, part headers.
const FIXED_SIZE: usize = 1_024;

/// Estimates the bytes that an operation takes, in memory and on the wire.
pub(super) fn estimated_size(op: &RunOp) -> usize {
    FIXED_SIZE
        + match op {
            RunOp::Post(run) | RunOp::Patch(run) => run_size(run),
            RunOp::Feedback(feedback) => feedback_size(feedback),
        }
}

fn run_size(run: &Run) -> usize {
    let map = |map: &JsonMap| -> usize { map.iter().map(|(key, v)| key.len() + 4 + size(v)).sum() };
    let events = run.events.iter().map(|event| {
        64 + event.message.as_ref().map_or(0, String::len) + event.kwargs.as_ref().map_or(0, size)
    });
    let attachments = run.attachments.iter().map(|attachment| {
        256 + attachment.name.len() + attachment.mime_type.len() + attachment.data.len()
    });
    run.name.len()
        + 3 * run.dotted_order.as_str().len()
        + run.inputs.as_ref().map_or(0, map)
        + run.outputs.as_ref().map_or(0, map)
        + map(&run.extra.metadata)
        + map(&run.extra.other)
        + run.error.as_ref().map_or(0, String::len)
        + run.tags.iter().map(|tag| tag.len() + 3).sum::<usize>()
        + events.sum::<usize>()
        + attachments.sum::<usize>()
}

fn feedback_size(feedback: &Feedback) -> usize {
    let values = [&feedback.score, &feedback.value, &feedback.correction];
    feedback.key.len()
        + feedback.comment.as_ref().map_or(0, String::len)
        + size(&feedback.feedback_source)
        + values.into_iter().flatten().map(size).sum::<usize>()
}

fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 12,
        Value::String(text) => text.len() + 2,
        Value::Array(items) => 2 + items.iter().map(|item| 1 + size(item)).sum::<usize>(),
        Value::Object(map) => {
            2 + map
                .iter()
                .map(|(k, v)| k.len() + 4 + size(v))
                .sum::<usize>()
        }
    }
}
