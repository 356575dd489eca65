//! The request whose cost is measured, unless the caller has another.

use std::collections::BTreeMap;

use serde_json::json;

use crate::client::Client;

/// What the pages say.
const SENTENCE: &str =
    "A run is one unit of work; the runs of one request form a trace, across all services. ";

/// Answers a question of the docs assistant in three runs, each with so many bytes of inputs and outputs: it counts the
/// words of a page, as a stand-in for work that a service does itself.
pub fn docs_request(client: &Client, bytes: usize) {
    let page = SENTENCE.repeat(bytes.div_ceil(2 * SENTENCE.len()).max(1));
    let page = &page[..page.len().min(bytes.max(1) / 2 + 1)];
    let answer = client
        .run("answer")
        .inputs(json!({"question": "What is a run?", "context": page}))
        .start();
    let retrieve = answer
        .child("retrieve")
        .run_type("retriever")
        .inputs(json!({"query": page}))
        .start();
    let mut words: BTreeMap<&str, u32> = BTreeMap::new();
    for word in page.split(' ') {
        *words.entry(word).or_default() += 1;
    }
    retrieve.end_with(json!({"documents": [page], "words": words.len()}));
    let generate = answer
        .child("generate")
        .run_type("llm")
        .inputs(json!({"prompt": page}))
        .start();
    generate.end_with(json!({"text": page}));
    answer.end_with(json!({"answer": page}));
}
