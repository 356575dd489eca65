//! Processes: started, watched, restarted, stopped.
//!
//! ```text
//! start ──► process ──first line──► up(address) ──ends by itself──► back-off ──► the same port again
//!              │ stdin held open                └─ six times a minute ──► given up: the whole ends
//!              └ stop: stdin closes ──► it finishes, flushes ──► too long: killed
//! ```
//!
//! A process ends when its standard input does, so none outlives a supervisor that was killed. Start at
//! [`Supervisor::start`].

pub mod backoff;
mod process;

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use common::lab::PeerEnv;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::fault::Fault;
use crate::log::Lines;
use crate::role::Role;

/// How long a service may take to listen. Far above what it takes; a bound, not a pause.
const START: Duration = Duration::from_secs(60);
/// How long a service may take to end before it is killed: more than what it gives itself.
pub const GRACE: Duration = Duration::from_secs(12);

/// What a service is started with.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Which service.
    pub role: Role,
    /// Its port; 0 is any free one, which it then keeps.
    pub port: u16,
    /// What else stands on its command line.
    pub args: Vec<String>,
    /// What it is told of LangSmith, and what belongs on no command line.
    pub env: PeerEnv,
    /// The mistake that it makes until it is restarted.
    pub fault: Option<Fault>,
}

/// What is to be done with a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// End it well, and do not start it again.
    Stop,
    /// End it as a crash does; it is started again.
    Kill,
}

/// How a process is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Status {
    Starting,
    /// It listens there.
    Up(String),
    /// It was told to end, and has.
    Down,
    /// It cannot be kept alive.
    GivenUp(String),
}

#[derive(Debug)]
struct Watched {
    role: Role,
    orders: mpsc::Sender<Order>,
    status: watch::Receiver<Status>,
    task: JoinHandle<()>,
}

/// All processes.
#[derive(Debug)]
pub struct Supervisor {
    lines: Lines,
    watched: Vec<Watched>,
}

impl Supervisor {
    /// Makes one that watches nothing yet.
    pub fn new(lines: Lines) -> Self {
        Self {
            lines,
            watched: Vec::new(),
        }
    }

    /// Starts a service, waits until it listens, and returns its address. From then on it is watched.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn start(&mut self, spec: Spec) -> Result<String> {
        let (orders, ordered) = mpsc::channel(4);
        let (status, mut told) = watch::channel(Status::Starting);
        let role = spec.role;
        let task = tokio::spawn(process::watch(spec, self.lines, ordered, status));
        self.watched.push(Watched {
            role,
            orders,
            status: told.clone(),
            task,
        });
        let started = told.wait_for(|status| *status != Status::Starting);
        let started = tokio::time::timeout(START, started).await;
        let started = started.with_context(|| format!("{role} does not start"))?;
        match &*started.context("nobody watches it")? {
            Status::Up(url) => Ok(url.clone()),
            Status::GivenUp(why) => bail!("{why}"),
            Status::Starting | Status::Down => bail!("{role} was stopped"),
        }
    }

    /// Kills a service as a crash would. The supervisor sees it end, and starts it again.
    ///
    /// # Errors
    /// If it does not run.
    pub async fn kill(&self, role: Role) -> Result<()> {
        self.lines.own(&format!("kills the {role}"));
        let watched = self.find(role)?;
        watched
            .orders
            .send(Order::Kill)
            .await
            .context("it has ended")
    }

    /// Ends a service well, and waits until it has; one that has ended already stays so.
    ///
    /// # Errors
    /// If there is no such service.
    pub async fn stop(&self, role: Role) -> Result<()> {
        let watched = self.find(role)?;
        // An error says that it has ended.
        let _ = watched.orders.send(Order::Stop).await;
        let mut status = watched.status.clone();
        let is_over = |status: &Status| matches!(status, Status::Down | Status::GivenUp(_));
        let _ = status.wait_for(is_over).await;
        Ok(())
    }

    /// Waits until a service cannot be kept alive, and returns why. As long as all can, it waits.
    pub async fn given_up(&self) -> anyhow::Error {
        let each = self.watched.iter().map(|watched| {
            let mut status = watched.status.clone();
            Box::pin(async move {
                let given_up = status.wait_for(|status| matches!(status, Status::GivenUp(_)));
                match given_up.await.map(|status| status.clone()) {
                    Ok(Status::GivenUp(why)) => anyhow!(why),
                    // It was stopped, and nobody watches it any more.
                    _ => std::future::pending().await,
                }
            })
        });
        futures_util::future::select_all(each).await.0
    }

    /// Waits until nobody is watched any more.
    pub async fn ended(self) {
        for watched in self.watched {
            let _ = watched.task.await;
        }
    }

    fn find(&self, role: Role) -> Result<&Watched> {
        let mut all = self.watched.iter();
        all.find(|watched| watched.role == role)
            .with_context(|| format!("there is no {role}"))
    }
}
