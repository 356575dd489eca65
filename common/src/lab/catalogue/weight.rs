//! Rows 32 to 34: what tracing takes of a process.
//!
//! What a client holds is counted, and what it costs its caller is the stage's time: writing a hundred bytes as JSON
//! takes a microsecond. So both are the same on every machine.

use serde_json::json;

use super::naive::Naive;
use super::queue::NaiveQueue;
use super::stage::{Played, Stage, Way};
use crate::analysis::doctor::Books;
use crate::langsmith_mock::Fault;
use crate::model::Clock as _;

/// What the process of row 32 takes without its client.
const RESIDENT: u64 = 10_000;
/// What may wait in memory in row 33.
const BOUND: usize = 2_000;
/// Bytes of a document in row 34.
const DOCUMENT: usize = 100_000;
const BYTES_A_MICROSECOND: usize = 100;

/// Row 32: runs that were sent are kept.
pub(super) async fn kept_after_sending(stage: &Stage, way: Way) -> Played {
    let naive = Naive::new(stage, "gateway");
    let mut queue = match way {
        Way::Broken => NaiveQueue::new(stage, "gateway").keeping(),
        Way::Repaired => NaiveQueue::new(stage, "gateway"),
    };
    for _ in 0..5 {
        for _ in 0..4 {
            queue.post(&naive.whole("answer", None));
        }
        queue.flush();
        stage.books(&Books {
            resident_bytes: Some(RESIDENT + queue.held()),
            ..queue.books()
        });
    }
    Ok(())
}

/// Row 33: the backend is down, and everything waits for it in memory.
pub(super) async fn unbounded(stage: &Stage, way: Way) -> Played {
    let naive = Naive::new(stage, "gateway");
    let mut queue = match way {
        Way::Broken => NaiveQueue::new(stage, "gateway"),
        Way::Repaired => NaiveQueue::new(stage, "gateway").bounded(BOUND),
    };
    stage.mock().fault(Fault::status(503));
    for _ in 0..4 {
        for _ in 0..10 {
            queue.post(&naive.whole("answer", None));
        }
        queue.flush();
        stage.clock.pass(5_000);
        stage.books(&queue.books());
    }
    Ok(())
}

/// Row 34: runs are written as JSON on the thread of whoever traces.
pub(super) async fn written_by_the_caller(stage: &Stage, way: Way) -> Played {
    let naive = Naive::new(stage, "gateway");
    let mut queue = NaiveQueue::new(stage, "gateway");
    let document = "x".repeat(DOCUMENT);
    let write = |run: &serde_json::Value| {
        let bytes = run.to_string().len();
        stage
            .clock
            .pass((bytes / BYTES_A_MICROSECOND / 1_000) as i64);
    };
    let mut caller = 0;
    for _ in 0..20 {
        let mut run = naive.whole("read document", None);
        run["inputs"] = json!({ "document": document });
        let before = stage.clock.now();
        if way.is_broken() {
            write(&run);
        }
        caller += (stage.clock.now() - before).num_microseconds().unwrap_or(0) - 1_000;
        // By the thread that sends.
        if !way.is_broken() {
            write(&run);
        }
        run["inputs"] = json!({ "document": "…" });
        queue.post(&run);
    }
    queue.flush();
    stage.books(&Books {
        caller_micros: u64::try_from(caller).ok(),
        ..queue.books()
    });
    Ok(())
}
