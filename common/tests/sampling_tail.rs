//! What the head leaves out and the tail keeps after all: errors, slow traces, and what a program chooses.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use chrono::DateTime;
use common::model::{Clock, Feedback, RunContext, RunOp, Timestamp, TraceTree};
use common::trace::{
    KeepReason, LeaveReason, MemorySink, Parent, Redactor, RunSink, RunTree, SAMPLE_RATE, Sampler,
    Sampling, SamplingRate, SamplingRule, TailPolicy, TraceLimit, Tracer,
};
use proptest::prelude::*;
use serde_json::json;

/// A clock that stands still until it is moved.
#[derive(Debug, Default)]
struct Still(AtomicI64);

impl Still {
    fn go_on(&self, time: Duration) {
        self.0.fetch_add(time.as_micros() as i64, Ordering::Relaxed);
    }
}

impl Clock for Still {
    fn now(&self) -> Timestamp {
        let micros = 1_795_342_674_000_000 + self.0.load(Ordering::Relaxed);
        DateTime::from_timestamp_micros(micros).expect("a time")
    }
}

struct Scene {
    sink: Arc<MemorySink>,
    clock: Arc<Still>,
    tracer: Tracer,
}

fn scene(policy: TailPolicy) -> Scene {
    scene_of(Sampling::new().sampler(Sampler::AlwaysOff).tail(policy))
}

fn scene_of(sampling: Sampling) -> Scene {
    let (sink, clock) = (Arc::new(MemorySink::new()), Arc::new(Still::default()));
    let tracer = Tracer::builder(sink.clone())
        .clock(clock.clone())
        .sampling(sampling)
        .build();
    Scene {
        sink,
        clock,
        tracer,
    }
}

impl Scene {
    fn names(&self) -> BTreeSet<String> {
        self.sink.runs().into_iter().map(|run| run.name).collect()
    }

    fn balanced(&self) -> String {
        let stats = self.tracer.sampling_stats();
        assert!(stats.balances(), "{stats:?}");
        stats.to_string()
    }
}

fn set<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

#[test]
fn a_trace_that_fails_anywhere_is_kept_whole_and_one_that_does_not_is_forgotten() {
    let scene = scene(TailPolicy::new());
    for fails in [false, true] {
        let root = scene
            .tracer
            .run(format!("root {fails}"))
            .inputs(json!({"q": 1}))
            .start();
        assert!(root.is_recording());
        root.child("before").start().end_with(json!({"a": 1}));
        let open = root.child("open").start();
        if fails {
            assert!(
                scene.sink.ops().is_empty(),
                "nothing leaves before it is decided"
            );
            open.child("deep").start().fail("no answer");
        }
        open.end();
        root.child("after").start().end();
        root.end_with(json!({"a": 2}));
    }
    assert_eq!(
        scene.names(),
        set(["root true", "before", "open", "deep", "after"])
    );
    let runs = scene.sink.runs();
    assert!(TraceTree::build(runs.clone()).is_whole());
    // Nothing is missing in them, and none says a rate: it stands for itself alone.
    let root = runs
        .iter()
        .find(|run| run.name == "root true")
        .expect("kept");
    assert_eq!(root.inputs.as_ref().map(|map| &map["q"]), Some(&json!(1)));
    assert_eq!(root.outputs.as_ref().map(|map| &map["a"]), Some(&json!(2)));
    assert!(
        runs.iter()
            .all(|run| !run.extra.metadata.contains_key(SAMPLE_RATE))
    );
    let expected = "seen 2 = kept 1 (error 1) + left out 1 (rate 1) + waiting 0";
    assert_eq!(scene.balanced(), expected);
    let held = scene.tracer.sampling_stats().held;
    assert_eq!(
        (held.seen, held.kept, held.left_out, held.waiting),
        (9, 5, 4, 0)
    );
}

