//! The tail under thousands of schedules: nothing overtakes its own beginning, and no flush returns early.
//!
//! These are the files that serve in production, with the lock of [`PerProcess`](super::super::per_process) in
//! shuttle's hands. `SCHEDULES=150000 cargo test -p common --lib tail::model` is the long run, so many for each model.
//! A failure prints its schedule for `shuttle::replay`.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use shuttle::scheduler::RandomScheduler;
use shuttle::{Config, Runner, thread};
use uuid::Uuid;

use crate::model::{Part, Place, RunId, RunOp, Unwritten};
use crate::trace::{RunSink, RunTree, Sampler, Sampling, TailPolicy, Tracer, Updates};

/// A timeout that never comes: in here only a wake-up ends a wait.
const FOREVER: Duration = Duration::from_secs(24 * 60 * 60);

fn explore(few: usize, model: impl Fn() + Send + Sync + 'static) {
    let wanted = env::var("SCHEDULES")
        .ok()
        .and_then(|text| text.parse().ok());
    let scheduler = match wanted {
        Some(many) => RandomScheduler::new(many),
        None => RandomScheduler::new_from_seed(4, few),
    };
    Runner::new(scheduler, Config::new()).run(model);
}

/// A sink that takes its time, so that others go first if anything lets them.
#[derive(Debug, Default)]
struct Slow(Mutex<Vec<RunOp>>);

impl Slow {
    fn ops(&self) -> Vec<RunOp> {
        let ops = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ops.clone()
    }

    /// Returns the ids of runs whose end is here, or fails if one came before its beginning.
    fn ended(&self) -> BTreeSet<RunId> {
        let (mut begun, mut ended) = (BTreeSet::new(), BTreeSet::new());
        for op in self.ops() {
            match op {
                RunOp::Post(run) => assert!(begun.insert(run.id), "begun twice"),
                RunOp::Patch(run) => {
                    assert!(begun.contains(&run.id), "an end before its beginning");
                    assert!(ended.insert(run.id), "ended twice");
                }
                RunOp::Feedback(_) => {}
            }
        }
        ended
    }
}

impl RunSink for Slow {
    fn submit(&self, op: RunOp) {
        thread::yield_now();
        let mut ops = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ops.push(op);
    }
}

fn scene(policy: TailPolicy) -> (Arc<Slow>, Tracer) {
    let sink = Arc::new(Slow::default());
    let sampling = Sampling::new().sampler(Sampler::AlwaysOff).tail(policy);
    let tracer = Tracer::builder(sink.clone())
        .sampling(sampling)
        .omit_runtime()
        .build();
    (sink, tracer)
}

/// Flushes as a client does.
fn flush(tracer: &Tracer) {
    let tail = tracer.buffer().expect("a tail");
    tail.settle(false);
    assert_eq!(tail.wait_released(FOREVER), 0);
}

fn id(run: &RunTree) -> RunId {
    run.id().expect("an id")
}

fn balanced(tracer: &Tracer) -> BTreeMap<String, u64> {
    let stats = tracer.sampling_stats();
    assert!(stats.balances(), "{stats:?}");
    assert_eq!((stats.waiting, stats.waiting_bytes), (0, 0));
    let fates = stats
        .kept
        .iter()
        .map(|(why, count)| (why.to_string(), *count));
    fates.collect()
}

/// One thread's failure keeps a trace while others begin and end runs of it, and flush.
#[test]
fn what_comes_while_a_part_is_on_its_way_follows_it_and_a_flush_waits_for_both() {
    explore(3_000, || {
        let (sink, tracer) = scene(TailPolicy::new());
        let root = tracer.run("root").start();
        let open = root.child("open").start();
        let failing = {
            let child = root.child("fails").start();
            thread::spawn(move || child.fail("no answer"))
        };
        let going_on = {
            let (sink, tracer, root) = (sink.clone(), tracer.clone(), root.clone());
            thread::spawn(move || {
                open.end();
                let late = root.child("late").start();
                late.end();
                let trace = root.trace_id().expect("a trace").0;
                let tail = tracer.buffer().expect("a tail");
                let is_kept = tail.fate_of(trace) == Some(true);
                flush(&tracer);
                let ended = sink.ended();
                for run in [&open, &late].into_iter().filter(|_| is_kept) {
                    assert!(ended.contains(&id(run)), "a flush returned early");
                }
            })
        };
        failing.join().expect("it fails");
        going_on.join().expect("it goes on");
        root.end();
        flush(&tracer);
        assert_eq!(sink.ended().len(), 4);
        assert_eq!(balanced(&tracer), [("error".to_owned(), 1)].into());
    });
}

/// Has more to say of a trace each time that something of it begins, until it is enough.
#[derive(Debug, Default)]
struct Endless {
    root: Mutex<Option<RunTree>>,
    has_begun: AtomicBool,
    is_enough: AtomicBool,
}

impl RunSink for Endless {
    fn submit(&self, op: RunOp) {
        self.has_begun.store(true, Ordering::Relaxed);
        thread::yield_now();
        if self.is_enough.load(Ordering::Relaxed) || !matches!(op, RunOp::Post(_)) {
            return;
        }
        let root = self.root.lock().expect("no panic").clone();
        root.expect("a root").child("more").start().end();
    }
}

