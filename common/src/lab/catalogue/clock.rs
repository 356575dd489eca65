//! The time of a stage: nobody waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::DateTime;

use crate::model::{Clock, Timestamp};

/// The stage's time. It goes on by its step at each look, and by what scenarios say.
#[derive(Debug, Clone)]
pub(super) struct StageClock {
    micros: Arc<AtomicI64>,
    step: i64,
    behind: i64,
}

impl StageClock {
    pub(super) fn new() -> Self {
        // 2026-10-01T08:00:00Z
        let begin = 1_790_841_600_000_000;
        Self {
            micros: Arc::new(AtomicI64::new(begin)),
            step: 1_000,
            behind: 0,
        }
    }

    /// Lets so many milliseconds pass, as work does.
    pub(super) fn pass(&self, millis: i64) {
        self.micros.fetch_add(millis * 1_000, Ordering::Relaxed);
    }

    /// Returns the same time on a host whose clock is so many milliseconds behind.
    pub(super) fn behind(&self, millis: i64) -> Self {
        Self {
            behind: millis * 1_000,
            ..self.clone()
        }
    }

    /// Returns the same time for somebody who looks without taking any.
    pub(super) fn looked_at(&self) -> Self {
        Self {
            step: 0,
            ..self.clone()
        }
    }

    /// Returns the seconds since the stage was set.
    pub(super) fn seconds(&self) -> f64 {
        let begin = Self::new().micros.load(Ordering::Relaxed);
        (self.micros.load(Ordering::Relaxed) - begin) as f64 / 1e6
    }
}

impl Clock for StageClock {
    fn now(&self) -> Timestamp {
        let micros = self.micros.fetch_add(self.step, Ordering::Relaxed) - self.behind;
        DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::UNIX_EPOCH)
    }
}
