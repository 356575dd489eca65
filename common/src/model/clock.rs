//! Where start and end times come from.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};

/// A point in time, UTC. LangSmith orders runs by microseconds; anything finer is cut.
pub type Timestamp = DateTime<Utc>;

/// Tells the time to the runs of one client.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Returns the present time in whole microseconds.
    fn now(&self) -> Timestamp;
}

/// The system's clock, made strictly increasing within this process.
///
/// Two runs that start within one microsecond would sort by their random ids; instead the second
/// one gets the next microsecond, so siblings keep the order in which they were started, also when
/// the system's clock is set back.
#[derive(Debug, Default)]
pub struct SystemClock;

static LAST_MICROS: AtomicI64 = AtomicI64::new(0);

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let system = Utc::now().timestamp_micros();
        let previous = LAST_MICROS
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
                Some(system.max(last.saturating_add(1)))
            })
            .unwrap_or(system);
        from_micros(system.max(previous.saturating_add(1)))
    }
}

/// A clock that moves one step at each look, from a fixed start.
///
/// With [`SeededIds`](super::SeededIds) it makes a lesson's output the same to the byte each time.
#[derive(Debug)]
pub struct SteppingClock {
    next_micros: AtomicI64,
    step_micros: i64,
}

impl SteppingClock {
    /// Starts at `start`; every look at the clock moves it on by `step`.
    pub fn new(start: Timestamp, step: Duration) -> Self {
        Self {
            next_micros: AtomicI64::new(start.timestamp_micros()),
            step_micros: i64::try_from(step.as_micros()).unwrap_or(i64::MAX),
        }
    }
}

impl Clock for SteppingClock {
    fn now(&self) -> Timestamp {
        from_micros(
            self.next_micros
                .fetch_add(self.step_micros, Ordering::Relaxed),
        )
    }
}

fn from_micros(micros: i64) -> Timestamp {
    DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_never_repeats_a_microsecond() {
        let clock = SystemClock;
        let times: Vec<Timestamp> = (0..10_000).map(|_| clock.now()).collect();
        assert!(times.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn a_stepping_clock_moves_by_its_step() {
        let start = from_micros(1_000_000);
        let clock = SteppingClock::new(start, Duration::from_millis(5));
        assert_eq!(clock.now(), start);
        assert_eq!(clock.now(), start + Duration::from_millis(5));
    }
}
