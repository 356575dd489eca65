//! Keeps an endpoint that is away from being asked by everybody at once.
//!
//! ```text
//!              a success: back to nothing                 the probe succeeds
//!            ┌───────────┐  ┌───────────────────────────────────────────────────────┐
//!            ▼           │  ▼                                                       │
//!         closed ────────┴───────────────────► open ────────────────────────► probing
//!    everybody sends     trouble that is sure,  nobody sends    time is over,  one sends, the
//!                        or three in a row      until then      or a new key   others wait
//!                                                 ▲                                 │
//!                                                 └─────────────────────────────────┘
//!                                                   the probe fails: a longer wait
//! ```
//!
//! Sure is trouble that the next request would meet as well: no connection, a refused key, a redirect, no
//! such path, a `Retry-After`. The waits double up to a cap, each drawn evenly between nothing and that,
//! so that many clients do not come back at once. Time is the runtime's. Start at [`Breaker::enter`].

use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::retry::RetryPolicy;
use crate::export::endpoint::Transport;
use crate::export::ledger::DropReason;

/// So many requests fail in a row before nobody sends any more: one may be chance.
const IN_A_ROW: u32 = 3;

/// How often the source of the key is looked at while the key is refused.
const LOOK_FOR_KEY: Duration = Duration::from_millis(100);

/// Who may send, and since when nobody may.
#[derive(Debug)]
pub(super) struct Breaker {
    state: Mutex<State>,
    changed: Notify,
    policy: RetryPolicy,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    // Failures since the last success.
    failures: u32,
    // The latest of them.
    trouble: Option<DropReason>,
    // Of the key that was refused.
    credentials: Option<u64>,
    // Before this moment not even a new key is tried: one may be made for each request.
    rests_until: Option<Instant>,
    // What is said by a request from before the last change is old.
    age: u64,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Closed,
    Open { until: Instant },
    Probing,
}

/// What a failed exchange says of the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trouble {
    /// What it would be given up for.
    pub(super) reason: DropReason,
    /// How long the server wants to be left alone.
    pub(super) after: Option<Duration>,
    /// Whether another request would meet the same.
    pub(super) is_sure: bool,
}

/// Whether a request may leave.
#[derive(Debug)]
enum Admitted<'a> {
    Now(Pass<'a>),
    NotBefore(Instant),
}

/// The right to send one request. What came of it is to be told; dropped without a word, a probe is
/// given back.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    breaker: &'a Breaker,
    is_probe: bool,
    age: u64,
    credentials: Option<u64>,
}

impl Breaker {
    pub(super) fn new(policy: RetryPolicy) -> Self {
        Self {
            state: Mutex::new(State {
                phase: Phase::Closed,
                failures: 0,
                trouble: None,
                credentials: None,
                rests_until: None,
                age: 0,
            }),
            changed: Notify::new(),
            policy,
        }
    }

