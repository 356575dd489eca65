//! Which traces are kept: one set of options, from the command line to each service, the ledger and the report.
//!
//! ```text
//! --sampling · --limit ──► head: by trace id, then at most so many a second     decided where a trace begins
//! --keep-errors ──► tail: what the head leaves out waits, and is kept if it fails    each service, of its own part
//!    --waiting · --keep-at-most ──► how much of it waits, and how much is kept
//! ```
//!
//! Start at [`Keeping`].

use anyhow::Result;
use clap::{ArgGroup, Args};
use common::trace::{
    CARRIED_DECISION, RunTree, Sampler, Sampling, SamplingRate, TailPolicy, TraceLimit,
};
use serde::{Deserialize, Serialize};

use crate::cli::share;

/// Which traces are kept; all of them by default.
#[derive(Debug, Clone, Default, PartialEq, Args, Serialize, Deserialize)]
#[command(group = ArgGroup::new("head").args(["sampling", "limit"]).multiple(true))]
#[serde(default)]
pub struct Keeping {
    /// The part of traces that is kept, from 0 to 1, decided by trace id; all of them by default.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub sampling: Option<f64>,
    /// Most traces a second that are kept, whatever the share: decided by the gateway, which tells the others.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// Keeps what fails after all, whatever share and limit say: held back until it is known, bounded.
    #[arg(long, requires = "head")]
    pub keep_errors: bool,
    /// Most traces that wait in a service until it is known whether they fail; the library's default, 10,000, if
    /// nobody says. Failures beyond it are not kept.
    #[arg(long, value_name = "N", requires = "keep_errors")]
    pub waiting: Option<usize>,
    /// Most failures a second that a service keeps of what the head left out; all of them if nobody says. In a
    /// storm of errors that is what bounds the bill. Failures beyond it are not kept.
    #[arg(long, value_name = "N", requires = "keep_errors", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep_at_most: Option<u32>,
}

impl Keeping {
    /// Returns what a client is to be told.
    ///
    /// # Errors
    /// If the share is none.
    pub fn sampling(&self) -> Result<Sampling> {
        let mut sampling = Sampling::new().sampler(self.sampler()?);
        if let Some(traces) = self.limit {
            // The id of a trace does not tell what a limit has decided, so callees have to be told.
            sampling = sampling
                .limit(TraceLimit::per_second(traces))
                .carry_decision(true);
        }
        if self.keep_errors {
            let mut tail = TailPolicy::new();
            if let Some(traces) = self.waiting {
                tail = tail.max_traces(traces);
            }
            if let Some(traces) = self.keep_at_most {
                tail = tail.at_most(TraceLimit::per_second(traces));
            }
            sampling = sampling.tail(tail);
        }
        Ok(sampling)
    }

    /// Tells whether the head keeps the trace of a run. A tail records what the head leaves out as well, so that a
    /// run is recorded does not tell.
    pub fn keeps(&self, run: &RunTree) -> bool {
        let by_id = || {
            let (trace, sampler) = (run.trace_id(), self.sampler());
            trace.is_some_and(|trace| sampler.is_ok_and(|sampler| sampler.keeps(trace.0)))
        };
        let carried = || {
            let context = run.context()?;
            context.baggage.metadata.get(CARRIED_DECISION)?.as_bool()
        };
        carried().unwrap_or_else(by_id)
    }

    /// Tells whether all that fails is kept, so that the ledger can count on it: not where a tail has a narrow bound.
    pub fn keeps_all_errors(&self) -> bool {
        self.keep_errors && self.waiting.is_none() && self.keep_at_most.is_none()
    }

    /// Returns the options as they are written on a command line.
    pub fn arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        let mut option = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                arguments.extend([format!("--{name}"), value]);
            }
        };
        option("sampling", self.sampling.map(|share| share.to_string()));
        option("limit", self.limit.map(|traces| traces.to_string()));
        option("waiting", self.waiting.map(|traces| traces.to_string()));
        option(
            "keep-at-most",
            self.keep_at_most.map(|traces| traces.to_string()),
        );
        if self.keep_errors {
            arguments.push("--keep-errors".to_owned());
        }
        arguments
    }

    /// Returns what decides by the id of a trace.
    fn sampler(&self) -> Result<Sampler> {
        Ok(match self.sampling {
            Some(share) => Sampler::TraceIdRatio(SamplingRate::new(share)?),
            None => Sampler::AlwaysOn,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Cli;

    fn parsed(arguments: &[String]) -> Keeping {
        let name = std::iter::once("production_monitoring".to_owned());
        let cli = Cli::try_parse_from(name.chain(arguments.iter().cloned()));
        cli.expect("options").demo.keeping
    }

    #[test]
    fn what_is_written_for_a_service_is_what_was_asked_for() {
        let all = Keeping {
            sampling: Some(0.25),
            limit: Some(5),
            keep_errors: true,
            waiting: Some(100),
            keep_at_most: Some(2),
        };
        for keeping in [Keeping::default(), all] {
            assert_eq!(parsed(&keeping.arguments()), keeping);
        }
    }

    #[test]
    fn errors_are_held_back_where_something_is_left_out_and_a_bound_needs_what_is_bounded() {
        let fits = |line: &str| {
            let words = line.split_whitespace();
            Cli::try_parse_from(std::iter::once("production_monitoring").chain(words)).is_ok()
        };
        assert!(fits("--limit 5 --keep-errors") && fits("--sampling 0.1 --keep-errors"));
        assert!(fits("--sampling 0.5 --limit 5 --keep-errors --waiting 9"));
        assert!(
            fits("--limit 5 --keep-errors --keep-at-most 1") && !fits("--limit 5 --keep-at-most 1")
        );
        assert!(!fits("--keep-errors") && !fits("--limit 5 --waiting 9") && !fits("--limit 0"));
    }
}
