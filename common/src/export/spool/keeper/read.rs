//! Back from the disk: what lies there is read a little at a time, and what dead processes left is found.

use std::time::Duration;

use super::{Instant, Keeper, SPILL_AGAIN};
use crate::export::queue::{Queued, shallow_size};
use crate::export::spool::{Adopted, Spool};

impl Keeper {
    pub(super) fn read_back(&mut self, most_ops: u64, most_bytes: usize) {
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
                known: true,
            });
        }
        self.queue.take_back(back);
    }

    /// Looks for what dead processes left behind.
    pub(super) fn look(&mut self) {
        self.guarded(Spool::look);
        self.is_scanning = true;
    }

    /// Reads a part of that; in between, those are served who wait for a write.
    pub(super) fn scan(&mut self) {
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
}

/// How much may still be read back: so many operations a second, and a quarter of that at once.
pub(super) struct Allowance {
    rate: f64,
    left: f64,
    at: Instant,
}

impl Allowance {
    pub(super) fn new(rate: u32, now: Instant) -> Self {
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

    pub(super) fn left(&mut self, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        self.left = (self.left + passed * self.rate).min(Self::most(self.rate));
        self.left.max(0.0) as u64
    }

    pub(super) fn take(&mut self, ops: u64) {
        self.left -= ops as f64;
    }

    pub(super) fn until_next(&self) -> Duration {
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