#[test]
fn what_the_head_keeps_goes_its_way_and_says_its_rate() {
    let half = SamplingRate::new(0.5).expect("a rate");
    let scene = scene_of(Sampling::new().rate(half).tail(TailPolicy::new()));
    // As vector 09 has them: the first is below one half, the second is not.
    let [kept, left] = [
        "01990000-0000-7000-8000-000000000000",
        "01990000-0000-7000-8000-000000001111",
    ]
    .map(|id| id.parse::<uuid::Uuid>().expect("an id"));
    let run = scene.tracer.run("kept").id(kept.into()).start();
    assert_eq!(scene.sink.ops().len(), 1, "it does not wait");
    run.end();
    scene
        .tracer
        .run("left")
        .id(left.into())
        .start()
        .fail("no answer");
    let told = |name: &str| {
        let runs = scene.sink.runs();
        let run = runs.into_iter().find(|run| run.name == name).expect("sent");
        run.extra.metadata.get(SAMPLE_RATE).cloned()
    };
    assert_eq!((told("kept"), told("left")), (Some(json!(0.5)), None));
    let expected = "seen 2 = kept 2 (rate 1, error 1) + left out 0 + waiting 0";
    assert_eq!(scene.balanced(), expected);
}

#[test]
fn slow_is_what_takes_so_long_or_longer_and_is_known_while_it_is_open() {
    let policy = TailPolicy::new().slow(Duration::from_secs(10));
    let scene = scene(policy);
    for (name, micros) in [("quick", 9_999_999), ("slow", 10_000_000)] {
        let run = scene.tracer.run(name).start();
        scene.clock.go_on(Duration::from_micros(micros));
        run.end();
    }
    assert_eq!(scene.names(), set(["slow"]));
    let open = scene.tracer.run("open").start();
    scene.clock.go_on(Duration::from_secs(11));
    let child = open.child("child of open").start();
    assert_eq!(scene.names(), set(["slow", "open", "child of open"]));
    drop((open, child));
    assert_eq!(
        scene.balanced(),
        "seen 3 = kept 2 (slow 2) + left out 1 (rate 1) + waiting 0"
    );
}

#[test]
fn the_program_chooses_by_what_a_run_says_of_itself_and_may_panic() {
    let policy = TailPolicy::new().errors(false).choose(|run| {
        assert!(run.name != "bad", "as a program's own function may do");
        run.metadata.get("escalated") == Some(&json!(true))
    });
    let scene = scene(policy);
    for (name, escalated) in [("no", false), ("yes", true), ("bad", true)] {
        let root = scene.tracer.run(format!("root of {name}")).start();
        let run = root.child(name).start();
        run.add_metadata("escalated", escalated);
        run.fail("which alone keeps nothing here");
        root.end();
    }
    assert_eq!(scene.names(), set(["root of yes", "yes"]));
    assert_eq!(
        scene.balanced(),
        "seen 3 = kept 1 (chosen 1) + left out 2 (rate 2) + waiting 0"
    );
}

#[test]
fn late_runs_follow_what_was_decided() {
    let scene = scene(TailPolicy::new());
    let context = |fails: bool| -> RunContext {
        let root = scene.tracer.run(format!("root {fails}")).start();
        let context = root.context().expect("a place");
        match fails {
            true => root.fail("no answer"),
            false => root.end(),
        }
        context
    };
    let (kept, left) = (context(true), context(false));
    let late = |name: &str, above: &RunContext| {
        let run = scene.tracer.run(name).parent(above.clone()).start();
        run.child(format!("{name} below")).start().fail("too late");
        run.end();
    };
    late("late of kept", &kept);
    late("late of left", &left);
    assert_eq!(
        scene.names(),
        set(["root true", "late of kept", "late of kept below"])
    );
    assert_eq!(
        scene.balanced(),
        "seen 2 = kept 1 (error 1) + left out 1 (rate 1) + waiting 0; missed errors 1"
    );
}

