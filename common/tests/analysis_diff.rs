//! Two traces compared run by run, and one written for snapshots.
#![cfg(feature = "analysis")]

mod captured;
mod pictured;

use captured::{Change as _, broken, cut_in_two, failing, hostile, id, many, run, tree, whole};
use common::analysis::{DiffMark, DiffOptions, Golden, TraceDiff};
use common::model::{Run, RunId};
use pictured::{check, drawn_words};
use serde_json::json;
use uuid::Uuid;

fn asked(mut run: Run, what: &str) -> Run {
    run.inputs = json!({ "query": what }).as_object().cloned();
    run
}

/// The same work at another time under other ids.
fn again(runs: &[Run]) -> Vec<Run> {
    let shift = |id: RunId| RunId(Uuid::from_u128(id.0.as_u128() + 0x1000));
    let new = |run: &Run| {
        let mut text = run.dotted_order.to_string();
        for segment in run.dotted_order.segments() {
            text = text.replace(&segment.id.to_string(), &shift(segment.id).to_string());
        }
        let order = text.parse().expect("an order");
        let mut again = Run::begin(order, &run.name, run.run_type.clone(), run.start_time);
        again.end_time = run.end_time;
        again.extra = run.extra.clone();
        again.error = run.error.clone();
        again.inputs = run.inputs.clone();
        again.outputs = run.outputs.clone();
        again
    };
    runs.iter().map(new).collect()
}

fn diff(left: Vec<Run>, right: Vec<Run>) -> TraceDiff {
    TraceDiff::of(&tree(left), &tree(right))
}

#[test]
fn the_same_work_has_no_difference_whatever_its_ids() {
    for runs in [whole(), failing(), broken(), cut_in_two(), many(60), vec![]] {
        let diff = diff(runs.clone(), again(&runs));
        assert!(diff.is_same(), "{diff}");
        assert!(diff.to_string().starts_with("no difference in"));
        check(&diff.figure());
    }
}

#[test]
fn missing_new_moved_and_changed_runs_are_told_as_a_tree_diff() {
    let mut right = again(&whole());
    right.remove(1);
    let write = right[4].clone();
    let root = right[0].clone();
    // `find pages` is called by the gateway now, the model takes longer and fails, and a check is new.
    right[3] = run(50, Some(&root), "find pages", "retriever", 82, 96).service("gateway");
    right[5] = run(51, Some(&write), "gpt-5-mini", "llm", 198, 500)
        .service("generator")
        .failed("429");
    right.push(run(52, Some(&write), "check", "tool", 390, 2));
    let diff = diff(whole(), right);
    assert_eq!(
        diff.to_string(),
        "\x20 answer [chain]
-   plan the answer [prompt]
    … 2 the same
>   find pages [retriever]  moved from below POST /search
    POST /write [chain]
~     gpt-5-mini [llm]  success → error; 182 ms → 500 ms
    … 1 the same
+     check [tool]
1 missing, 1 new, 1 moved, 1 changed of 9 runs
"
    );
    let svg = check(&diff.figure());
    let words = drawn_words(&svg);
    for word in [
        "plan the answer",
        "moved from below POST /search",
        "-",
        "+",
        ">",
        "~",
    ] {
        assert!(words.contains(&word.to_owned()), "{word} in {words:?}");
    }
}

#[test]
fn repeated_names_are_told_apart_by_what_they_were_asked() {
    let root = run(1, None, "answer", "chain", 0, 100);
    let search = |number: u128, what: &str| {
        let start = 10 * i64::try_from(number).expect("small");
        asked(
            run(number, Some(&root), "search", "retriever", start, 5),
            what,
        )
    };
    let left = vec![root.clone(), search(2, "a"), search(3, "b"), search(4, "c")];
    let right = vec![root.clone(), search(2, "b"), search(3, "c")];
    let found = diff(left, right);
    let expected = "\x20 answer [chain]\n-   search [retriever]\n1 missing of 4 runs\n";
    assert_eq!(found.to_string(), expected);
    assert_eq!(
        found.differences().next().and_then(|row| row.left),
        Some(id(2))
    );
}

#[test]
fn a_wrapper_that_is_gone_leaves_its_children_moved() {
    let root = run(1, None, "answer", "chain", 0, 100);
    let wrapper = run(2, Some(&root), "wrapper", "chain", 10, 50);
    let call = run(3, Some(&wrapper), "call", "tool", 20, 20);
    let leaf = run(4, Some(&call), "leaf", "tool", 25, 5);
    let direct = run(5, Some(&root), "call", "tool", 20, 20);
    let below = run(6, Some(&direct), "leaf", "tool", 25, 5);
    let diff = diff(
        vec![root.clone(), wrapper, call, leaf],
        vec![root, direct, below],
    );
    let marks: Vec<(DiffMark, &str)> = diff
        .rows()
        .iter()
        .map(|row| (row.mark, row.name.as_str()))
        .collect();
    assert_eq!(
        marks,
        [
            (DiffMark::Same, "answer"),
            (DiffMark::Missing, "wrapper"),
            (DiffMark::Moved, "call"),
            (DiffMark::Same, "leaf"),
        ]
    );
    assert_eq!(diff.rows()[2].from.as_deref(), Some("wrapper"));
}

