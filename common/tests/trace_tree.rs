//! Runs find their parents again, whatever arrives and in whatever order.

mod captured;

use std::collections::HashSet;

use captured::{Change as _, at, broken, cut_in_two, id, many, run, tree, whole};
use common::model::{DottedOrder, Run, RunOp, RunType, Segment, TraceTree, merge_ops};
use proptest::prelude::*;

/// A run whose dotted order says nothing of its parent, so that any parent can be claimed.
fn claiming(number: u128, parent: Option<u128>) -> Run {
    let start = at(i64::try_from(number % 1_000).expect("small"));
    let order = DottedOrder::root(Segment {
        start,
        id: id(number),
    });
    let mut run = Run::begin(order, format!("run {number}"), RunType::Chain, start);
    run.parent_run_id = parent.map(id);
    run.end_time = Some(start);
    run
}

fn check_every_run_once(tree: &TraceTree) {
    let walk = tree.walk();
    let seen: HashSet<usize> = walk.iter().copied().collect();
    assert_eq!(walk.len(), tree.len(), "a run is missing or visited twice");
    assert_eq!(seen.len(), tree.len(), "a run is visited twice");
    let mut before = HashSet::new();
    for at in walk {
        let node = &tree.nodes()[at];
        match node.parent {
            Some(parent) => {
                assert!(before.contains(&parent), "a child comes before its parent");
                assert!(tree.nodes()[parent].children.contains(&at));
                assert_eq!(node.depth, tree.nodes()[parent].depth + 1);
            }
            None => {
                assert!(tree.tops().contains(&at));
                assert_eq!(node.depth, 0);
            }
        }
        assert!(node.children.is_sorted(), "children are in dotted order");
        before.insert(at);
    }
}

#[test]
fn a_whole_trace_is_one_tree_with_nothing_left_over() {
    let tree = tree(whole());
    assert!(tree.is_whole());
    assert_eq!(tree.trace_ids().len(), 1);
    assert_eq!(
        tree.parent_of(id(7)).map(|run| run.name.as_str()),
        Some("POST /write")
    );
    check_every_run_once(&tree);
}

#[test]
fn a_lost_header_shows_as_a_second_root_and_a_lost_run_as_orphans() {
    let two = tree(cut_in_two());
    assert_eq!((two.tops().len(), two.orphans().len()), (2, 0));
    assert_eq!(two.trace_ids().len(), 2);
    assert!(!two.is_whole());
    let broken = tree(broken());
    let orphans: Vec<&str> = broken
        .orphans()
        .iter()
        .map(|run| run.name.as_str())
        .collect();
    assert_eq!(orphans, ["embed query", "find pages"]);
}

#[test]
fn an_orphan_alone_is_no_whole_trace() {
    let below = run(
        2,
        Some(&run(1, None, "lost", "chain", 0, 9)),
        "below",
        "chain",
        1,
        2,
    );
    assert!(!tree(vec![below]).is_whole());
    assert!(!TraceTree::default().is_whole());
}

#[test]
fn a_child_of_another_trace_makes_it_less_than_whole() {
    let root = run(1, None, "root", "chain", 0, 9);
    let stray = claiming(2, Some(1));
    assert!(!tree(vec![root, stray]).is_whole());
}

#[test]
fn a_run_that_is_its_own_parent_is_cut_loose() {
    let tree = tree(vec![claiming(1, Some(1))]);
    assert_eq!(tree.tops(), [0]);
    assert_eq!(tree.orphans().len(), 1);
    check_every_run_once(&tree);
}

#[test]
fn of_two_runs_with_one_id_the_later_counts() {
    let first = run(1, None, "first", "chain", 0, 9);
    let later = first.clone().failed("no");
    assert_eq!(tree(vec![first, later.clone()]).nodes()[0].run, later);
}

#[test]
fn a_chain_of_ten_thousand_needs_no_deep_stack() {
    let chain: Vec<Run> = (0..10_000).map(|n| claiming(n, n.checked_sub(1))).collect();
    let small = std::thread::Builder::new().stack_size(128 * 1024);
    let check = move || {
        let tree = TraceTree::build(chain);
        let deepest = tree.nodes().iter().map(|node| node.depth).max();
        assert_eq!(deepest, Some(9_999));
        assert_eq!(tree.walk().len(), 10_000);
    };
    small
        .spawn(check)
        .expect("a thread")
        .join()
        .expect("no overflow");
}

#[test]
fn a_hundred_thousand_runs_are_put_together() {
    // A fan, a chain and a circle: whatever is not linear shows as a test that does not end.
    let parent = |n: u128| match n {
        0 => Some(99_999),
        n if n < 30_000 => Some(n - 1),
        n if n < 60_000 => Some(29_999),
        n => Some(n / 2),
    };
    let tree = TraceTree::build((0..100_000).map(|n| claiming(n, parent(n))));
    assert_eq!(tree.walk().len(), 100_000);
}

proptest! {
    #[test]
    fn any_claims_of_parents_keep_every_run_reachable_once(
        claims in prop::collection::vec((0_u128..40, prop::option::of(0_u128..60)), 0..80),
    ) {
        let claimed = claims.iter().map(|(number, parent)| claiming(*number, *parent));
        let tree = TraceTree::build(claimed);
        let ids: HashSet<u128> = claims.iter().map(|claim| claim.0).collect();
        prop_assert_eq!(tree.len(), ids.len());
        check_every_run_once(&tree);
    }

    #[test]
    fn any_order_of_arrival_gives_the_same_tree(
        mut runs in Just(many(30)).prop_shuffle(),
        extra in prop::collection::vec(0_usize..30, 0..10),
    ) {
        for at in extra {
            runs.push(runs[at].clone());
        }
        prop_assert_eq!(tree(runs), tree(many(30)));
    }

    #[test]
    fn any_interleaving_of_creates_and_updates_gives_the_same_tree(
        ops in Just(ops()).prop_shuffle(),
    ) {
        prop_assert_eq!(tree(merge_ops(ops)), tree(many(12)));
    }
}

/// A create without an end and an update with one, for each run.
fn ops() -> Vec<RunOp> {
    let runs = many(12).into_iter();
    runs.flat_map(|run| {
        let post = run.clone().pending();
        [RunOp::Post(Box::new(post)), RunOp::Patch(Box::new(run))]
    })
    .collect()
}
