//! What [`sync`](super::sync) names, in a world whose scheduler is shuttle: each lock, wait and wake is a
//! place where any other task may go first.
//!
//! A wait that is bounded by time here either never ends by time, so that a lost wake-up is a deadlock, or
//! ends whenever the scheduler likes: see [`Timers`]. Start at [`begin`].

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use shuttle::rand::Rng as _;

pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard};
pub(crate) use shuttle::thread::ThreadId;

thread_local! {
    // All tasks of a schedule share one thread, and each schedule sets both anew.
    static TIMERS: Cell<Timers> = const { Cell::new(Timers::Never) };
    static NOW: Cell<u64> = const { Cell::new(0) };
    static PLANTED: Cell<Option<Mistake>> = const { Cell::new(None) };
}

/// When a wait ends by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timers {
    /// Never: whoever is not woken waits for ever.
    Never,
    /// At any moment.
    Anytime,
}

/// A mistake that a model is given, to see that it finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// Listening begins at the first poll: what changes between a look and that is missed.
    ListensLate,
    /// A notification for which nobody waits is lost.
    KeepsNoPermit,
}

/// Lets time pass. Whoever waits on a [`Condvar`] until some moment has to be woken then, as if by chance:
/// shuttle's never wakes anybody by time.
pub(crate) fn tick() {
    NOW.set(NOW.get().saturating_add(1_000_000_000));
}

/// Begins a schedule.
pub(crate) fn begin(timers: Timers, planted: Option<Mistake>) {
    TIMERS.set(timers);
    NOW.set(0);
    PLANTED.set(planted);
}

/// Names the thread that calls.
pub(crate) fn this_thread() -> ThreadId {
    shuttle::thread::current().id()
}

/// A moment, in nanoseconds since the schedule began: tokio's and the system's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(u64);

impl Instant {
    /// Returns the moment that the last timer went off.
    pub(crate) fn now() -> Self {
        Self(NOW.get())
    }
}

impl std::ops::Add<Duration> for Instant {
    type Output = Self;

    fn add(self, wait: Duration) -> Self {
        let nanos = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }
}

impl Instant {
    /// Returns how long after `earlier` this is; nothing if it is before.
    pub(crate) fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Decides whether a timer goes off now; if it does, it is that late.
fn goes_off(due: Instant) -> bool {
    let off = TIMERS.get() == Timers::Anytime && shuttle::rand::thread_rng().gen_bool(0.5);
    if off {
        NOW.set(NOW.get().max(due.0));
    }
    off
}

/// Waits for `work`, or until `due` if timers go off.
pub(crate) async fn timeout_at<F: Future>(due: Instant, work: F) -> Result<F::Output, ()> {
    let mut work = std::pin::pin!(work);
    std::future::poll_fn(move |cx| {
        if let Poll::Ready(output) = work.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        if goes_off(due) {
            return Poll::Ready(Err(()));
        }
        if TIMERS.get() == Timers::Anytime {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    })
    .await
}

fn listens_late() -> bool {
    PLANTED.get() == Some(Mistake::ListensLate)
}

/// tokio's `Notify` as its documentation describes it: one permit, waiters in line, and a call that wakes
/// all who listen, those included whose future was made but not polled before it.
#[derive(Debug, Default)]
pub(crate) struct Notify {
    state: Mutex<Line>,
}

#[derive(Debug, Default)]
struct Line {
    permit: bool,
    calls_to_all: u64,
    next: u64,
    waiting: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    waker: Option<Waker>,
    woken: Woken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Woken {
    No,
    ByOne,
    ByAll,
}

impl Notify {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.state.lock().expect("nothing panics in here")
    }

    pub(crate) fn notify_one(&self) {
        let waker = self.line().wake_one();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn notify_waiters(&self) {
        let wakers: Vec<Waker> = {
            let mut line = self.line();
            line.calls_to_all += 1;
            let waiting = line.waiting.iter_mut();
            waiting
                .filter(|waiter| waiter.woken == Woken::No)
                .filter_map(|waiter| {
                    waiter.woken = Woken::ByAll;
                    waiter.waker.take()
                })
                .collect()
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn notified(&self) -> Notified<'_> {
        Notified {
            notify: self,
            calls_seen: self.line().calls_to_all,
            stage: Stage::New,
        }
    }
}

impl Line {
    fn wake_one(&mut self) -> Option<Waker> {
        let first = self
            .waiting
            .iter_mut()
            .find(|waiter| waiter.woken == Woken::No);
        match first {
            Some(waiter) => {
                waiter.woken = Woken::ByOne;
                waiter.waker.take()
            }
            None => {
                self.permit = true;
                None
            }
        }
    }

    fn leave(&mut self, number: u64) -> Option<Waiter> {
        let at = self
            .waiting
            .iter()
            .position(|waiter| waiter.number == number)?;
        self.waiting.remove(at)
    }
}

#[derive(Debug)]
pub(crate) struct Notified<'a> {
    notify: &'a Notify,
    calls_seen: u64,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    New,
    Waiting(u64),
    Done,
}

impl Notified<'_> {
    /// Begins to listen; true if there is a notification already.
    pub(crate) fn enable(self: Pin<&mut Self>) -> bool {
        !listens_late() && self.get_mut().look(None)
    }

    fn look(&mut self, waker: Option<&Waker>) -> bool {
        let mut line = self.notify.line();
        let done = match self.stage {
            Stage::Done => true,
            Stage::New if line.calls_to_all != self.calls_seen && !listens_late() => true,
            Stage::New if line.permit && PLANTED.get() != Some(Mistake::KeepsNoPermit) => {
                line.permit = false;
                true
            }
            Stage::New => {
                let number = line.next;
                line.next += 1;
                line.waiting.push_back(Waiter {
                    number,
                    waker: waker.cloned(),
                    woken: Woken::No,
                });
                self.stage = Stage::Waiting(number);
                false
            }
            Stage::Waiting(number) => {
                let waiter = line
                    .waiting
                    .iter_mut()
                    .find(|waiter| waiter.number == number);
                let waiter = waiter.expect("it left only when it was done");
                match waiter.woken {
                    Woken::No => {
                        if let Some(waker) = waker {
                            waiter.waker = Some(waker.clone());
                        }
                        false
                    }
                    Woken::ByOne | Woken::ByAll => {
                        line.leave(number);
                        true
                    }
                }
            }
        };
        if done {
            self.stage = Stage::Done;
        }
        done
    }
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.get_mut().look(Some(cx.waker())) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl Drop for Notified<'_> {
    fn drop(&mut self) {
        let Stage::Waiting(number) = self.stage else {
            return;
        };
        let next = {
            let mut line = self.notify.line();
            let left = line.leave(number);
            // Who was woken and never looked hands it on.
            match left.map(|waiter| waiter.woken) {
                Some(Woken::ByOne) => line.wake_one(),
                _ => None,
            }
        };
        if let Some(waker) = next {
            waker.wake();
        }
    }
}
