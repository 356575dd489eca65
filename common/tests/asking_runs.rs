//! Traced, flushed, read back: the client asks the stand-in what became of its runs.
#![cfg(all(feature = "client", feature = "langsmith_mock"))]

use std::time::Duration;

use common::client::{AskError, Client, RunQuery};
use common::langsmith_mock::{Fault, LangSmithMock, MockRequest, Route};
use common::model::{Run, RunId, RunStatus, RunType, TraceId, TraceTree};
use serde_json::json;
use uuid::Uuid;

const LONG: Duration = Duration::from_secs(30);

fn client(mock: &LangSmithMock) -> Client {
    Client::builder()
        .endpoint(mock.url())
        .api_key("a-key-for-tests-only-0001")
        .project("tests & more")
        .build()
        .expect("a client")
}

/// Answers a question in three runs, and returns the root's ids.
async fn answer(client: &Client) -> (RunId, TraceId) {
    let root = client
        .run("answer")
        .inputs(json!({ "question": "why?" }))
        .metadata("customer", "c-1")
        .tag("docs")
        .start();
    let retrieve = root.child("retrieve").run_type("retriever").start();
    retrieve
        .child("rank")
        .run_type("tool")
        .start()
        .fail("no model");
    retrieve.end();
    root.end_with(json!({ "answer": 42 }));
    client.flush_async(LONG).await.expect("delivered");
    (root.id().expect("on"), root.trace_id().expect("on"))
}

