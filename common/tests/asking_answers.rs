//! What the client makes of each answer to a question: what it tells, what it asks again, and for how long.
#![cfg(feature = "client")]

mod answering;

use std::time::Duration;

use answering::{Answering, KEY, Reply, client_of};
use common::client::{AskError, Client, MAX_ANSWER_BYTES, RunQuery};
use common::export::TransportError;
use common::model::{RunId, RunStatus};
use serde_json::{Value, json};
use uuid::Uuid;

const RUN: RunId = RunId(Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0001));

fn run(id: RunId) -> Value {
    json!({
        "id": id, "trace_id": id, "name": "answer", "run_type": "chain",
        "start_time": "2026-10-21T07:28:00.250000", "end_time": "2026-10-21T07:28:01",
        "dotted_order": format!("20261021T072800250000Z{id}"), "status": "success",
    })
}

#[tokio::test]
async fn each_refusal_has_its_error_and_is_asked_once() {
    let body = json!({ "detail": format!("no \u{1b}[2J\u{202e} {KEY}") });
    for (status, expected) in [
        (
            400,
            "refused (status 400: no \\u{1b}[2J\\u{202e} [redacted]",
        ),
        (401, "the key was refused (status 401"),
        (403, "the key was refused (status 403"),
        (
            404,
            "run 01990000-0000-7000-8000-000000000001 was not found",
        ),
        (409, "refused (status 409"),
        (422, "refused (status 422"),
        (301, "the endpoint redirects elsewhere (status 301"),
        (307, "the endpoint redirects elsewhere (status 307"),
    ] {
        let server = Answering::start([Reply::json(status, &body)]).await;
        let error = server.client().read_run(RUN).await.expect_err("refused");
        let told = error.to_string().replace("): ", ": ");
        assert!(told.starts_with(expected), "{status}: {told}");
        assert!(!format!("{error:?}{error}").contains(KEY), "{status}");
        assert_eq!(server.asked().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_key_of_a_whole_organization_is_told_to_name_a_workspace() {
    let body = json!({ "error": "org_scoped_key_requires_workspace" });
    let server = Answering::start([Reply::json(403, &body)]).await;
    let error = server.client().read_run(RUN).await.expect_err("refused");
    assert_eq!(error, AskError::WorkspaceNeeded);
    assert!(error.to_string().contains("LANGSMITH_WORKSPACE_ID"));
}

#[tokio::test]
async fn what_may_pass_is_asked_again_and_then_answered() {
    for status in [408, 425, 429, 500, 502, 503, 504] {
        let bad = || Reply::json(status, &json!({}));
        let server = Answering::start([bad(), bad(), Reply::json(200, &run(RUN))]).await;
        let stored = server.client().read_run(RUN).await.expect("the third try");
        assert_eq!(stored.run.id, RUN);
        assert_eq!(server.asked().len(), 3, "{status}");
    }
}

#[tokio::test]
async fn a_server_that_never_recovers_is_asked_five_times() {
    for (status, expected) in [(503, "503"), (429, "429")] {
        let replies = (0..20).map(|_| Reply::json(status, &json!({ "detail": "busy" })));
        let server = Answering::start(replies).await;
        let error = server.client().read_run(RUN).await.expect_err("busy");
        assert!(error.is_temporary() && error.to_string().contains(expected));
        assert_eq!(server.asked().len(), 5, "{status}");
    }
}

#[tokio::test]
async fn a_rest_longer_than_the_time_allowed_is_told_and_not_waited_for() {
    let reply = Reply::json(429, &json!({})).header("retry-after", "50");
    let server = Answering::start([reply]).await;
    let error = server.client().read_run(RUN).await.expect_err("too long");
    let retry_after = Some(Duration::from_secs(50));
    assert_eq!(error, AskError::RateLimited { retry_after });
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_asked_for_again() {
    let whole = run(RUN).to_string();
    let half = whole[..whole.len() / 2].to_owned();
    let pieces = futures_util::stream::iter([Ok(half), Err(std::io::Error::other("gone"))]);
    let broken = Reply::bytes(200, axum::body::Body::from_stream(pieces));
    let server = Answering::start([broken, Reply::bytes(200, whole)]).await;
    let stored = server.client().read_run(RUN).await.expect("the second try");
    assert_eq!(stored.run.name, "answer");
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let piece = axum::body::Bytes::from(vec![b' '; 1024 * 1024]);
    let endless = futures_util::stream::repeat_with(move || Ok::<_, std::io::Error>(piece.clone()));
    let reply = Reply::bytes(200, axum::body::Body::from_stream(endless));
    let server = Answering::start([reply]).await;
    let error = server.client().read_run(RUN).await.expect_err("too large");
    let limit = MAX_ANSWER_BYTES;
    assert_eq!(error, AskError::TooLarge { limit });
}

#[tokio::test]
async fn what_is_no_answer_of_langsmith_is_an_error_that_shows_none_of_it() {
    for body in [
        "<html>sign in</html>",
        "",
        "[]",
        "{}",
        "{\"id\":7}",
        "\u{0}",
    ] {
        let server = Answering::start([Reply::bytes(200, body)]).await;
        let error = server.client().read_run(RUN).await.expect_err("no run");
        assert!(matches!(error, AskError::Decode(_)), "{body}: {error}");
        assert!(!error.to_string().contains("sign in"));
    }
}

#[tokio::test]
async fn a_closed_port_is_a_transport_error() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let client = client_of(&url).build().expect("a client");
    let error = client.read_run(RUN).await.expect_err("nobody there");
    assert!(
        matches!(error, AskError::Transport(TransportError::Connect(_))),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_that_says_nothing_ends_at_the_deadline() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let client = client_of(&url).ask_timeout(Duration::from_millis(50));
    let client = client.build().expect("a client");
    let error = client.read_run(RUN).await.expect_err("silence");
    assert_eq!(error, AskError::Transport(TransportError::Timeout));
    drop(listener);
}

#[test]
fn a_client_that_does_not_send_has_nobody_to_ask() {
    let client = Client::builder().enabled(false).build().expect("a client");
    assert_eq!(client.read_run_blocking(RUN), Err(AskError::NotSending));
    let run = client.run("answer").start();
    assert_eq!(client.run_url_blocking(&run), Err(AskError::NotSending));
    let mut runs = client.list_runs(RunQuery::new()).blocking();
    assert_eq!(runs.next(), Some(Err(AskError::NotSending)));
    assert!(runs.next().is_none());
}

#[tokio::test]
async fn runs_come_page_by_page_until_the_cursor_ends() {
    let ids: Vec<RunId> = (1..=5).map(|n| RunId(Uuid::from_u128(n))).collect();
    let page = |ids: &[RunId], next: Value| {
        let runs: Vec<Value> = ids.iter().map(|id| run(*id)).collect();
        Reply::json(
            200,
            &json!({ "runs": runs, "cursors": { "next": next, "prev": null } }),
        )
    };
    let server = Answering::start([
        page(&ids[..2], json!("a")),
        page(&ids[2..4], json!("b")),
        page(&ids[4..], Value::Null),
    ])
    .await;
    let query = RunQuery::new().error(false).is_root(true).oldest_first();
    let found = server.client().list_runs(query).collect().await;
    let found: Vec<RunId> = found.expect("runs").iter().map(|run| run.run.id).collect();
    assert_eq!(found, ids);
    let asked = server.asked();
    let cursors: Vec<&Value> = asked.iter().map(|asked| &asked.body["cursor"]).collect();
    assert_eq!(cursors, [&Value::Null, &json!("a"), &json!("b")]);
    for asked in &asked {
        assert_eq!(asked.line(), "POST /runs/query");
        assert_eq!(asked.body["limit"], 100);
        assert_eq!(asked.body["error"], false);
        assert_eq!(asked.body["is_root"], true);
        assert_eq!(asked.body["order"], "asc");
    }
}

#[tokio::test]
async fn an_empty_page_that_leads_on_does_not_end_the_list() {
    let page = |runs: &[Value], next: Value| {
        Reply::json(200, &json!({ "runs": runs, "cursors": { "next": next } }))
    };
    let last = [run(RUN)];
    let server = Answering::start([
        page(&[], json!("a")),
        page(&[], json!("b")),
        page(&last, Value::Null),
    ])
    .await;
    let found = server.client().list_runs(RunQuery::new()).collect().await;
    assert_eq!(found.expect("runs").len(), 1);

    // One that leads on for ever is left after a while.
    let server = Answering::start((0..300).map(|n| page(&[], json!(n.to_string())))).await;
    let found = server.client().list_runs(RunQuery::new()).collect().await;
    assert_eq!(found.expect("runs"), []);
    assert_eq!(server.asked().len(), 100);
}

#[tokio::test]
async fn a_limit_ends_the_list_and_a_cursor_that_stays_cannot_go_round() {
    let page = |count: u128| {
        let runs: Vec<Value> = (1..=count)
            .map(|n| run(RunId(Uuid::from_u128(n))))
            .collect();
        Reply::json(200, &json!({ "runs": runs, "cursors": { "next": "same" } }))
    };
    let server = Answering::start([page(100), page(30)]).await;
    let found = server
        .client()
        .list_runs(RunQuery::new().limit(130))
        .collect()
        .await;
    assert_eq!(found.expect("runs").len(), 130);
    let limits: Vec<Value> = server
        .asked()
        .iter()
        .map(|asked| asked.body["limit"].clone())
        .collect();
    assert_eq!(limits, [json!(100), json!(30)]);

    let server = Answering::start((0..9).map(|_| page(1))).await;
    let found = server.client().list_runs(RunQuery::new()).collect().await;
    assert_eq!(found.expect("runs").len(), 2);
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn a_query_says_all_that_was_wanted() {
    let project = Uuid::from_u128(9);
    let replies = [
        Reply::json(
            200,
            &json!([{ "id": project, "name": "a & b/c", "tenant_id": RUN }]),
        ),
        Reply::json(200, &json!({ "runs": null })),
    ];
    let server = Answering::start(replies).await;
    let since = chrono::DateTime::from_timestamp(1_792_567_680, 0).expect("a time");
    let query = RunQuery::new()
        .project("a & b/c")
        .project(Uuid::from_u128(8))
        .ids([RUN])
        .parent(RUN)
        .run_type("llm")
        .start_time(since)
        .end_time(since)
        .filter("gt(latency, 2)")
        .thread("t\"1")
        .trace_filter("has(tags, \"x\")")
        .tree_filter("eq(name, \"y\")")
        .search("words")
        .reference_example(Uuid::from_u128(7))
        .select(["outputs", "name"]);
    let found = server.client().list_runs(query).collect().await;
    assert_eq!(found.expect("none").len(), 0);
    let asked = server.asked();
    assert_eq!(
        asked[0].line(),
        "GET /sessions?limit=1&name=a%20%26%20b%2Fc&include_stats=false"
    );
    assert_eq!(
        asked[1].body,
        json!({
            "session": [project, Uuid::from_u128(8)],
            "id": [RUN],
            "parent_run": RUN,
            "run_type": "llm",
            "start_time": "2026-10-21T07:28:00+00:00",
            "end_time": "2026-10-21T07:28:00+00:00",
            "filter": "and(gt(latency, 2), eq(thread_id, \"t\\\"1\"))",
            "trace_filter": "has(tags, \"x\")",
            "tree_filter": "eq(name, \"y\")",
            "query": "words",
            "reference_example": [Uuid::from_u128(7)],
            "select": ["outputs", "name", "id", "trace_id", "parent_run_id", "dotted_order",
                       "run_type", "start_time", "session_id"],
            "limit": 100,
        })
    );
}

#[tokio::test]
async fn a_run_that_is_still_on_its_way_is_waited_for() {
    let mut pending = run(RUN);
    pending["status"] = json!("pending");
    let replies = [
        Reply::json(404, &json!({})),
        Reply::json(200, &pending),
        Reply::json(200, &run(RUN)),
    ];
    let server = Answering::start(replies).await;
    let client = server.client();
    let stored = client.wait_for_run(RUN, Duration::from_secs(30)).await;
    assert_eq!(stored.expect("there").status, RunStatus::Success);
    assert_eq!(server.asked().len(), 3);
    let missing = client.wait_for_run(RUN, Duration::ZERO).await;
    assert!(matches!(missing, Err(AskError::NotFound { .. })));
}

#[test]
fn a_blocking_question_works_inside_and_outside_of_any_runtime() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = runtime.block_on(Answering::start([
        Reply::json(200, &run(RUN)),
        Reply::json(200, &run(RUN)),
    ]));
    let client = server.client();
    assert_eq!(client.read_run_blocking(RUN).expect("a run").run.id, RUN);
    let inside = runtime.block_on(async { client.read_run_blocking(RUN) });
    assert_eq!(inside.expect("a run").run.id, RUN);
}
