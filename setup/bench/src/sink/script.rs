//! What goes wrong at the sink, and when.

use std::time::Duration;

/// One kind of trouble during a stretch of time. Without one, everything is taken.
#[derive(Debug, Clone, Default)]
pub struct Script {
    /// What happens.
    pub trouble: Option<Trouble>,
    /// How long after the first request that carries runs it begins.
    pub after: Duration,
    /// How long it lasts; to the end without it.
    pub lasts: Option<Duration>,
    /// Nothing is kept, so nothing can be counted; for runs that last minutes.
    pub forgets: bool,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq)]
pub enum Trouble {
    /// So many of hundred requests are answered with this status instead.
    Status {
        /// The status.
        status: u16,
        /// Of hundred requests.
        percent: u64,
    },
    /// 429 with `Retry-After: 1`.
    TooMany,
    /// Nobody listens.
    Down,
    /// Requests are read and never answered.
    Hang,
    /// So many of hundred connections are reset while the body is on its way.
    ResetInBody {
        /// Of hundred requests.
        percent: u64,
    },
    /// So many of hundred connections are reset as soon as they are there.
    ResetAtOnce {
        /// Of hundred connections.
        percent: u64,
    },
    /// The answer comes byte by byte.
    Trickle {
        /// Between two bytes.
        pause: Duration,
    },
    /// Every request is sent on to another address.
    Redirect {
        /// That address.
        to: String,
    },
    /// A batch with a run named `bad` is refused with this status.
    Refuse {
        /// The status.
        status: u16,
    },
    /// A body that is larger than this when unpacked is refused with 413.
    TooLarge {
        /// Bytes.
        over: usize,
    },
}

impl Script {
    /// Trouble from the first request on, to the end.
    pub fn always(trouble: Trouble) -> Self {
        Self {
            trouble: Some(trouble),
            ..Self::default()
        }
    }

    /// Trouble that begins `after` the first request and passes.
    pub fn passing(trouble: Trouble, after: Duration, lasts: Duration) -> Self {
        Self {
            trouble: Some(trouble),
            after,
            lasts: Some(lasts),
            ..Self::default()
        }
    }

    /// No trouble, and nothing is kept.
    pub fn forgetful() -> Self {
        Self {
            forgets: true,
            ..Self::default()
        }
    }

    /// Returns the trouble at a moment; `since` is the time since the first request with runs.
    pub(super) fn at(&self, since: Option<Duration>) -> Option<&Trouble> {
        let since = since.unwrap_or_default();
        let over = self.lasts.is_some_and(|lasts| since >= self.after + lasts);
        self.trouble
            .as_ref()
            .filter(|_| since >= self.after && !over)
    }
}

/// Draws numbers below hundred, the same ones each time.
#[derive(Debug, Default)]
pub(super) struct Dice {
    state: u64,
}

impl Dice {
    /// Returns true in `percent` of hundred cases.
    pub(super) fn falls(&mut self, percent: u64) -> bool {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % 100 < percent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_comes_and_goes() {
        let second = Duration::from_secs(1);
        let script = Script::passing(Trouble::Down, second, 2 * second);
        assert_eq!(script.at(None), None);
        assert_eq!(script.at(Some(second)), Some(&Trouble::Down));
        assert_eq!(script.at(Some(3 * second)), None);
        assert_eq!(Script::always(Trouble::Hang).at(None), Some(&Trouble::Hang));
    }

    #[test]
    fn the_dice_are_fair_enough() {
        let mut dice = Dice::default();
        let fallen = (0..1_000).filter(|_| dice.falls(30)).count();
        assert!((250..350).contains(&fallen), "{fallen}");
    }
}
