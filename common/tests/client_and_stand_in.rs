//! What the client sends, the strict stand-in takes without a word.
#![cfg(all(feature = "client", feature = "langsmith_mock"))]

use std::time::Duration;

use common::client::Client;
use common::langsmith_mock::LangSmithMock;
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stand_in_takes_whole_traces_and_has_nothing_to_object() {
    let mock = LangSmithMock::start().await;
    let client = Client::builder()
        .endpoint(mock.url())
        .api_key("stand-in-key")
        .project("test")
        .service("gateway")
        .build()
        .expect("a client");
    let report = client.check().await.expect("it answers and takes the key");
    assert_eq!(report.endpoint, mock.url());

    let root = client
        .run("gateway")
        .inputs(json!({"question": "é"}))
        .start();
    // Posted and patched in two requests, and all in one.
    client.flush_async(PATIENCE).await.expect("delivered");
    let child = root.child("generate").run_type("llm").tag("t").start();
    child.add_event("thinking");
    child.fail("out of tokens");
    root.end_with(json!({"answer": 42}));
    client.flush_async(PATIENCE).await.expect("delivered");

    assert!(mock.violations().is_empty(), "{:?}", mock.violations());
    assert!(mock.rejected().is_empty(), "{:?}", mock.rejected());
    let tree = mock.tree();
    assert!(tree.is_whole());
    assert_eq!(tree.len(), 2);
    let generate = tree.find("generate").expect("captured");
    assert_eq!(generate.error.as_deref(), Some("out of tokens"));
    assert_eq!(generate.events[0].message.as_deref(), Some("thinking"));
    assert_eq!(
        tree.find("gateway").and_then(|run| run.inputs.clone()),
        json!({"question": "é"}).as_object().cloned()
    );
    assert!(client.stats().balances());
}