#[test]
fn what_a_caller_began_is_decided_part_by_part() {
    let scene = scene(TailPolicy::new());
    let caller = Tracer::builder(Arc::new(MemorySink::new())).build();
    let above = caller.run("gateway").start();
    let header = above.dotted_order().expect("a place").as_str().to_owned();
    let context = RunContext::new(header.parse().expect("an order"));
    for (name, fails) in [
        ("first call", false),
        ("second call", true),
        ("third call", false),
    ] {
        let run = scene.tracer.run(name).parent(context.clone()).start();
        let below = run.child(format!("below {name}")).start();
        if fails {
            below.fail("no answer");
        }
        below.end();
        run.end();
    }
    assert_eq!(scene.names(), set(["second call", "below second call"]));
    assert_eq!(
        scene.balanced(),
        "seen 3 = kept 1 (error 1) + left out 2 (rate 2) + waiting 0; joined 3"
    );
}

#[test]
fn feedback_waits_with_its_trace_and_shares_its_fate() {
    let scene = scene(TailPolicy::new());
    for fails in [true, false] {
        let root = scene.tracer.run("root").start();
        let (id, trace) = (root.id().expect("an id"), root.trace_id().expect("a trace"));
        let judged = Feedback::on(id, format!("of {fails}"), DateTime::UNIX_EPOCH).trace_id(trace);
        let op = || RunOp::Feedback(Box::new(judged.clone()));
        // By a way of its own it may go while nothing is known, and not once it is.
        assert!(scene.tracer.admit(op()).is_some());
        match fails {
            true => root.fail("no answer"),
            false => root.end(),
        }
        assert_eq!(scene.tracer.admit(op()).is_some(), fails);
    }
    assert_eq!(scene.tracer.sampling_stats().left_out_feedback, 1);
}

#[test]
fn bounds_hold_with_a_hundred_thousand_open_traces() {
    let policy = TailPolicy::new().max_traces(1_000).remembered(200_000);
    let scene = scene(policy);
    let open: Vec<RunTree> = (0..100_000)
        .map(|_| scene.tracer.run("open").start())
        .collect();
    let stats = scene.tracer.sampling_stats();
    assert_eq!((stats.seen, stats.waiting), (100_000, 1_000));
    assert_eq!(
        stats.left_out,
        BTreeMap::from([(LeaveReason::PastTraces, 99_000)])
    );
    assert!(
        stats.balances() && stats.waiting_bytes < 10_000_000,
        "{stats:?}"
    );
    // Those that wait are not given up for those that come: all of them can still be kept.
    open.iter().for_each(|run| run.fail("no answer"));
    let stats = scene.tracer.sampling_stats();
    assert_eq!(stats.kept, BTreeMap::from([(KeepReason::Error, 1_000)]));
    assert_eq!(
        (stats.missed_errors, stats.waiting, stats.waiting_bytes),
        (99_000, 0, 0)
    );
    assert_eq!(scene.sink.runs().len(), 1_000);
}

#[test]
fn runs_bytes_and_time_are_bounded_each_by_itself() {
    let many = scene(TailPolicy::new().max_runs(3));
    let root = many.tracer.run("root").start();
    (0..3).for_each(|_| root.child("child").start().end());
    root.fail("too late");
    assert_eq!(
        many.balanced(),
        "seen 1 = kept 0 + left out 1 (past_runs 1) + waiting 0; missed errors 1"
    );
    let large = scene(TailPolicy::new().max_bytes(100_000));
    let small = large.tracer.run("small").start();
    let root = large.tracer.run("large").start();
    root.child("child")
        .inputs(json!({"text": "x".repeat(100_000)}))
        .start()
        .end();
    small.fail("no answer");
    root.end();
    assert_eq!(large.names(), set(["small"]));
    assert_eq!(
        large.balanced(),
        "seen 2 = kept 1 (error 1) + left out 1 (past_bytes 1) + waiting 0"
    );
    let long = scene(TailPolicy::new().max_wait(Duration::from_secs(60)));
    let root = long.tracer.run("long").start();
    long.clock.go_on(Duration::from_secs(60));
    long.tracer.run("another").start().end();
    root.fail("too late");
    assert_eq!(
        long.balanced(),
        "seen 2 = kept 0 + left out 2 (rate 1, past_time 1) + waiting 0; missed errors 1"
    );
}

