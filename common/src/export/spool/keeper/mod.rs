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

mod read;
mod write;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use self::read::Allowance;
use super::{Files, Fingerprint, Letters, RecordId, Spool, SpoolConfig};
use crate::export::config::BatchConfig;
use crate::export::endpoint::StartError;
use crate::export::ledger::DropReason;
use crate::export::life::Transform;
use crate::export::life::sync::Clock as Instant;
use crate::export::queue::{Queue, Queued, Ticket, Work};
use crate::export::send::MAX_WAIT;

/// How often the folders of processes that died meanwhile are looked for.
const ADOPT_EVERY: Duration = Duration::from_secs(30);

/// How long after a write that failed the next one is tried for operations that memory still holds.
const SPILL_AGAIN: Duration = Duration::from_millis(500);

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
        for (mut group, reason) in work.letters {
            self.write_down(&mut group, reason);
        }
        self.forget(&work.done);
        if !work.done.is_empty() {
            self.queue.mark_forgotten(work.done.len());
        }
        if let Some((ops, bytes)) = work.room {
            self.read_back(ops, bytes);
        }
    }

    /// Has the program's transform change what it has not seen yet.
    fn change(&self, ops: &mut Vec<Queued>) -> Result<(), DropReason> {
        match &self.transform {
            Some(transform) => transform.change(ops),
            None => Ok(()),
        }
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

/// Says that the keeper has left, however that came.
struct End(Arc<Queue>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.end_keeping();
    }
}
