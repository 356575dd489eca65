//! What is still taken in when the queue is full.

use std::collections::HashSet;

use uuid::Uuid;

use crate::export::ledger::RefuseReason;
use crate::model::{RunId, RunOp};

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

/// Who wants to be taken in.
#[derive(Debug, Clone, Copy)]
pub(super) enum Newcomer {
    /// The beginning of a run.
    Begin(RunId),
    /// The update that ends a run.
    End(RunId),
    /// Anything else.
    Other,
}

impl Newcomer {
    pub(super) fn of(op: &RunOp) -> Self {
        match op {
            RunOp::Post(run) => Self::Begin(run.id),
            RunOp::Patch(run) if run.end_time.is_some() => Self::End(run.id),
            // What an update of an open run says, its end says too.
            RunOp::Patch(_) | RunOp::Feedback(_) => Self::Other,
        }
    }
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
        what: Newcomer,
        bytes: usize,
        held_ops: u64,
        held_bytes: usize,
    ) -> Option<RefuseReason> {
        if bytes > self.max_bytes {
            return Some(RefuseReason::TooLarge);
        }
        let ends = match what {
            Newcomer::End(run) => self.turned_away.is_empty() || !self.turned_away.remove(&run.0),
            Newcomer::Begin(_) | Newcomer::Other => false,
        };
        let (mut max_ops, mut max_bytes) = (self.max_ops, self.max_bytes);
        if ends {
            max_ops = max_ops.saturating_add(max_ops / 8);
            max_bytes = max_bytes.saturating_add(max_bytes / 8);
        }
        if held_ops < max_ops && held_bytes.saturating_add(bytes) <= max_bytes {
            return None;
        }
        if let Newcomer::Begin(run) = what
            && self.turned_away.len() < REMEMBERED
        {
            self.turned_away.insert(run.0);
        }
        Some(RefuseReason::QueueFull)
    }
}
