//! A network that loses requests and answers, delays them past each other, and parts for a while: what was
//! accepted arrives within the healed period, each run once it is merged.
#![cfg(feature = "client")]

mod captured;
mod carried;
mod exporting;
mod peer;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use carried::{exporter, status};
use common::export::{BatchConfig, TransportError};
use common::model::RunOp;
use exporting::{PATIENCE, fast};

/// What a server holds: how often each run arrived.
type Store = HashMap<String, u32>;

/// A network whose faults are drawn from a seed.
struct Network {
    dice: Mutex<u64>,
    store: Mutex<Store>,
    lost_answers: Mutex<u32>,
}

impl Network {
    /// Draws a number below `sides`.
    fn roll(&self, sides: u64) -> u64 {
        let mut dice = self.dice.lock().expect("dice");
        *dice ^= *dice << 13;
        *dice ^= *dice >> 7;
        *dice ^= *dice << 17;
        *dice % sides
    }

    fn store(&self, ids: Vec<String>) {
        let mut store = self.store.lock().expect("store");
        for id in ids {
            *store.entry(id).or_default() += 1;
        }
    }
}

fn partitioned(seed: u64) {
    const RUNS: u128 = 60;
    let network = Arc::new(Network {
        dice: Mutex::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
        store: Mutex::default(),
        lost_answers: Mutex::default(),
    });
    let net = network.clone();
    let config = BatchConfig {
        max_ops: Some(5),
        ..fast()
    };
    let exporter = exporter(config, move |request| {
        let net = net.clone();
        Box::pin(async move {
            // Late by so much that batches overtake each other.
            for _ in 0..net.roll(30) {
                tokio::task::yield_now().await;
            }
            match net.roll(8) {
                0 => return Err(TransportError::Connect("no route".to_owned())),
                1 => return Err(TransportError::Timeout),
                2 => return Err(TransportError::Interrupted("reset on the way".to_owned())),
                _ => {}
            }
            let body = request.body.expect("a body");
            let parts = peer::parse_multipart(&body.content_type, &body.to_bytes());
            let ids: Vec<String> = parts
                .iter()
                .filter_map(|part| Some(part.json.get("id")?.as_str()?.to_owned()))
                .collect();
            net.store(ids);
            for _ in 0..net.roll(30) {
                tokio::task::yield_now().await;
            }
            if net.roll(5) == 0 {
                *net.lost_answers.lock().expect("count") += 1;
                return Err(TransportError::Interrupted(
                    "reset on the way back".to_owned(),
                ));
            }
            Ok(status(202))
        })
    });
    let root = captured::run(1, None, "root", "chain", 0, 5);
    // Children first: the order of arrival is nobody's promise.
    for number in (1..=RUNS).rev() {
        let mut run = captured::run(number, None, "r", "chain", 0, 5);
        if number > 1 {
            run.parent_run_id = Some(root.id);
        }
        exporter.submit(RunOp::Post(Box::new(run)));
    }
    exporter.flush(PATIENCE).expect("everything arrives");
    let stats = exporter.stats();
    assert!(stats.balances(), "{stats}");
    assert_eq!(u128::from(stats.delivered), RUNS, "seed {seed}");
    let store = network.store.lock().expect("store");
    assert_eq!(store.len() as u128, RUNS, "seed {seed}");
    // What arrived twice was in a batch whose answer was lost.
    let repeated: u32 = store.values().map(|times| times - 1).sum();
    let lost = *network.lost_answers.lock().expect("count");
    assert!(
        repeated <= lost * 5,
        "seed {seed}: {repeated} after {lost} lost answers"
    );
}

#[test]
fn whatever_a_network_loses_or_delays_everything_arrives_and_only_lost_answers_cost_repetitions() {
    for seed in 1..=40 {
        partitioned(seed);
    }
}
