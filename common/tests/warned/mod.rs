//! What the exporter's thread says to the process's subscriber. A test file that listens has one test.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::sync::{Arc, Condvar, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// The warnings of this process.
#[derive(Default)]
pub struct Warnings {
    lines: Mutex<Vec<String>>,
    changed: Condvar,
}

impl Warnings {
    /// Begins to listen; once a process.
    pub fn listen() -> Arc<Self> {
        let warnings = Arc::new(Self::default());
        let listener = Listener(warnings.clone());
        tracing::subscriber::set_global_default(listener).expect("the only one");
        warnings
    }

    /// Waits for a warning with these words; false if none comes.
    pub fn wait_for(&self, words: &str) -> bool {
        let lines = self.lines.lock().expect("lines");
        let silent = |lines: &mut Vec<String>| !lines.iter().any(|line| line.contains(words));
        let (_lines, result) = self
            .changed
            .wait_timeout_while(lines, crate::exporting::PATIENCE, silent)
            .expect("lines");
        !result.timed_out()
    }

    pub fn count(&self, words: &str) -> usize {
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
