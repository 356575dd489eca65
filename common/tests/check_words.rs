//! What exercises demand of all that was said, and of how much: nothing that must not leave, no more than paid for.
#![cfg(feature = "lab")]

use std::sync::Arc;

use common::lab::check::{Arrival, Capture, Exercise};
use common::prelude::*;

const SECRET: &str = "ada@example.org";

fn captured(record: impl FnOnce(&Tracer)) -> Capture {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).service("gateway").build();
    record(&tracer);
    Capture::of(TraceTree::build(sink.runs()))
}

fn first_wrong(capture: &Capture) -> Option<String> {
    let exercise = Exercise::new("01.words", "Words").nowhere_said(SECRET);
    let exercise = exercise.run("gateway").done();
    exercise.check(capture).first_wrong().map(str::to_owned)
}

/// What a service records.
type Record = fn(&Tracer);

#[test]
fn each_field_of_a_run_is_looked_at_and_named() {
    let fields: [(&str, Record); 7] = [
        ("inputs", |tracer| {
            tracer
                .run("gateway")
                .inputs(json!({"a": [SECRET]}))
                .start()
                .end()
        }),
        ("outputs", |tracer| {
            tracer.run("gateway").start().end_with(json!({"a": SECRET}))
        }),
        ("error", |tracer| tracer.run("gateway").start().fail(SECRET)),
        ("tags", |tracer| {
            tracer.run("gateway").tag(SECRET).start().end()
        }),
        ("metadata", |tracer| {
            tracer.run("gateway").metadata("user", SECRET).start().end()
        }),
        ("metadata", |tracer| {
            tracer.run("gateway").metadata(SECRET, 1).start().end()
        }),
        ("events", |tracer| {
            let run = tracer.run("gateway").start();
            run.add_event(SECRET);
            run.end();
        }),
    ];
    for (field, record) in fields {
        let told = first_wrong(&captured(record)).expect("it is said");
        assert_eq!(
            told,
            format!("run `gateway` says in its {field} what must not leave")
        );
    }
    let silent = captured(|tracer| tracer.run("gateway").start().end());
    assert_eq!(first_wrong(&silent), None);
}

#[test]
fn a_name_that_says_it_is_told_without_it() {
    let capture = captured(|tracer| tracer.run(format!("ask {SECRET}")).start().end());
    let told = first_wrong(&capture).expect("it is said");
    assert_eq!(told, "run `ask …` says in its name what must not leave");
}

#[test]
fn a_header_is_decoded_before_it_is_looked_at() {
    let header = (
        "baggage".to_owned(),
        "langsmith-metadata=%7B%22user%22%3A%22ada%40example.org%22%7D".to_owned(),
    );
    let arrival = Arrival {
        service: "retriever".to_owned(),
        headers: vec![header],
    };
    let capture = captured(|tracer| tracer.run("gateway").start().end()).arrival(arrival);
    assert_eq!(
        first_wrong(&capture).as_deref(),
        Some("a request to `retriever` says in its header `baggage` what must not leave")
    );
}

#[test]
fn a_budget_is_kept_to_the_run() {
    let two = captured(|tracer| {
        let root = tracer.run("gateway").start();
        root.child("call model").start().end();
        root.end();
    });
    let within = |runs| {
        let exercise = Exercise::new("01.budget", "Budget").at_most(runs);
        let check = exercise.run("gateway").done().check(&two);
        check.first_wrong().map(str::to_owned)
    };
    assert_eq!(within(2), None);
    assert_eq!(
        within(1).as_deref(),
        Some("2 runs arrived, and the budget has room for 1")
    );
}
