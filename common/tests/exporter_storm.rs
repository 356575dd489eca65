//! An endpoint that comes back is not overrun by those who waited for it.
#![cfg(feature = "client")]

mod captured;
mod carried;
mod exporting;
mod peer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use carried::{Watched, exporter, refused, status};
use common::export::{BatchConfig, BatchExporter};
use common::model::RunOp;
use exporting::{PATIENCE, patient};

const CLIENTS: usize = 50;
const BATCHES: u128 = 20;

/// What an endpoint sees of one client.
#[derive(Debug, Clone, Default)]
struct Seen {
    probes: usize,
    refused: usize,
    taken: usize,
    // Once it was refused, and until something of it is taken again.
    knows: bool,
    // Probes that began beside another.
    beside: usize,
}

type Endpoint = Arc<(AtomicBool, Watched<Vec<Seen>>)>;

fn client(of: &Endpoint, number: usize, answer: fn() -> carried::Outcome) -> BatchExporter {
    let config = BatchConfig {
        max_ops: Some(1),
        ..patient()
    };
    let endpoint = of.clone();
    let exporter = exporter(config, move |_| {
        let endpoint = endpoint.clone();
        Box::pin(async move {
            let (is_up, seen) = &*endpoint;
            let up = is_up.load(Ordering::SeqCst);
            let is_probe = seen.change(|seen| {
                let seen = &mut seen[number];
                seen.beside += usize::from(seen.knows && seen.probes > 0);
                seen.probes += usize::from(seen.knows);
                seen.knows
            });
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            seen.change(|seen| {
                let seen = &mut seen[number];
                seen.probes -= usize::from(is_probe);
                seen.knows = !up;
                *(if up {
                    &mut seen.taken
                } else {
                    &mut seen.refused
                }) += 1;
            });
            if up { Ok(status(202)) } else { answer() }
        })
    });
    for id in 0..BATCHES {
        let run = captured::run(id + 1, None, "r", "chain", 0, 5);
        exporter.submit(RunOp::Post(Box::new(run)));
    }
    exporter
}

#[test]
fn after_an_outage_each_client_sends_one_probe_and_no_request_is_wasted() {
    let endpoint: Endpoint = Arc::default();
    endpoint
        .1
        .change(|seen| seen.resize(CLIENTS, Seen::default()));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| client(&endpoint, number, refused))
        .collect();
    // The outage lasts until everybody has come back in vain several times.
    endpoint
        .1
        .wait(|seen| seen.iter().all(|seen| seen.refused >= 10));
    let before = endpoint.1.change(|seen| {
        endpoint.0.store(true, Ordering::SeqCst);
        seen.clone()
    });
    for client in &clients {
        client.flush(PATIENCE).expect("delivered");
    }
    let after = endpoint.1.change(|seen| seen.clone());
    for (before, after) in before.iter().zip(&after) {
        // Four were under way when it was first heard; from then on, one at a time.
        assert_eq!(after.beside, 0, "{after:?}");
        assert_eq!(after.taken, BATCHES as usize);
        // What was under way when it came back may still have been refused.
        assert!(after.refused <= before.refused + 1, "{before:?} {after:?}");
    }
    let refused: usize = after.iter().map(|seen| seen.refused).sum();
    let refused_before: usize = before.iter().map(|seen| seen.refused).sum();
    let needed = CLIENTS * BATCHES as usize;
    let extra = refused - refused_before;
    assert!(extra * 10 <= needed, "{extra} of {needed} are extra load");
    for client in &clients {
        let stats = client.stats();
        assert!(stats.balances(), "{stats}");
        assert_eq!(stats.total_dropped(), 0);
    }
}

#[test]
fn one_failure_among_many_requests_stops_nobody() {
    let count = Arc::new(Watched::<u32>::default());
    let exporter = exporter(
        BatchConfig {
            max_ops: Some(1),
            ..patient()
        },
        move |_| {
            let number = count.change(|count| {
                *count += 1;
                *count
            });
            Box::pin(async move { Ok(status(if number % 7 == 0 { 503 } else { 202 })) })
        },
    );
    for id in 0..100 {
        let run = captured::run(id + 1, None, "r", "chain", 0, 5);
        exporter.submit(RunOp::Post(Box::new(run)));
    }
    exporter.flush(PATIENCE).expect("delivered");
    let stats = exporter.stats();
    assert_eq!((stats.delivered, stats.total_dropped()), (100, 0));
    assert_eq!(stats.retries, stats.requests - 100);
}
