//! Calls of genai, the client of models, are `llm` runs with usage and the time of the first token.
//!
//! A model that speaks OpenAI's protocol answers on loopback. Nothing here imitates a span of genai's.
#![cfg(all(feature = "lab", feature = "otel", feature = "tracing_layer"))]

use std::convert::Infallible;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Json;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use common::client::{Client, ClientBuilder, Config};
use common::lab::{Service, http_client};
use common::langsmith_mock::LangSmithMock;
use common::model::{Run, RunType, Usage};
use common::otel::{Pipeline, tracing_opentelemetry};
use common::tracing_layer::RunLayer;
use futures_util::{FutureExt as _, StreamExt as _};
use genai::adapter::AdapterKind;
use genai::chat::{ChatMessage, ChatOptions, ChatRequest};
use genai::resolver::{AuthData, Endpoint, ServiceTargetResolver};
use genai::{ModelIden, ServiceTarget};
use serde_json::{Value, json};
use tracing::{Instrument as _, info_span};
use tracing_subscriber::prelude::*;

const PATIENCE: Duration = Duration::from_secs(60);
/// Switches the recording of content on, in genai.
const CAPTURE: &str = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";
const MODEL: &str = "gpt-4o-mini";
const ANSWER: [&str; 3] = ["Send ", "the ", "header."];

/// What the model was asked.
type Asked = Arc<Mutex<Vec<Value>>>;

/// A model on loopback: answers in one piece, in a stream, or, for one question, with an error.
fn model() -> (Service, Asked) {
    let asked = Asked::default();
    let log = asked.clone();
    let answer = post(move |Json(request): Json<Value>| {
        log.lock().expect("asked").push(request.clone());
        async move { answered(&request) }
    });
    let router = axum::Router::new().route("/v1/chat/completions", answer);
    (Service::start("model", router), asked)
}

fn answered(request: &Value) -> Response {
    let usage = json!({"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18,
                       "prompt_tokens_details": {"cached_tokens": 4}});
    if request["messages"][0]["content"] == "fail" {
        let error = json!({"error": {"message": "overloaded", "type": "server_error"}});
        return (axum::http::StatusCode::SERVICE_UNAVAILABLE, Json(error)).into_response();
    }
    if request["stream"] != true {
        let message = json!({"role": "assistant", "content": ANSWER.concat()});
        let choice = json!({"index": 0, "message": message, "finish_reason": "stop"});
        return Json(
            json!({"id": "chatcmpl-1", "object": "chat.completion", "model": MODEL,
                           "choices": [choice], "usage": usage}),
        )
        .into_response();
    }
    let chunk = |delta: Value, finish: Value| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": MODEL, "choices": [choice]})
    };
    let mut chunks: Vec<Value> = ANSWER
        .iter()
        .map(|text| chunk(json!({"content": text}), Value::Null))
        .collect();
    chunks.push(chunk(json!({}), json!("stop")));
    let mut last = chunk(json!({}), Value::Null);
    last["choices"] = json!([]);
    last["usage"] = usage;
    chunks.push(last);
    let chunks = chunks.into_iter().map(|chunk| chunk.to_string());
    let events = chunks.chain(["[DONE]".to_owned()]);
    let events = events.map(|data| Ok::<_, Infallible>(Event::default().data(data)));
    Sse::new(futures_util::stream::iter(events)).into_response()
}

fn genai_client(model: &Service) -> genai::Client {
    let url = model.url("/v1/");
    let resolver = ServiceTargetResolver::from_resolver_fn(
        move |target: ServiceTarget| -> Result<ServiceTarget, genai::resolver::Error> {
            Ok(ServiceTarget {
                endpoint: Endpoint::from_owned(url.clone()),
                auth: AuthData::from_single("a-key-for-tests-only-0001"),
                model: ModelIden::new(AdapterKind::OpenAI, target.model.model_name),
            })
        },
    );
    let client = genai::Client::builder().with_reqwest(http_client());
    client
        .with_service_target_resolver(resolver)
        .build()
        .expect("a client")
}

