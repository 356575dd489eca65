//! The thread beside the exporter's that reads and writes the disk, with a spool only.
//!
//! ```text
//! queue ── fresh ────────► write, then ready to be sent          durable mode
//!       ── spill ────────► write, then out of memory             over half full
//!       ── parked ───────► write, then out of memory             not taken by the endpoint, or the end
//!       ── done ─────────► forget                                delivered, or given up
//!       ── rejected ─────► rejected.jsonl
//!       ◄─ read back ───── oldest first                          under an eighth full
//! ```
//!
//! No disk is waited for on any other thread. If it fails, memory serves as it does without a spool.
//! Start at [`Keeper::run`].

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::{Adopted, Draft, Files, Fingerprint, Letters, RecordId, Spool, SpoolConfig};
use crate::export::batch::{Group, next_groups};
use crate::export::config::BatchConfig;
use crate::export::endpoint::StartError;
use crate::export::ledger::DropReason;
use crate::export::life::Transform;
use crate::export::life::sync::Clock as Instant;
use crate::export::queue::{Forsaken, Parked, Queue, Queued, Ticket, Waiting, Work, shallow_size};
use crate::export::send::MAX_WAIT;

/// How often the folders of processes that died meanwhile are looked for.
const ADOPT_EVERY: Duration = Duration::from_secs(30);

/// How long after a write that failed the next one is tried for operations that memory still holds.
const SPILL_AGAIN: Duration = Duration::from_millis(500);

/// Most groups that are in the form of bytes at once, besides being held, and most bytes by estimate.
const CHUNK: usize = 256;
const CHUNK_BYTES: usize = 8 * 1024 * 1024;

pub(in crate::export) struct Keeper {
    queue: Arc<Queue>,
    spool: Spool,
    letters: Letters,
    transform: Option<Transform>,
    config: SpoolConfig,
    // Where the records of operations are that memory holds, and for how many operations each stands.
    records: HashMap<Ticket, (RecordId, u64)>,
    rejected: u64,
    // How long an endpoint that takes nothing is left alone.
    pause: Duration,
    read_from: Instant,
    spill_from: Instant,
    allowance: Allowance,
    warned: Vec<DropReason>,
    // Files of dead processes are being read.
    is_scanning: bool,
    // A fault of this crate: from then on it is as if the disk had failed.
    broken: bool,
}

impl Keeper {
    /// Looks at the spool's folder.
    ///
    /// # Errors
    /// If the folder must not be used.
    pub(in crate::export) fn open(
        queue: Arc<Queue>,
        files: Arc<dyn Files>,
        batch: &BatchConfig,
        config: SpoolConfig,
        fingerprint: Fingerprint,
    ) -> Result<Self, StartError> {
        let now = Instant::now();
        Ok(Self {
            spool: Spool::open(files.clone(), config.clone(), fingerprint)?,
            letters: Letters::new(files),
            transform: batch.transform.clone(),
            records: HashMap::new(),
            rejected: 0,
            pause: batch.retry.cap.min(MAX_WAIT),
            read_from: now,
            spill_from: now,
            allowance: Allowance::new(config.replay_rate, now),
            warned: Vec::new(),
            is_scanning: false,
            broken: false,
            queue,
            config,
        })
    }

    /// Works until the queue says that nothing comes any more. A panic ends the spool, not the exporter.
    pub(in crate::export) fn run(self) {
        // Told last: whoever hears it may take the spool over, so its locks are given back before.
        let _end = End(self.queue.clone());
        let mut keeper = self;
        keeper.work();
    }

