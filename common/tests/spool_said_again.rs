//! What lies on disk may have been sent before: it is said again as it was, and its end arrives.
#![cfg(all(feature = "client", feature = "langsmith_mock"))]

use std::path::Path;
use std::time::Duration;

use common::client::Client;
use common::export::{BatchConfig, FlushError, SpoolConfig};
use common::langsmith_mock::{Fault, LangSmithMock, Route};

const LONG: Duration = Duration::from_secs(60);

fn durable(mock: &LangSmithMock, folder: &Path) -> Client {
    Client::builder()
        .endpoint(mock.url())
        .api_key("a-key-for-tests-only-0001")
        .project("tests")
        .batch(BatchConfig {
            linger: Duration::from_millis(1),
            shutdown_timeout: Duration::ZERO,
            ..BatchConfig::default()
        })
        .spool(SpoolConfig::new(folder).durable())
        .build()
        .expect("a client")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_run_whose_beginning_was_taken_and_not_answered_arrives_from_the_next_process()
{
    let mock = LangSmithMock::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let unanswered = Fault::status(504).on(Route::Multipart).after_ingest();
    mock.fault(unanswered.times(1));
    mock.fault(Fault::status(503));
    let first = durable(&mock, folder.path());
    let run = first.run("answer").start();
    mock.wait_for_runs(1, LONG).await.expect("its beginning");
    run.end_with("forty-two");
    let end = first.shutdown_async(Duration::from_millis(1)).await;
    assert!(matches!(end, Err(FlushError::Stored { .. })), "{end:?}");
    assert!(mock.runs().iter().all(|run| run.end_time.is_none()));
    drop(first);
    mock.clear_faults();
    let next = durable(&mock, folder.path());
    next.flush_async(LONG).await.expect("all of it delivered");
    let runs = mock.runs();
    assert_eq!(runs.len(), 1);
    let outputs = runs[0].outputs.clone().map(serde_json::Value::from);
    assert_eq!(outputs, Some(serde_json::json!({"output": "forty-two"})));
    assert!(runs[0].end_time.is_some(), "its end arrived");
}
