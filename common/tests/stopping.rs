//! A process that ends, in each way: what was asked is what arrived and what was lost, with its reason.
#![cfg(all(feature = "lab", unix))]

use std::collections::BTreeMap;

use common::lab::stopping::{
    Ending, GRACE, Stopped, stop, stop_all, stopping_chart, stopping_table,
};

/// What each ending does to five requests: how many arrive, how many of them later, and where the rest was.
const EXPECTED: [(Ending, u64, u64, &str, &str); 12] = {
    use Ending::*;
    let memory = "in memory when the process ended";
    let frozen = "in memory of a frozen process";
    let away = "the endpoint fails, or wants to be left alone for a while";
    let parent = "queued for a thread that stayed in the parent";
    [
        (Terminated, 0, 0, memory, "SIGTERM"),
        (TerminatedInGrace, 5, 0, "–", "SIGTERM"),
        (TerminatedInOutage, 0, 0, away, "SIGTERM"),
        (TerminatedInOutageSpooled, 5, 5, "–", "SIGTERM"),
        (Frozen, 0, 0, frozen, "SIGKILL"),
        (FrozenAfterFlush, 5, 0, "–", "SIGKILL"),
        (WorkerExits, 0, 0, memory, "exit 0"),
        (WorkerFlushesEachTask, 5, 0, "–", "exit 0"),
        (Killed, 0, 0, memory, "SIGKILL"),
        (KilledDurable, 5, 5, "–", "SIGKILL"),
        (ForkedByHand, 0, 0, parent, "exit 0"),
        (Forked, 5, 0, "–", "exit 0"),
    ]
};

#[tokio::test(flavor = "multi_thread")]
async fn each_ending_loses_exactly_what_nobody_saw_to_and_says_where_it_was() {
    let all = stop_all(5).await.expect("all of them");
    let seen: Vec<_> = all
        .iter()
        .map(|it| {
            (
                it.ending,
                it.arrived,
                it.recovered,
                it.why(),
                it.ended_by.clone(),
            )
        })
        .collect();
    let expected = EXPECTED.map(|(ending, arrived, later, why, by)| {
        (ending, arrived, later, why.to_owned(), by.to_owned())
    });
    assert_eq!(seen, expected);
    for one in &all {
        assert_eq!((one.asked, one.accepted), (5, 5), "{one}");
        assert_eq!(one.asked, one.arrived + one.total_lost(), "{one}");
        assert_eq!(one.twice, 0, "{one}");
        assert_eq!(one.trees.tops().len() as u64, one.arrived, "{one}");
    }
    let table = stopping_table(&all).to_string();
    assert_eq!(table.lines().count(), 2 + 12, "{table}");
    assert!(stopping_chart(&all).is_light());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grace_is_kept_although_langsmith_is_away() {
    let stopped = stop(Ending::TerminatedInOutage, 2)
        .await
        .expect("lived through");
    // What the client promises is half a second beyond; a machine under load gets more.
    assert!(stopped.took < GRACE * 10, "{:?}", stopped.took);
    assert_eq!(stopped.total_lost(), 2);
}

#[test]
fn an_account_reads_as_an_equation() {
    let stopped = Stopped {
        ending: Ending::TerminatedInOutageSpooled,
        asked: 5,
        accepted: 5,
        arrived: 3,
        recovered: 2,
        twice: 0,
        lost: BTreeMap::from([("the disk was full".to_owned(), 2)]),
        ended_by: "SIGTERM".to_owned(),
        took: GRACE,
        trees: Default::default(),
    };
    assert_eq!(
        stopped.to_string(),
        "SIGTERM, in an outage, spool: asked 5, accepted 5, arrived 3 (2 by the next process), lost 2 \
         (the disk was full); ended by SIGTERM"
    );
}
