//! The exercise `04.predict`: as shipped, predicted right, and predicted wrongly in ways that people do.
#![cfg(feature = "lab")]

use common::lab::check::Check;
use common::prelude::*;

fn call(above: &RunTree, name: &str, input: u64, output: u64) -> RunTree {
    let run = above.child(name).run_type(RunType::Llm).start();
    run.set_usage(Usage::tokens(input, output));
    run
}

/// Does the work of the exercise; `alike` leaves out one of the two calls that look alike.
async fn predicted(twice: &str, used: u64, summed: u64, alike: usize) -> Check {
    let lesson = Lesson::start("04-exercises").await;
    let root = lesson.client("supervisor").run("docs team").start();
    let step = root.child("plan").start();
    call(&step, "plan model", 100, 20).end();
    step.end();
    let step = root.child("write").start();
    let answer = call(&step, "write answer", 300, 50);
    call(&answer, "write model", 300, 50).end();
    answer.end();
    step.end_with(json!({"usage_metadata": Usage::tokens(300, 50)}));
    let step = root.child("review").start();
    for _ in 0..alike {
        call(&step, "review model", 50, 10).end();
    }
    step.end();
    let told = root.child("prediction").metadata("twice", twice);
    told.metadata("used", used)
        .metadata("summed", summed)
        .start()
        .end();
    root.end();
    let tree = lesson.tree(8 + alike).await;
    let spend = SpendByAgent::of(&tree);
    if alike == 2 {
        assert_eq!(
            (
                spend.total.total_tokens,
                spend.sum_of_llm_runs.total_tokens,
                &*spend.doubled[0].repeat_name,
            ),
            (590, 940, "write answer"),
            "the exercise says what the analysis says"
        );
    }
    lesson.check("04.predict").await
}

#[tokio::test(flavor = "multi_thread")]
async fn as_shipped_it_asks_for_a_prediction_and_does_not_tell_it() {
    let check = predicted("", 0, 0, 2).await;
    assert_eq!(
        check.first_wrong(),
        Some("run `prediction` predicts nothing as `twice` yet: write what you expect")
    );
    assert!(!check.to_string().contains("590"), "{check}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_prediction_passes_and_says_why() {
    let check = predicted("write answer", 590, 940, 2).await;
    assert_eq!(check.first_wrong(), None);
    assert!(
        check
            .to_string()
            .contains("siblings are calls of their own")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_prediction_is_rejected_with_another_first_wrong_fact() {
    let twice_of = |said| {
        format!(
            "run `prediction` predicts \"{said}\" as `twice`, and the trace says otherwise: of two `llm` runs in \
             one another, the inner one is the call"
        )
    };
    let used = |said| {
        format!(
            "run `prediction` predicts {said} as `used`, and the trace says otherwise: add up each call of a \
             provider once, in and out"
        )
    };
    let summed = |said| {
        format!(
            "run `prediction` predicts {said} as `summed`, and the trace says otherwise: add up every run of \
             type `llm`, and no other"
        )
    };
    let wrong = [
        // What looks alike is one.
        (("review model", 590, 940), twice_of("review model")),
        // What looks alike is counted once.
        (("write answer", 530, 940), used(530)),
        // All that the runs say was used.
        (("write answer", 940, 940), used(940)),
        // The chain's echo is added up as well.
        (("write answer", 590, 1290), summed(1290)),
        // The provider's run is left out, and not the one that repeats it.
        (("write model", 590, 940), twice_of("write model")),
        // A sum would count once.
        (("write answer", 590, 590), summed(590)),
    ];
    for ((twice, used, summed), sentence) in wrong {
        let check = predicted(twice, used, summed, 2).await;
        assert_eq!(check.first_wrong(), Some(&*sentence));
    }
    let check = predicted("write answer", 530, 880, 1).await;
    assert_eq!(
        check.first_wrong(),
        Some("1 of 2 runs named `review model` arrived"),
        "another trace than the exercise's"
    );
}
