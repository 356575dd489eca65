//! What lies ready for the keeper's thread, and what it says of the disk, with a spool only.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::books::Forsaken;
use super::letters::Letters;
use super::{Queue, Queued, State, Ticket, Waiting};
use crate::export::batch::{Batch, Group};
use crate::export::ledger::{DropReason, SpoolStats};
use crate::export::life::sync::{MutexGuard, ThreadId, this_thread};
use crate::export::send::MAX_WAIT;
use crate::export::spool::{SpoolConfig, SpoolMode};

/// What a spool changes about submitting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::export) enum Storing {
    /// There is none.
    No,
    /// What memory cannot hold goes to disk.
    Overflow,
    /// Everything goes to disk first; a submit waits for that, this long at most.
    Durable(Duration),
}

impl Storing {
    pub(super) fn of(spool: Option<&SpoolConfig>) -> Self {
        match spool.map(|spool| (spool.mode, spool.store_timeout)) {
            None => Self::No,
            Some((SpoolMode::Overflow, _)) => Self::Overflow,
            Some((SpoolMode::Durable, timeout)) => Self::Durable(timeout.min(MAX_WAIT)),
        }
    }
}

/// Operations that belong on disk, and why they are not sent.
#[derive(Debug)]
pub(in crate::export) enum Parked {
    /// They were on their way.
    Groups(Vec<Group>, DropReason),
    /// They were on their way, and only their records are left.
    Records(Forsaken, DropReason),
    /// They waited when the end came.
    Waiting(Vec<Queued>, DropReason),
}

/// What lies ready for the keeper.
#[derive(Debug)]
pub(in crate::export) struct Keeping {
    // Accepted in durable mode, and not written yet.
    pub(super) fresh: VecDeque<Queued>,
    pub(super) last_ticket: Option<Ticket>,
    // Every fresh operation up to this ticket was written, or failed to be.
    pub(super) written: u64,
    // Of those that are not written yet: nobody waits any more.
    pub(super) late: BTreeSet<Ticket>,
    pub(super) parked: Vec<Parked>,
    pub(super) done: Vec<Ticket>,
    // How many were ever done, and how many of these the disk has forgotten.
    pub(super) finished: u64,
    forgotten: u64,
    pub(super) letters: Letters,
    pub(super) keeper: Option<ThreadId>,
    // There is no keeper: none was asked for, or it has left.
    pub(super) gone: bool,
    // Nothing comes after what lies here now.
    pub(super) is_last: bool,
    // The endpoint did not take what it was sent last.
    pub(super) away: bool,
    // How much had left memory when somebody waited for room in vain.
    jammed_at: Option<u64>,
    // The keeper is at work on what it was given last.
    pub(super) busy: bool,
    // Somebody waited for that in vain.
    pub(super) hangs: bool,
}

impl Keeping {
    pub(super) fn new(storing: Storing) -> Self {
        Self {
            fresh: VecDeque::new(),
            last_ticket: None,
            written: 0,
            late: BTreeSet::new(),
            parked: Vec::new(),
            done: Vec::new(),
            finished: 0,
            forgotten: 0,
            letters: Letters::default(),
            keeper: None,
            gone: storing == Storing::No,
            is_last: false,
            away: false,
            jammed_at: None,
            busy: false,
            hangs: false,
        }
    }

    pub(super) fn is_at_work(&self) -> bool {
        !self.gone
    }

    /// Takes note of whether the endpoint takes anything.
    pub(super) fn hear(&mut self, fate: Result<(), DropReason>) {
        match fate {
            Ok(()) => self.away = false,
            Err(reason) if reason.is_of_endpoint() => self.away = true,
            Err(_) => {}
        }
    }

    /// Has a settled batch forgotten on disk, and written down if it was rejected.
    pub(super) fn finish(&mut self, batch: Batch, rejected: Option<DropReason>) {
        for group in batch.into_groups() {
            self.forget(&group.records);
            if let Some(reason) = rejected {
                self.letters.push(group, reason);
            }
        }
    }

