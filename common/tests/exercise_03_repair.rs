//! The exercise `03.repair`: as shipped, solved, and solved wrongly in ways that people try.
#![cfg(feature = "lab")]

use common::lab::check::Check;
use common::prelude::*;

/// What somebody makes of the generator.
#[derive(Clone, Copy, PartialEq)]
enum Attempt {
    /// A bare task, and a run that ends before its stream.
    AsShipped,
    Solution,
    /// Only the task is mended.
    EndsTooEarly,
    /// The run ends after the stream, and nobody has told it what was said.
    WithoutText,
    /// The text is told at once, made up: the run is over in no time.
    AtOnce,
    /// The run is dropped with an error, as a reader that leaves would.
    Cancelled,
    /// The stream is traced below the run of the whole service's caller.
    BesideTheGenerator,
    /// The text is gathered before it is sent.
    InOnePiece,
    /// Each token is a run.
    TokenByToken,
}

async fn attempt(attempt: Attempt) -> Check {
    let lesson = Lesson::start("03-exercises").await;
    let client = lesson.client("generator");
    let root = lesson.client("gateway").run("gateway").start();
    let generator = client.run("generator").parent(root.context()).start();
    let search = match attempt {
        Attempt::AsShipped => client.run("search docs").parent(None),
        _ => generator.child("search docs"),
    };
    search.run_type(RunType::Retriever).start().end();
    if attempt != Attempt::InOnePiece {
        generator.new_token();
    }
    let above = match attempt {
        Attempt::BesideTheGenerator => client.run("write answer").parent(root.context()),
        _ => generator.child("write answer"),
    };
    let write = above.run_type(RunType::Llm).start();
    match attempt {
        Attempt::AsShipped | Attempt::EndsTooEarly => write.end(),
        Attempt::AtOnce => write.end_with(json!({"content": "In a header."})),
        _ => {}
    }
    // A lower bound of what the exercise's stream takes: a pause never ends early.
    pause(35).await;
    if attempt == Attempt::TokenByToken {
        write.child("token").start().end();
    }
    match attempt {
        Attempt::WithoutText => write.end(),
        Attempt::Cancelled => {
            write.set_outputs(json!({"content": "In a"}));
            write.fail("Cancelled: the stream was dropped before its end");
        }
        _ => write.end_with(json!({"content": "In a header."})),
    }
    generator.end();
    root.end();
    lesson.check("03.repair").await
}

#[tokio::test(flavor = "multi_thread")]
async fn as_shipped_it_fails_for_the_search_that_has_no_parent() {
    let check = attempt(Attempt::AsShipped).await;
    let wrong = check.first_wrong().expect("it fails");
    assert!(
        wrong.starts_with("run `search docs` has no parent"),
        "{wrong}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_solution_passes_and_says_why_it_works() {
    let check = attempt(Attempt::Solution).await;
    assert_eq!(check.first_wrong(), None);
    assert!(check.to_string().contains("has to live in the stream"));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_solution_is_rejected_with_another_first_wrong_fact() {
    let wrong = [
        (
            Attempt::EndsTooEarly,
            "run `write answer` has no output `content`",
        ),
        (Attempt::InOnePiece, "run `generator` answered in one piece"),
        (Attempt::AtOnce, "run `write answer` took "),
        (Attempt::Cancelled, "run `write answer` should succeed"),
        (
            Attempt::BesideTheGenerator,
            "run `write answer` is below `gateway`, not below `generator`",
        ),
        (Attempt::TokenByToken, "run `token` arrived as well"),
    ];
    for (tried, beginning) in wrong {
        let check = attempt(tried).await;
        let sentence = check.first_wrong().expect("it fails");
        assert!(sentence.starts_with(beginning), "{sentence}");
    }
    let forgotten = attempt(Attempt::WithoutText).await;
    assert_eq!(
        forgotten.first_wrong(),
        attempt(Attempt::EndsTooEarly).await.first_wrong()
    );
}
