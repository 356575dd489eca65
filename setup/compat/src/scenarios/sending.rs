//! Other ways to send, and what is no JSON.

use anyhow::Result;
use common::model::Attachment;
use serde_json::{Value, json};

use super::{Setup, finish};

pub(super) fn attachments(setup: &Setup<'_>) -> Result<Value> {
    let client = setup.client()?;
    let image: &[u8] = b"\x89PNG\x00\x01";
    let run = client
        .run("with files")
        .run_type("tool")
        .inputs(json!({ "a": 1 }));
    let run = run.attachment(Attachment::new("one", "text/plain", "first"));
    let run = run
        .attachment(Attachment::new("image", "image/png", image))
        .start();
    run.attach(Attachment::new("two", "application/octet-stream", "second"));
    run.end_with(json!({ "b": 2 }));
    finish(&client)
}

pub(super) fn unbatched(setup: &Setup<'_>) -> Result<Value> {
    let client = setup.builder().unbatched().build()?;
    client
        .run("alone")
        .inputs(json!({ "x": 1 }))
        .start()
        .end_with(json!({ "y": 2 }));
    finish(&client)
}
