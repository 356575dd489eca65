//! How much an operation takes, before it is written.

use crate::model::{FIXED_SIZE, RunOp, size_of_op};

/// Estimates the bytes that an operation takes, in memory and on the wire, and cuts what is nested deeper
/// than [`MAX_VALUE_DEPTH`]: one walk finds both, because it is done on the caller's thread.
pub(in crate::export) fn shallow_size(op: &mut RunOp) -> usize {
    if let Some(bytes) = size_of_op(op) {
        return bytes;
    }
    op.withhold_deep();
    size_of_op(op).unwrap_or(FIXED_SIZE)
}