/// As long as others go on, so does the way of a part. Without a bound on what a flush waits for, this ends by
/// shuttle's bound on the steps of a schedule.
#[test]
fn a_flush_does_not_wait_for_what_came_after_it_began() {
    explore(500, || {
        let sink = Arc::new(Endless::default());
        let sampling = Sampling::new()
            .sampler(Sampler::AlwaysOff)
            .tail(TailPolicy::new());
        let tracer = Tracer::builder(sink.clone()).sampling(sampling).build();
        let root = tracer.run("root").start();
        *sink.root.lock().expect("no panic") = Some(root.clone());
        let failing = {
            let child = root.child("fails").start();
            thread::spawn(move || child.fail("no answer"))
        };
        while !sink.has_begun.load(Ordering::Relaxed) {
            thread::yield_now();
        }
        flush(&tracer);
        sink.is_enough.store(true, Ordering::Relaxed);
        failing.join().expect("it fails");
        sink.root.lock().expect("no panic").take();
        root.end();
        assert_eq!(balanced(&tracer), [("error".to_owned(), 1)].into());
    });
}

/// A bound drives parts out while they go on, and the end decides of the rest.
#[test]
fn parts_are_whole_or_not_there_whatever_bound_or_end_comes_between() {
    explore(3_000, || {
        let (sink, tracer) = scene(TailPolicy::new().max_traces(1));
        let tracing: Vec<_> = (0..2)
            .map(|number| {
                let tracer = tracer.clone();
                thread::spawn(move || {
                    let trace = Uuid::from_u128((0x01a2_02b7 << 96) + number + 1);
                    let root = tracer.run("root").id(trace.into()).start();
                    root.child("child").start().fail("no answer");
                    root.end();
                })
            })
            .collect();
        let ending = {
            let tracer = tracer.clone();
            thread::spawn(move || {
                let tail = tracer.buffer().expect("a tail");
                tail.settle(true);
                assert_eq!(tail.wait_released(FOREVER), 0);
            })
        };
        for tracing in tracing {
            tracing.join().expect("it traces");
        }
        ending.join().expect("it ends");
        let ended = sink.ended().len();
        assert_eq!(ended % 2, 0, "half a trace");
        let kept = balanced(&tracer).get("error").copied();
        assert_eq!(kept.unwrap_or_default() * 2, ended as u64);
    });
}

/// Says how it was called, and where it holds what has begun.
#[derive(Debug, Default)]
struct Joining(Mutex<Vec<String>>);

impl Joining {
    fn note(&self, what: String) {
        self.0.lock().expect("no panic").push(what);
    }

    fn noted(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("no panic"))
    }
}

impl RunSink for Joining {
    fn submit(&self, op: RunOp) {
        let run = op.run().expect("a run");
        self.note(format!("{} so far", run.name));
    }

    fn begin(&self, run: Arc<dyn Unwritten>, _: usize) -> Option<Place> {
        let op = run.write(Part::Begin);
        self.note(format!("{} begins", op.run().expect("a run").name));
        Some(Place { queue: 1, at: 1 })
    }

    fn end(&self, run: Arc<dyn Unwritten>, place: Option<Place>, _: usize) {
        let op = run.write(Part::End);
        let joins = if place.is_some() {
            " where it began"
        } else {
            ""
        };
        self.note(format!("{} ends{joins}", op.run().expect("a run").name));
    }
}

#[test]
fn an_end_does_not_join_its_beginning_past_what_was_said_between() {
    explore(1, || {
        let sink = Arc::new(Joining::default());
        let sampling = Sampling::new()
            .sampler(Sampler::AlwaysOff)
            .tail(TailPolicy::new());
        let tracer = Tracer::builder(sink.clone())
            .sampling(sampling)
            .updates(Updates::every(Duration::ZERO).at_most_per_second(0))
            .build();
        let root = tracer.run("root").start();
        root.child("quick").start().end();
        let told = root.child("told").start();
        told.add_output("pages", 1);
        told.update();
        told.end();
        root.fail("no answer");
        let expected = [
            "root begins",
            "quick begins",
            "quick ends where it began",
            "told begins",
            "told so far",
            "told ends",
            "root ends where it began",
        ];
        assert_eq!(sink.noted(), expected);
    });
}

#[test]
fn late_runs_that_end_where_they_began_leave_no_trace_open_that_would_drive_out_one_that_is() {
    explore(1, || {
        let sink = Arc::new(Joining::default());
        let sampling = Sampling::new()
            .sampler(Sampler::AlwaysOff)
            .tail(TailPolicy::new().remembered(2));
        let tracer = Tracer::builder(sink.clone()).sampling(sampling).build();
        let long = tracer.run("long").start();
        long.child("fails").start().fail("no answer");
        let short = tracer.run("short").start();
        short.fail("no answer");
        short.child("late").start().end();
        // One of the three is forgotten: the one that is over, if it is known that it is.
        let other = tracer.run("other").start();
        other.child("fails").start().fail("no answer");
        sink.noted();
        long.child("late").start().end();
        long.end();
        let expected = [
            "late begins",
            "late ends where it began",
            "long ends where it began",
        ];
        assert_eq!(sink.noted(), expected);
    });
}
