//! Requests of two hops, the ledger of who asked them, and the score of both.
// Each test file uses its own part of it.
#![allow(dead_code, unreachable_pub)]

use std::sync::Arc;

use common::analysis::{Asked, Cut, EdgeScore, Flaw, Ledger, Scorecard, Share, scorecard};
use common::model::{Run, TraceTree};
use serde_json::Value;

use crate::captured::{Change as _, run};

pub fn with(mut run: Run, key: &str, value: &str) -> Run {
    Arc::make_mut(&mut run.extra.metadata).insert(key.into(), Value::from(value));
    run
}

pub fn of(request: &str, run: Run) -> Run {
    with(run, "request_id", request)
}

/// A gateway's run and the retriever's run below it; ids from `number` on.
pub fn two_hops(number: u128, request: &str) -> [Run; 2] {
    let root = of(
        request,
        run(number, None, "answer", "chain", 0, 50).service("gateway"),
    );
    let below = run(number + 1, Some(&root), "retrieve", "retriever", 5, 20);
    [root, of(request, below.service("retriever"))]
}

pub fn asked(request: &str) -> Asked {
    Asked::new(request).call("gateway", "retriever")
}

pub fn ledger(requests: impl IntoIterator<Item = Asked>) -> Ledger {
    let mut ledger = Ledger::new();
    requests.into_iter().for_each(|request| ledger.ask(request));
    ledger
}

pub fn score(runs: impl IntoIterator<Item = Run>, ledger: &Ledger) -> Scorecard {
    scorecard(&TraceTree::build(runs), ledger)
}

pub fn share(got: usize, of: usize) -> Share {
    Share { got, of }
}

/// Scores one request whose trace is `runs`, and returns what is wrong with it.
pub fn flaws(runs: impl IntoIterator<Item = Run>) -> Vec<Flaw> {
    let score = score(runs, &ledger([asked("r")]));
    assert_eq!(score.completeness.complete, share(0, 1), "{score}");
    assert_eq!(score.completeness.partial, 1);
    score.completeness.flaws.into_keys().collect()
}

pub fn edge(score: &Scorecard) -> &EdgeScore {
    let [edge] = &score.propagation.by_edge[..] else {
        panic!("{:?}", score.propagation)
    };
    edge
}

pub fn cuts(score: &Scorecard) -> Vec<(Cut, usize)> {
    edge(score)
        .cuts
        .iter()
        .map(|(cut, count)| (*cut, *count))
        .collect()
}
