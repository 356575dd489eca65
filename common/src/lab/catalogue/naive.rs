//! A client as one writes it in an afternoon: the place in the trace by hand, JSON by hand, a request for each run.

use std::sync::atomic::{AtomicU64, Ordering};

use chrono::SecondsFormat;
use serde_json::{Value, json};
use uuid::Uuid;

use super::stage::{PROJECT, Stage, StageClock};
use crate::model::{Clock as _, IdGenerator as _, SeededIds, Timestamp};

/// Makes runs of one service.
pub(super) struct Naive<'a> {
    pub(super) stage: &'a Stage,
    pub(super) service: &'static str,
    pub(super) project: &'static str,
    pub(super) clock: StageClock,
    ids: SeededIds,
}

impl<'a> Naive<'a> {
    pub(super) fn new(stage: &'a Stage, service: &'static str) -> Self {
        Self {
            stage,
            service,
            project: PROJECT,
            clock: stage.clock.clone(),
            ids: SeededIds::new(1_000 + stage.number()),
        }
    }

    /// Makes an id of a time, as UUIDv7 wants it.
    pub(super) fn id(&self, at: Timestamp) -> Uuid {
        self.ids.run_id(at).0
    }

    /// Begins a run that starts now.
    pub(super) fn begin(&self, name: &str, parent: Option<&Value>) -> Value {
        let start = self.clock.now();
        self.begin_with(name, parent, self.id(start), start)
    }

    /// Begins a run with an id and a start of the caller's choice.
    pub(super) fn begin_with(
        &self,
        name: &str,
        parent: Option<&Value>,
        id: Uuid,
        start: Timestamp,
    ) -> Value {
        let own = segment(id, start);
        let mut run = json!({
            "id": id,
            "trace_id": id,
            "dotted_order": own,
            "name": name,
            "run_type": "chain",
            "start_time": written(start),
            "session_name": self.project,
            "inputs": { "question": "why?" },
            "extra": { "metadata": { "service": self.service } },
        });
        if let Some(parent) = parent {
            let above = parent["dotted_order"].as_str().unwrap_or_default();
            run["dotted_order"] = json!(format!("{above}.{own}"));
            run["parent_run_id"] = parent["id"].clone();
            run["trace_id"] = parent["trace_id"].clone();
        }
        run
    }

    /// Says that a run is over.
    pub(super) fn end(&self, run: &mut Value) {
        run["end_time"] = json!(written(self.clock.now()));
        run["outputs"] = json!({ "answer": "because" });
    }

    /// Begins and ends a run.
    pub(super) fn whole(&self, name: &str, parent: Option<&Value>) -> Value {
        let mut run = self.begin(name, parent);
        self.end(&mut run);
        run
    }

    /// Sends runs, whole or as they are, in one request.
    pub(super) fn post(&self, runs: &[&Value]) -> u16 {
        let body = json!({ "post": runs, "patch": [] });
        self.stage.post("/runs/batch", body.to_string())
    }

    /// Sends what has changed of runs that were sent before.
    pub(super) fn patch(&self, runs: &[&Value]) -> u16 {
        let body = json!({ "post": [], "patch": runs });
        self.stage.post("/runs/batch", body.to_string())
    }
}

pub(super) fn segment(id: Uuid, start: Timestamp) -> String {
    format!("{}{id}", start.format("%Y%m%dT%H%M%S%6fZ"))
}

pub(super) fn written(time: Timestamp) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Rolls dice that fall the same each time.
pub(super) struct Dice(AtomicU64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// Returns a number below `bound` (an xorshift, as small programs have it).
    pub(super) fn below(&self, bound: u64) -> u64 {
        let mut x = self.0.load(Ordering::Relaxed) | 1;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.0.store(x, Ordering::Relaxed);
        (x >> 11) % bound.max(1)
    }
}