fn question(text: &str) -> ChatRequest {
    ChatRequest::new(vec![ChatMessage::user(text)])
}

fn options() -> ChatOptions {
    ChatOptions::default()
        .with_temperature(0.25)
        .with_capture_usage(true)
}

/// Where runs and spans of one program go, each to a stand-in of its own.
struct Outputs {
    native: LangSmithMock,
    otlp: LangSmithMock,
    client: Client,
    spans: Pipeline,
}

impl Outputs {
    async fn start() -> Self {
        let (native, otlp) = (LangSmithMock::start().await, LangSmithMock::start().await);
        let config = |mock: &LangSmithMock| Config {
            endpoint: mock.url().to_owned(),
            api_key: Some("a-key-for-tests-only-0001".to_owned().into()),
            project: "genai".to_owned(),
            ..Config::default()
        };
        let client = ClientBuilder::from(config(&native)).build();
        let spans = Pipeline::builder(config(&otlp)).build();
        Self {
            client: client.expect("a client"),
            spans: spans.expect("a pipeline"),
            native,
            otlp,
        }
    }

    fn subscriber(&self) -> impl tracing::Subscriber + Send + Sync + use<> {
        let to_otel = tracing_opentelemetry::layer().with_tracer(self.spans.tracer("tests"));
        tracing_subscriber::registry()
            .with(to_otel.with_location(false).with_threads(false))
            .with(RunLayer::new(self.client.tracer()).follow(self.spans.identity()))
    }

    /// Returns a run of that name as it came in both ways.
    fn both(&self, name: &str) -> [Run; 2] {
        self.client.flush(PATIENCE).expect("runs are delivered");
        self.spans.flush(PATIENCE).expect("spans are delivered");
        [&self.native, &self.otlp].map(|mock| {
            assert_eq!(mock.errors(), []);
            assert!(mock.tree().is_whole());
            mock.tree().find(name).expect("captured").clone()
        })
    }
}

#[tokio::test]
async fn an_answer_in_one_piece_is_a_call_of_a_model_with_its_usage() {
    let ((model, asked), outputs) = (model(), Outputs::start().await);
    let genai = genai_client(&model);
    let default = tracing::subscriber::set_default(outputs.subscriber());
    let answer = genai
        .exec_chat(MODEL, question("How?"), Some(&options()))
        .instrument(info_span!("answer"))
        .await;
    assert_eq!(
        answer.expect("an answer").first_text(),
        Some(&*ANSWER.concat())
    );
    drop(default);
    assert_eq!(asked.lock().expect("asked").len(), 1);
    let [answer, _] = outputs.both("answer");
    for run in outputs.both("chat gpt-4o-mini") {
        assert_eq!(run.run_type, RunType::Llm);
        assert_eq!(run.parent_run_id, Some(answer.id));
        assert_eq!(run.error, None);
        let usage = run.usage().expect("counted");
        assert_eq!((usage.input_tokens, usage.output_tokens), (11, 7));
        assert_eq!(run.extra.metadata["ls_provider"], "openai");
        assert_eq!(run.extra.metadata["ls_model_name"], MODEL);
        assert_eq!(run.first_token_time(), None);
    }
    let [native, otlp] = outputs.both("chat gpt-4o-mini");
    assert_eq!(native.id, otlp.id);
    assert_eq!(
        native.extra.other["invocation_params"]["temperature"],
        json!(0.25)
    );
    assert_eq!(native.usage(), Some(Usage::tokens(11, 7).cache_read(4)));
    assert_eq!(native.extra.metadata["ls_temperature"], json!(0.25));
}

