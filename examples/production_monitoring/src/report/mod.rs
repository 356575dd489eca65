//! What a load came to.
//!
//! ```text
//! Facts { ledger, runs, watched, injected } ──Report::of──► Loss · Scorecard · Used ──┬─► Display (terminal)
//!                                                                                     └─► page (one HTML file)
//! ```
//!
//! Start at [`Report::of`].

mod figures;
mod loss;
mod over_time;
mod page;
mod style;

use std::fmt;

use common::analysis::Scorecard;
use common::model::{Run, RunType};

pub use loss::{Loss, ServiceLoss, Why};
pub use over_time::{Buckets, percentile};
pub use page::page;

use crate::load::Ledger;
use crate::metrics::{Watched, scored};
use crate::sink::Injected;

/// Where the runs of a report come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// From the stand-in that the load started.
    StandIn,
    /// From LangSmith, or whatever stands at its address, through queries.
    ReadBack,
}

/// What a report is made of.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The project of the runs.
    pub project: String,
    /// When the load began, RFC 3339.
    pub began: String,
    /// What was asked; none if nobody knows.
    pub ledger: Option<Ledger>,
    /// What arrived.
    pub runs: Vec<Run>,
    /// What the services showed meanwhile; empty for what is read back.
    pub watched: Watched,
    /// What went wrong on order.
    pub injected: Vec<Injected>,
    /// Where the runs come from.
    pub source: Source,
    /// What services say that could not send all they held.
    pub unsent: Vec<String>,
}

/// What calls of language models used up.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Used {
    /// Calls.
    pub calls: usize,
    /// Tokens read.
    pub input: u64,
    /// Tokens written.
    pub output: u64,
    /// US dollars.
    pub dollars: f64,
}

impl Used {
    fn by(runs: &[Run]) -> Self {
        let mut used = Self::default();
        for run in runs.iter().filter(|run| run.run_type == RunType::Llm) {
            used.calls += 1;
            let Some(usage) = run.usage() else { continue };
            used.input += usage.input_tokens;
            used.output += usage.output_tokens;
            used.dollars += usage.total_cost.unwrap_or_default();
        }
        used
    }
}

/// A load, and what came of it.
#[derive(Debug, Clone)]
pub struct Report {
    /// What it is made of.
    pub facts: Facts,
    /// The five success metrics.
    pub score: Scorecard,
    /// What was lost, and why; none without a ledger.
    pub loss: Option<Loss>,
    /// What the models used up.
    pub used: Used,
    /// Seconds of each request, in order of size.
    pub latencies: Vec<f64>,
}

impl Report {
    /// Holds what arrived against what was asked.
    pub fn of(facts: Facts) -> Self {
        let nothing = common::analysis::Ledger::new();
        let score = match &facts.ledger {
            Some(ledger) => scored(facts.runs.clone(), ledger),
            None => {
                let tree = common::model::TraceTree::build(facts.runs.clone());
                common::analysis::scorecard(&tree, &nothing)
            }
        };
        let mut latencies: Vec<f64> = over_time::latencies(&facts)
            .into_iter()
            .map(|(_, took)| took)
            .collect();
        latencies.sort_by(f64::total_cmp);
        Self {
            loss: facts.ledger.as_ref().map(|ledger| Loss::of(ledger, &facts)),
            used: Used::by(&facts.runs),
            score,
            latencies,
            facts,
        }
    }

    /// Says what should not be: a loss that nobody ordered, or one in durable mode.
    pub fn trouble(&self) -> Option<String> {
        let (ledger, loss) = (self.facts.ledger.as_ref()?, self.loss.as_ref()?);
        let is_expected = ledger.asked.chaos && !ledger.asked.durable;
        let unsent = &self.facts.unsent;
        match loss.lost() {
            _ if is_expected => None,
            0 if unsent.is_empty() => None,
            0 => Some(format!(
                "not everything was sent in time: {}",
                unsent.join("; ")
            )),
            lost => Some(format!("{lost} runs were lost")),
        }
    }

    /// Says in one sentence what came of it.
    pub fn verdict(&self) -> String {
        let Some(loss) = &self.loss else {
            let (runs, project) = (self.facts.runs.len(), &self.facts.project);
            return format!(
                "{runs} runs of project `{project}`: what is missing cannot be told without the ledger of the load"
            );
        };
        let (arrived, expected) = (loss.arrived(), loss.expected());
        match loss.lost() {
            0 if expected == 0 => "No run was to arrive".to_owned(),
            0 => format!("Nothing was lost: each of {expected} runs arrived"),
            lost => format!("{lost} of {expected} runs were lost, {arrived} arrived"),
        }
    }
}

impl fmt::Display for Report {
    /// Writes the verdict, why, and the scorecard.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}.", self.verdict())?;
        if let Some(loss) = &self.loss {
            for why in &loss.why {
                writeln!(f, "  · {why}")?;
            }
        }
        write!(f, "\n{}", self.score)
    }
}
