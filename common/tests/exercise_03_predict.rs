//! The exercise `03.predict`: as shipped, predicted right, and predicted wrongly in ways that people do.
#![cfg(feature = "lab")]

use common::lab::check::Check;
use common::prelude::*;

const RIGHT: &str = "
gateway
  search pages
  rank
    score
  search issues
search code
";

async fn search(client: Client, name: &'static str) {
    let parent = current().and_then(|run| run.context());
    client
        .run(name)
        .parent(parent)
        .run_type(RunType::Retriever)
        .start()
        .end();
}

/// Does the work of the exercise; `bare` spawns even what the exercise carries.
async fn predicted(prediction: &str, bare: bool) -> Check {
    let lesson = Lesson::start("03-exercises").await;
    let client = lesson.client("gateway");
    let root = client.run("gateway").start();
    let spawn = |name, run: Option<&RunTree>| match run {
        Some(run) => tokio::spawn(search(client.clone(), name).in_run(run)),
        None => tokio::spawn(search(client.clone(), name)),
    };
    spawn("search pages", Some(&root).filter(|_| !bare))
        .await
        .expect("no panic");
    let rank = root.child("rank").start();
    let score = search(client.clone(), "score").in_run(&rank);
    score.await;
    rank.end();
    tokio::join!(search(client.clone(), "search issues").in_run(&root));
    spawn("search code", None).await.expect("no panic");
    root.end();
    lesson.check_prediction("03.predict", prediction).await
}

#[tokio::test(flavor = "multi_thread")]
async fn as_shipped_it_asks_for_a_prediction_and_does_not_show_the_tree() {
    let check = predicted("\n", false).await;
    assert_eq!(
        check.first_wrong(),
        Some("nothing is predicted yet: write the tree, a name a line, two blanks a level")
    );
    assert!(!check.to_string().contains("score"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_prediction_passes_and_says_why() {
    let check = predicted(RIGHT, false).await;
    assert_eq!(check.first_wrong(), None);
    assert!(
        check
            .to_string()
            .contains("What is current belongs to a thread")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_prediction_is_rejected_with_another_first_wrong_fact() {
    let wrong = [
        (
            // Every way to start work keeps the parent.
            "gateway\n  search pages\n  rank\n    score\n  search issues\n  search code\n",
            "you predicted `search code` below `gateway`; what arrived is `search code` as a root",
        ),
        (
            // A thread is always on its own.
            "gateway\n  search pages\n  rank\n  search issues\nscore\nsearch code\n",
            "you predicted `search issues` below `gateway`; what arrived is `score` below `rank`",
        ),
        (
            // What is current is always the root.
            "gateway\n  search pages\n  rank\n  score\n  search issues\nsearch code\n",
            "you predicted `score` below `gateway`; what arrived is `score` below `rank`",
        ),
        (
            // `join!` starts tasks.
            "gateway\n  search pages\n  rank\n    score\nsearch issues\nsearch code\n",
            "you predicted `search issues` as a root; what arrived is `search issues` below `gateway`",
        ),
        (
            // What is bare leaves no run at all.
            "gateway\n  search pages\n  rank\n    score\n  search issues\n",
            "`search code` as a root arrived, and you did not predict it",
        ),
    ];
    for (prediction, sentence) in wrong {
        assert_eq!(
            predicted(prediction, false).await.first_wrong(),
            Some(sentence)
        );
    }
    let check = predicted(RIGHT, true).await;
    let sentence = check
        .first_wrong()
        .expect("another trace than the exercise's");
    assert!(
        sentence.starts_with("run `search pages` has no parent"),
        "{sentence}"
    );
}
