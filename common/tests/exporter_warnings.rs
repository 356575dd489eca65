//! What an exporter says of refused runs, when and in which words.
//!
//! The exporter's thread speaks to the process's subscriber, so this file has one test.
#![cfg(feature = "client")]

mod exporting;
mod peer;

use std::sync::{Arc, Condvar, Mutex, OnceLock};

use common::client::Client;
use common::export::{BatchConfig, FlushError, RefuseReason};
use exporting::{PATIENCE, client_to, fast, one_run, patient};
use peer::{Peer, status};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// The warnings of this process.
#[derive(Default)]
struct Warnings {
    lines: Mutex<Vec<String>>,
    changed: Condvar,
}

impl Warnings {
    /// Waits for a warning with these words; false if none comes.
    fn wait_for(&self, words: &str) -> bool {
        let lines = self.lines.lock().expect("lines");
        let silent = |lines: &mut Vec<String>| !lines.iter().any(|line| line.contains(words));
        let (_lines, result) = self
            .changed
            .wait_timeout_while(lines, PATIENCE, silent)
            .expect("lines");
        !result.timed_out()
    }

    fn count(&self, words: &str) -> usize {
        let lines = self.lines.lock().expect("lines");
        lines.iter().filter(|line| line.contains(words)).count()
    }
}

struct Listener(Arc<Warnings>);

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        struct Message(String);
        impl Visit for Message {
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                if field.name() == "message" {
                    self.0 = format!("{value:?}");
                }
            }
        }
        let mut message = Message(String::new());
        event.record(&mut message);
        self.0.lines.lock().expect("lines").push(message.0);
        self.0.changed.notify_all();
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// A client whose first batch is under way until the gate is opened.
fn held_up(gate: &Arc<OnceLock<()>>, batch: BatchConfig) -> (Peer, Client) {
    let opened = gate.clone();
    let peer = Peer::start(move |request, _| {
        if request.path != "/info" {
            opened.wait();
        }
        status(202)
    });
    let client = client_to(&peer, batch);
    one_run(&client);
    peer.wait_until(|requests| requests.iter().any(|r| r.path == "/runs/multipart"));
    (peer, client)
}

#[test]
fn a_refusal_is_told_at_once_and_a_full_queue_only_of_a_full_queue() {
    let warnings = Arc::new(Warnings::default());
    tracing::subscriber::set_global_default(Listener(warnings.clone())).expect("the only one");

    // Shut down while a batch is under way: what comes then finds no full queue.
    let wide = BatchConfig {
        queue_ops: usize::MAX,
        queue_bytes: usize::MAX,
        ..fast()
    };
    let gate = Arc::new(OnceLock::new());
    let (_peer, client) = held_up(&gate, wide);
    let ending = client.clone();
    let shutdown = std::thread::spawn(move || ending.shutdown(PATIENCE));
    while !client.stats().refused.contains_key(&RefuseReason::Closed) {
        drop(client.run("late").start());
    }
    assert!(warnings.wait_for("shut down"));
    gate.set(()).expect("opened once");
    let result = shutdown.join().expect("no panic");
    assert!(
        matches!(result, Err(FlushError::Refused { .. })),
        "{result:?}"
    );

    assert_eq!(warnings.count("full"), 0);

    // Full while a batch is under way: that is told before the batch has ended, and once.
    let narrow = BatchConfig {
        max_ops: Some(2),
        queue_ops: 2,
        ..patient()
    };
    let gate = Arc::new(OnceLock::new());
    let (_peer, client) = held_up(&gate, narrow);
    one_run(&client);
    assert!(warnings.wait_for("queue is full"));
    one_run(&client);
    gate.set(()).expect("opened once");
    client.flush(PATIENCE).expect_err("four were refused");
    one_run(&client);
    client.flush(PATIENCE).expect("there is room");
    assert_eq!(warnings.count("queue is full"), 1);
}
