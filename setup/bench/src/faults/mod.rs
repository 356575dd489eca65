//! The loss table: what arrives when the endpoint, the network or the process itself fails.
//!
//! ```text
//!   Case ─► sink with a script ◄─ driver, 100 traces a second ─► ids whose end calls have returned
//!             │                     └─ flush · return · exit · SIGTERM · SIGKILL · fork
//!             ▼                        (durable: the process is started again)
//!   Tally ─────────── how many of these ids are there, whole ───► Outcome
//! ```
//!
//! Delivered means answered 2xx, and readable in the sink. Start at [`measure`].

mod cases;
mod kills;
mod table;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::process::Signal;
use serde::Serialize;

use crate::contestants::{self, Contestant};
use crate::folders;
use crate::process::Process;
use crate::protocol::{Ending, Odd, Order, Report};
use crate::rounds::bar;
use crate::sink::{Script, Sink, Trouble};
use crate::workload::{Workload, write_prose};

pub use cases::{Case, cases};
pub use kills::kills;
pub use table::{explanations, matrix};

/// Traces a second.
const RATE: f64 = 100.0;

/// Who is measured: ours with and without a spool, and the SDK that most programs use.
const WHO: [&str; 3] = ["ours", "ours-durable", "py-traceable"];

/// How many seconds a flush may take: more than a request that hangs, and than any trouble that passes.
const FLUSH: f64 = 25.0;

/// How long a driver may take besides what it traces and what it flushes: to start, to recover, to end.
const BESIDES: Duration = Duration::from_secs(15);

/// What became of the runs in one case.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Outcome {
    /// Valid runs whose end call had returned.
    pub accepted: usize,
    /// How many of them arrived whole.
    pub delivered: usize,
    /// Beginnings and ends that came again.
    pub again: usize,
    /// Runs that arrived cut, because they were too large.
    pub cut: usize,
    /// Seconds from the last trace, or from the signal, until the process had ended.
    pub exit: f64,
    /// It had not ended by then, and was killed.
    pub hung: bool,
    /// The 99th of hundred traces: microseconds of a run's calls.
    pub caller_p99: f64,
    /// What the library says of losses.
    pub said: Option<String>,
    /// Whether another host saw the key.
    pub leaked: bool,
}

impl Outcome {
    /// Returns the delivered of hundred accepted.
    pub fn percent(&self) -> f64 {
        self.delivered as f64 / self.accepted.max(1) as f64 * 100.0
    }
}

/// What became of the runs of each contestant; a reason if that could not be measured.
pub type Row = Vec<(Contestant, Result<Outcome, String>)>;

/// What all cases said.
#[derive(Debug, Default)]
pub struct Outcomes {
    /// Each case with its row.
    pub rows: Vec<(Case, Row)>,
    /// Who could not be measured, and why.
    pub left_out: Vec<(&'static str, &'static str)>,
}

impl Outcomes {
    /// Returns the cases in which the durable mode did not deliver everything. Of nothing, nothing is shown.
    pub fn broken_promises(&self) -> Vec<&'static str> {
        let kept =
            |outcome: &Outcome| outcome.accepted > 0 && outcome.delivered == outcome.accepted;
        let mut broken = Vec::new();
        for (case, outcomes) in &self.rows {
            let durable = outcomes.iter().find(|(who, _)| who.name == "ours-durable");
            if !durable.is_some_and(|(_, outcome)| outcome.as_ref().is_ok_and(kept)) {
                broken.push(case.id);
            }
        }
        broken
    }
}

/// Goes through all cases; the contestants of a case work side by side, for it is no race.
///
/// # Errors
/// If `only` names a fault that there is not, or there is no place for the text that is carried.
pub fn measure(quick: bool, only: &[String]) -> Result<Outcomes> {
    let folder = folders::make()?;
    let prose = write_prose(folder.path())?;
    let who: Result<Vec<_>> = WHO.iter().map(|name| contestants::named(name)).collect();
    let mut outcomes = Outcomes::default();
    let mut present = Vec::new();
    for contestant in who? {
        match contestant.missing() {
            None => present.push(contestant),
            Some(why) => outcomes.left_out.push((contestant.title, why)),
        }
    }
    let who = present;
    let mut cases = cases(quick);
    let known = || cases.iter().map(|case| case.id).collect::<Vec<_>>();
    if let Some(unknown) = only.iter().find(|id| !known().contains(&id.as_str())) {
        anyhow::bail!(
            "no fault is called {unknown}; there are: {}",
            known().join(" ")
        );
    }
    cases.retain(|case| only.is_empty() || only.iter().any(|id| id == case.id));
    let bar = bar(cases.len());
    for case in cases {
        bar.set_message(case.title);
        let row = std::thread::scope(|scope| {
            let runs: Vec<_> = who
                .iter()
                .map(|who| (*who, scope.spawn(|| take(*who, &case, &prose))))
                .collect();
            let joined = runs.into_iter().map(|(who, run)| {
                let outcome = match run.join() {
                    Ok(outcome) => outcome.map_err(|error| format!("{error:#}")),
                    Err(_) => Err("the measurement panicked".to_owned()),
                };
                (who, outcome)
            });
            joined.collect()
        });
        outcomes.rows.push((case, row));
        bar.inc(1);
        if bar.is_hidden() {
            eprintln!("… {} of the faults are done", outcomes.rows.len());
        }
    }
    bar.finish_and_clear();
    Ok(outcomes)
}

