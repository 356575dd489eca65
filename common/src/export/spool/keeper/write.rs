//! Onto the disk: what was just accepted, what memory has no room for, what the endpoint does not take.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Instant, Keeper, SPILL_AGAIN};
use crate::export::batch::{Group, next_groups};
use crate::export::ledger::DropReason;
use crate::export::queue::{Forsaken, Parked, Queued, Ticket, Waiting};
use crate::export::spool::{Draft, RecordId};
use crate::model::RunOp;

/// Most groups that are in the form of bytes at once, besides being held, and most bytes by estimate.
const CHUNK: usize = 256;
const CHUNK_BYTES: usize = 8 * 1024 * 1024;

impl Keeper {
    /// Writes what was just accepted, in one group, and lets those go on who wait for it.
    pub(super) fn store(&mut self, mut fresh: Vec<Queued>, is_last: bool) {
        let tickets: Vec<Ticket> = fresh.iter().filter_map(|queued| queued.record).collect();
        if tickets.is_empty() {
            return;
        }
        if let Err(reason) = self.change(&mut fresh) {
            self.drop_all(fresh, reason);
            let written: Vec<_> = tickets.into_iter().map(|ticket| (ticket, true)).collect();
            return self.queue.mark_written(&written);
        }
        if is_last {
            for queued in &mut fresh {
                queued.record = None;
            }
            let left = self.keep(fresh.into_iter().map(Group::of).collect());
            for group in left {
                self.warn(DropReason::Shutdown);
                self.queue.book_dropped(&group, DropReason::Shutdown, true);
            }
            let written: Vec<_> = tickets.into_iter().map(|ticket| (ticket, true)).collect();
            return self.queue.mark_written(&written);
        }
        let drafts = fresh
            .iter()
            .map(|queued| draft(&queued.op, queued.ops, queued.epoch));
        let drafts: Vec<Option<Draft>> = drafts.collect();
        // From here on they can be sent: a disk that hangs must not hold them.
        self.queue.make_ready(fresh);
        let mut ids = self.append(&drafts, true).into_iter();
        let mut written = Vec::with_capacity(tickets.len());
        for (ticket, draft) in tickets.into_iter().zip(&drafts) {
            let id = draft.as_ref().and_then(|_| ids.next().flatten());
            if let Some(id) = id {
                self.records.insert(ticket, (id, 1));
            }
            written.push((ticket, id.is_some()));
        }
        self.queue.mark_written(&written);
    }

    /// Writes what the endpoint does not take, or what is left at the end.
    pub(super) fn park(&mut self, parked: Parked, is_last: bool) {
        let (groups, reason) = match parked {
            Parked::Groups(groups, reason) => (groups, reason),
            Parked::Records(left, reason) => {
                let known = self.release(&left.records, left.epoch);
                return self.queue.book_forsaken(&left, known, reason);
            }
            Parked::Waiting(mut waiting, reason) => match self.change(&mut waiting) {
                Ok(()) => (waiting.into_iter().map(Group::of).collect(), reason),
                Err(reason) => return self.drop_all(waiting, reason),
            },
        };
        if !is_last && reason.is_of_endpoint() {
            self.read_from = Instant::now() + self.pause;
        }
        for group in self.keep(groups) {
            self.warn(reason);
            let left = Forsaken {
                ops: group.ops,
                bytes: group.bytes,
                epoch: group.epoch,
                records: group.records,
            };
            let known = self.release(&left.records, left.epoch);
            self.queue.book_forsaken(&left, known, reason);
        }
    }

    /// Writes what memory has no room for.
    pub(super) fn spill(&mut self, spill: Vec<Waiting>) {
        if spill.is_empty() {
            return;
        }
        let mut spill: Vec<Queued> = spill.into_iter().map(Waiting::write).collect();
        if let Err(reason) = self.change(&mut spill) {
            return self.drop_all(spill, reason);
        }
        let left = self.keep(spill.into_iter().map(Group::of).collect());
        if !left.is_empty() {
            self.spill_from = Instant::now() + SPILL_AGAIN;
            let back = left.into_iter().map(|group| Queued {
                record: group.records.first().copied(),
                op: group.content.into_written(),
                bytes: group.bytes,
                ops: group.ops,
                epoch: group.epoch,
                changed: true,
                known: group.known,
            });
            self.queue.put_back(back.collect());
        }
    }

