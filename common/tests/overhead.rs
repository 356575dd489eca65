//! The overhead lab: how much was done, sent and given up; never how long it took.
#![cfg(feature = "lab")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::analysis::Load;
use common::export::SpoolConfig;
use common::lab::overhead::{Measured, Overhead};

/// Turns that are not measured.
const WARM_UP: u64 = 5;

fn quick() -> Overhead {
    Overhead::new()
        .turns(20)
        .payload(600)
        .slow_answer(Duration::from_millis(50))
        .settle(Duration::from_millis(1_000))
}

fn look(measured: &Measured) {
    let text = measured.to_string();
    for part in ["p99", "95 % interval", "bytes/run", "dead backend"] {
        assert!(text.contains(part), "{text}");
    }
    for figure in [
        measured.latency_chart(),
        measured.tail_chart(),
        measured.queue_chart(),
    ] {
        assert!(figure.is_light());
    }
}

#[tokio::test]
async fn every_state_is_given_the_same_requests_and_each_run_is_accounted_for() {
    let measured = quick().measure().await.expect("measured");
    look(&measured);
    let requests = 20 + WARM_UP;
    assert_eq!(measured.books().len(), 5);
    for state in measured.books() {
        assert_eq!(state.requests, requests, "{:?}", state.load);
        assert!(state.stats.balances(), "{}", state.stats);
        assert_eq!(state.queue.len(), 20);
    }
    let runs = |load| measured.of(load).map(|state| state.runs());
    assert_eq!(runs(Load::Off), Some(0));
    assert_eq!(runs(Load::On), Some(3 * requests));
    assert_eq!(runs(Load::SlowBackend), Some(3 * requests));
    assert_eq!(runs(Load::DeadBackend), Some(3 * requests));
    assert!(runs(Load::Sampled).is_some_and(|runs| runs % 3 == 0 && runs < 3 * requests));
    let on = measured.of(Load::On).expect("there");
    assert_eq!(on.stats.delivered, 2 * on.runs());
    assert_eq!(on.lost(), "–");
    assert!(on.bytes > 0 && on.sent > 0);
    let impact = measured.impact();
    assert_eq!(impact.timings.len(), 5);
    for timing in &impact.timings {
        assert_eq!(timing.requests, 20);
        let interval = timing.added.as_ref().map(|added| added.interval.is_some());
        assert_eq!(interval, (timing.load != Load::Off).then_some(true));
    }
    assert!(impact.bytes_per_run.is_some_and(|bytes| bytes > 10.0));
}

#[tokio::test]
async fn what_a_dead_backend_does_not_take_is_dropped_with_its_reason_and_memory_keeps_its_bound() {
    let bound = 64 << 10;
    let measured = quick()
        .queue_bytes(bound)
        .measure()
        .await
        .expect("measured");
    let dead = measured.of(Load::DeadBackend).expect("there");
    assert_eq!(dead.stats.delivered, 0);
    assert!(dead.stats.total_dropped() > 0, "{}", dead.stats);
    assert_eq!(
        dead.stats.total_dropped(),
        dead.stats.accepted,
        "{}",
        dead.stats
    );
    assert!(
        dead.lost().contains("the endpoint does not answer"),
        "{}",
        dead.lost()
    );
    // The ends of runs that were begun may use an eighth more.
    assert!(
        dead.peak_queue_bytes <= (bound + bound / 8) as u64,
        "{}",
        dead.peak_queue_bytes
    );
}

#[tokio::test]
async fn with_a_spool_a_dead_backend_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = SpoolConfig::new(folder.path().join("spool"));
    let measured = quick().spool(spool).measure().await.expect("measured");
    let dead = measured.of(Load::DeadBackend).expect("there");
    assert_eq!(dead.stats.spooled, dead.stats.accepted, "{}", dead.stats);
    assert!(dead.lost().ends_with(" on disk"), "{}", dead.lost());
}

#[tokio::test]
async fn another_request_can_be_measured() {
    let done = Arc::new(AtomicU64::new(0));
    let counted = done.clone();
    let work = move |client: &common::client::Client| {
        client.run("own").start().end();
        counted.fetch_add(1, Ordering::SeqCst);
    };
    let measured = quick()
        .turns(0)
        .work(work)
        .measure()
        .await
        .expect("measured");
    assert_eq!(done.load(Ordering::SeqCst), 5 * WARM_UP);
    assert_eq!(
        measured.of(Load::On).map(|state| state.runs()),
        Some(WARM_UP)
    );
    look(&measured);
}
