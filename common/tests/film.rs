//! A trace as it grew, and the step at which it went wrong.
#![cfg(all(feature = "analysis", feature = "langsmith_mock"))]

mod captured;
mod pictured;

use captured::{Change as _, broken, failing, hostile, id, many, run, whole};
use common::analysis::{Film, FilmFaultKind, FilmStep, StepEffect, text_tree};
use common::langsmith_mock::{LangSmithMock, MockRequest};
use common::model::{Run, TraceTree};
use pictured::{check, drawn_words};
use serde_json::{Value, json};

fn send(mock: &LangSmithMock, body: &Value) {
    let mut request = MockRequest::new(http::Method::POST, "/runs/batch", body.to_string());
    for (name, value) in [("x-api-key", "a-key"), ("content-type", "application/json")] {
        request
            .headers
            .insert(name, value.parse().expect("a value"));
    }
    assert_eq!(mock.handle(request).status, 202);
}

/// The gateway's run; a child that came before it; a child of a run that never comes; an end that is refused.
fn went_wrong() -> LangSmithMock {
    let mock = LangSmithMock::builder().unmounted();
    let root = run(1, None, "answer", "chain", 0, 100)
        .service("gateway")
        .pending();
    let search = run(2, Some(&root), "search", "tool", 10, 20).service("retriever");
    let lost = run(3, Some(&root), "call", "tool", 40, 50);
    let write = run(4, Some(&lost), "write", "llm", 45, 40).service("generator");
    let mut end = root.clone();
    end.end_time = Some(captured::at(-1));
    send(&mock, &json!({ "post": [search] }));
    send(&mock, &json!({ "post": [root] }));
    send(&mock, &json!({ "post": [write] }));
    send(&mock, &json!({ "patch": [end] }));
    mock
}

#[test]
fn the_film_says_since_when_a_trace_is_broken_and_forgets_what_healed() {
    let film = went_wrong().film();
    let faults: Vec<_> = film.faults().iter().map(|it| (it.kind, it.since)).collect();
    assert_eq!(
        faults,
        [
            (FilmFaultKind::Pending, 2),
            (FilmFaultKind::NoParent, 3),
            (FilmFaultKind::Refused, 4),
        ],
        "that `search` came before its parent is healed by step 2"
    );
    assert_eq!(film.first_broken(), Some(2));
    assert_eq!(
        film.to_string(),
        format!(
            "\
1  request 0    post   created    search
2  request 1    post   created    answer
   ⚠ answer begins and never ends
3  request 2    post   created    write
   ⚠ write has no parent from here on
4  request 3    patch  rejected   {}  (end_time 2026-11-22 10:05:37.999 UTC is before start_time 2026-11-22 10:05:38 U…)
   ⚠ answer was refused, and never came right
Broken since step 2 of 4: answer begins and never ends
",
            id(1)
        )
    );
}

#[test]
fn the_tree_can_be_looked_at_after_every_step() {
    let mock = went_wrong();
    let film = mock.film();
    assert!(film.tree_after(0).is_empty());
    assert_eq!(film.tree_after(1).orphans().len(), 1);
    assert!(film.tree_after(2).is_whole());
    assert_eq!(
        film.moment(2),
        "2  request 1    post   created    answer\n\
         answer     chain  … pending  (gateway)\n\
         └─ search  tool   ✓  (retriever)\n"
    );
    let (last, stored) = (film.tree_after(99), mock.tree());
    assert_eq!(text_tree(&last).to_string(), text_tree(&stored).to_string());
}

#[test]
fn a_run_that_its_parent_showed_to_be_wrong_is_gone_from_that_step_on() {
    let mock = LangSmithMock::builder().unmounted();
    let root = run(1, None, "answer", "chain", 0, 100);
    // Its dotted order tells of a parent that began earlier, so nothing is wrong until the parent comes.
    let told = run(1, None, "answer", "chain", -100, 200);
    let early = run(2, Some(&told), "early", "tool", -50, 20);
    send(&mock, &json!({ "post": [early] }));
    send(&mock, &json!({ "post": [root] }));
    let film = mock.film();
    assert_eq!(
        film.steps().last().map(|step| step.effect),
        Some(StepEffect::Gone),
        "{film}"
    );
    assert!(
        film.faults()
            .iter()
            .any(|it| it.kind == FilmFaultKind::Gone && it.name == "early")
    );
    assert_eq!(film.tree_after(film.len()).len(), mock.runs().len());
}

