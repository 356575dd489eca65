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

use crate::export::ledger::DropReason;
use crate::export::retry::RetryPolicy;
use crate::export::transport::Transport;

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
            let next_look = match self.admit(deadline, credentials)? {
                Ok(pass) => return Ok(pass),
                Err(next_look) => next_look,
            };
            if tokio::time::timeout_at(next_look, changed.as_mut())
                .await
                .is_ok()
            {
                changed.set(self.changed.notified());
            }
        }
    }

    /// Lets a request through, or says when to look again.
    fn admit(
        &self,
        deadline: Instant,
        credentials: Option<u64>,
    ) -> Result<Result<Pass<'_>, Instant>, DropReason> {
        let now = Instant::now();
        let mut state = self.lock();
        let trouble = state.trouble.unwrap_or(DropReason::Unavailable);
        let is_probe = match state.phase {
            Phase::Closed => false,
            Phase::Probing if now >= deadline => return Err(trouble),
            Phase::Probing => return Ok(Err(deadline)),
            Phase::Open { until } => {
                let is_about_key = trouble.is_of_key() && credentials.is_some();
                let is_new_key = is_about_key && credentials != state.credentials;
                if !is_new_key && until >= deadline {
                    return Err(trouble);
                }
                if !is_new_key && until > now {
                    let look = if is_about_key {
                        until.min(now + LOOK_FOR_KEY)
                    } else {
                        until
                    };
                    return Ok(Err(look));
                }
                state.phase = Phase::Probing;
                true
            }
        };
        Ok(Ok(Pass {
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
    pub(super) fn fails(mut self, trouble: Trouble) -> bool {
        let breaker = self.breaker;
        let now = Instant::now();
        let mut state = breaker.lock();
        let is_news = self.is_probe || state.age == self.age;
        match state.phase {
            Phase::Closed if is_news => {}
            Phase::Closed => return false,
            _ if self.is_probe => {}
            // Sent before it opened; only a longer wait is news.
            Phase::Open { until } => {
                let asked = trouble.after.map_or(now, |after| now + after);
                state.phase = Phase::Open {
                    until: until.max(asked),
                };
                return true;
            }
            Phase::Probing => return true,
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
