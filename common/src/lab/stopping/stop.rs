//! An ending, lived through.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::ending::Ending;
use super::life::{End, Life};
use super::stopped::{Stopped, ended_by};
use crate::analysis::REQUEST_ID;
use crate::export::Destination;
use crate::lab::PeerEnv;
use crate::lab::ScratchFolder;
use crate::lab::lesson::STAND_IN_KEY;
use crate::lab::program::{self, ProgramError};
use crate::langsmith_mock::{Fault, LangSmithMock, OpKind};
use crate::model::{Run, RunStatus};

/// The program, among the binaries of this crate.
const PROGRAM: &str = "stopped-service";

/// Runs of one request: the answer, and the call of a model below it.
const RUNS_OF_A_REQUEST: usize = 2;

/// Each run is two operations: its beginning and its end.
const OPERATIONS_OF_A_REQUEST: u64 = 2 * RUNS_OF_A_REQUEST as u64;

/// How long the program may take to send what it holds when it is told to end; one second, so that a lesson does
/// not wait. Kubernetes gives 30 s, and a service takes what its runs need.
pub const GRACE: Duration = Duration::from_secs(1);

/// Why an ending could not be lived through.
#[derive(Debug, thiserror::Error)]
pub enum StoppingError {
    /// The program is not there: the text says what builds it.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The program could not be started, written to or signalled.
    #[error("the program `stopped-service` cannot be reached: {0}")]
    Process(#[from] std::io::Error),
    /// The program ended before its time; the text is what it said.
    #[error("the program `stopped-service` ended before its time: {said}")]
    Ended {
        /// Its last words.
        said: String,
    },
    /// The program did not answer.
    #[error("the program `stopped-service` does not answer")]
    Silent,
    /// The task that looked after the program was lost, as by the end of the runtime.
    #[error("the program `stopped-service` was left alone")]
    Left,
}

/// Starts a process that traces, gives it `requests` requests, ends it in this way, and counts what arrived.
///
/// Each request is two runs. The process sends to a stand-in of its own, and its folder for a spool is removed
/// afterwards.
///
/// ```no_run
/// use common::lab::stopping::{Ending, stop};
///
/// # async fn lesson() -> Result<(), common::lab::stopping::StoppingError> {
/// let frozen = stop(Ending::Frozen, 5).await?;
/// let flushed = stop(Ending::FrozenAfterFlush, 5).await?;
/// assert_eq!((frozen.arrived, flushed.arrived), (0, 5));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// When the program is not built, or does not do its part.
pub async fn stop(ending: Ending, requests: usize) -> Result<Stopped, StoppingError> {
    let mock = LangSmithMock::builder().keys([STAND_IN_KEY]).start().await;
    if ending.is_in_outage() {
        mock.fault(Fault::status(503));
    }
    let to = Destination::new(mock.url()).api_key(STAND_IN_KEY);
    let plan = Plan {
        ending,
        program: program::find(PROGRAM)?,
        env: PeerEnv::new("stopping", &[to]),
        folder: ScratchFolder::new("stopping"),
        ids: (1..=requests).map(|number| format!("r-{number}")).collect(),
    };
    let lived = tokio::task::spawn_blocking(move || plan.first_life().map(|end| (end, plan)));
    let (end, mut plan) = lived.await.map_err(|_| StoppingError::Left)??;
    let mut recovered = 0;
    if ending.lives_again() {
        mock.clear_faults();
        let before = arrived(&mock, &plan.ids);
        let lived = tokio::task::spawn_blocking(move || plan.second_life().map(|()| plan));
        plan = lived.await.map_err(|_| StoppingError::Left)??;
        recovered = (arrived(&mock, &plan.ids) - before) as u64;
    }
    let asked = requests as u64;
    let arrived = arrived(&mock, &plan.ids) as u64;
    Ok(Stopped {
        ending,
        asked,
        accepted: accepted(&end.said),
        arrived,
        recovered,
        twice: twice(&mock),
        lost: reasons(asked - arrived, &end.said, ending),
        ended_by: ended_by(end.status),
        took: end.took,
        trees: mock.tree(),
    })
}

/// Lives through every ending, one after the other.
///
/// # Errors
/// As [`stop`].
pub async fn stop_all(requests: usize) -> Result<Vec<Stopped>, StoppingError> {
    let mut all = Vec::with_capacity(Ending::ALL.len());
    for ending in Ending::ALL {
        all.push(stop(ending, requests).await?);
    }
    Ok(all)
}

/// What is done to the program.
struct Plan {
    ending: Ending,
    program: PathBuf,
    env: PeerEnv,
    folder: ScratchFolder,
    ids: Vec<String>,
}

impl Plan {
    fn options(&self) -> Vec<String> {
        let mut options = Vec::new();
        for option in self.ending.options() {
            options.push((*option).to_owned());
            match *option {
                "--grace" | "--flush-each" => {
                    // A flush has as long as it needs here: what is shown is that it is there.
                    let time = if *option == "--grace" {
                        GRACE
                    } else {
                        GRACE * 10
                    };
                    options.push(time.as_millis().to_string());
                }
                "--spool" => options.push(self.folder.path().display().to_string()),
                _ => {}
            }
        }
        options
    }

