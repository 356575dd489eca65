//! Clocks that differ are found from traces, drawn, and put right for drawing.
#![cfg(feature = "analysis")]

mod captured;
mod pictured;

use std::sync::Arc;

use captured::{Change as _, at, hostile, run, tree};
use chrono::TimeDelta;
use common::analysis::ClockSkew;
use common::model::{Run, Timestamp, TraceTree};
use pictured::{check, drawn_words};

/// A call of 100 ms that is under way for `out` and `back`, to a host that is `ahead`.
fn call(ahead: i64, out: i64, back: i64) -> TraceTree {
    let root = run(1, None, "ask", "chain", 0, 100).service("gateway");
    let serve = run(
        2,
        Some(&root),
        "serve",
        "chain",
        out + ahead,
        100 - out - back,
    );
    tree(vec![root, serve.service("retriever")])
}

fn ms(millis: i64) -> Option<TimeDelta> {
    Some(TimeDelta::milliseconds(millis))
}

#[test]
fn many_calls_narrow_the_offset_and_one_that_was_not_waited_for_is_outvoted() {
    let mut trees = vec![call(250, 10, 40), call(250, 30, 2), call(250, 5, 20)];
    let skew = ClockSkew::of(&trees);
    let pair = skew.between("gateway", "retriever").expect("a pair");
    // b2 − a2 is the offset less the way back, b1 − a1 the offset and the way out.
    assert_eq!((pair.least, pair.most), (ms(248), ms(255)));
    assert_eq!((pair.calls, pair.agree), (3, 3));
    assert!(pair.is_skewed());
    trees.push(call(9_000, 1, 1));
    let skew = ClockSkew::of(&trees);
    assert_eq!(
        skew.to_string(),
        "retriever is 248 ms to 255 ms ahead of gateway (3 of 4 calls agree)\n"
    );
    let turned = skew.between("retriever", "gateway").expect("the same pair");
    assert_eq!((turned.least, turned.most), (ms(-255), ms(-248)));
}

#[test]
fn a_start_that_was_moved_to_its_parents_still_tells_how_far_the_clock_is_behind() {
    let root = run(1, None, "ask", "chain", 0, 100).service("gateway");
    // The clock is 250 ms behind; received after 10 ms, so it showed −240 ms, and was moved to 0.
    let mut serve = run(2, Some(&root), "serve", "chain", 0, 0).service("retriever");
    Arc::make_mut(&mut serve.extra.metadata).insert("clock_skew_ms".into(), 240.into());
    let skew = ClockSkew::of([&tree(vec![root, serve])]);
    let pair = &skew.pairs()[0];
    assert_eq!(
        (pair.least, pair.most),
        (None, ms(-240)),
        "its end was moved too"
    );
    assert_eq!(
        pair.in_words(),
        "retriever is at least 240 ms behind gateway"
    );
}

#[test]
fn clocks_that_may_be_the_same_are_not_called_skewed_nor_moved() {
    let captured = call(0, 10, 10);
    let skew = ClockSkew::of([&captured]);
    let pair = &skew.pairs()[0];
    assert_eq!(
        (pair.least, pair.most, pair.is_skewed()),
        (ms(-10), ms(10), false)
    );
    assert_eq!(skew.correct(&captured), captured);
    let svg = check(&skew.figure());
    assert!(drawn_words(&svg).contains(&"All clocks may go by the same time".to_owned()));
}

#[test]
fn a_corrected_tree_nests_again_over_several_hosts() {
    let captured = |ahead: i64, further: i64| {
        let root = run(1, None, "ask", "chain", 0, 100).service("a");
        let serve = run(2, Some(&root), "serve", "chain", 10 + ahead, 80).service("b");
        let find = run(3, Some(&serve), "find", "chain", 20 + further, 60).service("c");
        tree(vec![root, serve, find])
    };
    let tree = captured(500, -2_000);
    let corrected = ClockSkew::of([&tree]).correct(&tree);
    let times: Vec<_> = corrected
        .nodes()
        .iter()
        .map(|node| &node.run)
        .map(|run: &Run| {
            let since = |time: Timestamp| (time - at(0)).num_milliseconds();
            (
                run.name.as_str(),
                since(run.start_time),
                run.end_time.map(since),
            )
        })
        .collect();
    assert_eq!(
        times,
        [
            ("ask", 0, Some(100)),
            ("serve", 10, Some(90)),
            ("find", 20, Some(80))
        ]
    );
    assert!(corrected.is_whole());
}

#[test]
fn the_figure_has_a_bar_for_each_pair() {
    let trees = [call(250, 10, 40), call(250, 30, 2)];
    let skew = ClockSkew::of(&trees);
    let figure = skew.figure();
    let svg = check(&figure);
    let words = drawn_words(&svg);
    assert!(
        words.contains(&"gateway → retriever".to_owned()),
        "{words:?}"
    );
    assert!(
        figure
            .alt()
            .starts_with("retriever is 248 ms to 260 ms ahead of gateway")
    );
    check(&ClockSkew::of([&tree(hostile())]).figure());
    check(&ClockSkew::default().figure());
}