    fn work(&mut self) {
        self.queue.begin_keeping();
        self.look();
        let interval = self.config.sync_interval;
        let interval = interval.clamp(Duration::from_millis(1), MAX_WAIT);
        let mut sync_at = Instant::now() + interval;
        let mut adopt_at = Instant::now() + ADOPT_EVERY;
        loop {
            let until = match self.is_scanning {
                true => Instant::now(),
                false => sync_at.min(adopt_at),
            };
            let work = self.queue.wait_work(until, self.read_from, self.spill_from);
            let is_last = work.is_last;
            self.see_to(work);
            let now = Instant::now();
            if now >= sync_at || is_last {
                self.guarded(|spool| {
                    spool.sync();
                    spool.tidy();
                });
                sync_at = now + interval;
            }
            if now >= adopt_at && !is_last {
                self.look();
                adopt_at = now + ADOPT_EVERY;
            }
            if is_last {
                self.guarded(Spool::close);
            } else if self.is_scanning {
                self.scan();
            }
            self.tell();
            if is_last {
                break;
            }
        }
    }

    fn see_to(&mut self, work: Work) {
        self.store(work.fresh, work.is_last);
        for parked in work.parked {
            self.park(parked, work.is_last);
        }
        self.spill(work.spill);
        // First: a process that is killed in between must have it in one place at least.
        for (group, reason) in work.letters {
            self.write_down(&group, reason);
        }
        self.forget(&work.done);
        if let Some((ops, bytes)) = work.room {
            self.read_back(ops, bytes);
        }
    }