#[tokio::test]
async fn a_stream_ends_with_its_usage_and_knows_its_first_token() {
    let ((model, asked), outputs) = (model(), Outputs::start().await);
    let genai = genai_client(&model);
    let default = tracing::subscriber::set_default(outputs.subscriber());
    let read = async {
        let options = options();
        let answer = genai.exec_chat_stream(MODEL, question("How?"), Some(&options));
        let mut stream = answer.await.expect("an answer").stream;
        while let Some(part) = stream.next().await {
            part.expect("a part");
        }
    };
    read.instrument(info_span!("answer")).await;
    drop(default);
    let asked = asked.lock().expect("asked").remove(0);
    assert_eq!(asked["stream_options"]["include_usage"], true);
    let [answer, _] = outputs.both("answer");
    let runs = outputs.both("chat gpt-4o-mini");
    for run in &runs {
        assert_eq!(run.run_type, RunType::Llm);
        assert_eq!(run.parent_run_id, Some(answer.id));
        let usage = run.usage().expect("counted");
        assert_eq!((usage.input_tokens, usage.output_tokens), (11, 7));
        let first = run.first_token_time().expect("it streamed");
        assert!(first >= run.start_time && first <= run.end_time.expect("it ended"));
    }
    let first = runs
        .each_ref()
        .map(|run| run.first_token_time().expect("it streamed"));
    // One adds to microseconds, the other to nanoseconds.
    assert!(
        (first[0] - first[1]).num_microseconds().unwrap_or(9).abs() <= 1,
        "{first:?}"
    );
    assert_eq!(runs[0].id, runs[1].id);
}

#[tokio::test]
async fn a_call_that_fails_is_a_run_with_an_error() {
    let ((model, _), outputs) = (model(), Outputs::start().await);
    let genai = genai_client(&model);
    let default = tracing::subscriber::set_default(outputs.subscriber());
    let failed = genai
        .exec_chat(MODEL, question("fail"), Some(&options()))
        .await;
    drop((failed.expect_err("it fails"), default));
    for run in outputs.both("chat gpt-4o-mini") {
        assert_eq!(run.run_type, RunType::Llm);
        assert!(run.error.is_some(), "{run:?}");
    }
}

/// Started again by the test below, because genai reads the switch from the environment.
#[tokio::test]
async fn what_was_said_is_recorded_only_where_genai_is_told_to() {
    let told = std::env::var_os(CAPTURE).is_some();
    let ((model, _), outputs) = (model(), Outputs::start().await);
    let genai = genai_client(&model);
    let default = tracing::subscriber::set_default(outputs.subscriber());
    let options = options();
    let answer = genai.exec_chat(MODEL, question("my diary"), Some(&options));
    answer.await.expect("an answer");
    drop(default);
    for run in outputs.both("chat gpt-4o-mini") {
        let (inputs, outputs) = (
            json!(run.inputs).to_string(),
            json!(run.outputs).to_string(),
        );
        assert_eq!(inputs.contains("diary"), told, "{inputs}");
        assert_eq!(outputs.contains("header."), told, "{outputs}");
        assert!(!outputs.contains("diary"), "{outputs}");
        let shown = format!("{:?} {:?}", run.extra, run.events);
        assert!(!shown.contains("diary"), "{shown}");
    }
}

#[test]
fn what_is_asked_is_the_input_and_the_answer_the_output() {
    let test = "what_was_said_is_recorded_only_where_genai_is_told_to";
    let mut again = Command::new(std::env::current_exe().expect("this test"));
    let ended = again.args([test, "--exact"]).env(CAPTURE, "true").output();
    let ended = ended.expect("it runs");
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(
        ended.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_any_more_is_one_run_in_both() {
    let ((model, _), outputs) = (model(), Outputs::start().await);
    let genai = genai_client(&model);
    let default = tracing::subscriber::set_default(outputs.subscriber());
    let options = options();
    let call = genai.exec_chat(MODEL, question("How?"), Some(&options));
    assert!(call.now_or_never().is_none(), "it waits for the model");
    drop(default);
    let [native, otlp] = outputs.both("chat gpt-4o-mini");
    assert_eq!(native.id, otlp.id);
    assert_eq!(
        native.extra.other["invocation_params"]["temperature"],
        json!(0.25)
    );
}
