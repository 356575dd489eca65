//! Trees on one wall: what is drawn, and what its words say.
#![cfg(feature = "analysis")]

mod captured;
mod pictured;

use captured::run;
use common::analysis::{Outline, Waterfall, gallery, performance_findings};
use common::model::TraceTree;
use pictured::{check, drawn_words};

fn pending() -> Outline {
    let outline = Outline::new().row(0, "gateway").row(1, "call");
    outline.mark(1, "not ended")
}

#[test]
fn each_tree_has_its_heading_its_marks_and_its_cause() {
    let apart = Outline::new().row(0, "gateway").row(0, "retriever");
    let figure = gallery([
        ("pending for ever", &pending(), "somebody keeps a handle"),
        ("context lost", &apart.mark(1, "another root"), "no header"),
        ("nothing at all", &Outline::new(), "no key"),
    ]);
    let words = drawn_words(&check(&figure));
    for word in [
        "pending for ever",
        "not ended",
        "somebody keeps a handle",
        "(no runs)",
    ] {
        assert!(words.contains(&word.to_owned()), "{word}: {words:?}");
    }
    assert_eq!(
        figure.title("Broken").to_string(),
        "Broken\n\n\
         pending for ever: somebody keeps a handle\n  gateway\n    call  ✗ not ended\n\n\
         context lost: no header\n  gateway\n  retriever  ✗ another root\n\n\
         nothing at all: no key\n  (no runs)\n"
    );
}

#[test]
fn a_wall_has_an_end_and_foreign_names_stay_in_their_frames() {
    let hostile = Outline::new()
        .row(0, "<script>\u{1b}[31m".repeat(40))
        .mark(0, "x".repeat(99));
    let name = "&\"<>".repeat(60);
    let trees: Vec<_> = (0..40)
        .map(|_| (name.as_str(), &hostile, name.as_str()))
        .collect();
    let svg = check(&gallery(trees));
    assert!(drawn_words(&svg).contains(&"… 32 more trees".to_owned()));
    check(&gallery([]));
}

#[test]
fn a_waterfall_names_the_findings_of_its_runs_and_tells_them_in_words() {
    let ask = |number: u128, from: i64| {
        let root = run(1, None, "answer", "chain", 0, 250);
        let mut search = run(number, Some(&root), "search", "retriever", from, 60);
        let map = |key: &str| serde_json::json!({ key: number.to_string() });
        search.inputs = map("query").as_object().cloned();
        search.outputs = map("found").as_object().cloned();
        search
    };
    let root = run(1, None, "answer", "chain", 0, 250);
    let runs = [root, ask(2, 10), ask(3, 80), ask(4, 150)];
    let tree = TraceTree::build(runs);
    let report = performance_findings(&tree);
    assert_eq!(report.findings().len(), 1, "{report}");
    let figure = Waterfall::of(&tree)
        .critical_path()
        .findings(&report)
        .figure();
    let drawn = drawn_words(&check(&figure));
    assert_eq!(drawn.iter().filter(|words| *words == "LT051").count(), 3);
    assert!(
        figure
            .alt()
            .contains("LT051 `answer` runs `search` 3 times")
    );
    // Without a finding it is the picture that it was.
    let none = performance_findings(&TraceTree::default());
    let with = Waterfall::of(&tree).findings(&none).figure().svg();
    let without = Waterfall::of(&tree).figure().svg();
    assert_eq!(drawn_words(&with), drawn_words(&without));
}
