//! What the keeper is to do next, with a spool only.

use std::sync::PoisonError;

use super::{Keeping, Parked, Queue, Queued, State, Ticket, Waiting};
use crate::export::batch::Group;
use crate::export::ledger::DropReason;
use crate::export::life::sync::Clock;

/// Most operations that wait for one write, and most bytes by estimate: they are in memory twice then.
const GROUP_OPS: usize = 1_024;
const GROUP_BYTES: usize = 8 * 1024 * 1024;

/// What the keeper is to do now.
#[derive(Debug, Default)]
pub(in crate::export) struct Work {
    /// To be written, and then sent.
    pub(in crate::export) fresh: Vec<Queued>,
    /// To be written instead of being held.
    pub(in crate::export) spill: Vec<Waiting>,
    /// To be written, because the endpoint did not take it.
    pub(in crate::export) parked: Vec<Parked>,
    /// To be forgotten.
    pub(in crate::export) done: Vec<Ticket>,
    /// To be written down beside the spool.
    pub(in crate::export) letters: Vec<(Group, DropReason)>,
    /// How many operations and bytes may be read back.
    pub(in crate::export) room: Option<(u64, usize)>,
    /// Nothing comes after this.
    pub(in crate::export) is_last: bool,
}

impl Keeping {
    /// Returns how many fresh operations are written next.
    fn next_group(&self) -> usize {
        let sizes = self.fresh.iter().take(GROUP_OPS).scan(0_usize, |sum, it| {
            *sum = sum.saturating_add(it.bytes);
            Some(*sum)
        });
        let fitting = sizes.take_while(|sum| *sum <= GROUP_BYTES).count();
        fitting.max(usize::from(!self.fresh.is_empty()))
    }

    fn has_work(&self) -> bool {
        self.is_last
            || !(self.fresh.is_empty()
                && self.parked.is_empty()
                && self.done.is_empty()
                && self.letters.is_empty())
    }
}

impl Queue {
    /// Waits for something to do, until that moment; `read_from` and `spill_from` say from when on there
    /// may be more read back, or written instead of being held.
    pub(in crate::export) fn wait_work(
        &self,
        until: Clock,
        read_from: Clock,
        spill_from: Clock,
    ) -> Work {
        let mut guard = self.lock();
        guard.keeping.busy = false;
        guard.keeping.hangs = false;
        loop {
            let now = Clock::now();
            let state = &mut *guard;
            let room = self.room(state);
            let spills = self.is_over_half(state) && !state.ops.is_empty();
            let reads = room.is_some() && !state.keeping.is_last;
            if state.keeping.has_work()
                || (reads && now >= read_from)
                || (spills && now >= spill_from)
                || now >= until
            {
                let keeping = &mut state.keeping;
                keeping.busy = true;
                let count = match keeping.is_last {
                    true => keeping.fresh.len(),
                    false => keeping.next_group(),
                };
                let mut work = Work {
                    fresh: keeping.fresh.drain(..count).collect(),
                    parked: std::mem::take(&mut keeping.parked),
                    done: std::mem::take(&mut keeping.done),
                    letters: keeping.letters.take(),
                    is_last: keeping.is_last,
                    room: room.filter(|_| reads && now >= read_from),
                    spill: Vec::new(),
                };
                if spills && now >= spill_from {
                    let over = state.stats.queued.saturating_sub(self.max_ops / 2).max(1);
                    let count = state.ops.len().min(GROUP_OPS);
                    let by_bytes = state.held_bytes > self.max_bytes / 2;
                    let count = if by_bytes {
                        count
                    } else {
                        count.min(over as usize)
                    };
                    work.spill = state.take_first(count);
                }
                return work;
            }
            let mut wake = until;
            if reads {
                wake = wake.min(read_from);
            }
            if spills {
                wake = wake.min(spill_from);
            }
            let left = wake.saturating_duration_since(now);
            let waited = self.to_keep.wait_timeout(guard, left);
            guard = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Returns how much may be read back: up to a quarter of what memory may hold, once it is half used
    /// up. So live traffic always has three quarters, and does not push it out again at once. To an
    /// endpoint that is away goes one batch, alone.
    fn room(&self, state: &State) -> Option<(u64, usize)> {
        let (ops, bytes) = (state.stats.queued, state.held_bytes);
        if state.stats.spooled == 0 || state.stopped {
            return None;
        }
        if state.keeping.away || state.trouble.is_some() {
            let batch = state.limits;
            return (ops == 0).then_some((batch.ops as u64, batch.bytes));
        }
        let is_free = ops <= self.max_ops / 8 && bytes <= self.max_bytes / 8;
        is_free.then(|| {
            let ops = (self.max_ops / 4).saturating_sub(ops);
            let bytes = (self.max_bytes / 4).saturating_sub(bytes);
            (ops.max(1), bytes.max(1))
        })
    }
}