#[test]
fn latencies_count_beyond_a_factor_and_outputs_without_what_differs_each_time() {
    let one = |span: i64, output: &str| {
        let mut run = run(1, None, "answer", "chain", 0, span);
        run.outputs = json!({ "said": output }).as_object().cloned();
        vec![run]
    };
    let said = |left, right| {
        diff(left, right).rows()[0]
            .changes
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(said(one(100, "x"), one(190, "x")), [""; 0]);
    assert_eq!(
        said(one(100, "x"), one(201, "y")),
        ["100 ms → 201 ms", "other outputs"]
    );
    assert_eq!(said(one(1, "x"), one(9, "x")), [""; 0], "8 ms are nothing");
    let (a, b) = (
        "run 01990000-0000-7000-8000-000000000001",
        "run 01990000-0000-7000-8000-0000000000ff",
    );
    assert_eq!(said(one(1, a), one(1, b)), [""; 0]);
    let options = DiffOptions {
        latency_factor: None,
        content: false,
        ..DiffOptions::default()
    };
    let (left, right) = (tree(one(100, "x")), tree(one(900, "y")));
    assert!(TraceDiff::with(&left, &right, &options).is_same());
}

#[test]
fn a_trace_cut_in_two_is_a_run_that_moved_to_the_top() {
    let root = run(1, None, "answer", "chain", 0, 412).service("gateway");
    let call = run(2, Some(&root), "call retriever", "tool", 20, 180).service("gateway");
    let search = run(3, Some(&call), "POST /search", "chain", 34, 150).service("retriever");
    let find = run(4, Some(&search), "find pages", "retriever", 82, 96).service("retriever");
    let diff = diff(cut_in_two(), vec![root, call, search, find]);
    assert_eq!(
        diff.to_string(),
        "  answer [chain]\n    call retriever [tool]\n>     POST /search [chain]  moved; it was a root\n\
         1 moved of 4 runs\n"
    );
}

#[test]
fn twenty_five_thousand_runs_are_compared() {
    let mut left = vec![run(1, None, "root", "chain", 0, 100_000)];
    for number in 2..25_000_u128 {
        let start = i64::try_from(number).expect("small");
        left.push(asked(
            run(number, Some(&left[0]), "leaf", "tool", start, 1),
            &number.to_string(),
        ));
    }
    let mut right = left.clone();
    right.remove(12_345);
    right.reverse();
    let diff = diff(left, right);
    assert_eq!(diff.differences().count(), 1);
    assert_eq!(diff.count(DiffMark::Missing), 1);
}

#[test]
fn hostile_names_stay_in_their_place() {
    check(&diff(hostile(), whole()).figure());
    check(&diff(many(300), vec![]).figure());
    let text = diff(whole(), hostile()).to_string();
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
}

#[test]
fn golden_text_is_the_same_for_the_same_work() {
    let expected = "\
answer [chain] error (gateway)
  error: GenerateError: the model gave no answer
  plan the answer [prompt] (gateway)
  POST /search [chain] (retriever)
    embed query [embedding] (retriever)
    find pages [retriever] (retriever)
  POST /write [chain] error (generator)
    error: 502 Bad Gateway
    gpt-5-mini [llm] error (generator)
      error: RateLimitError: 429 Too Many Requests
    parse citations [parser] pending (generator)
";
    let golden = Golden::of(&tree(failing()));
    assert_eq!(golden.to_string(), expected);
    assert_eq!(golden, Golden::of(&tree(again(&failing()))));
    // Which of two at the same time was first is chance.
    let root = run(1, None, "root", "chain", 0, 100);
    let pair = |first: &str, second: &str| {
        let (first, second) = (
            run(2, Some(&root), first, "tool", 10, 50),
            run(3, Some(&root), second, "tool", 11, 50),
        );
        Golden::of(&tree(vec![root.clone(), first, second]))
    };
    assert_eq!(pair("a", "b"), pair("b", "a"));
    let other = pair("a", "c");
    let expected = Some(("  b [tool]".to_owned(), "  c [tool]".to_owned()));
    assert_eq!(pair("a", "b").first_difference(&other), expected);
}
