//! The exercise `06.repair`: as shipped, solved, and solved wrongly in ways that people try.
#![cfg(feature = "lab")]

use std::sync::Arc;
use std::time::Duration;

use common::client::{
    Pace, PendingRule, RecoveryPlan, ReplayOptions, adopt_orphans, close_pending, replay,
};
use common::lab::check::Check;
use common::prelude::*;

/// Does the work of the exercise, with the plans that `mend` makes of what is stored.
async fn mended(mend: impl Fn(&[Run]) -> Vec<RecoveryPlan>) -> Check {
    mended_and(mend, |_| {}).await
}

async fn mended_and(
    mend: impl Fn(&[Run]) -> Vec<RecoveryPlan>,
    more: impl FnOnce(&Client),
) -> Check {
    let lesson = Lesson::start("06-exercises").await;
    let gateway = lesson.client("gateway");
    let nowhere = Arc::new(MemorySink::new());
    let killed = lesson.client_with("gateway", |client| client.sink(nowhere));
    let [retriever, generator] = ["retriever", "generator"].map(|name| lesson.client(name));
    let root = gateway.run("gateway").start();
    let search = retriever.run("search docs").parent(root.context());
    let search = search.metadata("host", "worker-1").start();
    let index = retriever.run("index pages").parent(root.context());
    let index = index.metadata("host", "worker-2").start();
    let lost = killed.run("call generator").parent(root.context()).start();
    generator
        .run("generator")
        .parent(lost.context())
        .start()
        .end();
    root.end();
    std::mem::forget(search);
    lesson.tree(2).await;
    for plan in mend(&lesson.mock().runs()) {
        let report = gateway.carry_out(&plan, Pace::default(), Duration::from_secs(10));
        assert_eq!(report.await.problem, None);
    }
    more(&retriever);
    index.end();
    lesson.check("06.repair").await
}

fn gone() -> PendingRule {
    PendingRule::all().metadata("host", "worker-1")
}

#[tokio::test(flavor = "multi_thread")]
async fn as_shipped_a_run_is_without_an_end() {
    let check = mended(|_| vec![RecoveryPlan::default()]).await;
    assert_eq!(
        check.first_wrong(),
        Some("run `search docs` never ended: call `end` on it, on every way out")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_solution_passes_in_either_order_and_says_why() {
    let check = mended(|runs| vec![close_pending(runs, &gone()), adopt_orphans(runs)]).await;
    assert_eq!(check.first_wrong(), None);
    assert!(check.to_string().contains("without touching a run"));
    let check = mended(|runs| vec![adopt_orphans(runs), close_pending(runs, &gone())]).await;
    assert_eq!(check.first_wrong(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_solution_is_rejected_with_another_first_wrong_fact() {
    // Whatever is pending is taken to be dead.
    let check = mended(|runs| {
        vec![
            close_pending(runs, &PendingRule::all()),
            adopt_orphans(runs),
        ]
    })
    .await;
    assert_eq!(
        check.first_wrong(),
        Some(
            "run `index pages` should succeed, and its status is error: the process ended before the run did"
        )
    );
    // The orphan is left where it is.
    let check = mended(|runs| vec![close_pending(runs, &gone())]).await;
    let sentence = check.first_wrong().expect("it fails");
    assert!(
        sentence.starts_with("no run is named `(lost) above generator`"),
        "{sentence}"
    );
    // The pending run is left as it is.
    let check = mended(|runs| vec![adopt_orphans(runs)]).await;
    assert_eq!(
        check.first_wrong(),
        Some("run `search docs` never ended: call `end` on it, on every way out")
    );
    // Closed, with words of one's own.
    let check = mended(|runs| {
        let rule = gone().error("worker-1 was killed");
        vec![close_pending(runs, &rule), adopt_orphans(runs)]
    })
    .await;
    assert_eq!(
        check.first_wrong(),
        Some("run `search docs` failed with “worker-1 was killed”, not with “the process ended”")
    );
    // All is sent again, as copies.
    let check = mended(|runs| vec![replay(runs, &ReplayOptions::new())]).await;
    let sentence = check.first_wrong().expect("it fails");
    assert!(
        sentence.starts_with("2 runs are named `gateway`"),
        "{sentence}"
    );
    // The search is done once more, instead of closing what is left of it.
    let check = mended_and(
        |runs| vec![adopt_orphans(runs)],
        |retriever| retriever.run("search docs").start().end(),
    )
    .await;
    let sentence = check.first_wrong().expect("it fails");
    assert!(
        sentence.starts_with("2 runs are named `search docs`"),
        "{sentence}"
    );
}
