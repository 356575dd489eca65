//! Both GenAI vocabularies on one span, content only on request, and errors that show.
#![cfg(all(feature = "otel", feature = "langsmith_mock"))]

use std::time::Duration;

use common::client::Config;
use common::langsmith_mock::LangSmithMock;
use common::model::{Run, RunStatus, RunType, Usage};
use common::otel::opentelemetry::trace::{
    Span as _, SpanKind, Status, TraceContextExt as _, Tracer as _, TracerProvider as _,
};
use common::otel::opentelemetry::{Array, Context, KeyValue, StringValue, Value};
use common::otel::opentelemetry_sdk::trace::SdkTracerProvider;
use common::otel::{
    Answer, Call, ContentCapture, ContentHook, ContentSide, LangSmithExporter, Message, Operation,
    Part, attributes, fail, fail_in,
};
use serde_json::json;

struct Sending {
    _runtime: tokio::runtime::Runtime,
    mock: LangSmithMock,
    provider: SdkTracerProvider,
}

fn sending() -> Sending {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mock = runtime.block_on(LangSmithMock::start());
    let config = Config {
        endpoint: mock.url().to_owned(),
        api_key: Some("a-key-for-tests-only-0001".to_owned().into()),
        ..Config::default()
    };
    let exporter = LangSmithExporter::new(&config).expect("an exporter");
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter);
    Sending {
        _runtime: runtime,
        mock,
        provider: provider.build(),
    }
}

impl Sending {
    fn run(&self) -> Run {
        self.provider.force_flush().expect("delivered");
        let mut runs = self.mock.runs();
        assert_eq!(runs.len(), 1, "{runs:?}");
        runs.remove(0)
    }
}

fn call() -> Call {
    Call::chat("openai", "gpt-4o-mini")
        .temperature(0.25)
        .max_tokens(64)
        .stop_sequences(["END", "STOP"])
        .conversation("thread-7")
        .messages([
            Message::text("system", "Be short."),
            Message::text("user", "haiku?"),
        ])
}

fn answer() -> Answer {
    let asks = Part::ToolCall {
        id: "call-1".to_owned(),
        name: "search".to_owned(),
        arguments: json!({"q": "pond"}),
    };
    Answer::new()
        .id("resp-1")
        .model("gpt-4o-mini-2024-07-18")
        .usage(
            Usage::tokens(11, 7)
                .cache_read(4)
                .reasoning(2)
                .cost(0.1, 0.2),
        )
        .first_chunk_after(Duration::from_millis(250))
        .messages([Message::text("assistant", "Old pond.")
            .part(asks)
            .finish_reason("stop")])
}

fn value(attributes: &[KeyValue], key: &str) -> Option<Value> {
    let found = attributes.iter().find(|one| one.key.as_str() == key);
    found.map(|one| one.value.clone())
}

#[test]
fn a_call_speaks_both_vocabularies() {
    let told = call().attributes(&ContentCapture::None);
    for (key, expected) in [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "openai"),
        ("gen_ai.system", "openai"),
        ("gen_ai.request.model", "gpt-4o-mini"),
        ("langsmith.span.kind", "llm"),
        ("gen_ai.conversation.id", "thread-7"),
        ("langsmith.metadata.thread_id", "thread-7"),
    ] {
        assert_eq!(value(&told, key), Some(expected.into()), "{key}");
    }
    assert_eq!(call().span_name(), "chat gpt-4o-mini");
    assert_eq!(call().span_kind(), SpanKind::Client);
    let told = answer().attributes(&ContentCapture::None);
    for (key, expected) in [
        ("gen_ai.usage.input_tokens", 11),
        ("gen_ai.usage.output_tokens", 7),
        ("gen_ai.usage.total_tokens", 18),
        ("gen_ai.usage.cache_read.input_tokens", 4),
        ("gen_ai.usage.reasoning.output_tokens", 2),
    ] {
        assert_eq!(value(&told, key), Some(Value::I64(expected)), "{key}");
    }
    let reasons = Value::Array(Array::String(vec![StringValue::from("stop")]));
    assert_eq!(
        value(&told, "gen_ai.response.finish_reasons"),
        Some(reasons)
    );
}

