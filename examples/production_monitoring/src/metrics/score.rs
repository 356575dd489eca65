//! The scorecard while the load goes on, for Prometheus.
//!
//! ```text
//! entries that are settled · capture ──every other second──► Score ──► /metrics of the load
//! ```
//!
//! Start at [`scored`].

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::routing::get;
use common::analysis::{REQUEST_ID, Scorecard, scorecard};
use common::model::{Run, TraceTree};
use prometheus_client::registry::Registry;

use super::page_after;
use crate::load::{Entry, Ledger};

/// Holds what was captured against the ledger.
///
/// A trace that the sampler left out is none that is missing: completeness is of what was kept. What an operator can
/// see of failures is of all of them, because a failure that was left out cannot be seen.
pub fn scored(runs: Vec<Run>, ledger: &Ledger) -> Scorecard {
    let tree = TraceTree::build(runs);
    let mut card = scorecard(&tree, &ledger.scored(|entry| entry.recorded));
    if ledger.entries.iter().any(|entry| !entry.recorded) {
        card.visibility = scorecard(&tree, &ledger.scored(|_| true)).visibility;
    }
    card
}

/// The latest scorecard, as a page.
#[derive(Debug, Clone, Default)]
pub struct Score(Arc<Mutex<String>>);

impl Score {
    /// Computes the score of those requests that were due before `settled`: the runs of younger ones may be on
    /// their way.
    pub fn update(&self, ledger: &Ledger, runs: Vec<Run>, settled: f64) {
        let is_settled = |entry: &Entry| entry.due_seconds + entry.took_seconds < settled;
        let old: Vec<Entry> = ledger.entries.iter().filter(|one| is_settled(one)).cloned().collect();
        let known: HashSet<&str> = old.iter().map(|entry| entry.id.as_str()).collect();
        let id = |run: &Run| run.extra.metadata.get(REQUEST_ID)?.as_str().map(str::to_owned);
        // Traces of younger requests, and of those that are not answered yet, are not strays.
        let later: HashSet<_> = runs
            .iter()
            .filter(|run| id(run).is_some_and(|id| !known.contains(id.as_str())))
            .map(|run| run.trace_id)
            .collect();
        let runs = runs.into_iter().filter(|run| !later.contains(&run.trace_id));
        let ledger = Ledger {
            asked: ledger.asked.clone(),
            entries: old,
        };
        let page = scored(runs.collect(), &ledger).to_prometheus();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = page;
    }

    /// Builds the route: the scorecard, and what else the load counts.
    pub fn routes(&self, registry: Registry) -> Router {
        let (score, registry) = (self.clone(), Arc::new(registry));
        let page = move || async move {
            let text = score.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
            page_after(text, &registry)
        };
        Router::new().route("/metrics", get(page))
    }
}
