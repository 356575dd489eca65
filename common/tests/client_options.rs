//! What a client is told in code shows in what it sends, or keeps to itself.
#![cfg(all(feature = "client", feature = "langsmith_mock"))]

use std::sync::Arc;
use std::time::Duration;

use common::client::{Client, ClientBuilder};
use common::langsmith_mock::LangSmithMock;
use common::trace::MemorySink;

const PATIENCE: Duration = Duration::from_secs(30);

/// Sends one run; returns the stand-in with it.
async fn sent(configure: impl FnOnce(ClientBuilder) -> ClientBuilder) -> LangSmithMock {
    let mock = LangSmithMock::start().await;
    let builder = Client::builder()
        .endpoint(mock.url())
        .api_key("not-a-real-key");
    let client = configure(builder).build().expect("a client");
    client.run("work").start().end();
    client.flush_async(PATIENCE).await.expect("delivered");
    mock
}

#[tokio::test]
async fn the_workspace_and_headers_of_ones_own_go_with_every_request() {
    let mock = sent(|client| {
        client
            .workspace_id("workspace-7")
            .header("x-team", "docs")
            .header("x-api-key", "another")
    })
    .await;
    let requests = mock.requests();
    assert!(requests.len() > 1, "/info and the runs");
    for request in requests {
        assert_eq!(request.header("x-tenant-id"), Some("workspace-7"));
        assert_eq!(request.header("x-team"), Some("docs"));
        let keys = request
            .headers
            .iter()
            .filter(|(name, _)| name == "x-api-key");
        assert!(
            keys.clone().all(|(_, key)| key.ends_with("-key")) && keys.count() == 1,
            "ours is never replaced"
        );
    }
}

#[tokio::test]
async fn the_description_of_the_sender_can_be_left_out() {
    let with = sent(|client| client).await.runs();
    assert!(with[0].extra.runtime.is_some());
    let without = sent(ClientBuilder::omit_runtime).await.runs();
    assert!(without[0].extra.runtime.is_none());
}

#[tokio::test]
async fn a_sink_of_the_callers_gets_the_runs_and_nothing_is_sent() {
    let sink = Arc::new(MemorySink::new());
    let mock = sent(|client| client.sink(sink.clone())).await;
    assert_eq!(sink.runs()[0].name, "work");
    assert!(mock.requests().is_empty());
}
