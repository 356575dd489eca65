//! The queue under thousands of schedules: nothing accepted is lost, whoever waits is woken, and no flush
//! returns early.
//!
//! These are the files that serve in production, with [`sync`](crate::export::life::sync) in shuttle's hands.
//! `SCHEDULES=150000 cargo test -p common --lib queue::model` is the long run, so many for each model: a
//! million together. Without the variable there are 10,000. A failure prints its schedule for `shuttle::replay`.

mod disk;
mod keeper;

use std::collections::BTreeMap;
use std::env;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use shuttle::rand::{Rng as _, thread_rng};
use shuttle::scheduler::RandomScheduler;
use shuttle::{Config, Runner, future, thread};
use uuid::Uuid;

use super::{Limits, Queue, Waiting};
use crate::export::batch::{Batch, Held, InFlight};
use crate::export::config::BatchConfig;
use crate::export::ledger::DropReason;
use crate::export::life::shuttled::{self, Mistake, Timers};
use crate::export::send::Warnings;
use crate::model::{
    DottedOrder, EndedRun, Glance, Part, Run, RunId, RunOp, RunType, Segment, Unwritten,
};

/// A timeout that never comes: in here only a wake-up ends a wait.
const FOREVER: Duration = Duration::from_secs(24 * 60 * 60);

/// Runs a model under `few` schedules, always the same, or under as many others as `SCHEDULES` says.
fn explore(few: usize, model: impl Fn() + Send + Sync + 'static) {
    let wanted = env::var("SCHEDULES")
        .ok()
        .and_then(|text| text.parse().ok());
    let scheduler = match wanted {
        Some(many) => RandomScheduler::new(many),
        None => RandomScheduler::new_from_seed(4, few),
    };
    let mut config = Config::new();
    // Values are written as JSON on these stacks.
    config.stack_size = 512 * 1024;
    Runner::new(scheduler, config).run(model);
}

/// Which operations have met their fate, and how many of each run.
#[derive(Debug, Clone, Default)]
struct Ended(Arc<Mutex<BTreeMap<Uuid, u64>>>);

impl Ended {
    fn add(&self, id: Uuid, ops: u64) {
        let mut ended = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *ended.entry(id).or_default() += ops;
    }

    fn of(&self, id: Uuid) -> u64 {
        let ended = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ended.get(&id).copied().unwrap_or_default()
    }
}

fn run(number: u64) -> Box<Run> {
    let start = chrono::DateTime::from_timestamp_nanos(1_795_342_674_000_000_000);
    let id = RunId(Uuid::from_u128(
        (0x01a2_02b7 << 96) + u128::from(number) + 1,
    ));
    let order = DottedOrder::root(Segment { start, id });
    Box::new(Run::begin(order, "run", RunType::Chain, start))
}

fn queue(ops: usize, limits: usize) -> Arc<Queue> {
    let config = BatchConfig {
        queue_ops: ops,
        linger: FOREVER,
        ..BatchConfig::default()
    };
    let limits = Limits {
        ops: limits,
        bytes: 1 << 20,
    };
    Arc::new(Queue::new(&config, limits))
}

/// Does what the exporter's thread does, with a server that decides by lot.
fn work(queue: Arc<Queue>, ended: Ended) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        future::block_on(async {
            tokio::select! {
                biased;
                () = queue.stopped() => {}
                () = send(&queue, &ended) => {}
            }
            queue.abandon(DropReason::Shutdown);
            queue.kept().await;
            queue.leave();
        });
    })
}

async fn send(queue: &Arc<Queue>, ended: &Ended) {
    let in_flight = InFlight::new(queue.clone(), Arc::new(Warnings::default()));
    while queue.wait_for_work().await {
        let Some(taken) = queue.next_batch().await else {
            break;
        };
        assert!(!taken.is_empty() && taken.len() <= queue.limits().ops);
        let owed = in_flight.take(&taken);
        if thread_rng().gen_ratio(1, 8) {
            // As a panic would have it: whoever was to send them is gone.
            for it in taken.into_iter().map(Waiting::write) {
                ended.add(it.op.id(), it.ops);
            }
            continue;
        }
        let taken = taken.into_iter().map(Waiting::write).collect();
        for piece in owed.becomes(Batch::merge_queued(taken)).split() {
            future::yield_now().await;
            end(piece, ended);
        }
    }
}

/// Settles a piece of a batch as the lot falls.
fn end(piece: Held, ended: &Ended) {
    for group in piece.groups() {
        ended.add(group.content.id(), group.ops);
    }
    piece.settle(match thread_rng().gen_range(0..4) {
        0 => Err(DropReason::Rejected),
        1 => Err(DropReason::Unreachable),
        _ => Ok(()),
    });
}

/// Submits a run in two operations.
fn submit(queue: &Queue, number: u64) -> Uuid {
    let run = run(number);
    let id = run.id.0;
    queue.submit(RunOp::Post(run.clone()));
    queue.submit(RunOp::Patch(run));
    id
}

/// A run that is written when it leaves; each part once.
#[derive(Debug)]
struct Kept {
    number: u64,
    written: Mutex<Vec<Part>>,
}

impl Unwritten for Kept {
    fn run_id(&self) -> RunId {
        run(self.number).id
    }

    fn size_again(&self) -> usize {
        1
    }

    fn glance(&self) -> Glance {
        (&*run(self.number)).into()
    }

