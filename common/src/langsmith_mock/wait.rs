//! Waiting for what has to arrive, without sleeping.

use std::fmt;
use std::pin::pin;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::mock::LangSmithMock;
use super::store::Store;
use super::violation::Violation;
use crate::model::Run;

/// What was waited for did not arrive in time. Its text says what did.
#[derive(Clone, PartialEq, Eq)]
pub struct WaitError {
    wanted: Wanted,
    within: Duration,
    ended: Vec<String>,
    pending: Vec<String>,
    requests: u64,
    rejected: usize,
    last_error: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Runs(usize),
    Ended(usize),
    Condition,
}

impl WaitError {
    /// Returns how many runs had arrived.
    pub fn arrived(&self) -> usize {
        self.ended.len() + self.pending.len()
    }
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (all, ended) = (self.arrived(), self.ended.len());
        match self.wanted {
            Wanted::Runs(n) => write!(f, "{all} of {n} runs arrived within {:?}", self.within)?,
            Wanted::Ended(n) => write!(f, "{ended} of {n} runs ended within {:?}", self.within)?,
            Wanted::Condition => {
                write!(f, "the condition did not hold within {:?}", self.within)?;
            }
        }
        if !self.ended.is_empty() {
            write!(f, ": {}", named(&self.ended))?;
        }
        if !self.pending.is_empty() {
            write!(f, "; still running: {}", named(&self.pending))?;
        }
        if let Some(error) = &self.last_error {
            let plural = if self.rejected == 1 { "" } else { "s" };
            write!(
                f,
                "; {} operation{plural} rejected, the last for {error}",
                self.rejected
            )?;
        }
        if self.requests == 0 {
            f.write_str("; no request arrived at all")?;
        }
        Ok(())
    }
}

fn named(names: &[String]) -> String {
    const SHOWN: usize = 10;
    let mut text = names[..names.len().min(SHOWN)].join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

// `expect` in a test or a notebook shows this, and its reader wants the sentence.
impl fmt::Debug for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for WaitError {}

/// Waiting. Each form comes for tasks and, as `…_blocking`, for threads.
impl LangSmithMock {
    /// Waits until at least `n` runs have arrived, ended or not, and returns all runs.
    ///
    /// # Errors
    ///
    /// Says after `deadline` which runs are there.
    pub async fn wait_for_runs(&self, n: usize, deadline: Duration) -> Result<Vec<Run>, WaitError> {
        self.wait(Wanted::Runs(n), deadline, |store| {
            count(store.counts().0, n, store)
        })
        .await
    }

    /// Waits until at least `n` runs have ended, and returns all runs.
    ///
    /// # Errors
    ///
    /// Says after `deadline` which runs are there.
    pub async fn wait_for_ended(
        &self,
        n: usize,
        deadline: Duration,
    ) -> Result<Vec<Run>, WaitError> {
        self.wait(Wanted::Ended(n), deadline, |store| {
            count(store.counts().1, n, store)
        })
        .await
    }

    /// Waits until the runs fulfil a condition, and returns them.
    ///
    /// # Errors
    ///
    /// Says after `deadline` which runs are there.
    pub async fn wait_until(
        &self,
        mut condition: impl FnMut(&[Run]) -> bool,
        deadline: Duration,
    ) -> Result<Vec<Run>, WaitError> {
        self.wait(Wanted::Condition, deadline, |store| {
            fulfilled(&mut condition, store)
        })
        .await
    }

    /// Waits as [`wait_for_runs`](Self::wait_for_runs) does, and blocks the thread.
    ///
    /// # Errors
    ///
    /// Says after `deadline` which runs are there.
    pub fn wait_for_runs_blocking(
        &self,
        n: usize,
        deadline: Duration,
    ) -> Result<Vec<Run>, WaitError> {
        self.block(Wanted::Runs(n), deadline, |store| {
            count(store.counts().0, n, store)
        })
    }

    /// Waits as [`wait_for_ended`](Self::wait_for_ended) does, and blocks the thread.
    ///
    /// # Errors
    ///
    /// Says after `deadline` which runs are there.
    pub fn wait_for_ended_blocking(
        &self,
        n: usize,
        deadline: Duration,
    ) -> Result<Vec<Run>, WaitError> {
        self.block(Wanted::Ended(n), deadline, |store| {
            count(store.counts().1, n, store)
        })
    }

    /// Waits as [`wait_until`](Self::wait_until) does, and blocks the thread.
    ///
    /// # Errors
    ///
    /// Says after `deadline` which runs are there.
    pub fn wait_until_blocking(
        &self,
        mut condition: impl FnMut(&[Run]) -> bool,
        deadline: Duration,
    ) -> Result<Vec<Run>, WaitError> {
        self.block(Wanted::Condition, deadline, |store| {
            fulfilled(&mut condition, store)
        })
    }

    async fn wait(
        &self,
        wanted: Wanted,
        deadline: Duration,
        mut probe: impl FnMut(&Store) -> Option<Vec<Run>>,
    ) -> Result<Vec<Run>, WaitError> {
        let look = async {
            loop {
                let mut arrived = pin!(self.core.arrived_async.notified());
                // Before looking, or an arrival between the look and the wait would be missed.
                arrived.as_mut().enable();
                if let Some(runs) = probe(&self.core.state().store) {
                    return runs;
                }
                arrived.await;
            }
        };
        tokio::time::timeout(deadline, look)
            .await
            .map_err(|_| self.missing(wanted, deadline))
    }

    fn block(
        &self,
        wanted: Wanted,
        deadline: Duration,
        mut probe: impl FnMut(&Store) -> Option<Vec<Run>>,
    ) -> Result<Vec<Run>, WaitError> {
        let begun = Instant::now();
        let mut state = self.core.state();
        loop {
            if let Some(runs) = probe(&state.store) {
                return Ok(runs);
            }
            let left = deadline.saturating_sub(begun.elapsed());
            if left.is_zero() {
                break;
            }
            let woken = self.core.arrived.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(state);
        Err(self.missing(wanted, deadline))
    }

    fn missing(&self, wanted: Wanted, within: Duration) -> WaitError {
        let state = self.core.state();
        let store = &state.store;
        let name = |run: Run| run.name;
        let (ended, pending): (Vec<Run>, Vec<Run>) =
            store.runs().partition(|run| run.end_time.is_some());
        let last = store.rejected.last();
        WaitError {
            wanted,
            within,
            ended: ended.into_iter().map(name).collect(),
            pending: pending.into_iter().map(name).collect(),
            requests: store.request_count,
            rejected: store.rejected.len(),
            last_error: last.and_then(|op| {
                op.violations
                    .iter()
                    .find(|v| v.is_error())
                    .map(Violation::to_string)
            }),
        }
    }
}

fn count(has: usize, n: usize, store: &Store) -> Option<Vec<Run>> {
    (has >= n).then(|| store.runs().collect())
}

fn fulfilled(condition: &mut impl FnMut(&[Run]) -> bool, store: &Store) -> Option<Vec<Run>> {
    let runs: Vec<Run> = store.runs().collect();
    condition(&runs).then_some(runs)
}
