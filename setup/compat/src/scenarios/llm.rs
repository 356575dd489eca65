//! Calls of a language model.

use anyhow::Result;
use common::model::Usage;
use serde_json::{Value, json};

use super::{Setup, finish};

pub(super) fn new_token(setup: &Setup<'_>) -> Result<Value> {
    let client = setup.client()?;
    let run = client
        .run("stream")
        .run_type("llm")
        .inputs(json!({ "prompt": "hi" }))
        .start();
    let mut text = String::new();
    for token in ["He", "llo", "!"] {
        run.new_token();
        text.push_str(token);
    }
    run.end_with(json!({ "text": text }));
    finish(&client)
}

pub(super) fn usage(setup: &Setup<'_>) -> Result<Value> {
    let client = setup.client()?;
    let run = client.run("chat").run_type("llm");
    let run = run.inputs(json!({ "messages": [{ "role": "user", "content": "Hello" }] }));
    let run = run
        .metadata("ls_provider", "openai")
        .metadata("ls_model_name", "gpt-4o-mini")
        .start();
    run.set_usage(
        Usage::tokens(11, 3)
            .cache_read(5)
            .reasoning(1)
            .cost(0.25, 0.5),
    );
    run.end_with(json!({ "role": "assistant", "content": "Hi" }));
    finish(&client)
}
