//! One program, two outputs: `tracing` spans as runs and as spans of OpenTelemetry are the same tree.
#![cfg(all(
    feature = "tracing_layer",
    feature = "otel",
    feature = "langsmith_mock"
))]

use std::collections::BTreeMap;
use std::time::Duration;

use common::client::{Client, ClientBuilder, Config};
use common::langsmith_mock::{LangSmithMock, ViolationCode};
use common::model::{Run, RunType};
use common::otel::{Pipeline, tracing_opentelemetry};
use common::tracing_layer::RunLayer;
use tracing::{Instrument as _, error, info, info_span, instrument};
use tracing_subscriber::prelude::*;

const PATIENCE: Duration = Duration::from_secs(60);

fn config(mock: &LangSmithMock) -> Config {
    Config {
        endpoint: mock.url().to_owned(),
        api_key: Some("a-key-for-tests-only-0001".to_owned().into()),
        project: "two outputs".to_owned(),
        ..Config::default()
    }
}

fn client(mock: &LangSmithMock) -> Client {
    ClientBuilder::from(config(mock)).build().expect("a client")
}

fn pipeline(mock: &LangSmithMock) -> Pipeline {
    Pipeline::builder(config(mock)).build().expect("a pipeline")
}

fn subscriber(client: &Client, spans: &Pipeline) -> impl tracing::Subscriber + Send + Sync {
    let to_otel = tracing_opentelemetry::layer()
        .with_tracer(spans.tracer("tests"))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_target(false);
    tracing_subscriber::registry()
        .with(to_otel)
        .with(RunLayer::new(client.tracer()).follow(spans.identity()))
}

#[instrument]
async fn retrieve(question: &str) -> usize {
    tokio::task::yield_now().await;
    info!("asked the index");
    3
}

async fn a_request() {
    let found = async {
        let (found, _) = tokio::join!(
            retrieve("why?").instrument(info_span!("in parallel")),
            retrieve("and how?"),
        );
        found
    };
    let found = found.instrument(info_span!("retrieval")).await;
    info!(found, "asks the model");
    // As genai does it: the span is never entered, and what came back is recorded later.
    let chat = info_span!(
        "genai.chat",
        otel.name = "chat gpt-4o-mini",
        gen_ai.operation.name = "chat",
        gen_ai.provider.name = "openai",
        gen_ai.request.model = "gpt-4o-mini",
        gen_ai.usage.input_tokens = tracing::field::Empty,
        gen_ai.usage.output_tokens = tracing::field::Empty,
        gen_ai.response.finish_reasons = tracing::field::Empty,
        gen_ai.response.time_to_first_chunk = tracing::field::Empty,
    );
    tokio::task::yield_now().await;
    chat.record("gen_ai.response.time_to_first_chunk", 0.095);
    chat.record("gen_ai.usage.input_tokens", 11);
    chat.record("gen_ai.usage.output_tokens", 7);
    chat.record("gen_ai.response.finish_reasons", "[\"stop\"]");
    drop(chat);
    info_span!("tool", gen_ai.tool.name = "search").in_scope(|| error!("no index"));
}

