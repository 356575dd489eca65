//! The way out, on the exporter's thread.

use super::{Queue, State, Waiting};
use crate::export::life::sync::{Instant, timeout_at};

impl Queue {
    /// Waits until there is something to send; false once the queue is closed and empty.
    pub(in crate::export) async fn wait_for_work(&self) -> bool {
        loop {
            {
                let state = self.lock();
                if !state.ops.is_empty() {
                    return true;
                }
                if state.is_over() {
                    return false;
                }
            }
            self.work.notified().await;
        }
    }

    /// Waits until a batch is due and takes it; none once the queue is closed and empty.
    ///
    /// Due is a batch that is full by count or bytes, whose oldest operation has waited long enough, or
    /// that somebody flushes.
    pub(in crate::export) async fn next_batch(&self) -> Option<Vec<Waiting>> {
        loop {
            let due = {
                let mut guard = self.lock();
                let state = &mut *guard;
                match state.oldest {
                    None if state.is_over() => return None,
                    None => None,
                    Some(oldest) => {
                        let in_flight = state.stats.queued.saturating_sub(state.waiting_ops);
                        let left_at = state.left_at;
                        let recent = left_at.is_some_and(|left| left + self.linger > oldest);
                        let due = match in_flight == 0 && !recent {
                            true => oldest + self.idle_linger,
                            false => oldest + self.linger,
                        };
                        let now = state.closed
                            || state.ops.len() >= state.limits.ops
                            || state.waiting_bytes >= state.limits.bytes
                            || !state.epochs.are_done(state.wanted)
                            || due <= Instant::now();
                        if now {
                            return Some(state.take());
                        }
                        Some(due)
                    }
                }
            };
            match due {
                None => self.work.notified().await,
                Some(due) => {
                    // Either way the state is looked at again.
                    let _ = timeout_at(due, self.work.notified()).await;
                }
            }
        }
    }
}

impl State {
    /// Returns true if nothing will come any more. With a spool, more may come from disk until the end.
    fn is_over(&self) -> bool {
        self.closed && !self.keeping.is_at_work()
    }

    fn take(&mut self) -> Vec<Waiting> {
        let mut count = 0;
        let mut bytes = 0;
        for queued in &self.ops {
            // An operation larger than a whole request goes alone; the server may take it.
            let over = bytes + queued.bytes > self.limits.bytes && count > 0;
            if count == self.limits.ops || over {
                break;
            }
            bytes += queued.bytes;
            count += 1;
        }
        let mut taken = self.take_first(count);
        self.left_at = Some(Instant::now());
        self.epochs.join(&mut taken);
        taken
    }

    /// Takes the oldest out of those that are ready.
    pub(super) fn take_first(&mut self, count: usize) -> Vec<Waiting> {
        let taken: Vec<Waiting> = self.ops.drain(..count).collect();
        self.passed += count as u64;
        self.waiting_bytes -= taken.iter().map(|it| it.bytes).sum::<usize>();
        self.waiting_ops -= taken.iter().map(|it| it.ops).sum::<u64>();
        self.oldest = (!self.ops.is_empty()).then(Instant::now);
        taken
    }
}
