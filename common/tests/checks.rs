//! What a check demands, and what it says of a trace that is not so.
#![cfg(feature = "lab")]

use std::sync::Arc;
use std::time::Duration;

use common::lab::check::{AboutRun, Arrival, Capture, Exercise};
use common::lab::exercises;
use common::model::{SeededIds, SteppingClock};
use common::prelude::*;

/// Captures what `make` does with a tracer whose clock moves one second at each look.
fn capture(make: impl FnOnce(&Tracer)) -> Capture {
    let sink = Arc::new(MemorySink::new());
    let noon = "2026-01-01T12:00:00Z".parse::<Timestamp>().expect("a time");
    let tracer = Tracer::builder(sink.clone())
        .clock(Arc::new(SteppingClock::new(noon, Duration::from_secs(1))))
        .ids(Arc::new(SeededIds::new(7)))
        .build();
    make(&tracer);
    Capture::of(TraceTree::build(sink.runs()))
}

fn exercise() -> Exercise {
    Exercise::new("99.test", "A test")
}

fn wrong(exercise: impl Into<Exercise>, capture: &Capture) -> String {
    let check = exercise.into().check(capture);
    check.first_wrong().unwrap_or("passed").to_owned()
}

/// A question answered by two runs below it, one after the other.
fn in_turn(tracer: &Tracer) {
    let root = tracer.run("answer").metadata("service", "gateway").start();
    root.child("retrieve")
        .run_type(RunType::Retriever)
        .tag("beta")
        .start()
        .end_with(json!({"documents": 3}));
    root.child("generate").start().fail("rate limited\nlater");
    root.end();
}

#[test]
fn nothing_passes_on_an_empty_trace_or_without_a_demand() {
    let empty = Capture::of(TraceTree::default());
    let nothing = "no run has arrived: run the exercise's own cell first, then this one";
    assert_eq!(wrong(exercise(), &empty), nothing);
    assert_eq!(wrong(exercise().nothing_lost(), &empty), nothing);
    assert_eq!(wrong(exercise().run("a").times(0), &empty), nothing);
    assert_eq!(
        exercise().check_prediction("answer", &empty).first_wrong(),
        Some(nothing)
    );
    for demanding_nothing in [
        exercise().nothing_lost(),
        exercise().run("a").times(0).done(),
    ] {
        assert!(wrong(demanding_nothing, &capture(in_turn)).contains("nothing can pass it"));
    }
    for real in exercises::all() {
        assert!(!real.check(&empty).is_passed(), "{}", real.id());
    }
}

#[test]
fn every_exercise_has_what_a_learner_needs() {
    let all = exercises::all();
    for exercise in &all {
        let id = exercise.id();
        assert!(
            id.len() > 3 && id.as_bytes()[2] == b'.',
            "{id} begins with its notebook"
        );
        assert!(
            !exercise.title().is_empty() && !exercise.stated_goal().is_empty(),
            "{id}"
        );
        assert!(!exercise.stated_why().is_empty(), "{id}");
        assert!((1..=3).contains(&exercise.hints().len()), "{id}");
        let most = if id.ends_with(".capstone") { 45 } else { 20 };
        assert!((1..=most).contains(&exercise.estimate()), "{id}");
        assert!(exercises::find(id).is_some(), "{id}");
    }
    let ids: std::collections::BTreeSet<&str> = all.iter().map(Exercise::id).collect();
    assert_eq!(ids.len(), all.len(), "each id once");
}

