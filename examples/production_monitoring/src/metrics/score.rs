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
use common::model::{Run, TraceId, TraceTree};
use prometheus_client::registry::Registry;

use super::page_after;
use crate::load::{Entry, Ledger};

/// Holds what was captured against the ledger.
///
/// A trace that the sampler left out is none that is missing: completeness is of what was kept. What an operator can
/// see of failures is of all of them, because a failure that was left out cannot be seen.
pub fn scored(runs: Vec<Run>, ledger: &Ledger) -> Scorecard {
    let left_out = ledger.entries.iter().filter(|entry| !entry.recorded);
    let left_out: HashSet<&str> = left_out.map(|entry| entry.id.as_str()).collect();
    if left_out.is_empty() {
        return scorecard(&TraceTree::build(runs), &ledger.scored(|_| true));
    }
    let visibility =
        scorecard(&TraceTree::build(runs.clone()), &ledger.scored(|_| true)).visibility;
    // What a tail kept of a trace that was left out is a part, and was meant to be.
    let parts = traces_of(&runs, |id| left_out.contains(id));
    let whole = runs
        .into_iter()
        .filter(|run| !parts.contains(&run.trace_id));
    let tree = TraceTree::build(whole);
    let mut card = scorecard(&tree, &ledger.scored(|entry| entry.recorded));
    card.visibility = visibility;
    card
}

/// Returns the traces whose request's id is one that `wanted` says.
fn traces_of(runs: &[Run], wanted: impl Fn(&str) -> bool) -> HashSet<TraceId> {
    let id = |run: &Run| run.extra.metadata.get(REQUEST_ID)?.as_str().map(&wanted);
    let of_wanted = runs.iter().filter(|run| id(run) == Some(true));
    of_wanted.map(|run| run.trace_id).collect()
}

/// The latest scorecard, as a page.
#[derive(Debug, Clone, Default)]
pub struct Score(Arc<Mutex<String>>);

impl Score {
    /// Computes the score of those requests that were due before `settled`: the runs of younger ones may be on
    /// their way.
    pub fn update(&self, ledger: &Ledger, runs: Vec<Run>, settled: f64) {
        let is_settled = |entry: &Entry| entry.due_seconds + entry.took_seconds < settled;
        let old: Vec<Entry> = ledger
            .entries
            .iter()
            .filter(|one| is_settled(one))
            .cloned()
            .collect();
        let known: HashSet<&str> = old.iter().map(|entry| entry.id.as_str()).collect();
        // Traces of younger requests, and of those that are not answered yet, are not strays.
        let later = traces_of(&runs, |id| !known.contains(id));
        let runs = runs
            .into_iter()
            .filter(|run| !later.contains(&run.trace_id));
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
            let text = score
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            page_after(text, &registry)
        };
        Router::new().route("/metrics", get(page))
    }
}
