//! Within a limit: so many traces a second, and a few more at once.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::model::Timestamp;

/// At most so many traces in a time, evenly, and at most so many at once: a token bucket.
///
/// It limits what begins in this process. A trace that a caller began follows the caller, as a limit of its
/// own would only cut it short. Neighbours know nothing of each other: ten processes with a limit of ten a
/// second keep a hundred.
///
/// ```
/// use std::time::Duration;
/// use common::trace::TraceLimit;
///
/// let steady = TraceLimit::per_second(20);
/// let bursty = TraceLimit::per_second(20).burst(200);
/// let rare = TraceLimit::every(Duration::from_secs(60), 5);
/// # drop((steady, bursty, rare));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceLimit {
    traces: u32,
    period: Duration,
    burst: u32,
}

impl TraceLimit {
    /// Keeps at most so many traces a second; with none, none. The burst is the same number.
    pub fn per_second(traces: u32) -> Self {
        Self::every(Duration::from_secs(1), traces)
    }

    /// Keeps at most so many traces in each such period. The burst is the same number.
    pub fn every(period: Duration, traces: u32) -> Self {
        Self {
            traces,
            period,
            burst: traces,
        }
    }

    /// Sets how many traces may begin at once when there were fewer for a while; at least one.
    #[must_use]
    pub fn burst(mut self, traces: u32) -> Self {
        self.burst = traces.max(1);
        self
    }
}

/// Most parts of a microsecond: more than a hundred years of them are a number still.
const MOST_PARTS: i64 = 2048;

impl TraceLimit {
    /// Returns into how many parts a microsecond is divided so that the time of one trace is a whole number of them,
    /// and that number. A rate that would need finer parts is rounded down, by less than a part for each trace.
    fn parts_and_piece(self) -> (i64, i64) {
        let traces = i64::from(self.traces.max(1));
        let period = i64::try_from(self.period.as_micros()).unwrap_or(i64::MAX);
        let (mut divisor, mut rest) = (traces, period % traces);
        while rest != 0 {
            (divisor, rest) = (rest, divisor % rest);
        }
        match traces / divisor {
            parts if parts <= MOST_PARTS => (parts, period / divisor),
            _ => {
                let all = i128::from(period) * i128::from(MOST_PARTS);
                let piece = (all + i128::from(traces) - 1) / i128::from(traces);
                (MOST_PARTS, i64::try_from(piece).unwrap_or(i64::MAX))
            }
        }
    }
}

/// Threads read the clock before they come here, so the times of two differ by a little either way. By more than
/// this, the clock was set back.
const SET_BACK_MICROS: i64 = 1_000_000;

/// The state of a limit. Nothing is locked, so nobody waits and a fork finds nothing taken.
///
/// Each trace takes a piece of time, `period / traces`; the pieces are laid end to end, and may reach
/// `burst` pieces past the present. Time is counted in such parts of a microsecond that a piece is whole.
///
/// The clock is the tracer's, which may be set back. Then the pieces reach further than they ever may, and all that
/// is known is that the bucket is not fuller than full: it counts as full from then on, and empties as ever. Until it
/// has caught up with a time that never was, nothing would be kept otherwise.
#[derive(Debug)]
pub(super) struct Bucket {
    limit: TraceLimit,
    // How many parts a microsecond has, and how many of them a trace takes.
    parts: i64,
    piece: i64,
    // When counting began. Later times are told from there, so that they fit.
    origin: OnceLock<i64>,
    // How far the pieces reach.
    reach: AtomicI64,
}

impl Bucket {
    pub(super) fn new(limit: TraceLimit) -> Self {
        let (parts, piece) = limit.parts_and_piece();
        Self {
            limit,
            parts,
            piece,
            origin: OnceLock::new(),
            reach: AtomicI64::new(0),
        }
    }

