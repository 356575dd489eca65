//! What runs take over from the scopes around them, and which of several wins.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use common::model::{Baggage, DottedOrder, LazyBaggage, Run, RunContext};
use common::trace::{
    MemorySink, Parent, Scope, TraceFutureExt as _, Tracer, current, with_run, with_scope,
};
use serde_json::{Value, json};

fn tracer() -> (Arc<MemorySink>, Tracer) {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone())
        .project(Some("of the tracer".into()))
        .build();
    (sink, tracer)
}

fn metadata(run: &Run) -> Value {
    Value::Object((*run.extra.metadata).clone())
}

fn remote() -> RunContext {
    let order = "20260101T000000000000Z01990000-0000-7000-8000-00000000000a";
    RunContext {
        dotted_order: order.parse::<DottedOrder>().expect("a dotted order"),
        baggage: LazyBaggage::from(Baggage {
            metadata: Arc::new([("user".to_owned(), "u1".into())].into_iter().collect()),
            tags: vec!["far".into()],
            project: Some("theirs".into()),
        }),
    }
}

/// Comes back to its caller once before it is done, as after an await.
async fn pause() {
    let mut paused = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut paused, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[test]
fn a_run_takes_project_tags_and_metadata_from_the_scope_and_its_builder_wins() {
    let (sink, tracer) = tracer();
    let scope = Scope::new()
        .project("p")
        .tag("ctx")
        .metadata("k", "scope")
        .metadata("ctxm", 1);
    with_scope(&scope, || {
        tracer
            .run("root")
            .tag("own")
            .tag("ctx")
            .metadata("k", "own")
            .start();
        tracer.run("elsewhere").project("q").start();
    });
    tracer.run("after").start();
    let runs = sink.runs();
    assert_eq!(runs[0].project.as_deref(), Some("p"));
    assert_eq!(runs[0].tags, ["ctx", "own"]);
    assert_eq!(metadata(&runs[0]), json!({"k": "own", "ctxm": 1}));
    assert_eq!(runs[1].project.as_deref(), Some("q"));
    assert_eq!(runs[2].project.as_deref(), Some("of the tracer"));
    assert!(runs[2].tags.is_empty() && metadata(&runs[2]) == json!({}));
}

#[test]
fn of_scopes_and_runs_around_each_other_the_innermost_wins() {
    let (sink, tracer) = tracer();
    let outer = Scope::new()
        .project("outer")
        .tag("o")
        .metadata("k", "outer");
    let inner = Scope::new()
        .project("inner")
        .tag("i")
        .metadata("k", "inner");
    with_scope(&outer, || {
        let run = tracer
            .run("run")
            .project("run")
            .metadata("k", "run")
            .start();
        with_run(&run, || {
            run.child("below the run").start();
            with_scope(&inner, || run.child("in the inner scope").start());
            tracer.run("another root").start();
        });
        with_scope(&inner, || tracer.run("in both").start());
    });
    let said = |name: &str| {
        let run = sink.runs().into_iter().find(|run| run.name == name);
        let run = run.expect("a run of that name");
        (
            run.project.unwrap_or_default(),
            run.extra.metadata["k"].clone(),
            run.tags.concat(),
        )
    };
    let of = |project: &str, k: &str, tags: &str| (project.into(), Value::from(k), tags.into());
    assert_eq!(said("below the run"), of("run", "run", "o"));
    assert_eq!(said("in the inner scope"), of("inner", "inner", "oi"));
    assert_eq!(said("another root"), of("outer", "outer", "o"));
    assert_eq!(said("in both"), of("inner", "inner", "oi"));
}

#[test]
fn nothing_below_a_scope_that_is_off_is_recorded_nor_does_it_cross_a_boundary() {
    let (sink, tracer) = tracer();
    let root = tracer.run("root").start();
    let sent = sink.ops().len();
    let quiet = with_run(&root, || {
        with_scope(&Scope::off(), || {
            assert!(current().is_none());
            assert!(!tracer.is_enabled());
            assert!(!tracer.remote(remote()).is_recording());
            let quiet = tracer.run("quiet").parent_from_current().start();
            with_run(&quiet, || {
                let nested = quiet.child("nested").start();
                assert!(nested.context().is_none());
                root.child("of the recorded run").start();
            });
            quiet
        })
    });
    // The handle stays what it is, wherever it goes.
    quiet.child("later").start();
    with_run(&quiet, || tracer.run("later").parent_from_current().start());
    assert_eq!(sink.ops().len(), sent);
    root.child("on again").start();
    assert_eq!(sink.runs()[1].name, "on again");
}

#[test]
fn a_scope_that_is_on_inside_of_one_that_is_off_begins_a_new_trace() {
    let (sink, tracer) = tracer();
    let root = tracer.run("root").start();
    with_run(&root, || {
        with_scope(&Scope::off(), || {
            with_scope(&Scope::new().enabled(true), || {
                tracer.run("loud").parent_from_current().start();
            });
        });
    });
    let runs = sink.runs();
    assert_eq!(runs[1].name, "loud");
    assert!(runs[1].is_root());
}

#[test]
fn a_scope_switches_on_what_the_tracer_has_off_and_children_stay_on_outside() {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).enabled(false).build();
    assert!(!tracer.is_enabled());
    let run = with_scope(&Scope::new().enabled(true), || tracer.run("on").start());
    run.child("below").start();
    with_run(&run, || {
        tracer.run("also below").parent_from_current().start()
    });
    tracer.run("off").start();
    let names: Vec<_> = sink.runs().into_iter().map(|run| run.name).collect();
    assert_eq!(names, ["on", "below", "also below"]);
    let never = Tracer::never();
    with_scope(&Scope::new().enabled(true), || {
        assert!(!never.run("never").start().is_recording());
    });
}