#[test]
fn a_film_survives_its_text_and_a_text_that_is_none_says_where() {
    let film = went_wrong().film();
    let again = Film::from_json_lines(&film.to_json_lines()).expect("a film");
    assert_eq!(again.to_string(), film.to_string());
    assert_eq!(again.tree_after(4), film.tree_after(4));
    let error = Film::from_json_lines("\n{\"operation\": 7}\n").expect_err("none");
    assert_eq!(error.line, 2);
}

#[test]
fn of_runs_alone_starts_and_ends_are_the_steps() {
    let film = Film::of_runs(whole());
    assert_eq!((film.len(), film.first_broken()), (16, None));
    assert!(
        film.to_string()
            .ends_with("16 steps, and the trace is whole\n")
    );
    let film = Film::of_runs(broken());
    let kinds: Vec<_> = film
        .faults()
        .iter()
        .map(|it| (it.kind, it.name.as_str()))
        .collect();
    assert_eq!(
        kinds,
        [
            (FilmFaultKind::NoParent, "embed query"),
            (FilmFaultKind::NoParent, "find pages"),
            (FilmFaultKind::AnotherRoot, "POST /write"),
        ]
    );
}

#[test]
fn two_traces_that_were_on_their_way_at_once_are_looked_at_one_by_one() {
    let mut runs: Vec<Run> = whole();
    runs.push(run(90, None, "another question", "chain", 5, 10));
    let film = Film::of_runs(runs);
    assert_eq!(film.faults().len(), 1);
    assert_eq!(film.only(&[id(1).into()]).faults(), []);
}

#[test]
fn the_strip_shows_the_moments_that_matter() {
    let svg = check(&went_wrong().film().figure());
    let words = drawn_words(&svg);
    for word in ["step 1", "step 2 ⚠", "step 3 ⚠", "step 4 ⚠"] {
        assert!(words.contains(&word.to_owned()), "{word} in {words:?}");
    }
    for runs in [whole(), failing(), broken(), hostile(), many(200), vec![]] {
        check(&Film::of_runs(runs).figure());
    }
}

#[test]
fn a_film_of_ten_thousand_operations_is_read_at_once() {
    let root = run(1, None, "root", "chain", 0, 20_000);
    let mut runs = vec![root.clone()];
    for number in 2..5_000_u128 {
        let start = i64::try_from(number).expect("small");
        runs.push(run(number, Some(&root), "leaf", "tool", start, 1));
    }
    let film = Film::of_runs(runs.clone());
    assert_eq!((film.len(), film.first_broken()), (9_998, None));
    assert_eq!(film.tree_after(9_998).len(), TraceTree::build(runs).len());
}

#[test]
fn a_run_that_was_put_below_another_parent_does_not_heal_when_the_first_one_comes() {
    let [first, second] = [1, 2].map(|number| run(number, None, "parent", "chain", 0, 10));
    let below = |parent: &Run| run(3, Some(parent), "leaf", "tool", 1, 1);
    let step = |run: Run| FilmStep {
        operation: "post".to_owned(),
        outcome: "created".to_owned(),
        effect: StepEffect::Stored,
        run: run.id.to_string(),
        request: None,
        at: None,
        after: Some(Box::new(run)),
        problems: Vec::new(),
    };
    let lost = |steps: &[Run]| {
        let film = Film::of(steps.iter().cloned().map(step));
        let faults = film.faults().iter();
        let lost = faults.filter(|fault| fault.kind == FilmFaultKind::NoParent);
        lost.map(|fault| fault.since).collect::<Vec<_>>()
    };
    let steps = [below(&first), below(&second), first.clone()];
    assert_eq!(
        lost(&steps),
        [1],
        "broken since the first step, and the second parent is not there"
    );
    let steps = [below(&first), below(&second), first, second];
    assert_eq!(lost(&steps), [0_usize; 0]);
}