#[test]
fn what_is_demanded_of_a_run_is_told_in_the_order_of_the_demands() {
    let seen = capture(in_turn);
    let answer = || exercise().run("answer");
    let retrieve = || exercise().run("retrieve");
    let generate = || exercise().run("generate");
    let told: [(AboutRun, &str); 18] = [
        (
            answer()
                .root()
                .run("retrieve")
                .below("answer")
                .within_parent()
                .tagged("beta"),
            "passed",
        ),
        (
            exercise().run("retrieved"),
            "no run is named `retrieved`; what arrived is `answer`, `retrieve`, `generate`",
        ),
        (retrieve().times(2), "1 of 2 runs named `retrieve` arrived"),
        (
            retrieve().root(),
            "run `retrieve` should be a root, and is below `answer`",
        ),
        (
            retrieve().below("generate"),
            "run `retrieve` is below `answer`, not below `generate`",
        ),
        (
            answer().below("retrieve"),
            "run `answer` has no parent: it was started as a root; begin it with `child` of `retrieve`, \
             or carry that run to where it starts",
        ),
        (
            answer().within_parent(),
            "run `answer` has no parent to lie within",
        ),
        (
            answer().from_service("retriever"),
            "run `answer` comes from `gateway`, not from the service `retriever`",
        ),
        (
            retrieve().of_type(RunType::Llm),
            "run `retrieve` is of type `retriever`, not `llm`",
        ),
        (
            retrieve().after("generate"),
            "run `retrieve` began 3000 ms before `generate` had ended",
        ),
        (
            retrieve().after("search"),
            "run `retrieve` should begin after `search`, and no run of that name has ended",
        ),
        (
            retrieve().alongside("generate"),
            "run `retrieve` did not run at the same time as `generate`: one waited for the other",
        ),
        (
            retrieve().at_least(1001),
            "run `retrieve` took 1000 ms, and should take 1001 ms at least: it ended before its work did",
        ),
        (
            generate().succeeded(),
            "run `generate` should succeed, and its status is error: rate limited",
        ),
        (
            generate().failed_with("timeout"),
            "run `generate` failed with “rate limited”, not with “timeout”",
        ),
        (
            retrieve().failed_with("timeout"),
            "run `retrieve` ended without an error, and should tell of “timeout”",
        ),
        (
            answer().metadata("user", "ada"),
            "run `answer` has no metadata `user`; it should be \"ada\"",
        ),
        (
            retrieve().with_output("documents").with_output("count"),
            "run `retrieve` has no output `count`",
        ),
    ];
    for (demand, sentence) in told {
        assert_eq!(wrong(demand, &seen), sentence);
    }
    let holds = generate()
        .failed_with("rate")
        .after("retrieve")
        .run("answer")
        .alongside("retrieve");
    assert_eq!(
        wrong(holds.metadata("service", "gateway").one_trace(), &seen),
        "passed"
    );
    assert_eq!(
        wrong(answer().run("retrieve").nothing_else(), &seen),
        "run `generate` arrived as well, and nobody asked for it"
    );
}

#[test]
fn what_was_lost_is_told_wherever_it_was_lost() {
    let demand = || exercise().run("answer").nothing_lost();
    let whole = capture(in_turn);
    assert_eq!(wrong(demand(), &whole), "passed");
    assert_eq!(
        wrong(demand(), &whole.clone().loss("3 ends were dropped")),
        "3 ends were dropped"
    );
    let pending = capture(|tracer| {
        let root = tracer.run("answer").start();
        std::mem::forget(root.child("retrieve").start());
        root.end();
    });
    assert_eq!(
        wrong(demand(), &pending),
        "the end of run `retrieve` was lost: it never ended, or nobody sent it"
    );
    assert_eq!(
        wrong(exercise().run("retrieve"), &pending),
        "run `retrieve` never ended: call `end` on it, on every way out"
    );
    let open = capture(|tracer| {
        let root = tracer.run("answer").start();
        root.child("retrieve").start().end();
        std::mem::forget(root);
    });
    assert_eq!(
        wrong(exercise().run("retrieve").within_parent(), &open),
        "the parent of run `retrieve`, `answer`, never ended: call `end` on it"
    );
    let sink = Arc::new(MemorySink::new());
    let root = Tracer::builder(sink.clone()).build().run("answer").start();
    root.child("retrieve").start().end();
    let orphans = sink.runs().into_iter().filter(|run| run.name == "retrieve");
    let orphan = Capture::of(TraceTree::build(orphans));
    assert_eq!(
        wrong(exercise().run("retrieve").nothing_lost(), &orphan),
        "the parent of run `retrieve` was lost"
    );
    assert!(
        wrong(exercise().run("retrieve").below("answer"), &orphan)
            .contains("names a parent that never arrived")
    );
}

