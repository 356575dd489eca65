//! A clock that is wrong, for a service of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::model::{Clock, SystemClock, Timestamp};

/// The system's clock, ahead or behind by as much as you say. A cheap clone; clones are set together.
///
/// A service whose runs get their times from it is one on a machine with a wrong clock.
///
/// ```
/// use std::time::Duration;
/// use common::chaos::SkewedClock;
/// use common::model::{Clock as _, SystemClock};
///
/// let clock = SkewedClock::new();
/// clock.behind(Duration::from_secs(60));
/// assert!(clock.now() < SystemClock.now());
/// assert_eq!(clock.skew_ms(), -60_000);
/// clock.right();
/// assert_eq!(clock.skew_ms(), 0);
/// ```
///
/// Give it to a client with `Client::builder().clock(Arc::new(clock.clone()))`.
#[derive(Debug, Clone, Default)]
pub struct SkewedClock {
    // Microseconds; below zero the clock is behind.
    skew: Arc<AtomicI64>,
}

impl SkewedClock {
    /// Makes a clock that is right so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the clock ahead of the system's.
    pub fn ahead(&self, by: Duration) {
        self.skew.store(micros(by), Ordering::Relaxed);
    }

    /// Sets the clock behind the system's.
    pub fn behind(&self, by: Duration) {
        self.skew.store(-micros(by), Ordering::Relaxed);
    }

    /// Sets the clock right.
    pub fn right(&self) {
        self.skew.store(0, Ordering::Relaxed);
    }

    /// Returns how far the clock is ahead, in milliseconds; below zero it is behind.
    pub fn skew_ms(&self) -> i64 {
        self.skew.load(Ordering::Relaxed) / 1_000
    }
}

/// Returns so many microseconds, a hundred years at most: times stay such as can be written.
fn micros(time: Duration) -> i64 {
    const MOST: i64 = 100 * 365 * 86_400 * 1_000_000;
    i64::try_from(time.as_micros()).unwrap_or(MOST).min(MOST)
}

impl Clock for SkewedClock {
    fn now(&self) -> Timestamp {
        let skew = chrono::TimeDelta::microseconds(self.skew.load(Ordering::Relaxed));
        SystemClock.now() + skew
    }
}