#[test]
fn content_is_on_a_span_only_if_somebody_wants_it_there() {
    let shown = |capture: &ContentCapture| {
        format!(
            "{:?}{:?}",
            call().attributes(capture),
            answer().attributes(capture)
        )
    };
    let content = ["haiku", "Be short", "Old pond", "\"pond\""];
    let none = shown(&ContentCapture::default());
    assert!(content.iter().all(|words| !none.contains(words)), "{none}");
    let all = shown(&ContentCapture::Attributes);
    assert!(
        content[..3].iter().all(|words| all.contains(words)),
        "{all}"
    );
    let hook = ContentHook::new(|side, content| {
        assert!(content.starts_with('['));
        (side == ContentSide::Inputs).then(|| "s3://bucket/1".to_owned())
    });
    let elsewhere = shown(&ContentCapture::Reference(hook));
    assert!(elsewhere.contains("langsmith.metadata.inputs_reference"));
    assert!(!elsewhere.contains("outputs_reference"));
    assert!(content.iter().all(|words| !elsewhere.contains(words)));
    let panics = ContentHook::new(|_, _| panic!("no bucket"));
    assert_eq!(shown(&ContentCapture::Reference(panics)), none);
}

#[test]
fn langsmith_shows_a_call_as_it_shows_a_native_run() {
    let sending = sending();
    let tracer = sending.provider.tracer("tests");
    let capture = ContentCapture::Attributes;
    let mut span = call().start(&tracer, &capture);
    answer().record(&mut span, &capture);
    span.end();
    let run = sending.run();
    assert_eq!(
        (&*run.name, &run.run_type),
        ("chat gpt-4o-mini", &RunType::Llm)
    );
    let usage = run.usage().expect("a usage");
    let expected = Usage::tokens(11, 7)
        .cache_read(4)
        .reasoning(2)
        .cost(0.1, 0.2);
    assert_eq!(usage, expected);
    let first = run.first_token_time().expect("it streamed");
    assert_eq!((first - run.start_time).num_milliseconds(), 250);
    let metadata = &run.extra.metadata;
    assert_eq!(metadata["ls_provider"], "openai");
    assert_eq!(metadata["ls_model_name"], "gpt-4o-mini");
    assert_eq!(metadata["thread_id"], "thread-7");
    assert_eq!(run.extra.other["invocation_params"]["temperature"], 0.25);
    let inputs = run.inputs.expect("captured");
    assert_eq!(inputs["messages"][1]["role"], "user");
    let outputs = run.outputs.expect("captured");
    assert!(outputs["messages"].to_string().contains("Old pond."));
    assert_eq!(sending.mock.violations(), []);
}

#[test]
fn every_operation_of_the_conventions_becomes_its_run_type() {
    for operation in Operation::ALL {
        let sending = sending();
        // As any instrumentation writes it, without a word of LangSmith.
        let name = KeyValue::new(attributes::gen_ai::OPERATION, operation.as_str());
        let mut span = sending.provider.tracer("tests").start(operation.as_str());
        span.set_attribute(name);
        span.end();
        assert_eq!(sending.run().run_type, operation.run_type(), "{operation}");
        assert_eq!(Operation::of(operation.as_str()), Some(operation));
    }
}

#[test]
fn a_span_in_the_present_conventions_alone_loses_nothing() {
    let sending = sending();
    let mut span = sending.provider.tracer("genai").start("chat claude");
    span.set_attributes([
        KeyValue::new("gen_ai.operation.name", "chat"),
        KeyValue::new("gen_ai.provider.name", "anthropic"),
        KeyValue::new("gen_ai.request.model", "claude"),
        KeyValue::new("gen_ai.conversation.id", "c-1"),
        KeyValue::new("gen_ai.usage.input_tokens", 5),
        KeyValue::new("gen_ai.usage.output_tokens", 6),
        KeyValue::new("gen_ai.usage.cache_read.input_tokens", 2),
        KeyValue::new(
            "gen_ai.output.messages",
            r#"[{"role":"assistant","parts":[]}]"#,
        ),
    ]);
    span.end();
    let run = sending.run();
    assert_eq!(run.usage(), Some(Usage::tokens(5, 6).cache_read(2)));
    assert_eq!(run.extra.metadata["ls_provider"], "anthropic");
    assert_eq!(run.extra.metadata["thread_id"], "c-1");
}

