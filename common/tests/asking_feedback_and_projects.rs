//! Feedback, projects and public links: what the client does at the stand-in, and what the Python SDK sent.
#![cfg(all(feature = "client", feature = "langsmith_mock"))]

mod answering;

use std::time::Duration;

use answering::{Answering, KEY, Reply, client_of};
use common::client::{
    AskError, Client, FeedbackQuery, FeedbackUpdate, NewProject, ProjectQuery, ProjectUpdate,
    RunQuery,
};
use common::langsmith_mock::LangSmithMock;
use common::model::{Clock, Feedback, FeedbackConfig, RunId, SystemClock, TraceId};
use common::trace::Anonymizer;
use serde_json::{Value, json};
use uuid::Uuid;

const LONG: Duration = Duration::from_secs(30);

fn client(mock: &LangSmithMock) -> Client {
    let client = Client::builder().endpoint(mock.url()).api_key(KEY);
    client.project("tests").build().expect("a client")
}

async fn traced(client: &Client) -> (RunId, TraceId) {
    let root = client.run("answer").start();
    root.end();
    client.flush_async(LONG).await.expect("delivered");
    (root.id().expect("on"), root.trace_id().expect("on"))
}

fn now() -> common::model::Timestamp {
    SystemClock.now()
}

#[tokio::test(flavor = "multi_thread")]
async fn feedback_with_its_trace_travels_with_the_runs_and_without_by_itself() {
    let mock = LangSmithMock::start().await;
    let client = client(&mock);
    let (run, trace) = traced(&client).await;
    let alone = || {
        mock.requests()
            .into_iter()
            .filter(|r| r.path == "/feedback")
    };
    let queued = Feedback::on(run, "user", now())
        .trace_id(trace)
        .score(0.123_456);
    client.create_feedback(queued).await.expect("taken in");
    client.flush_async(LONG).await.expect("delivered");
    assert_eq!(alone().count(), 0);
    let direct = Feedback::on(run, "judge", now())
        .score(true)
        .by_model(Some(run));
    client.create_feedback(direct).await.expect("accepted");
    let short = Feedback::on(run, "short", now())
        .trace_id(trace)
        .keep_retention();
    client.create_feedback(short).await.expect("accepted");
    assert_eq!(alone().count(), 2);

    let mut said = client
        .list_feedback(FeedbackQuery::of(run))
        .collect()
        .await
        .expect("list");
    said.sort_by(|a, b| a.key.cmp(&b.key));
    let keys: Vec<&str> = said.iter().map(|said| said.key.as_str()).collect();
    assert_eq!(keys, ["judge", "short", "user"]);
    assert_eq!(said[2].score, Some(json!(0.1235)));
    assert_eq!(said[0].feedback_source["type"], "model");
    assert_eq!(
        said[0].feedback_source["metadata"]["__run"]["run_id"],
        json!(run)
    );
    let of_user = FeedbackQuery::of(run).key("user").limit(5);
    let of_user = client
        .list_feedback(of_user)
        .collect_blocking()
        .expect("list");
    assert_eq!(of_user.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn feedback_is_changed_cleared_and_deleted() {
    let mock = LangSmithMock::start().await;
    let client = client(&mock);
    let (run, _) = traced(&client).await;
    let said = Feedback::on(run, "user", now()).score(0).comment("bad");
    let id = client.create_feedback(said).await.expect("accepted");
    let update = FeedbackUpdate::new().score(0.999_99).comment(Value::Null);
    client.update_feedback(id, update).await.expect("changed");
    let said = client.read_feedback(id).await.expect("there");
    assert_eq!((said.score, said.comment), (Some(json!(1.0)), None));
    client.delete_feedback_blocking(id).expect("deleted");
    let gone = client.read_feedback_blocking(id);
    assert!(matches!(gone, Err(AskError::NotFound { .. })), "{gone:?}");
}

/// Takes out of a body what differs from one recording to the next.
fn without_times(mut body: Value) -> Value {
    if let Some(fields) = body.as_object_mut() {
        fields.retain(|name, _| name != "created_at" && name != "modified_at");
    }
    body
}

#[tokio::test]
async fn feedback_requests_are_those_of_the_python_sdk() {
    let recorded: Value =
        serde_json::from_str(include_str!("vectors/15_feedback.json")).expect("JSON");
    let recorded: Vec<(String, Value)> = recorded["requests"]
        .as_array()
        .expect("requests")
        .iter()
        .filter_map(|request| {
            let line = request["request_line"]
                .as_str()?
                .strip_suffix(" HTTP/1.1")?;
            let body = without_times(request.get("json").cloned().unwrap_or_default());
            line.contains("/feedback").then(|| (line.to_owned(), body))
        })
        .collect();
    assert_eq!(recorded.len(), 4);

    let id = |text: &str| text.parse::<Uuid>().expect("an id");
    let project = id("44444444-4444-4444-8444-444444444444");
    let second = id("01990000-0000-7000-8000-0000000000f2");
    let third = id("01990000-0000-7000-8000-0000000000f3");
    let run = RunId(id("01990000-0000-7000-8000-000000000002"));
    let judge = RunId(id("01990000-0000-7000-8000-000000000003"));
    let server = Answering::start((0..4).map(|_| Reply::json(200, &json!({})))).await;
    let client = server.client();
    let mut said = Feedback::on(run, "correct", now())
        .value("yes")
        .correction(json!({ "a": 1 }))
        .project_id(project)
        .by_model(Some(judge));
    said.id = second;
    client.create_feedback(said).await.expect("accepted");
    let mut said = Feedback::on_project(project, "proj-level", now())
        .score(true)
        .config(FeedbackConfig::Continuous {
            min: Some(0.0),
            max: Some(1.0),
        });
    said.id = third;
    client.create_feedback(said).await.expect("accepted");
    let update = FeedbackUpdate::new().score(1).comment(Value::Null);
    client
        .update_feedback(second, update)
        .await
        .expect("changed");
    client.delete_feedback(third).await.expect("deleted");

    let sent = server.asked().into_iter();
    let sent: Vec<(String, Value)> = sent
        .map(|asked| (asked.line(), without_times(asked.body)))
        .collect();
    assert_eq!(sent, recorded);
}

#[tokio::test]
async fn feedback_by_itself_is_masked_and_sampled_like_the_runs() {
    let server = Answering::start([Reply::json(200, &json!({}))]).await;
    let said = || {
        let run = RunId(Uuid::from_u128(1));
        Feedback::on(run, "user", now()).comment("my pin is 1234")
    };
    let masks = Anonymizer::builder().redact(r"\d{4}").build();
    let masking = client_of(&server.url).anonymizer(masks.expect("a rule"));
    let masking = masking.build().expect("a client");
    masking.create_feedback(said()).await.expect("accepted");
    let nothing = client_of(&server.url).sampling_rate(0.0);
    let nothing = nothing.build().expect("a client");
    nothing.create_feedback(said()).await.expect("left out");
    let asked = server.asked();
    assert_eq!(asked.len(), 1, "not sampled is not sent");
    assert_eq!(asked[0].body["comment"], "my pin is [redacted]");
}

#[tokio::test]
async fn feedback_on_a_run_that_is_not_stored_yet_is_sent_again() {
    let missing = || Reply::json(404, &json!({ "detail": "Run not found" }));
    let server = Answering::start([missing(), missing(), Reply::json(200, &json!({}))]).await;
    let run = RunId(Uuid::from_u128(1));
    let said = Feedback::on(run, "user", now());
    server
        .client()
        .create_feedback(said)
        .await
        .expect("the third try");
    let bodies: Vec<Value> = server.asked().into_iter().map(|asked| asked.body).collect();
    assert!(bodies.len() == 3 && bodies.iter().all(|body| *body == bodies[0]));
}

#[tokio::test]
async fn a_deletion_whose_answer_was_lost_is_no_error_the_second_time() {
    let gone = || Reply::json(404, &json!({}));
    let server = Answering::start([Reply::json(502, &json!({})), gone(), gone()]).await;
    let client = server.client();
    client
        .delete_feedback(Uuid::from_u128(1))
        .await
        .expect("it is gone");
    let never = client.delete_feedback(Uuid::from_u128(1)).await;
    assert!(matches!(never, Err(AskError::NotFound { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_is_made_once_read_changed_listed_and_deleted() {
    let mock = LangSmithMock::start().await;
    let client = client(&mock);
    let hostile = "a/../b%2Fc?d=e&f#g \u{1F98A}";
    let new = || {
        NewProject::new(hostile)
            .description("of tests")
            .metadata("k", 1)
    };
    let made = client.create_project(new()).await.expect("made");
    assert_eq!(made.name, hostile);
    let again = client.create_project(new()).await.expect("upserted");
    assert_eq!(again.id, made.id);
    client.create_project_blocking("another").expect("made");
    let read = client.read_project(hostile).await.expect("by name");
    assert_eq!(read.id, made.id);
    assert_eq!(
        client.read_project_blocking(made.id).expect("by id").name,
        hostile
    );
    let update = ProjectUpdate::new().description("changed").metadata("k", 2);
    let changed = client
        .update_project(hostile, update)
        .await
        .expect("changed");
    assert_eq!(changed.description.as_deref(), Some("changed"));
    assert_eq!(changed.extra["metadata"]["k"], 2);
    let list = |query: ProjectQuery| client.list_projects(query).collect();
    let part = list(ProjectQuery::new().name_contains("%2F"))
        .await
        .expect("list");
    assert_eq!(part.iter().map(|p| p.id).collect::<Vec<_>>(), [made.id]);
    let settings = client.settings().await.expect("settings");
    assert_eq!(
        Some(settings.id),
        made.workspace_id.map(|id| id.to_string())
    );
    client.delete_project(hostile).await.expect("deleted");
    let missing = client.read_project(hostile).await.expect_err("gone");
    assert!(matches!(missing, AskError::NotFound { .. }), "{missing}");
    assert_eq!(
        list(ProjectQuery::new().limit(9))
            .await
            .expect("list")
            .len(),
        1
    );
}

#[tokio::test]
async fn a_project_of_another_name_is_never_taken_for_the_one_to_delete() {
    let other = json!([{ "id": Uuid::from_u128(7), "name": "production" }]);
    let server = Answering::start([Reply::json(200, &other)]).await;
    let error = server.client().delete_project("prod").await;
    assert!(matches!(error, Err(AskError::NotFound { .. })), "{error:?}");
    assert_eq!(
        server.lines(),
        ["GET /sessions?limit=1&name=prod&include_stats=false"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_shared_and_no_longer() {
    let mock = LangSmithMock::start().await;
    let client = client(&mock);
    let (run, _) = traced(&client).await;
    assert_eq!(client.read_shared_link(run).await.expect("asked"), None);
    let link = client.share_run(run).await.expect("shared");
    let start = format!("{}/public/", mock.url());
    let token = link
        .strip_prefix(&start)
        .and_then(|rest| rest.strip_suffix("/r"));
    let token: Uuid = token.expect("a public page").parse().expect("a token");
    assert_eq!(token.get_version_num(), 4);
    assert_eq!(client.share_run_blocking(run).expect("still"), link);
    let read = client.read_shared_link_blocking(run).expect("asked");
    assert_eq!(read, Some(link));
    client.unshare_run(run).await.expect("ended");
    assert_eq!(client.read_shared_link(run).await.expect("asked"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_counted_and_summed_up() {
    let mock = LangSmithMock::start().await;
    let client = client(&mock);
    for _ in 0..3 {
        traced(&client).await;
    }
    client.run("failing").start().fail("no");
    client.flush_async(LONG).await.expect("delivered");
    let stats = client
        .run_stats(RunQuery::new().project("tests"))
        .await
        .expect("stats");
    assert_eq!(stats.run_count, Some(4));
    assert_eq!(stats.error_rate, Some(0.25));
    assert!(stats.latency_p50.is_some() && stats.last_run_start_time.is_some());
    let failed = RunQuery::new().project("tests").error(true);
    let failed = client.run_stats_blocking(failed).expect("stats");
    assert_eq!(failed.run_count, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_filter_language_reaches_the_server() {
    let mock = LangSmithMock::start().await;
    let client = client(&mock);
    client
        .run("tagged")
        .tag("beta")
        .metadata("thread_id", "t\"1")
        .start()
        .end();
    traced(&client).await;
    let names = async |query: RunQuery| {
        let found = client.list_runs(query.project("tests")).collect().await;
        let found = found.expect("runs").into_iter().map(|run| run.run.name);
        found.collect::<Vec<String>>()
    };
    let tagged = RunQuery::new().filter(r#"has(tags, "beta")"#);
    assert_eq!(names(tagged).await, ["tagged"]);
    assert_eq!(names(RunQuery::new().thread("t\"1")).await, ["tagged"]);
    let broken = client
        .list_runs(RunQuery::new().filter("has(tags, "))
        .collect()
        .await;
    assert!(
        matches!(broken, Err(AskError::Rejected { .. })),
        "{broken:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organizations_key_works_with_a_workspace_only() {
    let mock = LangSmithMock::builder().org_key(KEY).start().await;
    let builder = || Client::builder().endpoint(mock.url()).api_key(KEY);
    let lost = builder().build().expect("a client");
    let error = lost.settings().await.expect_err("which workspace?");
    assert_eq!(error, AskError::WorkspaceNeeded);
    let workspace = "00000000-0000-4000-8000-000000000001";
    let found = builder().workspace_id(workspace).build().expect("a client");
    found.settings().await.expect("welcome");
}
