//! One trace with a secret in every field that a run has.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use serde_json::{Value, json};

use super::plant::Plant;
use crate::client::{Client, ClientBuilder};
use crate::model::{Attachment, Clock as _, Feedback, SystemClock};
use crate::trace::RunTree;

/// How deep the deep one lies.
const DEPTH: usize = 50;

/// Sets a client up with the secrets that are its own.
pub(super) fn client(endpoint: &str) -> ClientBuilder {
    Client::builder()
        .endpoint(endpoint)
        .api_key(Plant::ApiKey.secret())
        .project(Plant::Project.text())
}

/// Records the runs. What is returned is open still: its context goes along with a call.
pub(super) fn runs(client: &Client) -> RunTree {
    let text = Plant::text;
    let run = client
        .run(text(Plant::Name))
        .run_type(text(Plant::RunType).as_str())
        .tag(text(Plant::Tag))
        .inputs(inputs())
        .metadata("customer", text(Plant::InheritedMetadata))
        .metadata("thread_id", text(Plant::ThreadId))
        .extra(
            "invocation_params",
            json!({"stop": [text(Plant::InvocationParams)]}),
        )
        .attachment(Attachment::new(
            text(Plant::AttachmentName),
            "text/plain",
            text(Plant::AttachmentContent).into_bytes(),
        ))
        .start();
    run.add_metadata("note", text(Plant::Metadata));
    run.add_event(text(Plant::EventMessage));
    run.record_event("retrieved", json!({"page": text(Plant::EventValue)}));
    run.record_event("new_token", json!({"token": text(Plant::Token)}));
    run.set_outputs(json!({"answer": text(Plant::Outputs)}));
    run.child("fails").start().fail(text(Plant::Error));
    // What unwinds through a run ends it. It is on order, so nobody is told on standard error.
    let below = run.child("panics").start();
    let panicked = catch_unwind(AssertUnwindSafe(move || {
        let _below = below;
        resume_unwind(Box::new(text(Plant::Panic)))
    }));
    drop(panicked);
    run
}

/// Says what is to be thought of a run.
pub(super) fn feedback(run: &RunTree) -> Option<Feedback> {
    let (id, trace) = (run.id()?, run.trace_id()?);
    let mut feedback = Feedback::on(id, "user_rating", SystemClock.now()).trace_id(trace);
    feedback.comment = Some(Plant::FeedbackComment.text());
    feedback.value = Some(json!({"said": Plant::FeedbackValue.text()}));
    feedback.correction = Some(json!({"answer": Plant::FeedbackCorrection.text()}));
    Some(feedback)
}

fn inputs() -> Value {
    let secret = Plant::SplitInput.secret();
    let beside = Plant::SplitInput.beside();
    // Twice within the digits that no one else has.
    let (first, rest) = secret.split_at("lsv2_pt_".len() + 16);
    let (second, third) = rest.split_at(18);
    let url = (Plant::UrlPassword.beside(), Plant::UrlPassword.secret());
    let mut deep = json!(Plant::DeepInput.text());
    for _ in 0..DEPTH {
        deep = json!({"below": deep});
    }
    json!({
        "question": Plant::Inputs.text(),
        (Plant::InputKey.text()): 1,
        "deep": deep,
        "chunks": [format!("{beside} {first}"), second, third],
        "database": format!("postgres://{}:{}@db/docs", url.0, url.1),
    })
}