fn take(who: Contestant, case: &Case, prose: &Path) -> Result<Outcome> {
    let elsewhere = Sink::start(Script::default())?;
    let sink = Sink::start(case.script(&elsewhere.url))?;
    let spool = folders::make()?;
    let order = Order {
        url: sink.url.clone(),
        prose: prose.to_owned(),
        workload: Workload {
            traces: (case.seconds * RATE) as usize,
            spans: 5,
            bytes: 1_024,
        },
        warm_up: 0,
        rate: Some(RATE),
        ending: case.ending,
        spool: Some(spool.path().join("spool")),
        odd: case.odd,
        tells_ids: true,
        patience: FLUSH,
    };
    let mut process = Process::start(who, &order)?;
    let until = Instant::now() + patience(case);
    let heard = listen(&process, case, until)?;
    let ended = process.end(until.saturating_duration_since(Instant::now()))?;
    let mut outcome = Outcome {
        exit: heard.last.elapsed().as_secs_f64(),
        hung: ended.is_none(),
        ..Outcome::default()
    };
    if who.name == "ours-durable" && case.ending != Ending::Flush {
        recover(who, &order)?;
    }
    if let Some(report) = heard.report {
        outcome.caller_p99 = p99(&report);
        outcome.said = report.said;
    }
    outcome.leaked = elsewhere.saw_key();
    let is_valid = |(at, _): &(usize, &String)| Some(*at) != invalid(case.odd, &case.trouble);
    let valid = heard.ids.iter().enumerate().filter(is_valid);
    let valid: Vec<&String> = valid.map(|(_, id)| id).collect();
    let tally = sink.finish()?;
    outcome.accepted = valid.len();
    outcome.delivered = tally.complete_of(valid);
    outcome.again = tally.duplicates();
    outcome.cut = tally.cut();
    Ok(outcome)
}

/// Returns which of the ids is of a run that no server would take.
fn invalid(odd: Option<Odd>, trouble: &Trouble) -> Option<usize> {
    let odd = odd.filter(|_| matches!(trouble, Trouble::Refuse { .. }))?;
    Some(odd.at * 5)
}

/// Starts the program once more, to send what the last one left behind.
fn recover(who: Contestant, order: &Order) -> Result<()> {
    let mut again = order.clone();
    again.workload.traces = 0;
    again.ending = Ending::Flush;
    again.rate = None;
    let mut process = Process::start(who, &again)?;
    let patience = Duration::from_secs_f64(order.patience) + BESIDES;
    let _: Report = process.report(patience, |_| {})?;
    process.end(patience)?;
    Ok(())
}

/// What a driver said before it ended.
struct Heard {
    ids: Vec<String>,
    report: Option<Report>,
    /// When it told of its last trace, or was sent a signal.
    last: Instant,
}

/// How long a driver may take in all. One deadline: what hangs is not waited for twice.
fn patience(case: &Case) -> Duration {
    let traces = match case.ending {
        Ending::Signal | Ending::GracefulSignal => case.signal_after,
        _ => Duration::from_secs_f64(case.seconds),
    };
    traces + Duration::from_secs_f64(FLUSH) + BESIDES
}

fn listen(process: &Process, case: &Case, last: Instant) -> Result<Heard> {
    let mut heard = Heard {
        ids: Vec::new(),
        report: None,
        last: Instant::now(),
    };
    let signal = match case.ending {
        Ending::Signal => Some(Signal::KILL),
        Ending::GracefulSignal => Some(Signal::TERM),
        _ => None,
    };
    let mut due = None;
    loop {
        match process.line(due.map_or(last, |(_, due)| due)) {
            Some(line) if line.starts_with('{') => {
                heard.report = Some(serde_json::from_str(&line).context("a driver's report")?);
            }
            Some(line) => {
                if heard.ids.is_empty() {
                    // The time runs from the first trace: interpreters take long to start.
                    due = signal.map(|signal| (signal, Instant::now() + case.signal_after));
                }
                heard.ids.extend(line.split(' ').map(str::to_owned));
                if due.is_some() || signal.is_none() {
                    heard.last = Instant::now();
                }
            }
            None => match due.take_if(|(_, due)| Instant::now() >= *due) {
                Some((signal, _)) => {
                    process.signal(signal)?;
                    heard.last = Instant::now();
                }
                None => return Ok(heard),
            },
        }
    }
}

fn p99(report: &Report) -> f64 {
    let mut traces = report.trace_ns.clone();
    traces.sort_unstable();
    let at = (traces.len() * 99 / 100).min(traces.len().max(1) - 1);
    traces.get(at).copied().unwrap_or_default() as f64 / 5e3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(accepted: usize, delivered: usize) -> Outcomes {
        let durable = contestants::named("ours-durable").expect("it is one of ours");
        let outcome = Outcome {
            accepted,
            delivered,
            ..Outcome::default()
        };
        Outcomes {
            rows: vec![(cases(true).remove(0), vec![(durable, Ok(outcome))])],
            ..Outcomes::default()
        }
    }

    #[test]
    fn a_promise_is_kept_by_runs_that_arrived_and_not_by_none() {
        assert!(outcomes(5, 5).broken_promises().is_empty());
        assert_eq!(outcomes(5, 4).broken_promises(), ["500"]);
        assert_eq!(outcomes(0, 0).broken_promises(), ["500"]);
        let mut unmeasured = outcomes(5, 5);
        unmeasured.rows[0].1.clear();
        assert_eq!(unmeasured.broken_promises(), ["500"]);
    }

    #[test]
    fn a_fault_that_there_is_not_is_no_success() {
        let error = measure(true, &["bogus".to_owned()]).expect_err("there is none");
        assert!(
            error.to_string().contains("bogus; there are: 500 503"),
            "{error}"
        );
    }
}