#[test]
fn a_failure_on_another_thread_keeps_what_the_first_one_began() {
    let scene = scene(TailPolicy::new());
    let root = scene.tracer.run("root").start();
    std::thread::scope(|threads| {
        for number in 0..8 {
            let root = root.clone();
            threads.spawn(move || {
                for step in 0..50 {
                    let run = root.child(format!("{number} {step}")).start();
                    match (number, step) {
                        (3, 25) => run.fail("no answer"),
                        _ => run.end(),
                    }
                }
            });
        }
    });
    root.end();
    let runs = scene.sink.runs();
    assert_eq!(runs.len(), 401);
    assert!(TraceTree::build(runs).is_whole());
    assert_eq!(
        scene.balanced(),
        "seen 1 = kept 1 (error 1) + left out 0 + waiting 0"
    );
}

#[test]
fn a_masking_tracer_holds_back_what_is_masked() {
    let (sink, clock) = (Arc::new(MemorySink::new()), Arc::new(Still::default()));
    let sampling = Sampling::new()
        .sampler(Sampler::AlwaysOff)
        .tail(TailPolicy::new());
    let tracer = Tracer::builder(sink.clone())
        .clock(clock)
        .redactor(Redactor::new().hide_inputs(true))
        .sampling(sampling)
        .build();
    for fails in [true, false] {
        let root = tracer.run("root").inputs(json!({"secret": 1})).start();
        root.child("child").start().end();
        match fails {
            true => root.fail("no answer"),
            false => root.end(),
        }
    }
    let runs = sink.runs();
    assert_eq!(runs.len(), 2);
    assert_eq!(runs[0].inputs.as_ref().map(|inputs| inputs.len()), Some(0));
    let stats = tracer.sampling_stats();
    assert_eq!(
        stats.to_string(),
        "seen 2 = kept 1 (error 1) + left out 1 (rate 1) + waiting 0"
    );
}

#[test]
fn a_rule_is_still_why_when_the_tail_finds_nothing_either() {
    let probes = SamplingRule::new("probes", Sampler::AlwaysOff).name("probe");
    let sampling = Sampling::new().rules([probes]).expect("valid");
    let scene = scene_of(sampling.tail(TailPolicy::new()));
    scene.tracer.run("probe").start().end();
    scene.tracer.run("probe").start().fail("no answer");
    scene.tracer.run("any").start().end();
    assert_eq!(
        scene.balanced(),
        "seen 3 = kept 2 (all 1, error 1) + left out 1 (rule 1) + waiting 0"
    );
}

#[test]
fn a_run_that_is_dropped_has_failed_and_its_trace_is_kept() {
    let scene = scene(TailPolicy::new());
    let root = scene.tracer.run("root").start();
    drop(root.child("dropped").start());
    root.end();
    assert_eq!(scene.names(), set(["root", "dropped"]));
    assert_eq!(
        scene.balanced(),
        "seen 1 = kept 1 (error 1) + left out 0 + waiting 0"
    );
}

#[test]
fn a_storm_of_errors_is_kept_within_its_limit_and_the_rest_is_counted() {
    let scene = scene(TailPolicy::new().at_most(TraceLimit::per_second(2)));
    let storm = || {
        for number in 0..5 {
            let root = scene.tracer.run(format!("root {number}")).start();
            root.child("child").start().fail("no answer");
            root.fail("no answer either");
        }
    };
    storm();
    assert_eq!(scene.names(), set(["root 0", "root 1", "child"]));
    assert_eq!(
        scene.balanced(),
        "seen 5 = kept 2 (error 2) + left out 3 (past_rate 3) + waiting 0; missed errors 6"
    );
    scene.clock.go_on(Duration::from_secs(1));
    storm();
    assert_eq!(scene.tracer.sampling_stats().total_kept(), 4);
    assert_eq!(scene.sink.runs().len(), 8);
}

#[test]
fn runs_of_one_part_go_each_to_the_sink_of_its_own_handle() {
    let scene = scene(TailPolicy::new());
    let audit = Arc::new(MemorySink::new());
    let copied = scene.tracer.with_sink(audit.clone());
    let root = scene.tracer.run("root").start();
    let below = copied.run("audited").parent(Parent::from(&root)).start();
    below.fail("no answer");
    root.end();
    assert_eq!(scene.names(), set(["root"]));
    let audited: Vec<String> = audit.runs().into_iter().map(|run| run.name).collect();
    assert_eq!(audited, ["audited"]);
}

