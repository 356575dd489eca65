//! What goes wrong, and when.
//!
//! ```text
//! 0 %      10  18    22  30    34  40     44  52       58 ─────────────── 80          100 %
//!          503 ──    slow ─    429 ─      reset        outage ───────────
//!                                                          retriever dead 64 ── 70
//! ```
//!
//! Start at [`SCHEDULE`].

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::Result;
use common::langsmith_mock::{self as mock, ConnectionFault, Route};
use tokio::sync::watch;

use super::Sink;
use crate::services::{Fleet, Role};

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The service answers 503 to every second request.
    Unavailable,
    /// The service answers late.
    Slow,
    /// The service answers 429 and asks for a second of rest.
    TooMany,
    /// Runs arrive, and the connection breaks before the answer: the client cannot know.
    Reset,
    /// Nobody listens.
    Outage,
    /// The retriever is killed, and started again some time later.
    Killed,
}

impl Fault {
    /// Returns the name in reports and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unavailable => "503",
            Self::Slow => "slow",
            Self::TooMany => "429",
            Self::Reset => "reset",
            Self::Outage => "outage",
            Self::Killed => "killed",
        }
    }

    /// Says what it is in a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::Unavailable => "the backend answered 503 to every second request",
            Self::Slow => "the backend took half a second longer for each answer",
            Self::TooMany => "the backend answered 429 with Retry-After: 1",
            Self::Reset => "the backend took the runs and cut the connection before its answer",
            Self::Outage => "nobody listened at the backend's port",
            Self::Killed => "the retriever was killed (SIGKILL), and started again at the end",
        }
    }
}

/// When something goes wrong, in parts of the whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// What.
    pub fault: Fault,
    /// From when.
    pub from: f64,
    /// Until when.
    pub to: f64,
}

/// The order of the day. The kill is within the outage: what the process holds then has nowhere to go, and in memory
/// alone it is lost with certainty.
pub const SCHEDULE: [Window; 6] = [
    window(Fault::Unavailable, 0.10, 0.18),
    window(Fault::Slow, 0.22, 0.30),
    window(Fault::TooMany, 0.34, 0.40),
    window(Fault::Reset, 0.44, 0.52),
    window(Fault::Outage, 0.58, 0.80),
    window(Fault::Killed, 0.64, 0.70),
];

const fn window(fault: Fault, from: f64, to: f64) -> Window {
    Window { fault, from, to }
}

/// How much later answers come.
const DELAY: Duration = Duration::from_millis(500);

/// What went wrong, as it was done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Injected {
    /// What.
    pub fault: Fault,
    /// When it began, in seconds.
    pub from: f64,
    /// When it was to begin, in seconds: requests that were due later have met it.
    pub planned: f64,
    /// When it ended, in seconds; none while it lasts.
    pub to: Option<f64>,
}

/// A beginning or an end of the schedule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Of what.
    pub fault: Fault,
    /// Whether it begins; else it ends.
    pub begins: bool,
    window: Window,
}

/// Works off a schedule, one step after the other.
///
/// Two things make it do the same on a machine that is slow: a fault lasts as long as it was to last, however late it
/// began; and requests that are due after the beginning of a fault do not leave before it has begun.
#[derive(Debug)]
pub struct Chaos {
    ahead: VecDeque<Step>,
    length: f64,
    injected: Vec<Injected>,
    last: f64,
    gate: watch::Sender<f64>,
}

impl Chaos {
    /// Takes a schedule for a load of that length.
    pub fn new(schedule: &[Window], length: Duration) -> Self {
        let both = |window: &Window| {
            [true, false].map(|begins| Step {
                fault: window.fault,
                begins,
                window: *window,
            })
        };
        let mut steps: Vec<Step> = schedule.iter().flat_map(both).collect();
        steps.sort_by(|a, b| a.at().total_cmp(&b.at()));
        let chaos = Self {
            ahead: steps.into(),
            length: length.as_secs_f64(),
            injected: Vec::new(),
            last: 0.0,
            gate: watch::Sender::new(f64::INFINITY),
        };
        chaos.open_gate();
        chaos
    }

    /// Returns up to when requests may leave: the moment of the plan, in seconds, at which the next fault begins.
    pub fn gate(&self) -> watch::Receiver<f64> {
        self.gate.subscribe()
    }

    /// Returns what is due at `now`, seconds from the beginning; one step, since the next may depend on it.
    pub fn due(&self, now: f64) -> Option<Step> {
        let next = *self.ahead.front()?;
        (self.due_at(next) <= now).then_some(next)
    }

    /// Returns when a fault that has begun was to begin, in seconds; none if it has not.
    pub fn planned(&self, fault: Fault) -> Option<f64> {
        let began = |one: &&Injected| one.fault == fault;
        self.injected.iter().find(began).map(|one| one.planned)
    }

    /// Returns since when a step has been due, in seconds from the beginning: not before the one ahead of it was taken.
    pub fn due_at(&self, step: Step) -> f64 {
        let began = |one: &&Injected| one.fault == step.fault && one.to.is_none();
        let at = match self.injected.iter().find(began) {
            Some(one) if !step.begins => {
                one.from + (step.window.to - step.window.from) * self.length
            }
            _ => step.at() * self.length,
        };
        at.max(self.last)
    }

