//! The exercise `00.join`: as shipped, solved, and solved wrongly in ways that people try.
#![cfg(feature = "lab")]

use common::lab::check::Check;
use common::prelude::*;

/// What the cell does with the assistant's client.
type Cell = fn(&Client);

/// What a learner makes of the cell: two runs, and in which order they end.
async fn attempt(cell: impl FnOnce(&Client)) -> Check {
    let lesson = Lesson::start("00-exercises").await;
    cell(&lesson.client("assistant"));
    lesson.check("00.join").await
}

fn found() -> Value {
    json!({"documents": 2})
}

fn as_shipped(client: &Client) {
    let root = client.run("answer").start();
    let search = client.run("look up").run_type(RunType::Retriever).start();
    root.end();
    search.end_with(found());
}

fn solved(client: &Client) {
    let root = client.run("answer").start();
    let search = root.child("look up").run_type(RunType::Retriever).start();
    search.end_with(found());
    root.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn as_shipped_it_fails_and_shows_both_trees() {
    let check = attempt(as_shipped).await;
    assert_eq!(
        check.first_wrong(),
        Some(
            "run `look up` has no parent: it was started as a root; begin it with `child` of `answer`, \
             or carry that run to where it starts"
        )
    );
    let text = check.to_string();
    for part in [
        "as it is",
        "look up (assistant)  ✗ no parent",
        "← below answer",
        "first of 3",
    ] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_solution_passes_and_says_why_it_works() {
    let check = attempt(solved).await;
    assert_eq!(check.first_wrong(), None);
    let text = check.to_string();
    assert!(
        text.starts_with("✓ 00.join · Make it one trace\n\n`child` hands over"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_solution_is_rejected_with_another_first_wrong_fact() {
    let ends_too_early = attempt(|client| {
        let root = client.run("answer").start();
        let search = root.child("look up").run_type(RunType::Retriever).start();
        root.end();
        search.end_with(found());
    });
    let told = ends_too_early.await.first_wrong().map(str::to_owned);
    let told = told.expect("rejected");
    assert!(
        told.starts_with("run `look up` ended ")
            && told.ends_with(" after its parent `answer`: the parent did not wait for it"),
        "{told}"
    );
    let wrong: [(Cell, &str); 6] = [
        (
            |client| {
                // The wrong one of the two is made the child.
                let search = client.run("look up").run_type(RunType::Retriever).start();
                search.child("answer").start().end();
                search.end_with(found());
            },
            "run `answer` should be a root, and is below `look up`",
        ),
        (
            |client| {
                let root = client.run("answer").start();
                root.child("look up").start().end_with(found());
                root.end();
            },
            "run `look up` is of type `chain`, not `retriever`",
        ),
        (
            |client| {
                let root = client.run("answer").start();
                let search = root.child("look up").run_type(RunType::Retriever);
                search.start().end();
                root.end();
            },
            "run `look up` has no output `documents`",
        ),
        (
            |client| {
                let root = client.run("answer").start();
                let search = root.child("look up").run_type(RunType::Retriever).start();
                search.end_with(found());
                // The end of the root is forgotten, and its handle outlives the cell.
                std::mem::forget(root);
            },
            "run `answer` never ended: call `end` on it, on every way out",
        ),
        (
            |client| {
                solved(client);
                solved(client);
            },
            "2 runs are named `answer`, and there should be 1; does the cell begin with \
             `lesson.clear()`?",
        ),
        (
            |_| (),
            "no run has arrived: run the exercise's own cell first, then this one",
        ),
    ];
    for (cell, sentence) in wrong {
        assert_eq!(attempt(cell).await.first_wrong(), Some(sentence));
    }
}