#[test]
fn a_kept_trace_that_is_open_is_remembered_before_all_that_are_over_or_left_out() {
    let scene = scene(TailPolicy::new().remembered(2));
    let long = scene.tracer.run("long").start();
    long.child("fails").start().fail("no answer");
    // Far more than are remembered, kept and left out.
    for number in 0..10 {
        scene.tracer.run("fails too").start().fail(number);
        scene.tracer.run("left out").start().end();
    }
    let judged = Feedback::on(long.id().expect("an id"), "rating", DateTime::UNIX_EPOCH)
        .trace_id(long.trace_id().expect("a trace"));
    assert!(
        scene
            .tracer
            .admit(RunOp::Feedback(Box::new(judged)))
            .is_some()
    );
    long.child("late").start().end();
    long.end();
    let runs = scene.sink.runs();
    let named = |name: &str| runs.iter().find(|run| run.name == name).expect("sent");
    assert!(named("long").end_time.is_some() && named("late").end_time.is_some());
    assert_eq!(
        scene.balanced(),
        "seen 21 = kept 11 (error 11) + left out 10 (rate 10) + waiting 0"
    );
}

#[test]
fn a_clock_that_was_ahead_makes_nothing_wait_for_longer() {
    let scene = scene(TailPolicy::new().max_wait(Duration::from_secs(60)));
    let hour = Duration::from_secs(3_600);
    scene.clock.go_on(hour);
    let root = scene.tracer.run("root").start();
    scene.clock.0.store(0, Ordering::Relaxed);
    scene.tracer.run("another").start().end();
    scene.clock.go_on(Duration::from_secs(60));
    scene.tracer.run("another").start().end();
    let left_out = scene.tracer.sampling_stats().left_out;
    assert_eq!(left_out.get(&LeaveReason::PastTime), Some(&1));
    drop(root);
}

#[test]
fn a_masked_run_is_known_by_what_it_was_decided_by_and_not_by_its_id() {
    // More exceptions than are remembered: the first is forgotten while its run goes on.
    let sink = Arc::new(MemorySink::new());
    let kept = SamplingRule::new("kept", Sampler::AlwaysOn).name("kept");
    let sampling = Sampling::new().sampler(Sampler::AlwaysOff);
    let sampling = sampling.rules([kept]).expect("valid");
    let tracer = Tracer::builder(sink.clone())
        .redactor(Redactor::new().hide_inputs(true))
        .sampling(sampling.tail(TailPolicy::new()))
        .build();
    let long = tracer.run("kept").start();
    for _ in 0..65_536 {
        drop(tracer.run("kept").start());
    }
    long.end();
    let id = long.id();
    let runs = sink.runs();
    let run = runs.iter().find(|run| Some(run.id) == id).expect("sent");
    assert!(run.end_time.is_some(), "it stays open for ever");
    assert_eq!(tracer.sampling_stats().forgotten, 0);
}

/// Panics at the first run of one name, as a program's own sink may.
#[derive(Debug, Default)]
struct Panicking {
    has_panicked: AtomicBool,
    sink: MemorySink,
}

impl RunSink for Panicking {
    fn submit(&self, op: RunOp) {
        let is_bad = op.run().is_some_and(|run| run.name == "bad");
        let panics = is_bad && !self.has_panicked.swap(true, Ordering::Relaxed);
        assert!(!panics, "as a program's own sink may do");
        self.sink.submit(op);
    }
}

