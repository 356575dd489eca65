//! What a process sets once. These tests share the process, so each holds the lock.
#![cfg(feature = "client")]

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use common::client::{Client, default_client};
use common::trace::{
    AlreadyInstalled, MemorySink, Scope, Tracer, configure, default_tracer, install_default,
    with_run, with_scope,
};

static PROCESS: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    PROCESS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes the process's settings back, also after a failed assertion.
struct Reset;

impl Drop for Reset {
    fn drop(&mut self) {
        configure(Scope::new());
    }
}

#[test]
fn a_default_is_there_until_its_guard_is_dropped_and_there_is_one_at_a_time() {
    let _alone = alone();
    assert!(default_tracer().is_none());
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).build();
    let guard = install_default(&tracer).expect("no default before");
    let second = install_default(&Tracer::never());
    assert!(matches!(second, Err(AlreadyInstalled)));
    default_tracer().expect("the first").run("run").start();
    assert_eq!(sink.runs().len(), 1);
    drop(guard);
    assert!(default_tracer().is_none());
    drop(install_default(&tracer).expect("free again"));
}

#[test]
fn a_default_client_brings_its_tracer() {
    let _alone = alone();
    let sink = Arc::new(MemorySink::new());
    let client = Client::builder()
        .endpoint("http://127.0.0.1:9")
        .sink(sink.clone())
        .build()
        .expect("a client");
    let guard = client.install_default().expect("no default before");
    assert!(client.install_default().is_err());
    default_client().expect("the client").run("one").start();
    default_tracer().expect("its tracer").run("two").start();
    assert_eq!(sink.runs().len(), 2);
    drop(guard);
    assert!(default_client().is_none() && default_tracer().is_none());
}

#[test]
fn settings_of_the_process_win_over_the_tracers_and_lose_to_scopes_and_runs() {
    let (_alone, _reset) = (alone(), Reset);
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone())
        .project(Some("of the tracer".into()))
        .build();
    let settings = Scope::new().project("p").tag("all").metadata("k", 1);
    configure(settings.metadata("revision", "3f2a9c"));
    let root = tracer.run("root").metadata("k", 2).start();
    root.child("child").start();
    with_scope(&Scope::new().project("q").metadata("k", 3), || {
        tracer.run("scoped").start();
    });
    configure(Scope::new());
    tracer.run("after").start();
    let runs = sink.runs();
    let of = |index: usize| {
        let run = &runs[index];
        let metadata = &run.extra.metadata;
        let k = metadata.get("k").and_then(|k| k.as_i64());
        (run.project.as_deref(), k, run.tags.len(), metadata.len())
    };
    assert_eq!(of(0), (Some("p"), Some(2), 1, 2));
    assert_eq!(of(1), (Some("p"), Some(2), 1, 2));
    assert_eq!(of(2), (Some("q"), Some(3), 1, 2));
    assert_eq!(of(3), (Some("of the tracer"), None, 0, 0));
}

#[test]
fn on_or_off_is_asked_of_the_scope_then_the_run_above_then_the_process_then_the_tracer() {
    let (_alone, _reset) = (alone(), Reset);
    let sink = Arc::new(MemorySink::new());
    let on = Tracer::builder(sink.clone()).build();
    let off = Tracer::builder(sink.clone()).enabled(false).build();

    // The process wins over the tracer.
    configure(Scope::off());
    assert!(!on.is_enabled());
    configure(Scope::new().enabled(true));
    assert!(off.is_enabled());
    assert!(!Tracer::never().is_enabled());

    // A run above wins over the process.
    let run = off.run("above").start();
    assert!(run.is_recording());
    configure(Scope::off());
    assert!(run.child("below").start().is_recording());
    with_run(&run, || {
        assert!(off.is_enabled());
        assert!(off.run("here").parent_from_current().start().is_recording());
        // A scope wins over the run above.
        with_scope(&Scope::off(), || assert!(!off.is_enabled()));
    });
    with_scope(&Scope::new().enabled(true), || assert!(off.is_enabled()));
    assert!(!off.is_enabled());
}

#[test]
fn a_client_that_is_off_stays_off_and_one_of_a_sink_can_be_switched_on() {
    let on = Scope::new().enabled(true);
    let off = Client::builder().enabled(false).build().expect("a client");
    assert!(with_scope(&on, || off.run("run").start().context()).is_none());
    let sink = Arc::new(MemorySink::new());
    let local = Client::builder().enabled(false).sink(sink.clone());
    let local = local.build().expect("a client");
    with_scope(&on, || local.run("run").start());
    assert_eq!(sink.runs().len(), 1);
}
