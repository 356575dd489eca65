//! The exercise `06.predict`: as shipped, predicted right, and predicted wrongly in ways that people do.
#![cfg(feature = "lab")]

use common::analysis::performance_findings;
use common::lab::check::Check;
use common::prelude::*;

async fn timed(run: RunTree, millis: u64) {
    pause(millis).await;
    run.end_with(json!({"took": run.name()}));
}

/// Does the work of the exercise, and predicts.
async fn work(waits_for: &str, saves_nothing: &str, code: &str) -> (Check, TraceTree) {
    let lesson = Lesson::start("06-exercises").await;
    let gateway = lesson.client("gateway");
    let root = gateway.run("gateway").start();
    let check = root.child("check safety").run_type(RunType::Tool).start();
    let checking = tokio::spawn(timed(check, 200));
    for query in ["keep the trace", "service boundary", "which header"] {
        let search = root.child("search pages").run_type(RunType::Retriever);
        timed(search.inputs(json!({"query": query})).start(), 60).await;
    }
    timed(
        root.child("write answer").run_type(RunType::Llm).start(),
        90,
    )
    .await;
    checking.await.expect("no panic");
    root.end();
    let told = gateway.run("prediction").metadata("code", code).start();
    told.add_metadata("waits_for", waits_for);
    told.add_metadata("saves_nothing", saves_nothing);
    told.end();
    let tree = lesson.tree(7).await;
    (lesson.check("06.predict").await, tree)
}

#[tokio::test(flavor = "multi_thread")]
async fn as_shipped_it_asks_for_a_prediction_and_does_not_tell_it() {
    let (check, _) = work("", "", "").await;
    assert_eq!(
        check.first_wrong(),
        Some("run `prediction` predicts nothing as `waits_for` yet: write what you expect")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_prediction_passes_and_is_what_the_finding_says() {
    let (check, tree) = work("write answer", "check safety", "LT051").await;
    assert_eq!(check.first_wrong(), None);
    assert!(check.to_string().contains("whether somebody waits for it"));
    let report = performance_findings(&tree);
    let codes: Vec<_> = report
        .findings()
        .iter()
        .map(|it| it.code.as_str())
        .collect();
    assert_eq!(codes, ["LT051"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_prediction_is_rejected_with_another_first_wrong_fact() {
    let wrong = [
        // The longest run is taken for the one that is waited for.
        (
            ["check safety", "write answer", "LT051"],
            r#"run `prediction` predicts "check safety" as `waits_for`"#,
        ),
        // The three searches are taken for one.
        (
            ["search pages", "check safety", "LT051"],
            r#"run `prediction` predicts "search pages" as `waits_for`"#,
        ),
        // What is right is only known in part.
        (
            ["write answer", "search pages", "LT051"],
            r#"run `prediction` predicts "search pages" as `saves_nothing`"#,
        ),
        // The same call again, it is thought.
        (
            ["write answer", "check safety", "LT055"],
            r#"run `prediction` predicts "LT055" as `code`"#,
        ),
        (
            ["write answer", "", "LT051"],
            "run `prediction` predicts nothing as `saves_nothing` yet",
        ),
    ];
    for ([waits_for, saves_nothing, code], beginning) in wrong {
        let (check, _) = work(waits_for, saves_nothing, code).await;
        let sentence = check.first_wrong().expect("it fails");
        assert!(sentence.starts_with(beginning), "{sentence}");
    }
}
