//! All cases, weighted; or many by lot, to see that it is so.
//!
//! A case is where the trace id falls between the rates, how the lot of an older SDK falls, and for each service
//! whether it fails and whether it is slow. Within a case everything is decided, so the sum over all of them is
//! exact up to the rounding of floats.

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use uuid::Uuid;

use super::outcome::{SamplingOutcome, SamplingPrices};
use super::services::{InvalidSimulation, SampledService, SdkGeneration, rate_of};
use crate::analysis::{Figure, Series, line_chart};

/// Most services of a simulation: with eight there are up to a million cases.
pub const MAX_SIMULATED_SERVICES: usize = 8;

/// Rates that a curve is drawn through.
const CURVE_RATES: u32 = 20;

/// A tree of services that sample, each by itself.
///
/// ```
/// use common::lab::sampling::{SampledService, SamplingOutcome, SamplingPrices, Simulation};
///
/// // The retriever keeps more than its caller: runs that hang from nothing.
/// let retriever = SampledService::new("retriever", 0.5)?.errors(0.01)?;
/// let simulation = Simulation::of(SampledService::new("gateway", 0.1)?.calls(retriever))?;
/// let expected = simulation.expected();
/// assert!((expected.whole - 0.1).abs() < 1e-12);
/// assert!((expected.orphaned - 0.4).abs() < 1e-12);
/// let prices = SamplingPrices { per_thousand_traces: 0.5, ..SamplingPrices::default() };
/// let rolled = simulation.rolled(10_000, 7);
/// println!("{}", SamplingOutcome::compared([("expected", expected), ("rolled", rolled)], &prices));
/// # Ok::<(), common::lab::sampling::InvalidSimulation>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Simulation {
    root: SampledService,
    // Callers before those they call.
    nodes: Vec<Node>,
}

#[derive(Debug, Clone, PartialEq)]
struct Node {
    service: SampledService,
    caller: Option<usize>,
}

/// One service in one case.
#[derive(Debug, Clone, Copy, Default)]
struct State {
    errs: bool,
    slow: bool,
    kept: bool,
}

impl Simulation {
    /// Takes the service that requests come to.
    ///
    /// # Errors
    /// If there are more than [`MAX_SIMULATED_SERVICES`].
    pub fn of(root: SampledService) -> Result<Self, InvalidSimulation> {
        let mut nodes = Vec::new();
        flatten(&root, None, &mut nodes);
        match nodes.len() {
            0..=MAX_SIMULATED_SERVICES => Ok(Self { root, nodes }),
            many => Err(InvalidSimulation::TooManyServices(many)),
        }
    }

    /// Returns what is to be expected, from all cases.
    pub fn expected(&self) -> SamplingOutcome {
        let mut tally = Tally::default();
        let mut edges: Vec<f64> = self
            .nodes
            .iter()
            .map(|node| node.service.rate.get())
            .collect();
        edges.extend([0.0, 1.0]);
        edges.sort_by(f64::total_cmp);
        edges.dedup();
        let lots = match self.root.generation {
            SdkGeneration::ByTraceId => vec![(1.0, false)],
            SdkGeneration::ByLotAtRoot => {
                let rate = self.root.rate.get();
                vec![(rate, true), (1.0 - rate, false)]
            }
        };
        for edge in edges.windows(2) {
            for (lot, drawn) in &lots {
                let by_id = |service: &SampledService| edge[0] < service.rate.get();
                self.every_state(&mut |weight, states| {
                    self.keep(states, &by_id, *drawn);
                    tally.add(weight * (edge[1] - edge[0]) * lot, &self.nodes, states);
                });
            }
        }
        tally.outcome()
    }

    /// Returns what came of so many requests by lot. The same seed gives the same; trace ids are random and go
    /// through the sampler that a client has.
    pub fn rolled(&self, requests: u32, seed: u64) -> SamplingOutcome {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut tally = Tally::default();
        for _ in 0..requests {
            let id = Uuid::from_u128(rng.random());
            let drawn = rng.random::<f64>() < self.root.rate.get();
            let mut states: Vec<State> = self
                .nodes
                .iter()
                .map(|Node { service, .. }| State {
                    errs: rng.random::<f64>() < service.error,
                    slow: rng.random::<f64>() < service.slow,
                    kept: false,
                })
                .collect();
            self.keep(&mut states, &|service| service.sampler().keeps(id), drawn);
            tally.add(1.0, &self.nodes, &states);
        }
        tally.outcome()
    }

    /// Draws how much of the errors is seen against what a million requests cost, as all services are given one
    /// rate after another: once by rate alone, and once with errors kept whatever the rate says.
    ///
    /// # Errors
    /// Never: the rates that are put in are valid.
    pub fn curve(&self, prices: &SamplingPrices) -> Result<Figure, InvalidSimulation> {
        let line = |keeps_errors: bool| {
            let points = (0..=CURVE_RATES).map(|step| {
                let rate = rate_of(f64::from(step) / f64::from(CURVE_RATES))?;
                let mut root = self.root.clone();
                root.each(&|service| {
                    service.rate = rate;
                    service.keeps_errors = keeps_errors;
                });
                let outcome = Self::of(root)?.expected();
                let seen = outcome.errors_seen.unwrap_or_default() * 100.0;
                Ok((outcome.cost_per_million(prices), seen))
            });
            points.collect::<Result<Vec<_>, _>>()
        };
        let series = [
            Series::new("by rate alone", line(false)?),
            Series::new("errors kept", line(true)?),
        ];
        let chart = line_chart("cost of a million requests", "errors seen (%)", &series);
        Ok(chart.title("What it costs to see errors, at rates from 0 to 1"))
    }

