//! Traces of 25,000 runs, in the shapes in which a careless reader takes the square of them.
#![cfg(feature = "analysis")]

mod captured;

use captured::{Change as _, at, id, run};
use common::analysis::{
    ClockSkew, DiffMark, Film, FilmFaultKind, FilmStep, PerformanceCode, PerformanceReport,
    StepEffect, TraceDiff, performance_findings,
};
use common::model::{Run, TraceTree};
use serde_json::{Value, json};

const RUNS: i64 = 25_000;

/// A root that takes so long, and that many runs below it.
fn fan(length: i64, below: impl Fn(&Run, u128, i64) -> Run) -> TraceTree {
    let root = run(1, None, "root", "chain", 0, length).service("gateway");
    let runs = (0..RUNS).map(|number| below(&root, 2 + number as u128, number));
    let runs: Vec<Run> = runs.collect();
    TraceTree::build(std::iter::once(root).chain(runs))
}

/// A run below the one before it, and so on; by their parents alone, as their places would take gigabytes.
fn chain(make: impl Fn(u128) -> Run) -> TraceTree {
    let runs = (1..=RUNS as u128).map(|number| {
        let mut run = make(number);
        run.trace_id = id(1).into();
        run.parent_run_id = (number > 1).then(|| id(number - 1));
        run
    });
    TraceTree::build(runs)
}

fn told(mut run: Run, inputs: &Value, outputs: &Value) -> Run {
    run.inputs = inputs.as_object().cloned();
    run.outputs = outputs.as_object().cloned();
    run
}

fn codes(report: &PerformanceReport) -> Vec<(PerformanceCode, usize)> {
    let findings = report.findings().iter();
    findings.map(|it| (it.code, it.runs.len())).collect()
}

#[test]
fn one_offset_is_found_from_all_calls_between_two_hosts() {
    let tree = fan(100_000, |root, number, at| {
        run(number, Some(root), "serve", "chain", at + 1, 1).service("worker")
    });
    let skew = ClockSkew::of([&tree]);
    assert_eq!(
        skew.to_string(),
        "worker may go by the same time as gateway (25000 of 25000 calls agree)\n"
    );
}

#[test]
fn the_clocks_of_as_many_hosts_are_put_right() {
    let tree = fan(100, |root, number, at| {
        let host = format!("worker {at}");
        run(number, Some(root), "serve", "chain", 1_000, 20).service(&host)
    });
    let skew = ClockSkew::of([&tree]);
    assert_eq!(skew.pairs().len(), RUNS as usize);
    let corrected = skew.correct(&tree);
    let last = &corrected.nodes()[RUNS as usize].run;
    // Between 920 and 1,000 ms ahead.
    assert_eq!(last.start_time, at(40));
}

#[test]
fn as_many_tasks_that_waited_in_a_queue_are_found() {
    let tree = fan(100, |root, number, at| {
        run(number, Some(root), "index", "chain", 5_000 + at, 200).service("worker")
    });
    let report = performance_findings(&tree);
    assert_eq!(
        codes(&report),
        vec![(PerformanceCode::QueueWait, 2); RUNS as usize]
    );
}

#[test]
fn a_call_that_is_made_as_often_is_one_finding() {
    let tree = fan(10 * RUNS, |root, number, at| {
        let search = run(number, Some(root), "search", "retriever", 10 * at, 10);
        told(search, &json!({"query": "why"}), &json!({"page": "p42"}))
    });
    let report = performance_findings(&tree);
    assert_eq!(
        codes(&report),
        [(PerformanceCode::RepeatedCall, RUNS as usize)]
    );
}

#[test]
fn as_many_calls_after_each_other_are_compared_with_all_before_them() {
    let calls = |needs: Option<i64>| {
        fan(10 * RUNS, move |root, number, at| {
            let search = run(number, Some(root), "search", "retriever", 10 * at, 10);
            let of = needs
                .filter(|_| at == RUNS - 1)
                .map(|it| format!("page-of-{it}."));
            let query = json!({"query": format!("part {at}"), "of": of});
            told(search, &query, &json!({"page": format!("page-of-{at}.")}))
        })
    };
    let report = performance_findings(&calls(None));
    assert_eq!(
        codes(&report),
        [(PerformanceCode::SerializedFanOut, RUNS as usize)]
    );
    // The last one asks for what the first one has told.
    assert_eq!(codes(&performance_findings(&calls(Some(0)))), []);
}

#[test]
fn failures_on_as_many_levels_have_one_place() {
    let tree = chain(|number| {
        let call = run(number, None, "POST /model", "llm", 0, 1_000);
        match number % 2 {
            0 => told(call, &json!({"q": "why"}), &Value::Null).failed("503"),
            _ => told(call, &json!({"q": number.to_string()}), &Value::Null),
        }
    });
    let report = performance_findings(&tree);
    assert_eq!(
        codes(&report),
        [(PerformanceCode::RetryStorm, RUNS as usize / 2)]
    );
    assert_eq!(report.findings()[0].place, id(1));
}

#[test]
fn a_difference_on_each_of_as_many_levels_is_shown() {
    let of = |change: fn(Run) -> Run| {
        chain(move |number| change(run(number, None, "call", "chain", 0, 1_000)))
    };
    let (left, right) = (of(|run| run), of(|run| run.failed("503")));
    let diff = TraceDiff::of(&left, &right);
    assert_eq!(diff.count(DiffMark::Changed), RUNS as usize);
    let text = diff.to_string();
    assert!(
        text.ends_with("    … 24600 more\n25000 changed of 25000 runs\n"),
        "{}",
        text.len()
    );
}

#[test]
fn a_parent_that_goes_and_comes_again_and_again_breaks_its_children_since_the_last_time() {
    let root = run(1, None, "root", "chain", 0, 1_000);
    let step = |run: &Run, effect| FilmStep {
        operation: "post".to_owned(),
        outcome: String::new(),
        effect,
        run: run.id.to_string(),
        request: None,
        at: None,
        after: (effect == StepEffect::Stored).then(|| Box::new(run.clone())),
        problems: Vec::new(),
    };
    let mut steps = vec![step(&root, StepEffect::Stored)];
    for number in 0..RUNS {
        let leaf = run(2 + number as u128, Some(&root), "leaf", "tool", number, 1);
        steps.push(step(&leaf, StepEffect::Stored));
    }
    for _ in 0..200 {
        steps.push(step(&root, StepEffect::Gone));
        steps.push(step(&root, StepEffect::Stored));
    }
    assert_eq!(Film::of(steps.clone()).faults(), []);
    steps.push(step(&root, StepEffect::Gone));
    let film = Film::of(steps);
    assert_eq!(film.faults().len(), 1 + RUNS as usize);
    assert_eq!(film.first_broken(), Some(film.len()));
    assert_eq!(film.faults()[0].kind, FilmFaultKind::Gone);
    assert_eq!(film.faults()[1].kind, FilmFaultKind::NoParent);
}