    /// Takes a place for a trace; false if there is none.
    pub(super) fn take(&self, now: Timestamp) -> bool {
        let TraceLimit { traces, burst, .. } = self.limit;
        if traces == 0 {
            return false;
        }
        let piece = self.piece;
        let scaled = |micros: i64| micros.saturating_mul(self.parts);
        let now = now.timestamp_micros();
        let origin = *self.origin.get_or_init(|| now);
        let now = scaled(now.saturating_sub(origin));
        let most = piece.saturating_mul(burst.into());
        let furthest = now
            .saturating_add(most)
            .saturating_add(scaled(SET_BACK_MICROS));
        let mut taken = false;
        let _ = self
            .reach
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |reach| {
                let set_back = reach > furthest;
                let full = now.saturating_add(most);
                let reach = if set_back { full } else { reach };
                let next = reach.max(now).saturating_add(piece);
                taken = next.saturating_sub(now) <= most;
                match (taken, set_back) {
                    (true, _) => Some(next),
                    (false, true) => Some(full),
                    (false, false) => None,
                }
            });
        taken
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_timestamp_micros(1_795_342_674_000_000 + micros).unwrap_or_default()
    }

    fn taken(limit: TraceLimit, times: impl IntoIterator<Item = i64>) -> Vec<bool> {
        let bucket = Bucket::new(limit);
        times
            .into_iter()
            .map(|micros| bucket.take(at(micros)))
            .collect()
    }

    #[test]
    fn a_burst_is_taken_at_once_and_refills_evenly() {
        let limit = TraceLimit::per_second(2).burst(3);
        let half = 500_000;
        let times = [
            0,
            0,
            0,
            0,
            half - 1,
            half,
            half,
            2 * half,
            10 * half,
            10 * half,
            10 * half,
            10 * half,
        ];
        let (yes, no) = (true, false);
        let expected = [yes, yes, yes, no, no, yes, no, yes, yes, yes, yes, no];
        assert_eq!(taken(limit, times), expected);
    }

    #[test]
    fn a_limit_of_none_keeps_none_and_one_in_a_minute_one() {
        assert_eq!(taken(TraceLimit::per_second(0), [0, 1]), [false, false]);
        let minute = TraceLimit::every(Duration::from_secs(60), 1);
        assert_eq!(
            taken(minute, [0, 59_999_999, 60_000_000]),
            [true, false, true]
        );
    }

    #[test]
    fn a_limit_holds_after_years_too() {
        let (hour, year) = (3_600_000_000, 365 * 24 * 3_600_000_000_i64);
        for (limit, apart) in [
            (
                TraceLimit::every(Duration::from_secs(3600), 1_000_000),
                hour / 1_000_000,
            ),
            (
                TraceLimit::every(Duration::from_secs(3600), 1_000_003),
                hour / 1_000_000,
            ),
        ] {
            let bucket = Bucket::new(limit.burst(1));
            for now in [0, year, 50 * year] {
                assert!(bucket.take(at(now)), "{limit:?} after {now}");
                assert!(!bucket.take(at(now + apart / 2)), "{limit:?} after {now}");
                assert!(bucket.take(at(now + apart)), "{limit:?} after {now}");
            }
        }
    }

    #[test]
    fn a_clock_that_is_set_back_gives_no_more_and_is_not_waited_for() {
        let limit = TraceLimit::per_second(1);
        // An hour ahead, for one trace.
        let (hour, second) = (3_600_000_000, 1_000_000);
        assert_eq!(
            taken(limit, [hour, 0, second - 1, second, 2 * second]),
            [true, false, false, true, true]
        );
        // Before the time at which it began, too.
        assert_eq!(
            taken(
                limit,
                [0, -hour, second - hour, second - hour, 2 * second - hour]
            ),
            [true, false, true, false, true]
        );
        // What another thread read a moment before is no clock that was set back.
        let two = TraceLimit::per_second(2);
        let times = [
            second,
            second,
            0,
            second + 1,
            0,
            second + 499_999,
            second + 500_000,
        ];
        let (yes, no) = (true, false);
        assert_eq!(taken(two, times), [yes, yes, no, no, no, no, yes]);
    }

    proptest! {
        #[test]
        fn never_more_than_the_burst_and_what_the_time_gives(
            steps in prop::collection::vec(0..200_000_i64, 1..200),
            traces in 1..50_u32,
            burst in 1..50_u32,
        ) {
            let limit = TraceLimit::per_second(traces).burst(burst);
            let times: Vec<i64> = steps.iter().scan(0, |now, step| { *now += step; Some(*now) }).collect();
            let taken = taken(limit, times.clone());
            for from in 0..times.len() {
                let mut count = 0_i64;
                for to in from..times.len() {
                    count += i64::from(taken[to]);
                    let span = times[to] - times[from];
                    let most = i64::from(burst) + span * i64::from(traces) / 1_000_000 + 1;
                    prop_assert!(count <= most, "{count} in {span} µs");
                }
            }
        }
    }
}
