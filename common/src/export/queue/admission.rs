//! What is still taken in when the queue is full.

use std::collections::HashSet;

use uuid::Uuid;

use crate::export::ledger::RefuseReason;
use crate::model::RunOp;

/// Decides who is taken in.
///
/// At the bound the newest is refused, with one exception: the update of a run whose beginning was taken
/// in may use an eighth above it. Without its end that run would be pending for ever.
#[derive(Debug)]
pub(super) struct Admission {
    max_ops: u64,
    max_bytes: usize,
    // Runs whose beginning was refused; their updates have no claim to the eighth.
    turned_away: HashSet<Uuid>,
}

/// Runs remembered; the ends of later ones are taken for such that may use the eighth.
const REMEMBERED: usize = 16_384;

impl Admission {
    pub(super) fn new(max_ops: usize, max_bytes: usize) -> Self {
        Self {
            max_ops: max_ops as u64,
            max_bytes,
            turned_away: HashSet::new(),
        }
    }

    /// Tells why an operation of that size is not taken in beside what is held; none if it is.
    pub(super) fn refusal(
        &mut self,
        op: &RunOp,
        bytes: usize,
        held_ops: u64,
        held_bytes: usize,
    ) -> Option<RefuseReason> {
        if bytes > self.max_bytes {
            return Some(RefuseReason::TooLarge);
        }
        let ends = match op {
            RunOp::Patch(run) => self.turned_away.is_empty() || !self.turned_away.remove(&run.id.0),
            RunOp::Post(_) | RunOp::Feedback(_) => false,
        };
        let (mut max_ops, mut max_bytes) = (self.max_ops, self.max_bytes);
        if ends {
            max_ops = max_ops.saturating_add(max_ops / 8);
            max_bytes = max_bytes.saturating_add(max_bytes / 8);
        }
        if held_ops < max_ops && held_bytes.saturating_add(bytes) <= max_bytes {
            return None;
        }
        if let RunOp::Post(run) = op
            && self.turned_away.len() < REMEMBERED
        {
            self.turned_away.insert(run.id.0);
        }
        Some(RefuseReason::QueueFull)
    }
}
