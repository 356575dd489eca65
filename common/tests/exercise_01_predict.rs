//! The exercise `01.predict`: as shipped, predicted right, and predicted wrongly in ways that people do.
#![cfg(feature = "lab")]

use common::lab::check::Check;
use common::prelude::*;

const RIGHT: &str = "
gateway
  call retriever
    retriever
      search docs
  call generator
generator
  write answer
";

fn trusting(client: &Client, name: &'static str) -> TracingLayer {
    TracingLayer::new(client.tracer())
        .policy(TrustPolicy::Continue)
        .name(move |_| name.into())
}

async fn call(root: &RunTree, name: &str, url: String) {
    let run = root.child(name).run_type(RunType::Tool).start();
    let request = http_client().post(url).json(&json!({"question": "why?"}));
    request.trace(&run).send().await.expect("an answer");
    run.end();
}

/// Makes the calls of the exercise; `mended` forwards the headers, as the exercise's gateway does not.
async fn predicted(prediction: &str, mended: bool) -> Check {
    let lesson = Lesson::start("01-exercises").await;
    let retriever = story::retriever(trusting(&lesson.client("retriever"), "retriever"));
    let generator = story::generator(trusting(&lesson.client("generator"), "generator"));
    let (near, far) = (
        lesson.serve("retriever", retriever),
        lesson.serve("generator", generator),
    );
    let old = match mended {
        true => HeaderProxy::before(&far),
        false => HeaderProxy::before(&far)
            .strip("langsmith-trace")
            .strip("baggage"),
    }
    .start();
    let root = lesson.client("gateway").run("gateway").start();
    call(&root, "call retriever", near.url("/retrieve")).await;
    call(&root, "call generator", old.url("/write")).await;
    root.end();
    lesson.check_prediction("01.predict", prediction).await
}

#[tokio::test(flavor = "multi_thread")]
async fn as_shipped_it_asks_for_a_prediction_and_does_not_show_the_tree() {
    let check = predicted("\n", false).await;
    assert_eq!(
        check.first_wrong(),
        Some("nothing is predicted yet: write the tree, a name a line, two blanks a level")
    );
    let text = check.to_string();
    assert!(!text.contains("write answer"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_prediction_passes_and_says_why() {
    let check = predicted(RIGHT, false).await;
    assert_eq!(check.first_wrong(), None);
    assert!(check.to_string().contains("Each hop decides for itself"));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_prediction_is_rejected_with_another_first_wrong_fact() {
    let wrong = [
        (
            // The header gets through after all.
            "\ngateway\n  call retriever\n    retriever\n      search docs\n  call generator\n    \
             generator\n      write answer\n",
            false,
            "you predicted `generator` below `call generator`; what arrived is `generator` as a root",
        ),
        (
            // The layer makes no run of its own.
            "\ngateway\n  call retriever\n    search docs\n  call generator\nwrite answer\n",
            false,
            "you predicted `search docs` below `call retriever`; what arrived is `retriever` below \
             `call retriever`",
        ),
        (
            // A service that sees no header is not traced.
            "\ngateway\n  call retriever\n    retriever\n      search docs\n  call generator\n",
            false,
            "`generator` as a root arrived, and you did not predict it",
        ),
        (
            // Both are second roots.
            "\ngateway\n  call retriever\n  call generator\nretriever\n  search docs\ngenerator\n  \
             write answer\n",
            false,
            "you predicted `call generator` below `gateway`; what arrived is `retriever` below \
             `call retriever`",
        ),
        (
            // Not predicted but mended.
            RIGHT,
            true,
            "run `generator` should be a root, and is below `call generator`",
        ),
    ];
    for (prediction, mended, sentence) in wrong {
        let check = predicted(prediction, mended).await;
        assert_eq!(check.first_wrong(), Some(sentence));
    }
}