    /// Writes what was just accepted, in one group, and lets those go on who wait for it.
    fn store(&mut self, mut fresh: Vec<Queued>, is_last: bool) {
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
    fn park(&mut self, parked: Parked, is_last: bool) {
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
    fn spill(&mut self, spill: Vec<Waiting>) {
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
                op: group.op,
                bytes: group.bytes,
                ops: group.ops,
                epoch: group.epoch,
                changed: true,
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
            let (recorded, others): (Vec<Group>, Vec<Group>) =
                chunk.into_iter().partition(|group| self.is_recorded(group));
            for group in &recorded {
                self.release(&group.records, group.epoch);
            }
            self.queue.book_spooled(&recorded);
            let drafts = others
                .iter()
                .map(|group| draft(&group.op, group.ops, group.epoch));
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

    fn forget(&mut self, done: &[Ticket]) {
        let ids = done.iter().filter_map(|ticket| self.records.remove(ticket));
        let ids: Vec<RecordId> = ids.map(|(id, _)| id).collect();
        if !ids.is_empty() {
            self.guarded(|spool| spool.acknowledge(&ids));
        }
    }

    fn write_down(&mut self, group: &Group, reason: DropReason) {
        // What a transform failed on may hold what it was to remove.
        let whole = reason != DropReason::TransformFailed;
        let letters = &self.letters;
        let written = catch_unwind(AssertUnwindSafe(|| {
            let root = self.spool.root()?;
            letters.write(&root, (&group.op, group.ops), reason.to_string(), whole)
        }));
        match written {
            Ok(Ok(())) => self.rejected += group.ops,
            Ok(Err(error)) => self.spool.trouble(&error),
            Err(_) => self.broken = true,
        }
    }

    fn read_back(&mut self, most_ops: u64, most_bytes: usize) {
        let now = Instant::now();
        let allowed = self.allowance.left(now);
        if allowed == 0 {
            self.read_from = now + self.allowance.until_next();
            return;
        }
        let most = most_ops.min(allowed);
        let found = self.guarded(|spool| spool.read_back(most, most_bytes));
        let found = found.unwrap_or_default();
        if found.is_empty() {
            // The disk does not let us read, or it is all being read already.
            self.read_from = now + SPILL_AGAIN;
            return;
        }
        self.allowance.take(found.iter().map(|it| it.ops).sum());
        let mut back = Vec::with_capacity(found.len());
        for recovered in found {
            let Some(mut op) = recovered.op else {
                self.queue.book_damaged(recovered.tag, recovered.ops);
                continue;
            };
            let ticket = self.queue.new_ticket();
            self.records.insert(ticket, (recovered.id, recovered.ops));
            back.push(Queued {
                bytes: shallow_size(&mut op),
                op,
                ops: recovered.ops,
                epoch: recovered.tag,
                record: Some(ticket),
                changed: true,
            });
        }
        self.queue.take_back(back);
    }

    /// Looks for what dead processes left behind.
    fn look(&mut self) {
        self.guarded(Spool::look);
        self.is_scanning = true;
    }

    /// Reads a part of that; in between, those are served who wait for a write.
    fn scan(&mut self) {
        let queue = self.queue.clone();
        let more = self.guarded(|spool| {
            let mut found = Adopted::default();
            let more = spool.scan(&mut found);
            // Booked before anything of it can be read back.
            let epoch = queue.adopted(found.ops);
            spool.tag(&found, epoch);
            more
        });
        if more != Some(true) {
            self.is_scanning = false;
            self.queue.end_looking();
        }
    }

    /// Has the program's transform change what it has not seen yet.
    fn change(&self, ops: &mut Vec<Queued>) -> Result<(), DropReason> {
        match &self.transform {
            Some(transform) => transform.change(ops),
            None => Ok(()),
        }
    }

    fn drop_all(&mut self, ops: Vec<Queued>, reason: DropReason) {
        self.warn(reason);
        for queued in ops {
            let group = Group::of(queued);
            self.write_down(&group, reason);
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

    /// Calls the spool; after a panic in there it is left alone.
    fn guarded<T>(&mut self, call: impl FnOnce(&mut Spool) -> T) -> Option<T> {
        if self.broken {
            return None;
        }
        let spool = &mut self.spool;
        let done = catch_unwind(AssertUnwindSafe(|| call(spool)));
        if done.is_err() {
            self.broken = true;
            tracing::error!("the spool failed, and memory serves from now on; please report it");
        }
        done.ok()
    }

    fn warn(&mut self, reason: DropReason) {
        if !self.warned.contains(&reason) {
            self.warned.push(reason);
            tracing::warn!("runs were dropped: {reason}; later ones are counted, not logged");
        }
    }

    fn tell(&mut self) {
        let rejected = std::mem::take(&mut self.rejected);
        self.queue.note_spool(self.spool.stats(), rejected);
    }
}

fn draft(op: &crate::model::RunOp, ops: u64, tag: u32) -> Option<Draft> {
    let written = catch_unwind(AssertUnwindSafe(|| Draft::of(op, ops, tag)));
    written.ok().and_then(Result::ok)
}

/// Says that the keeper has left, however that came.
struct End(Arc<Queue>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.end_keeping();
    }
}

/// How much may still be read back: so many operations a second, and a quarter of that at once.
struct Allowance {
    rate: f64,
    left: f64,
    at: Instant,
}

impl Allowance {
    fn new(rate: u32, now: Instant) -> Self {
        let rate = f64::from(rate.max(1));
        Self {
            rate,
            left: Self::most(rate),
            at: now,
        }
    }

    fn most(rate: f64) -> f64 {
        (rate / 4.0).max(1.0)
    }

    fn left(&mut self, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        self.left = (self.left + passed * self.rate).min(Self::most(self.rate));
        self.left.max(0.0) as u64
    }

    fn take(&mut self, ops: u64) {
        self.left -= ops as f64;
    }

    fn until_next(&self) -> Duration {
        let missing = (1.0 - self.left).max(0.0) / self.rate;
        Duration::from_secs_f64(missing.clamp(0.001, 60.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_allowed_than_so_many_a_second() {
        let begun = Instant::now();
        let mut allowance = Allowance::new(1_000, begun);
        assert_eq!(allowance.left(begun), 250);
        allowance.take(250);
        assert_eq!(allowance.left(begun), 0);
        assert_eq!(allowance.until_next(), Duration::from_millis(1));
        assert_eq!(allowance.left(begun + Duration::from_millis(100)), 100);
        // Much at once is paid for later.
        allowance.take(600);
        assert_eq!(allowance.left(begun + Duration::from_millis(600)), 0);
        assert_eq!(allowance.left(begun + Duration::from_secs(60)), 250);
    }
}
