//! The exercise `05.extend`: as shipped, solved, and solved wrongly in ways that people try.
#![cfg(feature = "lab")]

use std::path::Path;
use std::time::Duration;

use common::export::SpoolConfig;
use common::lab::check::Check;
use common::langsmith_mock::Fault;
use common::prelude::*;

/// What somebody makes of the worker.
#[derive(Clone, Copy, PartialEq)]
enum Attempt {
    /// Nothing is kept.
    AsShipped,
    Solution,
    /// Durable from the first: more than is asked for, and right.
    Durable,
    /// The successor has a folder of its own.
    AnotherFolder,
    /// The successor does the pages again, to be sure.
    Again,
    /// The successor only sends what is left.
    NoSuccessorsWork,
    /// What could not be sent is marked as failed.
    Failed,
    /// The worker says of nothing that it happened.
    Silent,
}

fn worker(lesson: &Lesson, folder: &Path, attempt: Attempt) -> Client {
    lesson.client_with("worker", |client| match attempt {
        Attempt::AsShipped => client,
        Attempt::Silent => client.enabled(false),
        Attempt::Durable => client.spool(SpoolConfig::new(folder).durable()),
        _ => client.spool(SpoolConfig::new(folder)),
    })
}

fn work(client: &Client, page: u32, attempt: Attempt) {
    let run = client.run(format!("page {page}")).start();
    match attempt {
        Attempt::Failed if page == 2 => run.fail("HTTP 503"),
        _ => run.end(),
    }
}

async fn attempt(attempt: Attempt) -> Check {
    let lesson = Lesson::start("05-exercises").await;
    let folder = tempfile::tempdir().expect("a folder");
    let first = worker(&lesson, folder.path(), attempt);
    lesson.mock().fault(Fault::status(503));
    (1..=3).for_each(|page| work(&first, page, attempt));
    let ended = first.shutdown(Duration::from_millis(300));
    assert_eq!(ended.is_ok(), attempt == Attempt::Silent);
    lesson.mock().clear_faults();
    let elsewhere = folder.path().join("elsewhere");
    let place = match attempt {
        Attempt::AnotherFolder => &elsewhere,
        _ => folder.path(),
    };
    let second = worker(&lesson, place, attempt);
    if attempt == Attempt::Again {
        (1..=3).for_each(|page| work(&second, page, attempt));
    }
    if attempt != Attempt::NoSuccessorsWork {
        work(&second, 4, attempt);
    }
    lesson.check("05.extend").await
}

#[tokio::test(flavor = "multi_thread")]
async fn as_shipped_the_pages_of_the_outage_are_lost() {
    let check = attempt(Attempt::AsShipped).await;
    assert_eq!(
        check.first_wrong(),
        Some("no run is named `page 1`; what arrived is `page 4`")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_solution_passes_and_says_why_it_works_and_so_does_durable_mode() {
    let check = attempt(Attempt::Solution).await;
    assert_eq!(check.first_wrong(), None);
    assert!(check.to_string().contains("A spool outlives its process"));
    assert_eq!(attempt(Attempt::Durable).await.first_wrong(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_solution_is_rejected_with_what_is_wrong_first() {
    let wrong = [
        (
            Attempt::AnotherFolder,
            "no run is named `page 1`; what arrived is `page 4`",
        ),
        (Attempt::Again, "2 runs are named `page 1`"),
        (Attempt::NoSuccessorsWork, "no run is named `page 4`"),
        (
            Attempt::Failed,
            "run `page 2` should succeed, and its status is error",
        ),
        (Attempt::Silent, "no run has arrived"),
    ];
    for (tried, beginning) in wrong {
        let check = attempt(tried).await;
        let sentence = check.first_wrong().expect("it fails");
        assert!(sentence.starts_with(beginning), "{sentence}");
    }
}