    /// Decides what each service keeps.
    fn keep(&self, states: &mut [State], by_id: &dyn Fn(&SampledService) -> bool, drawn: bool) {
        let mut fails: Vec<bool> = states.iter().map(|state| state.errs).collect();
        // From the leaves up: a caller stands before those it calls.
        for at in (0..self.nodes.len()).rev() {
            let caller = self.nodes[at].caller.filter(|_| fails[at]);
            if let Some(caller) = caller.filter(|it| self.nodes[*it].service.fails_with_callee) {
                fails[caller] = true;
            }
        }
        for (at, Node { service, caller }) in self.nodes.iter().enumerate() {
            let head = match (service.generation, caller) {
                (SdkGeneration::ByTraceId, _) => by_id(service),
                (SdkGeneration::ByLotAtRoot, None) => drawn,
                (SdkGeneration::ByLotAtRoot, Some(_)) => true,
            };
            let tail = service.keeps_errors && fails[at] || service.keeps_slow && states[at].slow;
            states[at].kept = head || tail;
        }
    }

    /// Shows every combination of failing and slow services, with its weight; those without weight are left out.
    fn every_state(&self, see: &mut impl FnMut(f64, &mut [State])) {
        let mut states = vec![State::default(); self.nodes.len()];
        self.states_from(0, 1.0, &mut states, see);
    }

    fn states_from(
        &self,
        at: usize,
        weight: f64,
        states: &mut [State],
        see: &mut impl FnMut(f64, &mut [State]),
    ) {
        let Some(Node { service, .. }) = self.nodes.get(at) else {
            return see(weight, states);
        };
        for (errs, by_error) in [(false, 1.0 - service.error), (true, service.error)] {
            for (slow, by_slow) in [(false, 1.0 - service.slow), (true, service.slow)] {
                let weight = weight * by_error * by_slow;
                if weight > 0.0 {
                    states[at] = State {
                        errs,
                        slow,
                        kept: false,
                    };
                    self.states_from(at + 1, weight, states, see);
                }
            }
        }
    }
}

fn flatten(service: &SampledService, caller: Option<usize>, nodes: &mut Vec<Node>) {
    let at = nodes.len();
    nodes.push(Node {
        service: service.clone(),
        caller,
    });
    for callee in &service.callees {
        flatten(callee, Some(at), nodes);
    }
}

/// Adds cases up.
#[derive(Debug, Default)]
struct Tally {
    all: f64,
    whole: f64,
    absent: f64,
    orphaned: f64,
    truncated: f64,
    errors: [f64; 2],
    slow: [f64; 2],
    runs: f64,
    bytes: f64,
}

impl Tally {
    fn add(&mut self, weight: f64, nodes: &[Node], states: &[State]) {
        let count = |sum: &mut f64, holds: bool| *sum += if holds { weight } else { 0.0 };
        let kept = |at: usize| states[at].kept;
        // A callee with its caller, for each that has one.
        let pairs = || {
            let callers = nodes.iter().enumerate();
            callers.filter_map(|(at, node)| node.caller.map(|caller| (caller, at)))
        };
        count(&mut self.all, true);
        count(&mut self.whole, states.iter().all(|state| state.kept));
        count(&mut self.absent, !states.iter().any(|state| state.kept));
        count(
            &mut self.orphaned,
            pairs().any(|(caller, at)| kept(at) && !kept(caller)),
        );
        count(
            &mut self.truncated,
            pairs().any(|(caller, at)| kept(caller) && !kept(at)),
        );
        for (Node { service, .. }, state) in nodes.iter().zip(states) {
            count(&mut self.errors[0], state.errs);
            count(&mut self.errors[1], state.errs && state.kept);
            count(&mut self.slow[0], state.slow);
            count(&mut self.slow[1], state.slow && state.kept);
            if state.kept {
                let runs = weight * f64::from(service.runs);
                self.runs += runs;
                self.bytes += runs * f64::from(service.bytes_per_run);
            }
        }
    }

    fn outcome(&self) -> SamplingOutcome {
        let all = if self.all > 0.0 { self.all } else { 1.0 };
        let seen = |[of, seen]: [f64; 2]| (of > 0.0).then(|| seen / of);
        SamplingOutcome {
            whole: self.whole / all,
            absent: self.absent / all,
            orphaned: self.orphaned / all,
            truncated: self.truncated / all,
            errors_seen: seen(self.errors),
            slow_seen: seen(self.slow),
            traces_per_million: (1.0 - self.absent / all) * 1e6,
            runs_per_million: self.runs / all * 1e6,
            bytes_per_million: self.bytes / all * 1e6,
        }
    }
}