#[test]
fn a_parent_from_elsewhere_does_not_switch_on_what_is_off() {
    // The Python SDK records here (vector 25): a stranger's header would switch tracing on.
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).enabled(false).build();
    tracer.run("handler").parent(remote()).start();
    with_scope(&Scope::new().parent(remote()).tracer(&tracer), || {
        assert!(current().is_some_and(|run| !run.is_recording()));
        tracer.run("handler").start();
        tracer.run("handler").parent_from_current().start();
    });
    assert!(sink.ops().is_empty());
}

#[test]
fn runs_start_below_the_parent_that_a_scope_names() {
    let (sink, tracer) = tracer();
    let here = tracer.run("here").start();
    let far = remote();
    with_scope(&Scope::new().parent(&here), || {
        assert_eq!(current().and_then(|run| run.id()), here.id());
        tracer.run("a").start();
        with_scope(&Scope::new().parent(far.clone()).tag("near"), || {
            tracer.run("b").start();
            tracer.run("c").parent_from_current().start();
            assert!(current().is_none(), "no tracer to make a handle with");
        });
        let with_tracer = Scope::new().parent(far.clone()).tracer(&tracer);
        with_scope(&with_tracer, || {
            let run = current().expect("a handle of the remote run");
            assert_eq!(run.id(), Some(far.run_id()));
        });
        with_scope(&Scope::new().parent(Parent::Root), || {
            assert!(current().is_none());
            tracer.run("d").parent_from_current().start();
        });
        with_run(&here, || tracer.run("e").start());
        tracer.run("f").parent(None).start();
    });
    let runs = sink.runs();
    let parent = |name: &str| {
        let run = runs.iter().find(|run| run.name == name);
        run.expect("a run of that name").parent_run_id
    };
    assert_eq!(parent("a"), here.id());
    assert_eq!(parent("b"), Some(far.run_id()));
    assert_eq!(parent("c"), Some(far.run_id()));
    // A run that is current is nearer than the scope, and `Tracer::run` makes a root there.
    assert_eq!([parent("d"), parent("e"), parent("f")], [None; 3]);
    let b = runs.iter().find(|run| run.name == "b").expect("recorded");
    assert_eq!(b.tags, ["far", "near"]);
    assert_eq!(b.project.as_deref(), Some("theirs"));
    assert_eq!(b.extra.metadata["user"], "u1");
}

#[test]
fn a_scope_is_left_by_a_panic_too() {
    let (sink, tracer) = tracer();
    let caught = catch_unwind(AssertUnwindSafe(|| {
        with_scope(&Scope::off().tag("left"), || panic!("on purpose"));
    }));
    assert!(caught.is_err());
    tracer.run("after").start();
    assert!(sink.runs()[0].tags.is_empty());
}

#[test]
fn a_future_keeps_its_scope_over_its_awaits_and_on_any_thread() {
    let (sink, tracer) = tracer();
    let work = {
        let tracer = tracer.clone();
        async move {
            tracer.run("before").start();
            pause().await;
            tracer.run("after").start();
        }
    };
    let mut work = Box::pin(work.in_scope(&Scope::new().tag("mine")));
    let other = {
        let tracer = tracer.clone();
        async move {
            tracer.run("other").start();
            pause().await;
        }
    };
    let mut other = pin!(other.in_scope(&Scope::new().tag("theirs")));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(work.as_mut().poll(&mut cx).is_pending());
    assert!(other.as_mut().poll(&mut cx).is_pending());
    tracer.run("outside").start();
    let done = std::thread::spawn(move || {
        let mut cx = Context::from_waker(Waker::noop());
        work.as_mut().poll(&mut cx).is_ready()
    });
    assert!(done.join().expect("no panic"));
    let tags = |name: &str| {
        let run = sink.runs().into_iter().find(|run| run.name == name);
        run.expect("a run of that name").tags
    };
    assert_eq!(tags("before"), ["mine"]);
    assert_eq!(tags("after"), ["mine"]);
    assert_eq!(tags("other"), ["theirs"]);
    assert!(tags("outside").is_empty());
}

#[test]
fn a_future_in_a_scope_is_send_if_it_is_without() {
    fn is_send(_: &impl Send) {}
    is_send(&async {}.in_scope(&Scope::new().tag("t")));
}

#[test]
fn metadata_goes_to_the_current_run_and_without_one_nowhere() {
    let (sink, tracer) = tracer();
    common::trace::add_metadata("lost", true);
    let run = tracer.run("run").start();
    with_run(&run, || common::trace::add_metadata("found", 7));
    run.end();
    assert_eq!(metadata(&sink.runs()[0]), json!({"found": 7}));
}

#[test]
fn deep_below_its_scope_a_run_still_finds_it() {
    let (sink, tracer) = tracer();
    fn deeper(tracer: &Tracer, depth: usize) {
        let run = tracer.run("level").parent_from_current().start();
        if depth > 0 {
            with_run(&run, || deeper(tracer, depth - 1));
        }
    }
    with_scope(&Scope::new().metadata("tenant", "t1"), || {
        deeper(&tracer, 40)
    });
    let runs = sink.runs();
    assert_eq!(runs.len(), 41);
    assert!(runs.iter().all(|run| run.extra.metadata["tenant"] == "t1"));
    assert_eq!(runs.iter().filter(|run| run.is_root()).count(), 1);
}
