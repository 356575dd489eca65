//! How long to wait before a service is started again, and when to stop trying. Start at [`Backoff::next`].

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The first wait; each further one is twice as long.
pub const FIRST: Duration = Duration::from_millis(100);
/// The longest wait.
pub const LONGEST: Duration = Duration::from_secs(5);
/// Most restarts within [`WINDOW`]. A service that ends more often does not work, and starting it hides that.
pub const MOST: usize = 5;
/// The time in which restarts count.
pub const WINDOW: Duration = Duration::from_secs(60);

/// The restarts of one service.
#[derive(Debug, Default)]
pub struct Backoff(VecDeque<Instant>);

impl Backoff {
    /// Returns how long to wait before the next start; nothing if there were too many.
    pub fn next(&mut self, now: Instant) -> Option<Duration> {
        let is_old = |at: &Instant| now.saturating_duration_since(*at) >= WINDOW;
        while self.0.front().is_some_and(is_old) {
            self.0.pop_front();
        }
        if self.0.len() >= MOST {
            return None;
        }
        let doublings = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        self.0.push_back(now);
        Some(
            FIRST
                .saturating_mul(2_u32.saturating_pow(doublings))
                .min(LONGEST),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_restart_waits_twice_as_long_and_the_sixth_in_a_minute_is_none() {
        let (mut backoff, start) = (Backoff::default(), Instant::now());
        let millis: Vec<_> = (0..6)
            .map(|_| backoff.next(start).map(|wait| wait.as_millis()))
            .collect();
        assert_eq!(
            millis,
            [
                Some(100),
                Some(200),
                Some(400),
                Some(800),
                Some(1_600),
                None
            ]
        );
        // A minute later all is forgotten.
        assert_eq!(backoff.next(start + WINDOW), Some(FIRST));
    }
}