    /// Waits until one more request may leave.
    ///
    /// # Errors
    /// What keeps it, if the deadline passes before, or is sure to.
    pub(super) async fn enter(
        &self,
        deadline: Instant,
        transport: &dyn Transport,
    ) -> Result<Pass<'_>, DropReason> {
        let mut changed = pin!(self.changed.notified());
        loop {
            // Listening begins before looking, so no change falls in between.
            changed.as_mut().enable();
            // Not under the lock: it may be the program's own code.
            let credentials = transport.credentials();
            let look_again = match self.admit(Instant::now(), deadline, credentials)? {
                Admitted::Now(pass) => return Ok(pass),
                Admitted::NotBefore(time) => time,
            };
            let waited = tokio::time::timeout_at(look_again, changed.as_mut()).await;
            if waited.is_ok() {
                changed.set(self.changed.notified());
            }
        }
    }

    fn admit(
        &self,
        now: Instant,
        deadline: Instant,
        credentials: Option<u64>,
    ) -> Result<Admitted<'_>, DropReason> {
        let mut state = self.lock();
        let trouble = state.trouble.unwrap_or(DropReason::Unavailable);
        let is_probe = match state.phase {
            Phase::Closed => false,
            Phase::Probing if now >= deadline => return Err(trouble),
            Phase::Probing => return Ok(Admitted::NotBefore(deadline)),
            Phase::Open { until } => {
                let may_change = trouble.is_of_key() && credentials.is_some();
                let is_new_key = may_change && credentials != state.credentials;
                if !is_new_key && until >= deadline {
                    return Err(trouble);
                }
                let from = match state.rests_until {
                    Some(rest) if is_new_key => until.min(rest),
                    _ => until,
                };
                if from > now {
                    let look = now + LOOK_FOR_KEY;
                    let look = if may_change { from.min(look) } else { from };
                    return Ok(Admitted::NotBefore(look));
                }
                state.phase = Phase::Probing;
                true
            }
        };
        Ok(Admitted::Now(Pass {
            breaker: self,
            is_probe,
            age: state.age,
            credentials,
        }))
    }

    /// Returns why the endpoint is believed to be away, if it is.
    pub(super) fn trouble(&self) -> Option<DropReason> {
        self.lock().trouble
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    /// Says that the endpoint works, whatever it thinks of what was sent.
    pub(super) fn works(mut self) {
        let mut state = self.breaker.lock();
        let is_closed = matches!(state.phase, Phase::Closed);
        if self.is_probe || is_closed {
            state.failures = 0;
            state.trouble = None;
            state.phase = Phase::Closed;
        }
        if self.is_probe {
            state.age += 1;
            self.is_probe = false;
            drop(state);
            self.breaker.changed.notify_waiters();
        }
    }

    /// Says that the endpoint does not work. Returns false if others may still send: then who met the
    /// trouble waits alone.
    pub(super) fn fails(self, trouble: Trouble) -> bool {
        self.fails_at(Instant::now(), trouble)
    }

    fn fails_at(mut self, now: Instant, trouble: Trouble) -> bool {
        let breaker = self.breaker;
        let mut state = breaker.lock();
        if !self.is_probe {
            let is_news = state.age == self.age;
            match &mut state.phase {
                Phase::Closed if is_news => {}
                // Sent before it was opened and closed again: old news.
                Phase::Closed => return false,
                Phase::Open { until } => {
                    *until = (*until).max(now + trouble.after.unwrap_or_default());
                    return true;
                }
                Phase::Probing => return true,
            }
        }
        state.failures = state.failures.saturating_add(1);
        state.trouble = Some(trouble.reason);
        state.credentials = self.credentials;
        if !self.is_probe && !trouble.is_sure && state.failures < IN_A_ROW {
            return false;
        }
        state.age += 1;
        let wait = breaker.policy.wait(state.failures - 1, trouble.after);
        state.phase = Phase::Open { until: now + wait };
        state.rests_until = Some(now + LOOK_FOR_KEY);
        self.is_probe = false;
        drop(state);
        breaker.changed.notify_waiters();
        true
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.is_probe {
            let until = Instant::now();
            self.breaker.lock().phase = Phase::Open { until };
            self.breaker.changed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOT_NOW: Trouble = Trouble {
        reason: DropReason::Unavailable,
        after: None,
        is_sure: false,
    };

    const KEY_REFUSED: Trouble = Trouble {
        reason: DropReason::KeyRefused,
        after: None,
        is_sure: true,
    };

    fn breaker() -> (Breaker, Instant, Instant) {
        let now = Instant::now();
        (Breaker::new(RetryPolicy::default()), now, now + HOUR)
    }

    const HOUR: Duration = Duration::from_secs(3_600);
    const CAP: Duration = Duration::from_secs(5);

    fn pass(of: Result<Admitted<'_>, DropReason>) -> Option<Pass<'_>> {
        match of.expect("time enough") {
            Admitted::Now(pass) => Some(pass),
            Admitted::NotBefore(_) => None,
        }
    }

    #[test]
    fn three_failures_in_a_row_open_it_and_one_probe_closes_it() {
        let (breaker, now, end) = breaker();
        let passes = [(); 5].map(|()| pass(breaker.admit(now, end, None)).expect("closed"));
        let [first, second, third, late, good] = passes;
        assert!(!first.fails_at(now, NOT_NOW));
        assert!(!second.fails_at(now, NOT_NOW));
        assert!(third.fails_at(now, NOT_NOW));
        // What was sent before has no say, in neither way.
        assert!(late.fails_at(now, NOT_NOW));
        good.works();
        let later = now + CAP;
        let probe = pass(breaker.admit(later, end, None)).expect("time for a probe");
        assert!(pass(breaker.admit(later, end, None)).is_none());
        assert_eq!(breaker.trouble(), Some(DropReason::Unavailable));
        probe.works();
        assert_eq!(breaker.trouble(), None);
        assert!(pass(breaker.admit(later, end, None)).is_some());
    }

    #[test]
    fn a_success_between_failures_keeps_it_closed() {
        let (breaker, now, end) = breaker();
        for round in 0..20 {
            let pass = pass(breaker.admit(now, end, None)).expect("closed");
            match round % 3 {
                2 => pass.works(),
                _ => assert!(!pass.fails_at(now, NOT_NOW)),
            }
        }
    }

    #[test]
    fn what_the_server_asks_for_is_waited_out_and_a_deadline_before_that_ends_it_at_once() {
        let (breaker, now, end) = breaker();
        let asked = Trouble {
            after: Some(Duration::from_secs(30)),
            is_sure: true,
            ..NOT_NOW
        };
        let first = pass(breaker.admit(now, end, None)).expect("closed");
        assert!(first.fails_at(now, asked));
        let soon = now + Duration::from_secs(29);
        assert!(pass(breaker.admit(soon, end, None)).is_none());
        let early = breaker.admit(now, soon, None).map(|_| ());
        assert_eq!(early, Err(DropReason::Unavailable));
        let late = now + Duration::from_secs(31);
        let probe = pass(breaker.admit(late, end, None)).expect("time is over");
        // Given back unused, it is the next one's.
        drop(probe);
        assert!(pass(breaker.admit(late + CAP, end, None)).is_some());
    }

    #[test]
    fn a_new_key_is_tried_soon_and_the_refused_one_is_not() {
        let (breaker, mut now, end) = breaker();
        let refused = Trouble {
            after: Some(Duration::from_secs(30)),
            ..KEY_REFUSED
        };
        for key in 1..=10 {
            let pass = pass(breaker.admit(now, end, Some(key))).expect("a new key");
            assert!(pass.fails_at(now, refused));
            let waits = |key| match breaker.admit(now, end, Some(key)).expect("time") {
                Admitted::Now(_) => Duration::ZERO,
                Admitted::NotBefore(look) => look - now,
            };
            assert_eq!(waits(key), LOOK_FOR_KEY);
            // A source that makes a key for each request leads to few requests all the same.
            assert_eq!(waits(key + 1), LOOK_FOR_KEY);
            now += LOOK_FOR_KEY;
        }
    }
}
