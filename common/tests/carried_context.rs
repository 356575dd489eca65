//! What is current goes along to other tasks and threads, and stays nowhere behind.
#![cfg(feature = "client")]

use std::sync::{Arc, Barrier, mpsc};
use std::thread;

use common::model::Run;
use common::trace::{
    Ambient, JoinSet, MemorySink, RunTree, Scope, TraceFutureExt as _, Tracer, carry, child,
    current, spawn, spawn_blocking, with_run, with_scope,
};

fn tracer() -> (Arc<MemorySink>, Tracer) {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).build();
    (sink, tracer)
}

/// Returns the name of each run's parent.
fn parent_of(runs: &[Run], name: &str) -> Option<String> {
    let run = runs.iter().find(|run| run.name == name).expect(name);
    let parent = runs
        .iter()
        .find(|parent| Some(parent.id) == run.parent_run_id);
    parent.map(|parent| parent.name.clone())
}

fn step(name: &str) {
    child(name).start().end();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_way_to_start_work_keeps_the_parent() {
    let (sink, tracer) = tracer();
    let root = tracer.run("request").start();
    async {
        tokio::spawn(async { assert!(current().is_none()) })
            .await
            .expect("bare");
        spawn(async { step("spawn") }).await.expect("spawned");
        tokio::spawn(async { step("in_current_run") }.in_current_run())
            .await
            .expect("spawned");
        spawn_blocking(|| step("spawn_blocking"))
            .await
            .expect("ran");
        let mut tasks = JoinSet::new();
        tasks.spawn(async { step("join set") });
        tasks.spawn_blocking(|| step("join set, blocking"));
        tasks.join_all().await;
        tokio::select! {
            () = async { step("select") } => {}
            () = std::future::pending() => {}
        }
        tokio::join!(async { step("join, 1") }, async { step("join, 2") });
        thread::spawn(carry(|| step("thread"))).join().expect("ran");
        thread::scope(|scope| {
            scope.spawn(carry(|| step("scoped thread")));
        });
        let here = Ambient::current();
        thread::scope(|scope| {
            for name in ["shared, 1", "shared, 2"] {
                let here = &here;
                scope.spawn(move || here.call(|| step(name)));
            }
        });
    }
    .in_run(&root)
    .await;
    root.end();
    let runs = sink.runs();
    assert_eq!(runs.len(), 13);
    for run in &runs[1..] {
        assert_eq!(
            parent_of(&runs, &run.name).as_deref(),
            Some("request"),
            "{}",
            run.name
        );
    }
}

#[test]
fn the_threads_of_a_pool_keep_the_parent_and_nothing_afterwards() {
    let (sink, tracer) = tracer();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(2)
        .build()
        .expect("a pool");
    for name in ["a", "b"] {
        let root = tracer.run(name).start();
        with_run(&root, || {
            let here = Ambient::current();
            pool.scope(|scope| {
                for part in 0..8 {
                    let here = &here;
                    scope.spawn(move |_| here.call(|| step(&format!("{name}{part}"))));
                }
            });
            pool.spawn(carry(move || step(&format!("{name} spawned"))));
        });
        // The pool's threads are through with all of it, and know nothing of it.
        pool.broadcast(|_| assert!(current().is_none()));
        root.end();
    }
    drop(pool);
    let (tell, told) = mpsc::channel();
    rayon::spawn(move || tell.send(current().is_none()).expect("awaited"));
    assert!(told.recv().expect("ran"));
    let runs = sink.runs();
    for run in runs.iter().filter(|run| run.parent_run_id.is_some()) {
        let parent = parent_of(&runs, &run.name);
        assert_eq!(parent.as_deref(), Some(&run.name[..1]), "{}", run.name);
    }
}

#[test]
fn what_is_carried_takes_the_place_of_what_is_current_where_it_is_called() {
    let (sink, tracer) = tracer();
    let here = with_scope(&Scope::new().tracer(&tracer).tag("mine"), Ambient::current);
    let nothing = Ambient::none();
    let other = tracer.run("other").start();
    with_scope(&Scope::new().tag("theirs"), || {
        with_run(&other, || {
            // A root: there was no run where it was taken up.
            here.call(|| step("carried"));
            nothing.call(|| step("not recorded"));
            step("below");
        });
    });
    other.end();
    let runs = sink.runs();
    let names: Vec<&str> = runs.iter().map(|run| &*run.name).collect();
    assert_eq!(names, ["other", "carried", "below"]);
    assert_eq!(
        (runs[1].parent_run_id, &*runs[1].tags),
        (None, &["mine".to_owned()][..])
    );
    assert_eq!(parent_of(&runs, "below").as_deref(), Some("other"));
    assert_eq!(here.run().map(|run| run.name()), None);
}

#[test]
fn scopes_come_along_and_runs_further_out_do_not_stay_open_for_it() {
    let (sink, tracer) = tracer();
    let outer = tracer.run("outer").start();
    let inner = outer.child("inner").start();
    let carried = with_run(&outer, || {
        let scope = Scope::new().metadata("tenant", "t1");
        with_run(&inner, || with_scope(&scope, || carry(|| step("later"))))
    });
    drop((outer, inner));
    let ended = |name: &str| {
        let runs = sink.runs();
        let run = runs.into_iter().find(|run| run.name == name).expect("sent");
        run.end_time.is_some()
    };
    assert_eq!((ended("outer"), ended("inner")), (true, false));
    carried();
    let runs = sink.runs();
    assert_eq!(parent_of(&runs, "later").as_deref(), Some("inner"));
    assert_eq!(runs[2].extra.metadata["tenant"], "t1");
}

#[test]
fn a_panic_in_carried_work_puts_back_what_was_current() {
    let (_sink, tracer) = tracer();
    let (mine, theirs) = (tracer.run("mine").start(), tracer.run("theirs").start());
    let carried = with_run(&mine, || carry(|| panic!("on purpose")));
    with_run(&theirs, || {
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(carried));
        assert!(panicked.is_err());
        assert_eq!(current().map(|run| run.name()).as_deref(), Some("theirs"));
    });
    assert!(current().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_that_take_turns_on_one_thread_keep_apart() {
    let (sink, tracer) = tracer();
    let mut tasks = JoinSet::new();
    for request in 0..50 {
        let root: RunTree = tracer.run(format!("r{request}")).start();
        tasks.spawn(
            async move {
                for part in 0..5 {
                    tokio::task::yield_now().await;
                    spawn(async move { step(&format!("r{request} {part}")) })
                        .await
                        .expect("ran");
                    step(&format!("r{request} own {part}"));
                }
            }
            .traced_value(root),
        );
    }
    tasks.join_all().await;
    let runs = sink.runs();
    assert_eq!(runs.len(), 50 * 11);
    for run in runs.iter().filter(|run| run.name.contains(' ')) {
        let parent = parent_of(&runs, &run.name);
        assert_eq!(
            parent.as_deref(),
            run.name.split(' ').next(),
            "{}",
            run.name
        );
    }
}

#[test]
fn where_nothing_holds_nothing_is_recorded_and_nothing_breaks() {
    let outcome = thread::spawn(carry(|| {
        step("nowhere");
        current().is_none()
    }));
    assert!(outcome.join().expect("ran"));
    let barrier = Arc::new(Barrier::new(1));
    Ambient::current().call(|| barrier.wait());
}

/// Makes a run when it is dropped, as work does that tidies up after itself.
struct Tidy(&'static str);

impl Drop for Tidy {
    fn drop(&mut self) {
        step(self.0);
    }
}

/// Work that never ends, and tidies up.
async fn work(name: &'static str) {
    let _tidy = Tidy(name);
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dropped_future_does_belongs_where_its_work_did() {
    let (sink, tracer) = tracer();
    let (mine, theirs) = (tracer.run("mine").start(), tracer.run("theirs").start());
    let scope = Scope::new().parent(&mine);
    let carried = with_run(&mine, || work("carried").in_current_run());
    let (begun, begins) = tokio::sync::oneshot::channel();
    let task = async move {
        begun.send(()).expect("awaited");
        work("task").await;
    };
    let task = with_run(&mine, || spawn(task));
    begins.await.expect("it begins");
    async {
        // Each is polled once, and loses.
        tokio::select! {
            biased;
            () = work("in run").in_run(&mine) => {}
            () = work("in scope").in_scope(&scope) => {}
            () = carried => {}
            () = async {} => {}
        }
    }
    .in_run(&theirs)
    .await;
    task.abort();
    assert!(task.await.expect_err("aborted").is_cancelled());
    let runs = sink.runs();
    for name in ["in run", "in scope", "carried", "task"] {
        assert_eq!(parent_of(&runs, name).as_deref(), Some("mine"), "{name}");
    }
}

#[test]
fn each_way_to_start_work_in_a_set_keeps_the_parent() {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime");
    let (sink, tracer) = tracer();
    let root = tracer.run("request").start();
    let local = tokio::task::LocalSet::new();
    let mut tasks = JoinSet::new();
    with_run(&root, || {
        tasks.spawn_on(async { step("on") }, runtime.handle());
        tasks.spawn_blocking_on(|| step("blocking on"), runtime.handle());
        tasks.spawn_local_on(async { step("local on") }, &local);
    });
    runtime.block_on(local.run_until(async {
        with_run(&root, || tasks.spawn_local(async { step("local") }));
        tasks.join_all().await;
    }));
    let runs = sink.runs();
    for name in ["on", "blocking on", "local on", "local"] {
        assert_eq!(parent_of(&runs, name).as_deref(), Some("request"), "{name}");
    }
}
