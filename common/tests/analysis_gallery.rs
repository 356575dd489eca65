//! Trees on one wall: what is drawn, and what its words say.
#![cfg(feature = "analysis")]

mod pictured;

use common::analysis::{Outline, gallery};
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
    for word in ["pending for ever", "not ended", "somebody keeps a handle", "(no runs)"] {
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
    let hostile = Outline::new().row(0, "<script>\u{1b}[31m".repeat(40)).mark(0, "x".repeat(99));
    let name = "&\"<>".repeat(60);
    let trees: Vec<_> = (0..40).map(|_| (name.as_str(), &hostile, name.as_str())).collect();
    let svg = check(&gallery(trees));
    assert!(drawn_words(&svg).contains(&"… 28 more trees".to_owned()));
    check(&gallery([]));
}