    fn first_life(&self) -> Result<End, StoppingError> {
        let mut life = Life::start(&self.program, &self.env, &self.options())?;
        let is_forked = matches!(self.ending, Ending::ForkedByHand | Ending::Forked);
        if is_forked {
            life.say("fork")?;
            life.hear("forked")?;
        }
        let freezes = matches!(self.ending, Ending::Frozen | Ending::FrozenAfterFlush);
        for (at, id) in self.ids.iter().enumerate() {
            if freezes && at > 0 {
                life.thaw()?;
            }
            life.ask(id)?;
            if freezes {
                life.freeze()?;
            }
        }
        match self.ending {
            Ending::Terminated
            | Ending::TerminatedInGrace
            | Ending::TerminatedInOutage
            | Ending::TerminatedInOutageSpooled => life.terminate(),
            // A frozen process hears nothing but this.
            Ending::Frozen | Ending::FrozenAfterFlush | Ending::Killed | Ending::KilledDurable => {
                life.kill()
            }
            Ending::WorkerExits | Ending::WorkerFlushesEachTask => {
                life.say("exit")?;
                life.wait()
            }
            Ending::ForkedByHand | Ending::Forked => life.finish(),
        }
    }

    /// Starts the program again as it was, gives it nothing to do, and lets it end in peace.
    fn second_life(&self) -> Result<(), StoppingError> {
        let life = Life::start(&self.program, &self.env, &self.options())?;
        life.finish().map(|_| ())
    }
}

/// Counts requests all of whose runs are there and ended.
fn arrived(mock: &LangSmithMock, ids: &[String]) -> usize {
    let mut whole: BTreeMap<String, usize> = BTreeMap::new();
    let ended = |run: &Run| run.status() != RunStatus::Pending;
    for run in mock.runs().iter().filter(|run| ended(run)) {
        if let Some(id) = run
            .extra
            .metadata
            .get(REQUEST_ID)
            .and_then(|id| id.as_str())
        {
            *whole.entry(id.to_owned()).or_default() += 1;
        }
    }
    ids.iter()
        .filter(|id| whole.get(*id) == Some(&RUNS_OF_A_REQUEST))
        .count()
}

/// Counts runs whose beginning was received more than once.
fn twice(mock: &LangSmithMock) -> u64 {
    let mut creates: BTreeMap<String, u64> = BTreeMap::new();
    let log = mock.ingest_log();
    for entry in log.iter().filter(|entry| entry.kind == OpKind::Post) {
        *creates.entry(entry.id.clone()).or_default() += 1;
    }
    creates.values().filter(|count| **count > 1).count() as u64
}

/// Reads how many requests the client had taken in when the last was answered, as the process said it.
fn accepted(said: &[String]) -> u64 {
    let mut told = said
        .iter()
        .filter_map(|line| line.strip_prefix("accepted "));
    let operations: Option<u64> = told.next_back().and_then(|count| count.parse().ok());
    operations.unwrap_or_default() / OPERATIONS_OF_A_REQUEST
}

/// Tells lost requests by reason: what the process said before it ended, and where the rest was.
fn reasons(lost: u64, said: &[String], ending: Ending) -> BTreeMap<String, u64> {
    let mut told: BTreeMap<String, u64> = BTreeMap::new();
    for line in said {
        let dropped = line
            .strip_prefix("dropped ")
            .and_then(|rest| rest.split_once(' '));
        if let Some((Ok(count), reason)) = dropped.map(|(count, why)| (count.parse::<u64>(), why)) {
            *told.entry(reason.to_owned()).or_default() += count;
        }
    }
    let mut left = lost;
    let mut reasons = BTreeMap::new();
    for (reason, count) in told {
        let requests = count.div_ceil(OPERATIONS_OF_A_REQUEST).min(left);
        left -= requests;
        if requests > 0 {
            reasons.insert(reason, requests);
        }
    }
    if left > 0 {
        reasons.insert(ending.held().to_owned(), left);
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_process_said_comes_first_and_the_rest_was_where_its_ending_left_it() {
        let said = ["dropped 8 the endpoint fails", "ready", "dropped x y"].map(str::to_owned);
        let told = reasons(3, &said, Ending::Killed);
        let expected = [
            ("in memory when the process ended".to_owned(), 1),
            ("the endpoint fails".to_owned(), 2),
        ];
        assert_eq!(told, BTreeMap::from(expected));
        assert!(reasons(0, &said, Ending::Killed).is_empty());
    }
}
