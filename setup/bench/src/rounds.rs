//! The cost table: rounds in which everybody has a turn at every workload.

use std::collections::BTreeMap;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

use crate::contestants::Contestant;
use crate::headers;
use crate::sample::Sample;
use crate::web::{self, WAYS, Way};
use crate::workload::{WORKLOADS, Workload, write_prose};

/// What was measured: for each workload and contestant, a sample from each round.
#[derive(Debug, Default)]
pub struct Results {
    samples: BTreeMap<(&'static str, &'static str), Vec<Sample>>,
    /// What headers cost, by the name of who was measured: a round each.
    pub headers: Vec<(Contestant, Vec<headers::Cost>)>,
    /// What the middleware costs, by the way to serve: a round each.
    pub web: Vec<(Way, Vec<web::Load>)>,
    /// Who could not be measured, and why.
    pub left_out: Vec<(&'static str, String)>,
    /// How many rounds there were.
    pub rounds: usize,
}

impl Results {
    /// Returns the samples of a contestant, a round each.
    pub fn of(&self, workload: &'static str, contestant: Contestant) -> Option<&[Sample]> {
        let samples = self.samples.get(&(workload, contestant.name))?;
        Some(samples.as_slice())
    }
}

/// What part of the workloads is done.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Rounds.
    pub rounds: usize,
    /// The part of a workload that the fast ones do.
    pub part: f64,
    /// The part of that which Python and JavaScript do.
    pub slow_part: f64,
}

impl Size {
    /// The whole workloads, nine times.
    pub const FULL: Self = Self {
        rounds: 9,
        part: 1.0,
        slow_part: 0.1,
    };
    /// A fifth of them, three times.
    pub const QUICK: Self = Self {
        rounds: 3,
        part: 0.2,
        slow_part: 0.1,
    };

    fn of(self, contestant: Contestant, workload: Workload) -> Workload {
        match contestant.gets_a_tenth() {
            true => workload.scaled(self.part * self.slow_part),
            false => workload.scaled(self.part),
        }
    }
}

/// Measures everybody; one who fails is left out from then on, with the reason. `edges` adds headers and
/// middleware.
///
/// # Errors
/// If there is no place for the text that is carried.
pub fn measure(contestants: &[Contestant], size: Size, edges: bool) -> Result<Results> {
    let folder = crate::folders::make()?;
    let prose = write_prose(folder.path())?;
    let mut results = Results {
        rounds: size.rounds,
        ..Results::default()
    };
    let mut present: Vec<Contestant> = Vec::new();
    for contestant in contestants {
        match contestant.missing() {
            None => present.push(*contestant),
            Some(why) => results.leave_out(contestant.title, why),
        }
    }
    if edges {
        results.headers = headers::present().map(|it| (it, Vec::new())).collect();
        let ways = WAYS.into_iter().filter(|way| way.missing().is_none());
        results.web = ways.map(|way| (way, Vec::new())).collect();
    }
    let turns = WORKLOADS.len() * present.len() + results.headers.len() + results.web.len();
    let bar = bar(size.rounds * turns);
    for round in 1..=size.rounds {
        for (id, _, workload) in WORKLOADS {
            let mut failed = Vec::new();
            for contestant in &present {
                bar.set_message(format!("round {round}, {id}, {}", contestant.title));
                match Sample::take(*contestant, size.of(*contestant, workload), &prose) {
                    Ok(sample) => {
                        let key = (id, contestant.name);
                        results.samples.entry(key).or_default().push(sample);
                    }
                    Err(error) => {
                        results.leave_out(contestant.title, format!("{error:#}"));
                        failed.push(*contestant);
                    }
                }
                bar.inc(1);
            }
            present.retain(|contestant| !failed.contains(contestant));
        }
        results.headers_round(&bar);
        results.web_round(&bar, size.part);
        if bar.is_hidden() {
            eprintln!("… round {round} of {} is done", size.rounds);
        }
    }
    bar.finish_and_clear();
    Ok(results)
}

impl Results {
    fn leave_out(&mut self, title: &'static str, why: impl Into<String>) {
        self.left_out.push((title, why.into()));
    }

    fn headers_round(&mut self, bar: &ProgressBar) {
        let mut failed = Vec::new();
        for (contestant, costs) in &mut self.headers {
            bar.set_message(format!("headers, {}", contestant.title));
            match headers::take(*contestant) {
                Ok(cost) => costs.push(cost),
                Err(error) => failed.push((contestant.title, format!("{error:#}"))),
            }
            bar.inc(1);
        }
        self.headers
            .retain(|(it, _)| failed.iter().all(|(title, _)| *title != it.title));
        self.left_out.extend(failed);
    }

    fn web_round(&mut self, bar: &ProgressBar, part: f64) {
        let mut failed = Vec::new();
        for (way, loads) in &mut self.web {
            bar.set_message(format!("under load, {}", way.title));
            match web::take(*way, part) {
                Ok(load) => loads.push(load),
                Err(error) => failed.push((way.title, format!("{error:#}"))),
            }
            bar.inc(1);
        }
        self.web
            .retain(|(it, _)| failed.iter().all(|(title, _)| *title != it.title));
        self.left_out.extend(failed);
    }
}

/// Shows a bar on a terminal.
pub(crate) fn bar(length: usize) -> ProgressBar {
    let style = "{spinner} [{bar:24}] {pos}/{len} {elapsed:>4}, {eta} left  {wide_msg:.dim}";
    let style = ProgressStyle::with_template(style);
    let bar = ProgressBar::new(length as u64);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(std::time::Duration::from_millis(120));
    bar
}
