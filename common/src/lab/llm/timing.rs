//! When the scripted model says each token.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// When a token comes: the first after thought, the others one after another, with a pause now and then.
///
/// The delays are drawn from the seed, the prompt, and how often that was asked before: the same question gets
/// the same delays, whatever else is asked meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenTiming {
    first: (u64, u64),
    between: (u64, u64),
    pause: u64,
}

/// Every so many tokens, on average, comes a pause.
const PAUSE_EVERY: u32 = 20;

impl TokenTiming {
    /// About what a hosted model takes: 250 to 600 ms to the first token, then 12 to 40 ms each, and now and
    /// then 150 ms.
    pub const HOSTED: Self = Self {
        first: (250_000, 600_000),
        between: (12_000, 40_000),
        pause: 150_000,
    };

    /// A tenth of [`HOSTED`](Self::HOSTED), so that lessons need not wait. The default.
    pub const LESSON: Self = Self {
        first: (25_000, 60_000),
        between: (1_200, 4_000),
        pause: 15_000,
    };

    /// As fast as it goes, for tests and load.
    pub const NONE: Self = Self {
        first: (0, 0),
        between: (0, 0),
        pause: 0,
    };

    /// Every token after the same time, the first one too.
    pub fn every(time: Duration) -> Self {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Self {
            first: (micros, micros),
            between: (micros, micros),
            pause: 0,
        }
    }

    /// Draws the delays before each of so many tokens.
    pub(super) fn delays(self, seed: u64, tokens: usize) -> Vec<Duration> {
        let mut dice = StdRng::seed_from_u64(seed);
        let mut draw = |number: usize| {
            let (least, most) = if number == 0 {
                self.first
            } else {
                self.between
            };
            let pause = number > 0 && dice.random_ratio(1, PAUSE_EVERY);
            let micros = dice.random_range(least..=most) + if pause { self.pause } else { 0 };
            Duration::from_micros(micros)
        };
        (0..tokens).map(&mut draw).collect()
    }
}

impl Default for TokenTiming {
    fn default() -> Self {
        Self::LESSON
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_delays_and_another_one_others() {
        let drawn = TokenTiming::HOSTED.delays(7, 200);
        assert_eq!(drawn, TokenTiming::HOSTED.delays(7, 200));
        assert_ne!(drawn, TokenTiming::HOSTED.delays(8, 200));
        assert!((250..=600).contains(&drawn[0].as_millis()));
        assert!(
            drawn[1..].iter().any(|delay| delay.as_millis() > 100),
            "a pause"
        );
        assert!(
            drawn[1..]
                .iter()
                .all(|delay| (12..=190).contains(&delay.as_millis()))
        );
    }

    #[test]
    fn no_time_is_no_time() {
        assert!(TokenTiming::NONE.delays(1, 9).iter().all(Duration::is_zero));
        let even = TokenTiming::every(Duration::from_millis(3)).delays(1, 9);
        assert!(even.iter().all(|delay| delay.as_millis() == 3));
    }
}