    /// Has records forgotten on disk.
    pub(super) fn forget(&mut self, records: &[Ticket]) {
        self.done.extend(records);
        self.finished += records.len() as u64;
    }

    /// Returns true if the disk has forgotten so many of the records that were ever done.
    pub(super) fn has_forgotten(&self, finished: u64) -> bool {
        self.gone || self.forgotten >= finished
    }
}

impl Queue {
    /// Says which thread is the keeper's.
    pub(in crate::export) fn begin_keeping(&self) {
        self.lock().keeping.keeper = Some(this_thread());
    }

    /// Makes operations ready to be sent.
    pub(in crate::export) fn make_ready(&self, ops: Vec<Queued>) {
        let ops = ops.into_iter().map(Into::into).collect();
        self.bring(self.lock(), ops);
    }

    /// Adds operations to those that are ready; after the end, to those that belong on disk.
    fn bring(&self, mut state: MutexGuard<'_, State>, ops: Vec<Waiting>) {
        if state.keeping.is_last && state.keeping.is_at_work() {
            // All of it is written: what is not has never left the queue, or is back before the end.
            let ops = ops.into_iter().map(Waiting::write).collect();
            let reason = state.trouble.unwrap_or(DropReason::Shutdown);
            state.keeping.parked.push(Parked::Waiting(ops, reason));
            return;
        }
        let mut wake = false;
        for waiting in ops {
            wake |= state.push(waiting);
        }
        drop(state);
        if wake {
            self.work.notify_one();
        }
    }

    /// Says which fresh operations are on disk now, and which failed to be.
    pub(in crate::export) fn mark_written(&self, tickets: &[(Ticket, bool)]) {
        let mut state = self.lock();
        for (ticket, is_stored) in tickets {
            let is_late = state.keeping.late.remove(ticket);
            if !is_stored && !is_late {
                state.stats.spool.unstored += 1;
            }
            state.keeping.written = state.keeping.written.max(ticket.0.get());
        }
        drop(state);
        self.stored.notify_all();
    }

    /// Says that the disk has forgotten so many of what was done.
    pub(in crate::export) fn mark_forgotten(&self, count: usize) {
        self.lock().keeping.forgotten += count as u64;
        self.tell_settled();
    }

    /// Puts operations back that could not be written, before all others.
    pub(in crate::export) fn put_back(&self, ops: Vec<Queued>) {
        let mut ops: Vec<Waiting> = ops.into_iter().map(Into::into).collect();
        let mut state = self.lock();
        if !state.keeping.is_last {
            let count = state.ops.len();
            ops.extend(state.take_first(count));
        }
        self.bring(state, ops);
    }

    /// Books groups that are on disk alone from now on.
    pub(in crate::export) fn book_spooled(&self, groups: &[Group]) {
        let mut state = self.lock();
        for group in groups {
            state.book_spooled(group);
        }
        drop(state);
        self.tell_settled();
        self.stored.notify_all();
    }

    /// Books a group that is neither sent nor on disk; `unstored` says that it should have been.
    pub(in crate::export) fn book_dropped(
        &self,
        group: &Group,
        reason: DropReason,
        unstored: bool,
    ) {
        let left = Forsaken {
            ops: group.ops,
            bytes: group.bytes,
            epoch: group.epoch,
            records: Vec::new(),
        };
        self.book_lost(&left, 0, reason, unstored);
    }

    /// Books operations of which so many are on disk alone from now on, and the others lost.
    pub(in crate::export) fn book_forsaken(&self, left: &Forsaken, known: u64, reason: DropReason) {
        self.book_lost(left, known.min(left.ops), reason, true);
    }

    fn book_lost(&self, left: &Forsaken, known: u64, reason: DropReason, unstored: bool) {
        let lost = left.ops - known;
        {
            let mut guard = self.lock();
            let state = &mut *guard;
            state.epochs.put_on_disk(left.epoch, known);
            state.epochs.settle(left.epoch, lost);
            state.stats.queued -= known;
            state.stats.spooled += known;
            if lost > 0 {
                state.book(lost, 0, Err(reason));
            }
            state.held_bytes = state.held_bytes.saturating_sub(left.bytes);
            if unstored {
                state.stats.spool.unstored += lost;
            }
        }
        match lost {
            0 => self.tell_fate(0, Ok(())),
            _ => self.tell_fate(lost, Err(reason)),
        }
    }

