//! The exercise `02.predict`: as shipped, predicted right, and predicted wrongly in ways that people do.
#![cfg(all(feature = "lab", feature = "otel"))]

use std::collections::HashMap;

use common::lab::check::Check;
use common::otel::{LangSmithExporter, RunContextExt as _};
use common::prelude::*;
use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;

const RIGHT: &str = "
gateway
  call retriever
    retriever
      search docs
  call generator
";

async fn post(request: reqwest::RequestBuilder) {
    let request = request.json(&json!({"question": "why?"}));
    request.send().await.expect("an answer");
}

/// Makes the calls of the exercise; `mended` has the generator say which runs its spans are.
async fn predicted(prediction: &str, mended: bool) -> Check {
    let lesson = Lesson::start("02-exercises").await;
    let spans = lesson.pipeline("retriever");
    let both = spans.propagator(LangSmithPropagator::new().policy(TrustPolicy::Continue));
    let exporter = LangSmithExporter::new(&lesson.stand_in_config()).expect("an exporter");
    let foreign = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .build();
    let retriever = story::spanned_retriever(&spans.tracer("docs"), both.clone());
    let generator = match mended {
        true => story::spanned_generator(&spans.tracer("docs"), both.clone()),
        false => story::spanned_generator(&foreign.tracer("docs"), TraceContextPropagator::new()),
    };
    let (near, far) = (
        lesson.serve("retriever", retriever),
        lesson.serve("generator", generator),
    );
    let root = lesson.client("gateway").run("gateway").start();
    let call = root.child("call retriever").run_type(RunType::Tool).start();
    post(http_client().post(near.url("/retrieve")).trace(&call)).await;
    call.end();
    let call = root.child("call generator").run_type(RunType::Tool).start();
    let mut headers: HashMap<String, String> = HashMap::new();
    let here = Context::new().with_parent_run(call.context().expect("recorded"));
    both.inject_context(&here, &mut headers);
    let mut request = http_client().post(far.url("/write"));
    request = request.header("traceparent", &headers["traceparent"]);
    if mended {
        request = request.header("langsmith-trace", &headers["langsmith-trace"]);
    }
    post(request).await;
    call.end();
    root.end();
    foreign.force_flush().expect("answered with 200");
    lesson.tree(5).await;
    lesson.mock().expire_orphans();
    lesson.check_prediction("02.predict", prediction).await
}

#[tokio::test(flavor = "multi_thread")]
async fn as_shipped_it_asks_for_a_prediction_and_does_not_show_the_tree() {
    let check = predicted("\n", false).await;
    assert_eq!(
        check.first_wrong(),
        Some("nothing is predicted yet: write the tree, a name a line, two blanks a level")
    );
    let text = check.to_string();
    assert!(!text.contains("search docs"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_prediction_passes_and_says_why() {
    let check = predicted(RIGHT, false).await;
    assert_eq!(check.first_wrong(), None);
    assert!(
        check
            .to_string()
            .contains("answered with 200 and then dropped")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_prediction_is_rejected_with_another_first_wrong_fact() {
    let wrong = [
        (
            // `traceparent` joins, as it does in any backend for spans.
            "\ngateway\n  call retriever\n    retriever\n      search docs\n  call generator\n    \
             generator\n      write answer\n",
            false,
            "you predicted `generator` below `call generator`, which did not arrive",
        ),
        (
            // What has no parent is a root, as in notebook 01.
            "\ngateway\n  call retriever\n    retriever\n      search docs\n  call generator\n\
             generator\n  write answer\n",
            false,
            "you predicted `generator` as a root, which did not arrive",
        ),
        (
            // No span is below a run.
            "\ngateway\n  call retriever\n  call generator\n",
            false,
            "you predicted `call generator` below `gateway`; what arrived is `retriever` below \
             `call retriever`",
        ),
        (
            // The retriever's second span is lost as well.
            "\ngateway\n  call retriever\n    retriever\n  call generator\n",
            false,
            "you predicted `call generator` below `gateway`; what arrived is `search docs` below \
             `retriever`",
        ),
        (
            // Not predicted but mended.
            RIGHT,
            true,
            "run `generator` arrived as well, and nobody asked for it",
        ),
    ];
    for (prediction, mended, sentence) in wrong {
        let check = predicted(prediction, mended).await;
        assert_eq!(check.first_wrong(), Some(sentence));
    }
}
