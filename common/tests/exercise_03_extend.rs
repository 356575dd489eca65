//! The exercise `03.extend`: as shipped, solved, and solved wrongly in ways that people try.
#![cfg(feature = "lab")]

use common::lab::check::Check;
use common::prelude::*;

/// How somebody tries again.
#[derive(Clone, Copy, PartialEq)]
enum Attempt {
    /// Not at all.
    AsShipped,
    Solution,
    /// The job goes back with the context of the attempt that failed.
    BelowTheFirst,
    /// The job goes back without its context.
    WithoutContext,
    /// The first attempt ends as if nothing had been.
    FailureHidden,
    /// The second attempt begins before the first has ended.
    AtTheSameTime,
    /// It is tried again at once, past the queue.
    InPlace,
    /// It is tried a third time, though the second was good.
    OnceMore,
    /// The worker's runs are the gateway's.
    InTheGateway,
}

async fn attempt(attempt: Attempt) -> Check {
    let lesson = Lesson::start("03-exercises").await;
    let gateway = lesson.client("gateway");
    let worker = match attempt {
        Attempt::InTheGateway => gateway.clone(),
        _ => lesson.client("worker"),
    };
    let enqueue = gateway.run("enqueue").start();
    let asked = enqueue.context();
    let begin = |name: &str, parent| worker.run(name).parent(parent).start();
    begin("page 1, attempt 1", asked.clone()).end();
    let first = begin("page 2, attempt 1", asked.clone());
    let end_first = || match attempt {
        Attempt::FailureHidden => first.end(),
        _ => first.fail("the index is busy"),
    };
    if attempt != Attempt::AtTheSameTime {
        end_first();
        // Times are told in microseconds.
        pause(1).await;
    }
    let parent = match attempt {
        Attempt::BelowTheFirst => first.context(),
        Attempt::WithoutContext => None,
        _ => asked.clone(),
    };
    let third = || async {
        begin("page 3, attempt 1", asked.clone()).end();
        pause(1).await;
    };
    if attempt != Attempt::InPlace {
        third().await;
    }
    if attempt != Attempt::AsShipped {
        let second = begin("page 2, attempt 2", parent);
        pause(1).await;
        if attempt == Attempt::AtTheSameTime {
            end_first();
        }
        second.end();
    }
    if attempt == Attempt::OnceMore {
        begin("page 2, attempt 3", asked.clone()).end();
    }
    if attempt == Attempt::InPlace {
        third().await;
    }
    enqueue.end();
    lesson.check("03.extend").await
}

#[tokio::test(flavor = "multi_thread")]
async fn as_shipped_it_fails_for_want_of_the_second_attempt() {
    let check = attempt(Attempt::AsShipped).await;
    let wrong = check.first_wrong().expect("it fails");
    assert!(
        wrong.starts_with("no run is named `page 2, attempt 2`"),
        "{wrong}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_solution_passes_and_says_why_it_works() {
    let check = attempt(Attempt::Solution).await;
    assert_eq!(check.first_wrong(), None);
    assert!(check.to_string().contains("so all attempts are siblings"));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_solution_is_rejected_with_another_first_wrong_fact() {
    let wrong = [
        (
            Attempt::BelowTheFirst,
            "run `page 2, attempt 2` is below `page 2, attempt 1`, not below `enqueue`",
        ),
        (
            Attempt::WithoutContext,
            "run `page 2, attempt 2` has no parent",
        ),
        (
            Attempt::FailureHidden,
            "run `page 2, attempt 1` ended without an error",
        ),
        (Attempt::AtTheSameTime, "run `page 2, attempt 2` began "),
        (Attempt::InPlace, "run `page 2, attempt 2` began "),
        (Attempt::OnceMore, "run `page 2, attempt 3` arrived as well"),
        (
            Attempt::InTheGateway,
            "run `page 1, attempt 1` comes from `gateway`, not from the service `worker`",
        ),
    ];
    for (tried, beginning) in wrong {
        let check = attempt(tried).await;
        let sentence = check.first_wrong().expect("it fails");
        assert!(sentence.starts_with(beginning), "{sentence}");
    }
}
