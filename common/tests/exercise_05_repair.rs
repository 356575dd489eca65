//! The exercise `05.repair`: as shipped, solved, and solved wrongly in ways that people try.
#![cfg(feature = "lab")]

use common::client::ClientBuilder;
use common::lab::check::Check;
use common::prelude::*;

fn anonymizer() -> Anonymizer {
    Anonymizer::builder()
        .secrets()
        .emails()
        .build()
        .expect("rules")
}

/// Does the work of the exercise; each service masks in its own way.
async fn masked(
    gateway: impl FnOnce(ClientBuilder) -> ClientBuilder,
    retriever: impl FnOnce(ClientBuilder) -> ClientBuilder,
    error: impl FnOnce(&RunTree, String),
) -> Check {
    let lesson = Lesson::start("05-exercises").await;
    let client = lesson.client_with("gateway", gateway);
    let layer = TracingLayer::new(lesson.client_with("retriever", retriever).tracer());
    let layer = layer
        .policy(TrustPolicy::Continue)
        .name(|_| "retriever".into());
    let answer = axum::routing::post(|| async {
        current()
            .expect("a run")
            .add_metadata("asked_by", "ada@example.org");
        "[]"
    });
    let router = axum::Router::new().route("/retrieve", answer).layer(layer);
    let service = lesson.serve("retriever", router);
    let root = client.run("gateway").metadata("user", "ada@example.org");
    let root = root.inputs(json!({"question": story::QUESTION})).start();
    let request = http_client().post(service.url("/retrieve")).trace(&root);
    request.send().await.expect("an answer");
    let call = root.child("call model").run_type(RunType::Llm).start();
    let key = format!("sk-proj-{}", "x".repeat(24));
    error(
        &call,
        format!("HTTP 401: Incorrect API key provided: {key}"),
    );
    root.end();
    lesson.check("05.repair").await
}

fn told(call: &RunTree, error: String) {
    call.fail(error);
}

#[tokio::test(flavor = "multi_thread")]
async fn as_shipped_it_names_the_field_that_leaks_and_not_what_leaks() {
    let check = masked(|client| client.hide_inputs(true), |client| client, told).await;
    assert_eq!(
        check.first_wrong(),
        Some("run `call model` says in its error what must not leave")
    );
    assert!(!check.to_string().contains("xxxx"), "{check}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_solution_passes_and_says_why_it_works() {
    let mask = |client: ClientBuilder| client.anonymizer(anonymizer());
    let check = masked(mask, mask, told).await;
    assert_eq!(check.first_wrong(), None);
    assert!(
        check
            .to_string()
            .contains("the one place that everything passes")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_solution_is_rejected_with_another_first_wrong_fact() {
    // Everything that can be hidden is: an error cannot.
    let hidden = |client: ClientBuilder| {
        client
            .hide_inputs(true)
            .hide_outputs(true)
            .hide_metadata(true)
    };
    let check = masked(hidden, hidden, told).await;
    assert_eq!(
        check.first_wrong(),
        Some("run `call model` says in its error what must not leave")
    );
    // Keys alone.
    let secrets = |client: ClientBuilder| client.anonymizer(Anonymizer::secrets());
    let check = masked(secrets, secrets, told).await;
    assert_eq!(
        check.first_wrong(),
        Some("run `gateway` says in its metadata what must not leave")
    );
    // The gateway alone.
    let check = masked(
        |client| client.anonymizer(anonymizer()),
        |client| client,
        told,
    )
    .await;
    assert_eq!(
        check.first_wrong(),
        Some("run `retriever` says in its metadata what must not leave")
    );
    // The error is not told at all.
    let mask = |client: ClientBuilder| client.anonymizer(anonymizer());
    let check = masked(mask, mask, |call, _| call.end()).await;
    assert_eq!(
        check.first_wrong(),
        Some("run `call model` ended without an error, and should tell of “Incorrect API key”")
    );
    // Masked, and hidden as well: nobody can read what was asked.
    let both = |client: ClientBuilder| client.anonymizer(anonymizer()).hide_inputs(true);
    let check = masked(both, both, told).await;
    assert_eq!(
        check.first_wrong(),
        Some("run `gateway` does not say “trace” in its input `question`")
    );
}