#[test]
fn a_sink_that_panics_at_one_trace_strands_none_that_was_decided_with_it() {
    let policy = TailPolicy::new()
        .slow(Duration::from_secs(10))
        .max_wait(Duration::from_secs(60));
    let (sink, clock) = (Arc::new(Panicking::default()), Arc::new(Still::default()));
    let tracer = Tracer::builder(sink.clone())
        .clock(clock.clone())
        .sampling(Sampling::new().sampler(Sampler::AlwaysOff).tail(policy))
        .build();
    let bad = tracer.run("bad").start();
    clock.go_on(Duration::from_micros(1));
    let good = tracer.run("good").start();
    clock.go_on(Duration::from_secs(60));
    // Both have waited for as long as they may, and are found slow by the same look at the time.
    let next = catch_unwind(AssertUnwindSafe(|| tracer.run("next").start()));
    assert!(next.is_err());
    assert_eq!(
        tracer.sampling_stats().kept,
        BTreeMap::from([(KeepReason::Slow, 2)])
    );
    // Neither is on its way any more: what comes of them later goes to the sink at once.
    for run in [&bad, &good] {
        run.child("late").start().end();
    }
    let names: Vec<String> = sink.sink.runs().into_iter().map(|run| run.name).collect();
    assert_eq!(names, ["late", "late"]);
    let waiting = tracer.sampling_stats().waiting_bytes;
    bad.end();
    good.end();
    assert_eq!(tracer.sampling_stats().waiting_bytes, waiting);
}

/// What may happen to one of several traces.
#[derive(Debug, Clone, Copy)]
enum Happens {
    Begin(usize),
    Child(usize),
    EndChild(usize),
    FailChild(usize),
    End(usize),
    Wait,
}

fn happens() -> impl Strategy<Value = Happens> {
    let of = 0..6_usize;
    prop_oneof![
        3 => of.clone().prop_map(Happens::Begin),
        4 => of.clone().prop_map(Happens::Child),
        4 => of.clone().prop_map(Happens::EndChild),
        1 => of.clone().prop_map(Happens::FailChild),
        3 => of.prop_map(Happens::End),
        1 => Just(Happens::Wait),
    ]
}

proptest! {
    #[test]
    fn the_books_balance_under_any_interleaving_and_traces_are_kept_whole_or_not_at_all(
        steps in prop::collection::vec(happens(), 0..120),
        traces in 1..8_usize,
        runs in 1..8_usize,
    ) {
        let policy = TailPolicy::new()
            .slow(Duration::from_secs(30))
            .max_traces(traces)
            .max_runs(runs)
            .max_wait(Duration::from_secs(60));
        let scene = scene_of(Sampling::new().rate(SamplingRate::new(0.3).expect("a rate")).tail(policy));
        let mut roots: Vec<Option<RunTree>> = vec![None; 6];
        let mut children: Vec<Vec<RunTree>> = vec![Vec::new(); 6];
        for step in steps {
            match step {
                Happens::Begin(at) => {
                    roots[at].get_or_insert_with(|| scene.tracer.run("root").start());
                }
                Happens::Child(at) => {
                    if let Some(root) = &roots[at] {
                        children[at].push(root.child("child").start());
                    }
                }
                Happens::EndChild(at) => {
                    if let Some(run) = children[at].pop() { run.end(); }
                }
                Happens::FailChild(at) => {
                    if let Some(run) = children[at].pop() { run.fail("no answer"); }
                }
                Happens::End(at) => {
                    if let Some(run) = roots[at].take() { run.end(); }
                    children[at].drain(..).for_each(|run| run.end());
                }
                Happens::Wait => scene.clock.go_on(Duration::from_secs(20)),
            }
            let stats = scene.tracer.sampling_stats();
            prop_assert!(stats.balances(), "{stats:?}");
            prop_assert!(stats.waiting <= traces as u64);
        }
        roots.into_iter().flatten().for_each(|run| run.end());
        children.into_iter().flatten().for_each(|run| run.end());
        let stats = scene.tracer.sampling_stats();
        prop_assert!(stats.balances() && stats.waiting == 0 && stats.held.waiting == 0, "{stats:?}");
        prop_assert_eq!(stats.waiting_bytes, 0);
        // Every run that was sent has ended, and its root was sent.
        let runs = scene.sink.runs();
        let sent: BTreeSet<_> = runs.iter().map(|run| run.id).collect();
        for run in &runs {
            prop_assert!(run.end_time.is_some());
            prop_assert!(run.parent_run_id.is_none_or(|parent| sent.contains(&parent)));
        }
    }
}
