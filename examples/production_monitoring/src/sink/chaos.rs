//! What goes wrong, and when.
//!
//! ```text
//! 0 %      10  18    22  30    34  40     44  52       58 ─────────────── 80          100 %
//!          503 ──    slow ─    429 ─      reset        outage ───────────
//!                                                          retriever dead 64 ── 70
//! ```
//!
//! Start at [`SCHEDULE`].

use std::time::Duration;

use anyhow::Result;
use common::langsmith_mock::{self as mock, ConnectionFault, Route};

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
    /// When it ended, in seconds; none while it lasts.
    pub to: Option<f64>,
}

/// Works off a schedule.
#[derive(Debug)]
pub struct Chaos {
    ahead: Vec<Window>,
    lasting: Vec<Window>,
    length: f64,
    injected: Vec<Injected>,
}

impl Chaos {
    /// Takes a schedule for a load of that length.
    pub fn new(schedule: &[Window], length: Duration) -> Self {
        Self {
            ahead: schedule.to_vec(),
            lasting: Vec::new(),
            length: length.as_secs_f64(),
            injected: Vec::new(),
        }
    }

    /// Does what is due at `now`, seconds from the beginning.
    ///
    /// # Errors
    /// If a service cannot be killed or started, or the port cannot be had again.
    pub async fn step(&mut self, now: f64, sink: &mut Sink, fleet: &mut Fleet) -> Result<()> {
        let is_over = |window: &Window| window.to * self.length <= now;
        let (over, lasting): (Vec<_>, Vec<_>) = self.lasting.iter().partition(|one| is_over(one));
        self.lasting = lasting;
        for window in over {
            self.end(window.fault, now, sink, fleet).await?;
        }
        while self
            .ahead
            .first()
            .is_some_and(|next| next.from * self.length <= now)
        {
            let window = self.ahead.remove(0);
            let fault = window.fault;
            begin(fault, sink, fleet).await?;
            self.lasting.push(window);
            self.injected.push(Injected {
                fault,
                from: now,
                to: None,
            });
        }
        Ok(())
    }

    /// Ends whatever is wrong still.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub async fn finish(&mut self, now: f64, sink: &mut Sink, fleet: &mut Fleet) -> Result<()> {
        self.ahead.clear();
        for window in std::mem::take(&mut self.lasting) {
            self.end(window.fault, now, sink, fleet).await?;
        }
        Ok(())
    }

    /// Returns what is wrong at present.
    pub fn now(&self) -> Vec<Fault> {
        self.lasting.iter().map(|window| window.fault).collect()
    }

    /// Returns what went wrong so far.
    pub fn injected(&self) -> &[Injected] {
        &self.injected
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
}
