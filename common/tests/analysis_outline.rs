//! Two trees beside each other: what is drawn, and what its words say.
#![cfg(feature = "analysis")]

use std::sync::Arc;

use common::analysis::{Outline, side_by_side};
use common::model::TraceTree;
use common::trace::{MemorySink, Tracer};

fn broken() -> TraceTree {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).build();
    let root = tracer.run("gateway").metadata("service", "gateway").start();
    root.child("call").start().fail("refused");
    root.end();
    std::mem::forget(tracer.run("retriever").start());
    TraceTree::build(sink.runs())
}

#[test]
fn an_outline_says_what_does_not_fit() {
    assert_eq!(
        Outline::of(&broken()).to_string(),
        "gateway (gateway)\n  call (gateway)  – error\nretriever  – another root\n"
    );
    assert_eq!(
        Outline::of(&TraceTree::default()).to_string(),
        "(no runs)\n"
    );
}

#[test]
fn an_outline_is_read_from_what_a_person_writes() {
    let outline = Outline::parse("gateway [chain]\n    call\n  other (retriever)\n\n");
    let rows: Vec<_> = outline.rows().collect();
    assert_eq!(rows, [(0, "gateway"), (1, "call"), (1, "other")]);
    assert!(Outline::parse(" \n").is_empty());
}

#[test]
fn both_trees_stand_in_the_words_and_in_the_picture() {
    let left = Outline::of(&broken()).mark(2, "no parent");
    let right = Outline::new()
        .row(0, "gateway")
        .row(1, "call")
        .row(2, "retriever")
        .mark(2, "below call");
    let figure = side_by_side(("as it is", &left), ("as it should be", &right));
    let alt = figure.alt();
    let row = alt.lines().find(|line| line.starts_with("retriever"));
    let sides = row.and_then(|row| row.split_once('│'));
    let sides = sides.map(|(left, right)| (left.trim_end(), right.trim_end()));
    assert_eq!(
        sides,
        Some(("retriever  ✗ no parent", "      retriever  ← below call"))
    );
    let svg = roxmltree::Document::parse(&figure.svg()).map(|picture| {
        let texts = picture
            .descendants()
            .filter(|node| node.has_tag_name("text"));
        texts
            .filter_map(|node| node.text().map(str::to_owned))
            .collect::<Vec<_>>()
    });
    let texts = svg.expect("well-formed");
    for words in ["as it is", "no parent", "as it should be", "below call"] {
        assert!(
            texts.iter().any(|text| text == words),
            "{words} is missing in {texts:?}"
        );
    }
}

#[test]
fn a_large_or_hostile_tree_stays_a_small_picture() {
    let mut outline = Outline::new();
    for at in 0..500 {
        outline = outline.row(at, format!("<script>{at}\u{202e}]]>{}", "x".repeat(200)));
    }
    let figure = side_by_side(("as it is", &outline), ("none", &Outline::new()));
    assert!(figure.is_light(), "{} bytes", figure.svg().len());
    assert!(roxmltree::Document::parse(&figure.svg()).is_ok());
    assert!(!figure.svg().contains("<script"), "escaped");
    assert!(figure.alt().contains("… 476 more"));
}
