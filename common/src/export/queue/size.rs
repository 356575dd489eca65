//! How much an operation takes, before it is written.

use serde_json::Value;

use crate::model::{Feedback, JsonMap, MAX_VALUE_DEPTH, Run, RunOp};

/// What an operation costs besides its inputs, outputs, metadata and events: names, ids, part headers.
const FIXED_SIZE: usize = 1_024;

/// The place of a value in a list. A list of numbers takes several times what it does on the wire, and
/// it is memory that the queue is to bound.
const PLACE: usize = std::mem::size_of::<Value>();

/// The place of an entry in a map: key, value, hash, and its place in the index.
const ENTRY: usize = PLACE + std::mem::size_of::<(String, [usize; 2])>();

/// What an allocation takes besides its bytes, of which it has so many at least.
const ALLOCATION: usize = 16;

/// Estimates the bytes that an operation takes, in memory and on the wire, and cuts what is nested deeper
/// than [`MAX_VALUE_DEPTH`]: one walk finds both, because it is done on the caller's thread.
pub(in crate::export) fn shallow_size(op: &mut RunOp) -> usize {
    if let Some(bytes) = size_of_op(op) {
        return bytes;
    }
    op.withhold_deep();
    size_of_op(op).unwrap_or(FIXED_SIZE)
}

/// Returns nothing for an operation that has a value nested too deep.
fn size_of_op(op: &RunOp) -> Option<usize> {
    let own = match op {
        RunOp::Post(run) | RunOp::Patch(run) => size_of_run(run)?,
        RunOp::Feedback(feedback) => size_of_feedback(feedback)?,
    };
    Some(FIXED_SIZE + own)
}

fn size_of_run(run: &Run) -> Option<usize> {
    let mut bytes = run.name.len() + 3 * run.dotted_order.as_str().len();
    let maps = [run.inputs.as_ref(), run.outputs.as_ref()];
    for map in maps.into_iter().flatten() {
        bytes += size_of_map(map, MAX_VALUE_DEPTH)?;
    }
    let extra = &run.extra;
    for map in [&*extra.metadata, &extra.other] {
        bytes += size_of_map(map, MAX_VALUE_DEPTH)?;
    }
    if let Some(runtime) = &extra.runtime {
        // All runs of a tracer share it, so it takes no room.
        size_of_map(runtime, MAX_VALUE_DEPTH)?;
    }
    bytes += run.error.as_ref().map_or(0, String::len);
    bytes += run.tags.iter().map(|tag| tag.len() + 3).sum::<usize>();
    for event in &run.events {
        bytes += 64 + event.message.as_ref().map_or(0, String::len);
        bytes += size_of(event.kwargs.as_ref(), MAX_VALUE_DEPTH - 1)?;
    }
    let attachments = run.attachments.iter().map(|attachment| {
        256 + attachment.name.len() + attachment.mime_type.len() + attachment.data.len()
    });
    Some(bytes + attachments.sum::<usize>())
}

fn size_of_feedback(feedback: &Feedback) -> Option<usize> {
    let values = [
        feedback.score.as_ref(),
        feedback.value.as_ref(),
        feedback.correction.as_ref(),
        Some(&feedback.feedback_source),
    ];
    let mut bytes = feedback.key.len() + feedback.comment.as_ref().map_or(0, String::len);
    for value in values {
        bytes += size_of(value, MAX_VALUE_DEPTH - 1)?;
    }
    Some(bytes)
}

fn size_of_map(map: &JsonMap, levels: usize) -> Option<usize> {
    let levels = levels.checked_sub(1)?;
    // Two allocations that have room for a power of two, less an eighth.
    let room = (map.len() * 8).div_ceil(7).next_power_of_two();
    let places = 2 * ALLOCATION + room * ENTRY * 7 / 8;
    map.iter().try_fold(places, |bytes, (key, value)| {
        Some(bytes + size_of_text(key) + size_of(Some(value), levels)?)
    })
}

fn size_of_text(text: &str) -> usize {
    ALLOCATION + text.len().max(ALLOCATION)
}

/// What a value takes besides its place in a map or a list.
fn size_of(value: Option<&Value>, levels: usize) -> Option<usize> {
    match value {
        None | Some(Value::Null | Value::Bool(_) | Value::Number(_)) => Some(0),
        Some(Value::String(text)) => Some(size_of_text(text)),
        Some(Value::Object(map)) => size_of_map(map, levels),
        Some(Value::Array(items)) => {
            let levels = levels.checked_sub(1)?;
            let mut bytes = 2;
            for item in items {
                bytes += PLACE + size_of(Some(item), levels)?;
            }
            Some(bytes)
        }
    }
}
