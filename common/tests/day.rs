//! A day of known traffic: what is asked, what arrives, and that it is the same each time.
#![cfg(feature = "lab")]

use common::prelude::*;

fn ids(tree: &TraceTree) -> Vec<TraceId> {
    let mut ids = tree.trace_ids().into_iter().collect::<Vec<_>>();
    ids.sort();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_arrives_of_a_day_that_is_kept_and_the_failures_are_seen() {
    let lesson = Lesson::start("day").await;
    let day = Day::of(100, 20);
    let [gateway, retriever, generator] = day.services(&lesson, |client, _| client);
    let ledger = day.ask([&gateway, &retriever, &generator]);
    let tree = lesson.tree(0).await;
    // Two of a hundred time out, and have three runs in place of five; a health check has one.
    assert_eq!(tree.len(), 98 * 5 + 2 * 3 + 20);
    assert_eq!(ledger.len(), 120);
    let card = scorecard(&tree, &ledger);
    assert!(card.completeness.complete.is_all() && card.propagation.edges.is_all());
    assert_eq!(card.visibility.visible.to_string(), "6 of 6");
    assert!(lesson.mock().violations().is_empty());
    let kept = day.kept(&tree).to_string();
    assert!(
        kept.lines().any(|line| {
            line.split_whitespace().collect::<Vec<_>>() == ["timeout", "2", "2", "2"]
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_day_has_the_same_traces_and_a_smaller_rate_keeps_a_part_of_them() {
    let lesson = Lesson::start("day").await;
    let mut kept: Vec<Vec<TraceId>> = Vec::new();
    for rate in [0.2, 0.2, 0.1] {
        lesson.clear();
        let day = Day::of(100, 0);
        let [a, b, c] = day.services(&lesson, |client, _| client.sampling_rate(rate));
        day.ask([&a, &b, &c]);
        let tree = lesson.tree(0).await;
        assert!(tree.orphans().is_empty());
        kept.push(ids(&tree));
    }
    assert_eq!(kept[0], kept[1]);
    assert!(kept[2].len() < kept[0].len());
    assert!(kept[2].iter().all(|id| kept[0].contains(id)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_question_takes_nine_seconds_of_a_day_that_takes_none() {
    let lesson = Lesson::start("day").await;
    let day = Day::of(8, 0);
    let [a, b, c] = day.services(&lesson, |client, _| client);
    let begun = std::time::Instant::now();
    day.ask([&a, &b, &c]);
    assert!(begun.elapsed().as_secs() < 9);
    let tree = lesson.tree(0).await;
    let slowest = tree
        .nodes()
        .iter()
        .filter_map(|node| node.run.latency())
        .max();
    assert_eq!(slowest.expect("runs").num_seconds(), 9);
}

#[test]
fn health_checks_are_spread_among_the_questions() {
    let ids = |questions, checks| {
        let day = Day::of(questions, checks);
        let ids = day.requests().iter().map(|request| request.id.clone());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(ids(2, 3), ["q-000", "h-000", "q-001", "h-001", "h-002"]);
    assert_eq!(ids(0, 2), ["h-000", "h-001"]);
    assert_eq!(ids(0, 0), [""; 0]);
}