    /// Takes the next step.
    ///
    /// # Errors
    /// If a service cannot be killed or started, or the port cannot be had again.
    pub async fn step(&mut self, now: f64, sink: &mut Sink, fleet: &mut Fleet) -> Result<()> {
        let Some(step) = self.ahead.pop_front() else {
            return Ok(());
        };
        match step.begins {
            true => {
                begin(step.fault, sink, fleet).await?;
                self.injected.push(Injected {
                    fault: step.fault,
                    from: now,
                    planned: step.at() * self.length,
                    to: None,
                });
            }
            false => self.end(step.fault, now, sink, fleet).await?,
        }
        self.last = now;
        self.open_gate();
        Ok(())
    }

    /// Ends whatever is wrong still.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub async fn finish(&mut self, now: f64, sink: &mut Sink, fleet: &mut Fleet) -> Result<()> {
        self.ahead.clear();
        self.open_gate();
        for fault in self.now() {
            self.end(fault, now, sink, fleet).await?;
        }
        Ok(())
    }

    /// Returns what is wrong at present.
    pub fn now(&self) -> Vec<Fault> {
        let lasting = self.injected.iter().filter(|one| one.to.is_none());
        lasting.map(|one| one.fault).collect()
    }

    /// Returns what went wrong so far.
    pub fn injected(&self) -> &[Injected] {
        &self.injected
    }

    fn open_gate(&self) {
        let next = self.ahead.iter().find(|step| step.begins);
        let until = next.map_or(f64::INFINITY, |step| step.at() * self.length);
        self.gate.send_replace(until);
    }

    async fn end(
        &mut self,
        fault: Fault,
        now: f64,
        sink: &mut Sink,
        fleet: &mut Fleet,
    ) -> Result<()> {
        match fault {
            Fault::Outage => sink.door.open().await?,
            Fault::Killed => fleet.restart(Role::Retriever).await?,
            // No two of these overlap in the schedule.
            _ => sink.mock.clear_faults(),
        }
        let lasting = self.injected.iter_mut();
        for one in lasting.filter(|one| one.fault == fault && one.to.is_none()) {
            one.to = Some(now);
        }
        Ok(())
    }
}

impl Step {
    /// Returns its place in the schedule, in parts of the whole.
    fn at(&self) -> f64 {
        match self.begins {
            true => self.window.from,
            false => self.window.to,
        }
    }
}

async fn begin(fault: Fault, sink: &mut Sink, fleet: &mut Fleet) -> Result<()> {
    let order = |fault: mock::Fault| sink.mock.fault(fault.on(Route::Multipart));
    match fault {
        Fault::Unavailable => order(mock::Fault::status(503).percent(50)),
        Fault::Slow => order(mock::Fault::delay(DELAY)),
        Fault::TooMany => order(mock::Fault::status(429).retry_after("1")),
        Fault::Reset => {
            order(mock::Fault::connection(ConnectionFault::CutBeforeAnswer).percent(50))
        }
        Fault::Outage => sink.door.shut().await,
        Fault::Killed => fleet.kill(Role::Retriever).await?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_faults_on_order_do_not_overlap_and_the_kill_is_within_the_outage() {
        let orders: Vec<&Window> = SCHEDULE
            .iter()
            .filter(|window| window.fault != Fault::Killed)
            .collect();
        assert!(orders.windows(2).all(|pair| pair[0].to < pair[1].from));
        let find = |fault| {
            SCHEDULE
                .iter()
                .find(|window| window.fault == fault)
                .unwrap()
        };
        let (outage, killed) = (find(Fault::Outage), find(Fault::Killed));
        assert!(outage.from < killed.from && killed.to < outage.to);
        assert!(
            SCHEDULE
                .iter()
                .all(|window| window.from < window.to && window.to < 1.0)
        );
        assert!(SCHEDULE.is_sorted_by(|a, b| a.from < b.from));
    }

    #[test]
    fn steps_come_in_order_one_at_a_time_and_hold_back_the_requests_that_are_to_meet_the_next_fault()
     {
        let chaos = Chaos::new(&SCHEDULE, Duration::from_secs(100));
        let steps: Vec<_> = chaos
            .ahead
            .iter()
            .map(|step| (step.fault, step.begins))
            .collect();
        let last = [
            (Fault::Outage, true),
            (Fault::Killed, true),
            (Fault::Killed, false),
            (Fault::Outage, false),
        ];
        assert_eq!(steps[8..], last);
        assert_eq!(*chaos.gate().borrow(), 10.0);
        assert_eq!(chaos.due(9.9), None);
        assert!(
            chaos
                .due(1_000.0)
                .is_some_and(|step| step.fault == Fault::Unavailable && step.begins)
        );
        let quiet = Chaos::new(&[], Duration::from_secs(100));
        assert_eq!(*quiet.gate().borrow(), f64::INFINITY);
    }
}