    fn ended(&self) -> EndedRun {
        (&*run(self.number)).into()
    }

    fn write(&self, part: Part) -> RunOp {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.push(part);
        // The keeper may write the one and the worker the other, in any order.
        let times = |part| written.iter().filter(|it| **it == part).count();
        let apart = times(Part::Begin).max(times(Part::End));
        assert!(times(Part::Whole) + apart == 1, "{written:?}");
        match part {
            Part::Begin | Part::Whole => RunOp::Post(run(self.number)),
            Part::End => RunOp::Patch(run(self.number)),
        }
    }
}

/// Submits a run that is held until it leaves.
fn hold(queue: &Queue, number: u64) -> Uuid {
    let kept = Arc::new(Kept {
        number,
        written: Mutex::default(),
    });
    let place = queue.begin(kept.clone(), 1);
    thread::yield_now();
    queue.end(kept.clone(), place, 1);
    kept.run_id().0
}

fn close_and_check(queue: &Queue, worker: thread::JoinHandle<()>, submitted: u64) {
    queue.close();
    let mark = queue.begin_flush();
    queue.wait_settled_blocking(&mark, FOREVER);
    queue.stop();
    assert!(queue.wait_gone_blocking(FOREVER));
    worker.join().expect("the worker ends");
    check_books(queue, submitted);
}

fn check_books(queue: &Queue, submitted: u64) {
    let stats = queue.stats();
    assert!(stats.balances(), "{stats}");
    assert_eq!(stats.queued, 0, "{stats}");
    assert_eq!(stats.accepted + stats.total_refused(), submitted, "{stats}");
}

/// Two threads trace and flush, one of them as a task, beside a third that only traces.
fn flushes(timers: Timers, planted: Option<Mistake>) {
    shuttled::begin(timers, planted);
    let (queue, ended) = (queue(100, 2), Ended::default());
    let worker = work(queue.clone(), ended.clone());
    let check = |ended: &Ended, id| assert_eq!(ended.of(id), 2, "a flush returned early");
    let blocking = {
        let (queue, ended) = (queue.clone(), ended.clone());
        thread::spawn(move || {
            let id = submit(&queue, 1);
            let mark = queue.begin_flush();
            queue.wait_settled_blocking(&mark, FOREVER);
            check(&ended, id);
        })
    };
    let waiting = {
        let (queue, ended) = (queue.clone(), ended.clone());
        thread::spawn(move || {
            for number in [2, 3] {
                let id = hold(&queue, number);
                let mark = queue.begin_flush();
                future::block_on(queue.wait_settled(&mark));
                check(&ended, id);
            }
        })
    };
    submit(&queue, 4);
    blocking.join().expect("it flushes");
    waiting.join().expect("it flushes");
    close_and_check(&queue, worker, 8);
}

#[test]
fn no_flush_returns_early_and_no_wake_up_is_lost() {
    explore(3_500, || flushes(Timers::Never, None));
}

#[test]
fn timers_that_go_off_at_any_moment_change_nothing() {
    explore(1_000, || flushes(Timers::Anytime, None));
}

#[test]
#[should_panic(expected = "deadlock")]
fn the_model_finds_a_wait_that_begins_to_listen_too_late() {
    explore(5_000, || flushes(Timers::Never, Some(Mistake::ListensLate)));
}

#[test]
#[should_panic(expected = "deadlock")]
fn the_model_finds_a_wake_up_that_is_lost() {
    explore(5_000, || {
        flushes(Timers::Never, Some(Mistake::KeepsNoPermit))
    });
}

#[test]
fn whoever_submits_while_it_closes_is_counted_or_refused() {
    explore(2_500, || {
        shuttled::begin(Timers::Never, None);
        let (queue, ended) = (queue(4, 2), Ended::default());
        let worker = work(queue.clone(), ended.clone());
        let submitting: Vec<_> = [0, 10]
            .map(|first| {
                let queue = queue.clone();
                thread::spawn(move || {
                    for number in first..first + 2 {
                        hold(&queue, number);
                        assert!(queue.stats().queued <= 4, "more than the queue may hold");
                    }
                })
            })
            .into();
        let closing = {
            let queue = queue.clone();
            thread::spawn(move || {
                queue.close();
                let accepted = queue.stats().accepted;
                future::block_on(queue.emptied());
                assert_eq!(queue.stats().accepted, accepted, "taken in after the close");
            })
        };
        for submitting in submitting {
            submitting.join().expect("it submits");
        }
        closing.join().expect("it closes");
        close_and_check(&queue, worker, 8);
    });
}

#[test]
fn an_order_to_stop_ends_every_wait_and_leaves_nothing_unbooked() {
    explore(1_500, || {
        shuttled::begin(Timers::Never, None);
        let (queue, ended) = (queue(100, 1), Ended::default());
        let worker = work(queue.clone(), ended.clone());
        let flushing = {
            let queue = queue.clone();
            thread::spawn(move || {
                submit(&queue, 1);
                let mark = queue.begin_flush();
                future::block_on(queue.wait_settled(&mark));
            })
        };
        submit(&queue, 2);
        queue.close();
        queue.stop();
        assert!(queue.wait_gone_blocking(FOREVER));
        flushing.join().expect("the flush ends");
        worker.join().expect("the worker ends");
        check_books(&queue, 4);
    });
}