    /// Numbers a record that was read back.
    pub(in crate::export) fn new_ticket(&self) -> Ticket {
        self.lock().keeping.ticket()
    }

    /// Books what was found on disk when other processes' folders were taken over; returns its epoch.
    pub(in crate::export) fn adopted(&self, ops: u64) -> u32 {
        let mut state = self.lock();
        state.stats.accepted += ops;
        state.stats.recovered += ops;
        state.stats.spooled += ops;
        state.epochs.adopt(ops)
    }

    /// Ends the first look for what earlier processes left: a flush need not wait for that any more.
    pub(in crate::export) fn end_looking(&self) {
        self.lock().epochs.stop_looking();
        self.tell_settled();
    }

    /// Takes operations in that were read back.
    pub(in crate::export) fn take_back(&self, ops: Vec<Queued>) {
        let mut state = self.lock();
        for queued in &ops {
            state.stats.spooled = state.stats.spooled.saturating_sub(queued.ops);
            state.stats.queued += queued.ops;
            state.held_bytes += queued.bytes;
            state.epochs.put_in_memory(queued.epoch, queued.ops);
        }
        self.bring(state, ops.into_iter().map(Into::into).collect());
    }

    /// Books records that could not be read back.
    pub(in crate::export) fn book_damaged(&self, epoch: u32, ops: u64) {
        let reason = DropReason::Damaged;
        {
            let mut state = self.lock();
            state.stats.spooled = state.stats.spooled.saturating_sub(ops);
            state.epochs.settle_on_disk(epoch, ops);
            state.last_drop = Some(reason);
            *state.stats.dropped.entry(reason).or_default() += ops;
        }
        self.tell_fate(ops, Err(reason));
    }

    /// Takes over the books of the spool itself.
    pub(in crate::export) fn note_spool(&self, stats: SpoolStats, rejected: u64) {
        let mut state = self.lock();
        let books = &mut state.stats.spool;
        *books = SpoolStats {
            unstored: books.unstored,
            rejected: books.rejected + rejected,
            ..stats
        };
    }

    /// Says that the keeper has left. What still lies ready for it is given up.
    pub(in crate::export) fn end_keeping(&self) {
        let mut state = self.lock();
        state.keeping.gone = true;
        state.keeping.written = u64::MAX;
        let fresh: Vec<Queued> = state.keeping.fresh.drain(..).collect();
        state.stats.spool.unstored += fresh.len() as u64;
        let parked = std::mem::take(&mut state.keeping.parked);
        state.epochs.stop_looking();
        drop(state);
        self.make_ready(fresh);
        for parked in parked {
            self.give_up(parked);
        }
        self.tell_settled();
        self.stored.notify_all();
    }

    /// Books what was to be written, without a keeper.
    pub(super) fn give_up(&self, parked: Parked) {
        match parked {
            Parked::Groups(groups, reason) => {
                for group in groups {
                    self.book_dropped(&group, reason, true);
                }
            }
            Parked::Records(left, reason) => self.forsake(left, reason),
            Parked::Waiting(ops, reason) => {
                for queued in ops {
                    self.book_dropped(&Group::of(queued), reason, true);
                }
            }
        }
    }
}

impl State {
    /// Returns true if somebody has waited for room in vain, and nothing has left memory since: then the
    /// next one need not wait as long.
    pub(super) fn is_jammed(&self) -> bool {
        self.keeping.jammed_at == Some(self.gone_from_memory())
    }

    /// Notes that somebody has waited for room in vain.
    pub(super) fn note_jam(&mut self) {
        self.keeping.jammed_at = Some(self.gone_from_memory());
    }

    fn gone_from_memory(&self) -> u64 {
        self.stats.accepted - self.stats.queued
    }
}
