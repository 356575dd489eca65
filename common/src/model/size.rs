//! How much a value takes, in memory and on the wire, before it is written.

use serde_json::Value;

use super::JsonMap;
use super::attachment::Attachment;
use super::depth::MAX_VALUE_DEPTH;
use super::feedback::Feedback;
use super::op::RunOp;
use super::run::{Run, RunEvent};

/// What an operation costs besides its inputs, outputs, metadata and events: names, ids, part headers.
pub(crate) const FIXED_SIZE: usize = 1_024;

/// The place of a value in a list. A list of numbers takes several times what it does on the wire, and
/// it is memory that the queue is to bound.
const PLACE: usize = std::mem::size_of::<Value>();

/// The place of an entry in a map: key, value, hash, and its place in the index.
const ENTRY: usize = PLACE + std::mem::size_of::<(String, [usize; 2])>();

/// What an allocation takes besides its bytes, of which it has so many at least.
const ALLOCATION: usize = 16;

/// Returns what a map takes; nothing if a value of it is nested deeper than so many levels.
pub(crate) fn size_of_map(map: &JsonMap, levels: usize) -> Option<usize> {
    let levels = levels.checked_sub(1)?;
    if map.is_empty() {
        return Some(0);
    }
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

/// Returns what a value takes besides its place in a map or a list, likewise.
pub(crate) fn size_of(value: Option<&Value>, levels: usize) -> Option<usize> {
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

/// Returns what events take, likewise.
pub(crate) fn size_of_events(events: &[RunEvent]) -> Option<usize> {
    events.iter().try_fold(0, |bytes, event| {
        let message = event.message.as_ref().map_or(0, String::len);
        Some(bytes + 64 + message + size_of(event.kwargs.as_ref(), MAX_VALUE_DEPTH - 1)?)
    })
}

/// Returns what tags and attachments take.
pub(crate) fn size_of_rest(tags: &[String], attachments: &[Attachment]) -> usize {
    let attachments = attachments.iter().map(|attachment| {
        256 + attachment.name.len() + attachment.mime_type.len() + attachment.data.len()
    });
    tags.iter().map(|tag| tag.len() + 3).sum::<usize>() + attachments.sum::<usize>()
}

/// Estimates the bytes that an operation takes, in memory and on the wire; nothing if it has a value that is nested
/// too deep.
pub(crate) fn size_of_op(op: &RunOp) -> Option<usize> {
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
    bytes += size_of_events(&run.events)?;
    Some(bytes + size_of_rest(&run.tags, &run.attachments))
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
