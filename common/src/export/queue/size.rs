//! How much an operation takes, before it is written.

use crate::model::{
    FIXED_SIZE, Feedback, MAX_VALUE_DEPTH, Run, RunOp, size_of, size_of_events, size_of_map,
    size_of_rest,
};

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