/// Opens a page of the stand-in's.
fn get(mock: &LangSmithMock, page: &str) -> String {
    let target = page.strip_prefix(mock.url()).expect("a page of its own");
    let mut request = MockRequest::new(http::Method::GET, target, "");
    let page = http::HeaderValue::from_static("text/html");
    request.headers.insert(http::header::ACCEPT, page);
    let answer = mock.handle(request);
    String::from_utf8(answer.body.to_vec()).expect("a page")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_read_back_as_it_was_sent_with_what_the_server_adds() {
    let mock = LangSmithMock::start().await;
    let client = client(&mock);
    let (id, trace) = answer(&client).await;
    let stored = client.read_run(id).await.expect("stored");
    let sent = mock.runs().into_iter().find(|run| run.id == id);
    let sent = sent.expect("captured");
    assert_eq!(stored.run.dotted_order, sent.dotted_order);
    assert_eq!(stored.run.trace_id, trace);
    assert_eq!(stored.run.start_time, sent.start_time);
    assert_eq!(stored.run.end_time, sent.end_time);
    assert_eq!(stored.run.inputs, sent.inputs);
    assert_eq!(stored.run.outputs, sent.outputs);
    assert_eq!(stored.run.tags, ["docs"]);
    assert_eq!(stored.run.extra.metadata["customer"], "c-1");
    assert_eq!(stored.status, RunStatus::Success);
    assert_eq!(stored.latency(), sent.latency());
    assert!(stored.project_id.is_some() && stored.app_path.is_some());
    assert_eq!(client.read_run_blocking(id).expect("the same"), stored);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_that_is_read_back_is_whole() {
    let mock = LangSmithMock::start().await;
    let client = client(&mock);
    let (_, trace) = answer(&client).await;
    answer(&client).await;
    let runs = client.read_trace(trace).await.expect("stored");
    let names: Vec<&str> = runs.iter().map(|run| run.run.name.as_str()).collect();
    assert_eq!(names, ["answer", "retrieve", "rank"]);
    assert_eq!(runs[2].status, RunStatus::Error);
    let tree = TraceTree::build(runs.into_iter().map(Run::from));
    assert!(tree.is_whole());
    let nobody = TraceId(Uuid::from_u128(1));
    let missing = client.read_trace(nobody).await.expect_err("not there");
    assert!(matches!(missing, AskError::NotFound { .. }), "{missing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_listed_by_what_is_wanted_of_them() {
    let mock = LangSmithMock::start().await;
    let client = client(&mock);
    for _ in 0..3 {
        answer(&client).await;
    }
    let list = async |query: RunQuery| {
        let runs = client.list_runs(query).collect().await.expect("runs");
        runs.into_iter().map(|run| run.run).collect::<Vec<Run>>()
    };
    let here = || RunQuery::new().project("tests & more");
    assert_eq!(list(here()).await.len(), 9);
    let roots = list(here().is_root(true)).await;
    assert!(roots.len() == 3 && roots.iter().all(Run::is_root));
    assert!(roots.is_sorted_by_key(|run| std::cmp::Reverse(run.start_time)));
    let failed = list(here().error(true).limit(2)).await;
    assert!(failed.len() == 2 && failed.iter().all(|run| run.name == "rank"));
    let searches = list(here().run_type(RunType::Retriever).oldest_first()).await;
    assert!(searches.len() == 3 && searches.is_sorted_by_key(|run| run.start_time));
    let below = list(here().parent(searches[0].id)).await;
    assert_eq!(below.len(), 1);
    let ids = [roots[0].id, failed[0].id];
    assert_eq!(list(RunQuery::new().ids(ids)).await.len(), 2);
    let later = roots[0].start_time;
    assert_eq!(list(here().is_root(true).start_time(later)).await.len(), 1);
    assert_eq!(list(here().is_root(true).end_time(later)).await.len(), 3);
    let elsewhere = client.list_runs(RunQuery::new().project("nowhere"));
    let missing = elsewhere.collect().await.expect_err("no such project");
    assert!(missing.to_string().contains("\"nowhere\""), "{missing}");
    let mut blocking = client.list_runs(here().limit(4)).blocking();
    assert_eq!(blocking.by_ref().filter(Result::is_ok).count(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_runs_than_a_page_holds_are_all_listed() {
    let mock = LangSmithMock::start().await;
    let client = client(&mock);
    for _ in 0..250 {
        client.run("step").start().end();
    }
    client.flush_async(LONG).await.expect("delivered");
    let runs = client
        .list_runs(RunQuery::new())
        .collect()
        .await
        .expect("runs");
    let mut ids: Vec<RunId> = runs.iter().map(|run| run.run.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 250);
    let pages = mock
        .requests()
        .into_iter()
        .filter(|r| r.path == "/runs/query")
        .count();
    assert_eq!(pages, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_goes_through_failures_of_the_server() {
    let mock = LangSmithMock::serve(([127, 0, 0, 1], 0).into())
        .await
        .expect("a port");
    let client = client(&mock);
    let (id, _) = answer(&client).await;
    mock.fault(Fault::status(503).on(Route::ReadRun).times(1));
    mock.fault(
        Fault::status(429)
            .on(Route::ReadRun)
            .retry_after("0")
            .times(1),
    );
    assert_eq!(client.read_run(id).await.expect("the third try").run.id, id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_opens_the_stand_ins_page_at_the_trace() {
    let mock = LangSmithMock::start().await;
    let client = client(&mock);
    let root = client.run("answer").start();
    let child = root.child("retrieve").start();
    let expected = format!("{}/?trace={}", mock.url(), root.trace_id().expect("on"));
    // Nothing was sent yet, and nothing is asked.
    assert_eq!(client.run_url(&root).await.expect("a link"), expected);
    assert_eq!(client.run_url(&child).await.expect("a link"), expected);
    child.end();
    root.end();
    client.flush_async(LONG).await.expect("delivered");
    let id = child.id().expect("on");
    assert_eq!(client.run_url(id).await.expect("looked up"), expected);
    let stored = client.read_run(id).await.expect("stored");
    assert_eq!(client.run_url(&stored).await.expect("a link"), expected);
    let page = get(&mock, &expected);
    if cfg!(feature = "analysis") {
        assert!(page.contains("answer") && page.contains("retrieve"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_a_web_app_is_built_as_the_python_sdk_builds_it() {
    let mock = LangSmithMock::start().await;
    let client = Client::builder()
        .endpoint(format!("{}/api/v1", mock.url()))
        .api_key("a-key-for-tests-only-0001")
        .project("tests & more")
        .web_url("https://smith.langchain.com/")
        .build()
        .expect("a client");
    let (id, trace) = answer(&client).await;
    let project = client.read_project("tests & more").await.expect("there");
    let workspace = project.workspace_id.expect("told");
    let start = format!(
        "https://smith.langchain.com/o/{workspace}/projects/p/{}/r/",
        project.id
    );
    let run = mock
        .runs()
        .into_iter()
        .find(|run| run.id == id)
        .expect("captured");
    let before = mock.requests().len();
    for _ in 0..3 {
        let link = client.run_url(&run).await.expect("a link");
        assert_eq!(link, format!("{start}{id}?poll=true"));
    }
    assert_eq!(
        mock.requests().len(),
        before + 1,
        "the project is looked up once"
    );
    // The server names the page of a run that it was asked for.
    for link in [client.run_url(id).await, client.run_url(trace).await] {
        assert_eq!(link.expect("a link"), format!("{start}{id}"));
    }
    let unknown = client.run_url(RunId(Uuid::from_u128(1))).await;
    assert!(matches!(unknown, Err(AskError::NotFound { .. })));
}
