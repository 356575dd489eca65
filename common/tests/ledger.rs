//! The books balance: accepted = delivered + spooled + dropped + queued, whatever happens.
#![cfg(feature = "client")]

mod captured;
mod exporting;
mod peer;
mod scripted;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use common::export::{BatchConfig, BatchExporter, RetryPolicy};
use common::model::RunOp;
use exporting::{PATIENCE, fast};
use proptest::prelude::*;
use scripted::{Answer, Scripted, exporter};

/// Submits operations, each on a run of its own, so that each is told apart at the other end.
struct Producer {
    exporter: Arc<BatchExporter>,
    numbers: Arc<AtomicU64>,
}

impl Producer {
    fn submit(&self, count: u64) {
        for _ in 0..count {
            let number = self.numbers.fetch_add(1, Ordering::Relaxed);
            let run = Box::new(captured::run(number.into(), None, "r", "chain", 0, 5));
            self.exporter.submit(if number % 3 == 0 {
                RunOp::Patch(run)
            } else {
                RunOp::Post(run)
            });
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// So many threads submit so many each.
    Submit(usize, u64),
    /// What the next requests meet.
    Trouble(Vec<Answer>),
    /// A flush, with all the time or with none.
    Flush(bool),
    /// A shutdown while two threads still submit.
    Shutdown(bool),
}

fn answer() -> impl Strategy<Value = Answer> {
    const STATUSES: &[u16] = &[202, 401, 403, 404, 409, 400, 413, 422, 429, 500, 503, 307];
    prop_oneof![
        8 => prop::sample::select(STATUSES).prop_map(Answer::Status),
        1 => Just(Answer::Reset),
        1 => Just(Answer::ResetAfter),
        1 => Just(Answer::Hang),
        1 => Just(Answer::Panic),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..4_usize, 1..30_u64).prop_map(|(threads, each)| Step::Submit(threads, each)),
        3 => prop::collection::vec(answer(), 1..8).prop_map(Step::Trouble),
        2 => any::<bool>().prop_map(Step::Flush),
        1 => any::<bool>().prop_map(Step::Shutdown),
    ]
}

/// Small bounds, so that all of them are met, and short waits.
fn hasty() -> BatchConfig {
    BatchConfig {
        max_ops: Some(7),
        queue_ops: 40,
        request_timeout: Duration::from_millis(3),
        retry: RetryPolicy {
            budget: Duration::from_millis(30),
            ..fast().retry
        },
        ..fast()
    }
}

/// Nothing moves any more: the equation holds, with nothing left on its way.
fn check(
    exporter: &BatchExporter,
    submitted: u64,
    scripted: &Scripted,
) -> Result<(), TestCaseError> {
    let stats = exporter.stats();
    prop_assert!(stats.balances(), "{stats}");
    prop_assert_eq!(stats.queued, 0);
    prop_assert_eq!(stats.queued_bytes, 0);
    prop_assert_eq!(stats.stalled, Duration::ZERO);
    prop_assert_eq!(stats.accepted + stats.total_refused(), submitted);
    prop_assert!(stats.requests >= scripted.requests());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_submitted_meets_and_ends_every_operation_has_one_fate(
        steps in prop::collection::vec(step(), 1..12),
    ) {
        let (scripted, exporter) = exporter(hasty());
        let numbers = Arc::new(AtomicU64::new(0));
        let producer = || Producer { exporter: exporter.clone(), numbers: numbers.clone() };
        let mut answers = Vec::new();
        for step in steps {
            match step {
                Step::Submit(threads, each) => thread::scope(|scope| {
                    for _ in 0..threads {
                        scope.spawn(|| producer().submit(each));
                    }
                }),
                Step::Trouble(trouble) => {
                    answers.extend(trouble.iter().copied());
                    scripted.add(trouble);
                }
                Step::Flush(true) => {
                    let _ = exporter.flush(PATIENCE);
                    check(&exporter, numbers.load(Ordering::Relaxed), &scripted)?;
                }
                Step::Flush(false) => {
                    let _ = exporter.flush(Duration::ZERO);
                }
                Step::Shutdown(patient) => thread::scope(|scope| {
                    for _ in 0..2 {
                        scope.spawn(|| producer().submit(10));
                    }
                    let _ = exporter.shutdown(if patient { PATIENCE } else { Duration::ZERO });
                }),
            }
            let stats = exporter.stats();
            prop_assert!(stats.balances(), "{stats}");
        }
        let _ = exporter.shutdown(PATIENCE);
        check(&exporter, numbers.load(Ordering::Relaxed), &scripted)?;
        let delivered = exporter.stats().delivered;
        let is_ambiguous = |answer: &Answer| matches!(answer, Answer::Status(409) | Answer::ResetAfter);
        if answers.iter().any(is_ambiguous) {
            // The server has what we are not told of, or has not what it says it has.
            return Ok(());
        }
        prop_assert_eq!(delivered, scripted.taken());
    }
}

#[test]
fn under_a_full_queue_what_is_exported_and_what_is_dropped_is_what_was_emitted() {
    const PRODUCERS: u64 = 8;
    const EACH: u64 = 2_000;
    let (scripted, exporter) = exporter(BatchConfig {
        queue_ops: 100,
        ..fast()
    });
    let numbers = Arc::new(AtomicU64::new(0));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let mut looks = 0_u64;
            while !done.load(Ordering::Relaxed) {
                let stats = exporter.stats();
                assert!(stats.balances(), "{stats}");
                assert!(stats.queued <= 100 + 100 / 8, "{stats}");
                looks += 1;
            }
            looks
        });
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|_| {
                let producer = Producer {
                    exporter: exporter.clone(),
                    numbers: numbers.clone(),
                };
                scope.spawn(move || producer.submit(EACH))
            })
            .collect();
        for producer in producers {
            producer.join().expect("no panic");
        }
        done.store(true, Ordering::Relaxed);
        assert!(looking.join().expect("it balanced at every look") > 0);
    });
    let _ = exporter.flush(PATIENCE);
    let stats = exporter.stats();
    assert_eq!(stats.accepted + stats.total_refused(), PRODUCERS * EACH);
    assert_eq!(stats.delivered, stats.accepted, "{stats}");
    assert_eq!(stats.delivered, scripted.taken());
    assert!(
        stats.total_refused() > 0,
        "the queue was full at times: {stats}"
    );
}
