//! Where start and end times come from.

use std::cell::Cell;
use std::fmt;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

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
/// one gets the next microsecond, so siblings keep the order in which they were started.
///
/// The system's time is taken once and carried on by the monotonic clock, so a small correction of the
/// system's clock neither shortens nor turns round a run. When the two are more than a second apart
/// (the clock was set, or the machine slept), the system's time is taken anew; only then, and only if
/// the clock was set back, can a time be earlier than the one before. All clocks of a process share one
/// sequence. A look costs a reading of the monotonic clock; the other one is read once a millisecond at
/// most.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        static SINCE: LazyLock<Instant> = LazyLock::new(Instant::now);
        static ANCHORED: Anchored = Anchored::new();
        // The monotonic clock is read first: if the thread is held up in between, the pair looks as if
        // the wall clock had been set forward, and the time that comes of it is the right one still.
        let steady = micros(SINCE.elapsed());
        let wall = ANCHORED.is_due(steady).then(|| {
            let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            wall.map_or(0, micros)
        });
        by_calendar(ANCHORED.time(wall, steady))
    }
}

const SECOND_MICROS: i64 = 1_000_000;
const DAY_MICROS: i64 = 24 * 60 * 60 * SECOND_MICROS;

thread_local! {
    // The day of the last look, counted from 1970.
    static TODAY: Cell<(i64, NaiveDate)> = const { Cell::new((i64::MIN, NaiveDate::MIN)) };
}

/// Returns that time as [`from_micros`] does, and works out the date, which takes longest, once a day.
fn by_calendar(micros: i64) -> Timestamp {
    let (day, within) = (micros.div_euclid(DAY_MICROS), micros.rem_euclid(DAY_MICROS));
    let known = TODAY.try_with(Cell::get).ok();
    let Some((_, date)) = known.filter(|(known, _)| *known == day) else {
        let time = from_micros(micros);
        // Where the thread is ending, it is worked out each time.
        let _ = TODAY.try_with(|today| today.set((day, time.date_naive())));
        return time;
    };
    let (seconds, micros) = (within / SECOND_MICROS, within % SECOND_MICROS);
    let time = NaiveTime::from_num_seconds_from_midnight_opt(seconds as u32, micros as u32 * 1_000);
    date.and_time(time.unwrap_or_default()).and_utc()
}

/// How long the wall clock is believed not to have been set.
const BELIEVED_MICROS: i64 = 1_000;

/// The difference between the two clocks that makes the system's time anew. Time services move a clock
/// by less gradually, and the monotonic clock with it.
const APART_MICROS: u64 = 1_000_000;

/// Wall time told by the monotonic clock. All figures are microseconds.
#[derive(Debug)]
struct Anchored {
    // Wall time at zero of the monotonic clock; nothing has been read yet at the least value.
    offset: AtomicI64,
    // When the wall clock is to be read again, by the monotonic clock.
    due: AtomicI64,
    // The last tick given out. Ticks belong to the monotonic clock, so no wall clock moves them.
    last_tick: AtomicI64,
}

impl Anchored {
    const fn new() -> Self {
        Self {
            offset: AtomicI64::new(i64::MIN),
            due: AtomicI64::new(i64::MIN),
            last_tick: AtomicI64::new(-1),
        }
    }

    /// Returns true if the wall clock is to be read.
    fn is_due(&self, steady: i64) -> bool {
        self.due.load(Ordering::Acquire) <= steady
    }

    /// Returns the time at a reading of the monotonic clock, and of the wall clock if that was due.
    fn time(&self, wall: Option<i64>, steady: i64) -> i64 {
        let known = self.offset.load(Ordering::Relaxed);
        let offset = wall.map_or(known, |wall| anchor(known, wall, steady));
        if offset != known {
            // A thread that was held up may write an older one over it; the next look mends that.
            self.offset.store(offset, Ordering::Relaxed);
        }
        if wall.is_some() {
            // Whoever sees that it is not due sees the offset too.
            let due = steady.saturating_add(BELIEVED_MICROS);
            self.due.store(due, Ordering::Release);
        }
        let next = |last: i64| steady.max(last.saturating_add(1));
        let last = self
            .last_tick
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
                Some(next(last))
            });
        offset.saturating_add(next(last.unwrap_or_else(|last| last)))
    }
}

/// Returns the offset to go by: the known one, unless the clocks say something quite different.
fn anchor(known: i64, wall: i64, steady: i64) -> i64 {
    let read = wall.saturating_sub(steady);
    if read.abs_diff(known) > APART_MICROS {
        read
    } else {
        known
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
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
            step_micros: micros(step),
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
    fn a_day_that_is_known_gives_the_same_time_as_one_that_is_not() {
        for micros in [0, -1, 1, DAY_MICROS - 1, DAY_MICROS, 1_795_342_674_123_456] {
            let [first, again] = [micros, micros].map(by_calendar);
            assert_eq!([first, again], [from_micros(micros); 2]);
        }
    }

    const SECOND: i64 = SECOND_MICROS;

    /// Returns what `Anchored` makes of pairs of readings: wall clock, monotonic clock.
    fn times(readings: &[(i64, i64)]) -> Vec<i64> {
        let clock = Anchored::new();
        let time = |(wall, steady): &(i64, i64)| clock.time(Some(*wall), *steady);
        readings.iter().map(time).collect()
    }

    #[test]
    fn a_clock_that_was_once_ahead_is_not_kept() {
        let (right, ahead) = (1_000 * SECOND, 5_000 * SECOND);
        let readings = [
            (ahead, 0),
            (right + 10, 10),
            (right + 30, 30),
            (right + SECOND, SECOND),
        ];
        assert_eq!(
            times(&readings),
            [ahead, right + 10, right + 30, right + SECOND]
        );
    }

    #[test]
    fn a_clock_that_was_set_forward_is_followed() {
        let day = 86_400 * SECOND;
        assert_eq!(times(&[(0, 0), (day, 5), (day + 5, 10)]), [0, day, day + 5]);
    }

    #[test]
    fn a_small_correction_bends_no_time() {
        let back = times(&[(SECOND, 0), (SECOND / 2, 100), (SECOND / 2 + 100, 200)]);
        assert_eq!(back, [SECOND, SECOND + 100, SECOND + 200]);
    }

    #[test]
    fn a_wall_clock_that_was_just_read_is_believed() {
        let clock = Anchored::new();
        assert!(clock.is_due(0));
        assert_eq!(clock.time(Some(SECOND), 0), SECOND);
        assert!(!clock.is_due(BELIEVED_MICROS - 1) && clock.is_due(BELIEVED_MICROS));
        assert_eq!(clock.time(None, 500), SECOND + 500);
    }

    #[test]
    fn looks_within_a_microsecond_differ_also_after_a_step() {
        let readings = [(9 * SECOND, 7), (9 * SECOND, 7), (SECOND, 7), (SECOND, 7)];
        let [a, b, c, d] = times(&readings)[..] else {
            panic!("four");
        };
        assert!(a < b && c < d, "{a} {b} {c} {d}");
        assert!(d.abs_diff(SECOND) < 10, "{d}");
    }

    #[test]
    fn a_stepping_clock_moves_by_its_step() {
        let start = from_micros(1_000_000);
        let clock = SteppingClock::new(start, Duration::from_millis(5));
        assert_eq!(clock.now(), start);
        assert_eq!(clock.now(), start + Duration::from_millis(5));
    }
}
