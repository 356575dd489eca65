//! The clock of a day that takes no time.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::DateTime;

use crate::model::{Clock, Timestamp};

/// Monday, 2 November 2026, 9:00 UTC, in microseconds since 1970.
const NINE: i64 = 1_793_610_000_000_000;

/// From one request to the next: longer than any takes, so that none runs into another.
const EVERY: i64 = 12_000_000;

/// A clock that stands still but for what [`pass`](Self::pass) lets go by, and a microsecond at each look.
#[derive(Debug)]
pub(super) struct DayClock(AtomicI64);

impl DayClock {
    pub(super) fn at_nine() -> Self {
        Self(AtomicI64::new(NINE))
    }

    /// Goes to the time of the request with this number, however often the clock was looked at before.
    pub(super) fn go_to(&self, request: usize) {
        let micros = i64::try_from(request)
            .unwrap_or(i64::MAX)
            .saturating_mul(EVERY);
        self.0.store(NINE.saturating_add(micros), Ordering::Relaxed);
    }

    /// Lets time go by.
    pub(super) fn pass(&self, time: Duration) {
        let micros = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        self.0.fetch_add(micros, Ordering::Relaxed);
    }
}

impl Clock for DayClock {
    fn now(&self) -> Timestamp {
        let micros = self.0.fetch_add(1, Ordering::Relaxed);
        DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::UNIX_EPOCH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_nine_and_lasts_as_long_as_it_is_told() {
        let clock = DayClock::at_nine();
        assert_eq!(clock.now().to_rfc3339(), "2026-11-02T09:00:00+00:00");
        clock.pass(Duration::from_secs(3600));
        assert_eq!(clock.now().to_rfc3339(), "2026-11-02T10:00:00.000001+00:00");
        clock.go_to(2);
        assert_eq!(clock.now().to_rfc3339(), "2026-11-02T09:00:24+00:00");
    }
}