fn by_id(mock: &LangSmithMock) -> BTreeMap<String, Run> {
    let runs = mock.runs().into_iter();
    runs.map(|run| (run.dotted_order.as_str().to_owned(), run))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_two_trees_are_one_to_the_id() {
    let (native, otlp) = (LangSmithMock::start().await, LangSmithMock::start().await);
    let (client, spans) = (client(&native), pipeline(&otlp));
    let default = tracing::subscriber::set_default(subscriber(&client, &spans));
    a_request().instrument(info_span!("answer")).await;
    drop(default);
    client.flush(PATIENCE).expect("runs are delivered");
    spans.flush(PATIENCE).expect("spans are delivered");
    assert!(native.tree().is_whole() && otlp.tree().is_whole());
    // A root's id is made when OpenTelemetry starts the span, a moment after the span of `tracing` began;
    // the stand-in warns of a millisecond between the two.
    assert_eq!(native.errors(), []);
    assert_eq!(otlp.errors(), []);
    let (ours, theirs) = (by_id(&native), by_id(&otlp));
    assert_eq!(ours.len(), 7, "{:?}", ours.keys());
    let places = |runs: &BTreeMap<String, Run>| {
        let place = |run: &Run| {
            let what = (run.name.clone(), run.run_type.clone(), run.error.clone());
            let tokens = (run.usage(), run.first_token_time());
            (run.id, run.parent_run_id, run.trace_id, what, tokens)
        };
        runs.values().map(place).collect::<Vec<_>>()
    };
    assert_eq!(places(&ours), places(&theirs));
    let chat = ours.values().find(|run| run.name == "chat gpt-4o-mini");
    let chat = chat.expect("captured");
    assert_eq!(chat.run_type, RunType::Llm);
    let first = chat.first_token_time().expect("it streamed");
    assert_eq!((first - chat.start_time).num_milliseconds(), 95);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gets_both_has_each_run_once() {
    let mock = LangSmithMock::start().await;
    let (client, spans) = (client(&mock), pipeline(&mock));
    let default = tracing::subscriber::set_default(subscriber(&client, &spans));
    a_request().instrument(info_span!("answer")).await;
    drop(default);
    client.flush(PATIENCE).expect("runs are delivered");
    spans.flush(PATIENCE).expect("spans are delivered");
    assert_eq!(mock.runs().len(), 7);
    assert!(mock.tree().is_whole());
    assert_eq!(mock.waiting_spans(), 0);
    let codes: Vec<ViolationCode> = mock.violations().iter().map(|it| it.code).collect();
    assert!(codes.contains(&ViolationCode::AlreadyReceived), "{codes:?}");
    assert_eq!(mock.errors(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_one_identity_the_same_work_is_there_twice() {
    let mock = LangSmithMock::start().await;
    let (client, spans) = (client(&mock), pipeline(&mock));
    let to_otel = tracing_opentelemetry::layer().with_tracer(spans.tracer("tests"));
    let apart = tracing_subscriber::registry()
        .with(to_otel)
        .with(RunLayer::new(client.tracer()));
    let default = tracing::subscriber::set_default(apart);
    info_span!("answer").in_scope(|| {});
    drop(default);
    client.flush(PATIENCE).expect("runs are delivered");
    spans.flush(PATIENCE).expect("spans are delivered");
    assert_eq!(mock.runs().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_native_run_around_both_is_above_both() {
    let (native, otlp) = (LangSmithMock::start().await, LangSmithMock::start().await);
    let (client, spans) = (client(&native), pipeline(&otlp));
    let default = tracing::subscriber::set_default(subscriber(&client, &spans));
    let root = client.run("native root").start();
    common::trace::with_run(&root, || info_span!("answer").in_scope(|| {}));
    root.end();
    drop(default);
    client.flush(PATIENCE).expect("runs are delivered");
    spans.flush(PATIENCE).expect("spans are delivered");
    let answer = native.tree().find("answer").expect("captured").clone();
    assert_eq!(answer.parent_run_id, root.id());
    assert_eq!(otlp.runs()[0].dotted_order, answer.dotted_order);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_in_the_sample_of_one_is_in_none() {
    let (native, otlp) = (LangSmithMock::start().await, LangSmithMock::start().await);
    let sampled = |mock: &LangSmithMock| Config {
        sampling_rate: Some(0.5),
        ..config(mock)
    };
    let client = ClientBuilder::from(sampled(&native)).build();
    let client = client.expect("a client");
    let spans = Pipeline::builder(sampled(&otlp)).build();
    let spans = spans.expect("a pipeline");
    let default = tracing::subscriber::set_default(subscriber(&client, &spans));
    for _ in 0..64 {
        info_span!("answer").in_scope(|| {
            info_span!("retrieve").in_scope(|| {
                let below = client.run("native").parent_from_current();
                below.start().end();
            });
        });
    }
    drop(default);
    client.flush(PATIENCE).expect("runs are delivered");
    spans.flush(PATIENCE).expect("spans are delivered");
    let (ours, theirs) = (native.tree().trace_ids(), otlp.tree().trace_ids());
    assert!((1..64).contains(&ours.len()), "{} traces", ours.len());
    assert_eq!(ours.len(), theirs.len());
    for trace in ours {
        assert_eq!(native.runs_of(trace).len(), 3);
        assert_eq!(otlp.runs_of(trace).len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_and_a_type_that_are_recorded_before_the_run_begins_are_its_own() {
    let (native, otlp) = (LangSmithMock::start().await, LangSmithMock::start().await);
    let (client, spans) = (client(&native), pipeline(&otlp));
    let default = tracing::subscriber::set_default(subscriber(&client, &spans));
    let span = info_span!(
        "genai.chat",
        otel.name = tracing::field::Empty,
        gen_ai.operation.name = tracing::field::Empty,
    );
    span.record("otel.name", "chat gpt-4o-mini");
    drop(span);
    let span = info_span!("second", gen_ai.operation.name = tracing::field::Empty);
    span.record("gen_ai.operation.name", "chat");
    drop(span);
    drop(default);
    client.flush(PATIENCE).expect("runs are delivered");
    let run = native.tree().find("chat gpt-4o-mini").cloned();
    assert!(run.is_some(), "{:?}", native.runs());
    let second = native.tree().find("second").expect("captured").clone();
    assert_eq!(second.run_type, RunType::Llm);
}