#[test]
fn what_became_of_a_header_is_told() {
    let two = |tracer: &Tracer| {
        tracer
            .run("answer")
            .metadata("service", "gateway")
            .start()
            .end();
        tracer
            .run("retrieve")
            .metadata("service", "retriever")
            .start()
            .end();
    };
    let arrival = |headers: &[(&str, &str)]| {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Arrival {
            service: "retriever".into(),
            headers: headers.collect(),
        }
    };
    let header = |name: &str| exercise().run("retrieve").header(name);
    let unseen = capture(two);
    assert_eq!(
        wrong(header("langsmith-trace").arrived(), &unseen),
        "no request reached the service `retriever`, so no `langsmith-trace` did"
    );
    assert_eq!(
        wrong(exercise().run("retrieve").below("answer"), &unseen),
        "run `retrieve` has no parent: the retriever never read `langsmith-trace`, or nobody sent it"
    );
    let without = capture(two).arrival(arrival(&[]));
    assert_eq!(
        wrong(header("baggage").arrived(), &without),
        "no `baggage` arrived at the service `retriever`"
    );
    assert_eq!(wrong(header("baggage").never_arrived(), &without), "passed");
    assert_eq!(
        wrong(exercise().run("retrieve").below("answer"), &without),
        "run `retrieve` has no parent: no `langsmith-trace` arrived at the retriever"
    );
    let with = capture(two).arrival(arrival(&[(
        "baggage",
        "langsmith-metadata=%7B%22user%22%3A%22ada%22%7D",
    )]));
    assert_eq!(
        wrong(header("Baggage").arrived_with("\"user\":\"ada\""), &with),
        "passed"
    );
    assert_eq!(
        wrong(header("baggage").arrived_with("eve"), &with),
        "the `baggage` that arrived at `retriever` says nothing of “eve”"
    );
    assert_eq!(
        wrong(header("baggage").never_arrived(), &with),
        "`baggage` arrived at the service `retriever`, and should not"
    );
}

#[test]
fn a_prediction_is_compared_row_by_row() {
    let seen = capture(in_turn);
    let exercise = exercise().run("answer").root().done();
    let told = |prediction: &str| {
        let check = exercise.check_prediction(prediction, &seen);
        check.first_wrong().unwrap_or("passed").to_owned()
    };
    assert_eq!(told("answer\n  retrieve [retriever]\n  generate"), "passed");
    assert!(told("  \n").starts_with("nothing is predicted yet"));
    assert_eq!(
        told("answer\n  retrieve"),
        "`generate` below `answer` arrived, and you did not predict it"
    );
    assert_eq!(
        told("answer\n  retrieve\n    generate"),
        "you predicted `generate` below `retrieve`; what arrived is `generate` below `answer`"
    );
    assert_eq!(
        told("answer\n  retrieve\n  generate\nsend"),
        "you predicted `send` as a root, which did not arrive"
    );
}

#[test]
fn hostile_names_stay_words() {
    let seen = capture(|tracer| {
        tracer.run("</code><script>alert(1)</script>").start().end();
    });
    let check = exercise().run("answer").done().check(&seen);
    let html = check.to_html();
    assert!(!html.contains("<script>"), "{html}");
    assert!(check.to_string().contains("as it should be"));
}

#[test]
fn a_prediction_is_asked_for_and_a_wrong_one_is_told_without_the_right_one() {
    let of = |predicted: Value| {
        let trace = capture(|tracer| {
            tracer
                .run("prediction")
                .metadata("runs", predicted)
                .start()
                .end();
        });
        let wanted = exercise()
            .run("prediction")
            .predicts("runs", 7, "count them");
        wrong(wanted, &trace)
    };
    for nothing in [json!(0), json!("")] {
        assert_eq!(
            of(nothing),
            "run `prediction` predicts nothing as `runs` yet: write what you expect"
        );
    }
    assert_eq!(
        of(json!(8)),
        "run `prediction` predicts 8 as `runs`, and the trace says otherwise: count them"
    );
    assert_eq!(of(json!(7)), "passed");
}