    /// Sees to it that groups are on disk, and books those that are; returns the others.
    fn keep(&mut self, groups: Vec<Group>) -> Vec<Group> {
        let mut left = Vec::new();
        let mut groups = groups.into_iter().peekable();
        while groups.peek().is_some() {
            let chunk = next_groups(&mut groups, CHUNK, CHUNK_BYTES);
            let (recorded, mut others): (Vec<Group>, Vec<Group>) =
                chunk.into_iter().partition(|group| self.is_recorded(group));
            for group in &recorded {
                self.release(&group.records, group.epoch);
            }
            self.queue.book_spooled(&recorded);
            let drafts = others
                .iter_mut()
                .map(|group| draft(group.content.written(), group.ops, group.epoch));
            let drafts: Vec<Option<Draft>> = drafts.collect();
            let mut ids = self.append(&drafts, false).into_iter();
            let mut stored = Vec::new();
            for (group, draft) in others.into_iter().zip(&drafts) {
                match draft.as_ref().and_then(|_| ids.next().flatten()) {
                    Some(_) => stored.push(group),
                    None => left.push(group),
                }
            }
            for group in &stored {
                self.forget(&group.records);
            }
            self.queue.book_spooled(&stored);
        }
        left
    }

    /// Returns true if the records of a group stand for all of it.
    fn is_recorded(&self, group: &Group) -> bool {
        let known = group
            .records
            .iter()
            .filter_map(|ticket| self.records.get(ticket));
        !group.records.is_empty() && known.map(|(_, ops)| ops).sum::<u64>() == group.ops
    }

    /// Leaves records to the disk alone; returns for how many operations they stand.
    fn release(&mut self, records: &[Ticket], epoch: u32) -> u64 {
        let known = records
            .iter()
            .filter_map(|ticket| self.records.remove(ticket));
        let known: Vec<(RecordId, u64)> = known.collect();
        let ids: Vec<RecordId> = known.iter().map(|(id, _)| *id).collect();
        self.spool.release(&ids, epoch);
        known.iter().map(|(_, ops)| ops).sum()
    }

    pub(super) fn forget(&mut self, done: &[Ticket]) {
        let ids = done.iter().filter_map(|ticket| self.records.remove(ticket));
        let ids: Vec<RecordId> = ids.map(|(id, _)| id).collect();
        if !ids.is_empty() {
            self.guarded(|spool| spool.acknowledge(&ids));
        }
    }

    pub(super) fn write_down(&mut self, group: &mut Group, reason: DropReason) {
        // What a transform failed on may hold what it was to remove.
        let whole = reason != DropReason::TransformFailed;
        let letters = &self.letters;
        let ops = group.ops;
        let op = &*group.content.written();
        let written = catch_unwind(AssertUnwindSafe(|| {
            let root = self.spool.root()?;
            letters.write(&root, (op, ops), reason.to_string(), whole)
        }));
        match written {
            Ok(Ok(())) => self.rejected += ops,
            Ok(Err(error)) => self.spool.trouble(&error),
            Err(_) => self.broken = true,
        }
    }

    fn drop_all(&mut self, ops: Vec<Queued>, reason: DropReason) {
        self.warn(reason);
        for queued in ops {
            let mut group = Group::of(queued);
            self.write_down(&mut group, reason);
            self.forget(&group.records);
            self.queue.book_dropped(&group, reason, false);
        }
    }

    fn append(&mut self, drafts: &[Option<Draft>], held: bool) -> Vec<Option<RecordId>> {
        let drafts: Vec<&Draft> = drafts.iter().flatten().collect();
        let none = vec![None; drafts.len()];
        self.guarded(|spool| spool.append(&drafts, held))
            .unwrap_or(none)
    }
}

fn draft(op: &RunOp, ops: u64, tag: u32) -> Option<Draft> {
    let written = catch_unwind(AssertUnwindSafe(|| Draft::of(op, ops, tag)));
    written.ok().and_then(Result::ok)
}