#[test]
fn counts_in_the_words_that_langsmith_reads_are_not_shadowed() {
    let sending = sending();
    let mut span = sending.provider.tracer("tests").start("chat");
    span.set_attributes([
        KeyValue::new("gen_ai.usage.input_tokens", 5),
        KeyValue::new("gen_ai.usage.output_tokens", 6),
        KeyValue::new("gen_ai.usage.cache_read_input_tokens", 2),
        KeyValue::new("gen_ai.usage.cache_creation_input_tokens", 1),
        KeyValue::new("gen_ai.usage.details.reasoning_tokens", 3),
    ]);
    span.end();
    let expected = Usage::tokens(5, 6)
        .cache_read(2)
        .cache_creation(1)
        .reasoning(3);
    assert_eq!(sending.run().usage(), Some(expected));
}

#[test]
fn a_tool_shows_what_it_was_given_and_gave_back() {
    let sending = sending();
    let capture = ContentCapture::Attributes;
    let call = Call::tool("search")
        .tool_call_id("call-1")
        .arguments(&json!({"q": "pond"}));
    assert_eq!(call.span_name(), "execute_tool search");
    let mut span = call.start(&sending.provider.tracer("tests"), &capture);
    Answer::new()
        .result(&json!({"hits": 2}))
        .record(&mut span, &capture);
    span.end();
    let run = sending.run();
    assert_eq!(run.run_type, RunType::Tool);
    assert_eq!(
        json!([run.inputs, run.outputs]),
        json!([{"q": "pond"}, {"hits": 2}])
    );
}

#[derive(Debug, thiserror::Error)]
#[error("no answer")]
struct NoAnswer(#[source] std::num::ParseIntError);

fn error() -> NoAnswer {
    NoAnswer("x".parse::<u8>().expect_err("no number"))
}

#[test]
fn an_error_shows_with_its_causes() {
    for in_context in [false, true] {
        let sending = sending();
        let mut span = sending.provider.tracer("tests").start("work");
        if in_context {
            let cx = Context::new().with_span(span);
            fail_in(&cx, &error());
            cx.span().end();
        } else {
            fail(&mut span, &error());
            span.end();
        }
        let run = sending.run();
        assert_eq!(run.status(), RunStatus::Error);
        let shown = run.error.expect("an error");
        assert!(
            shown.starts_with("no answer\n\nStacktrace:\ncaused by: invalid digit"),
            "{shown}"
        );
    }
}

#[test]
fn a_status_alone_and_an_event_of_another_name_show_as_errors_too() {
    let list = ["at a", "at b"].map(StringValue::from).to_vec();
    let event = vec![
        KeyValue::new("exception.message", "it broke"),
        KeyValue::new("exception.stacktrace", Value::Array(Array::String(list))),
    ];
    for (events, shown) in [
        (vec![], "the tool refused"),
        (vec![event], "it broke\n\nStacktrace:\nat a\nat b"),
    ] {
        let sending = sending();
        let mut span = sending.provider.tracer("tests").start("work");
        span.set_status(Status::error("the tool refused"));
        for event in events {
            span.add_event("something failed", event);
        }
        span.end();
        assert_eq!(sending.run().error.as_deref(), Some(shown));
    }
}

#[test]
fn an_attribute_that_is_set_again_has_its_last_value() {
    let sending = sending();
    let mut span = sending.provider.tracer("tests").start("chat");
    // As a stream does, which counts while it is read.
    for tokens in [1, 20, 42] {
        span.set_attribute(KeyValue::new("gen_ai.usage.output_tokens", tokens));
        span.set_attribute(KeyValue::new(
            "gen_ai.completion",
            format!("{tokens} words"),
        ));
    }
    span.set_attribute(KeyValue::new("gen_ai.usage.input_tokens", 5));
    span.end();
    let run = sending.run();
    assert_eq!(run.usage(), Some(Usage::tokens(5, 42)));
    assert_eq!(run.outputs.expect("answered")["text"], "42 words");
}
