//! What a run holds besides names and times: usage, tokens, files, and how a model's call reads.

use std::sync::Arc;
use std::time::Duration;

use common::model::{Attachment, JsonMap, Run, RunContext, SteppingClock, Usage};
use common::trace::{Anthropic, Gemini, MemorySink, OpenAi, Provider, Tracer};
use serde_json::{Value, json};
use uuid::Uuid;

fn tracer() -> (Arc<MemorySink>, Tracer) {
    let sink = Arc::new(MemorySink::new());
    let clock = Arc::new(SteppingClock::new(
        chrono::DateTime::UNIX_EPOCH,
        Duration::from_millis(1),
    ));
    (sink.clone(), Tracer::builder(sink).clock(clock).build())
}

fn only_run(sink: &MemorySink) -> Run {
    let runs = sink.runs();
    assert_eq!(runs.len(), 1);
    runs.into_iter().next().expect("one run")
}

/// Reads a part of a recorded request of the Python SDK 0.15.
fn recorded(run: usize, part: &str) -> Value {
    let text = include_str!("vectors/07_llm_usage_metadata.json");
    let vector: Value = serde_json::from_str(text).expect("a recording is JSON");
    let parts = vector["requests"].as_array().into_iter().flatten();
    let parts = parts.flat_map(|request| request["parts"].as_array().into_iter().flatten());
    let named = |part_: &&Value| {
        let name = part_["name"].as_str().unwrap_or_default();
        name.starts_with("post.") && name.ends_with(part)
    };
    parts.filter(named).nth(run).expect("the part was recorded")["json"].clone()
}

/// Returns recorded metadata without what the SDK copies from its environment.
fn recorded_metadata(run: usize) -> Value {
    let mut metadata = recorded(run, ".extra")["metadata"].clone();
    let fields = metadata.as_object_mut().expect("an object");
    fields.retain(|key, _| !key.starts_with("LANGSMITH_") && key != "ls_method");
    metadata
}

fn metadata(run: &Run) -> Value {
    Value::Object((*run.extra.metadata).clone())
}

#[test]
fn a_model_call_reads_as_the_official_sdk_sends_it() {
    let (sink, tracer) = tracer();
    let call = tracer
        .run("chat")
        .run_type("llm")
        .metadata("ls_provider", "openai")
        .metadata("ls_model_name", "gpt-4o-mini")
        .metadata("ls_model_type", "chat")
        .metadata("ls_temperature", 0.2)
        .metadata("ls_max_tokens", 64)
        .metadata("ls_stop", json!(["\n"]))
        .metadata("thread_id", "th-1")
        .inputs(json!({"messages": [{"role": "user", "content": "Hello"}]}))
        .start();
    let usage = Usage::tokens(11, 3)
        .cache_read(5)
        .input_detail("audio", 0)
        .reasoning(1)
        .cost(0.000011, 0.00002);
    call.end_with(json!({
        "choices": [{"message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
        "usage_metadata": Value::from(usage),
    }));
    let run = only_run(&sink);
    assert_eq!(
        run.inputs.clone().map(Value::Object),
        Some(recorded(0, ".inputs"))
    );
    assert_eq!(
        run.outputs.clone().map(Value::Object),
        Some(recorded(0, ".outputs"))
    );
    assert_eq!(metadata(&run), recorded_metadata(0));
}

#[test]
fn usage_set_by_hand_is_where_the_official_sdk_puts_it() {
    let (sink, tracer) = tracer();
    let call = tracer
        .run("chat2")
        .run_type("llm")
        .metadata("ls_provider", "anthropic")
        .metadata("ls_model_name", "claude")
        .start();
    call.set_usage(Usage::tokens(1, 2));
    call.end();
    let run = only_run(&sink);
    assert_eq!(metadata(&run), recorded_metadata(1));
    assert_eq!(run.usage(), Some(Usage::tokens(1, 2)));
}

#[test]
fn a_chain_that_returns_its_models_answer_does_not_count_it_again() {
    let (sink, tracer) = tracer();
    let answer = json!({"usage_metadata": Value::from(Usage::tokens(1, 2))});
    tracer.run("chain").start().end_with(answer);
    assert!(
        !only_run(&sink)
            .extra
            .metadata
            .contains_key("usage_metadata")
    );
}

#[test]
fn children_and_headers_do_not_inherit_usage() {
    let (sink, tracer) = tracer();
    let call = tracer
        .run("chat")
        .run_type("llm")
        .metadata("user", "u")
        .start();
    call.set_usage(Usage::tokens(1, 2));
    let context: RunContext = call.context().expect("recorded");
    assert_eq!(
        *context.baggage.metadata,
        JsonMap::from_iter([("user".into(), "u".into())])
    );
    call.child("tool").start().end();
    call.end();
    let runs = sink.runs();
    assert!(runs[0].usage().is_some());
    assert!(runs[1].usage().is_none());
}

#[test]
fn only_the_first_token_is_an_event_and_its_text_is_not_kept() {
    let (sink, tracer) = tracer();
    let call = tracer.run("chat").run_type("llm").start();
    for _ in 0..3 {
        call.new_token();
    }
    call.record_event("cache", json!({"hit": true}));
    call.add_event("done");
    call.end();
    let run = only_run(&sink);
    let names: Vec<&str> = run.events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["new_token", "cache", "event"]);
    assert_eq!(run.events[0].kwargs, None);
    assert_eq!(run.first_token_time(), Some(run.events[0].time));
    assert!(run.first_token_time() > Some(run.start_time));
}

#[test]
fn files_leave_with_the_operation_that_they_were_given_to() {
    let (sink, tracer) = tracer();
    let image = |bytes: &'static [u8]| Attachment::new("page", "image/png", bytes);
    let run = tracer.run("look").attachment(image(b"first")).start();
    run.attach(Attachment::new("log", "text/plain", "late"));
    run.attach(Attachment::new("log", "text/plain", "later"));
    run.end();
    let ops = sink.ops();
    let of = |op: usize| ops[op].run().expect("a run").attachments.clone();
    assert_eq!(of(0), [image(b"first")]);
    assert_eq!(of(1), [Attachment::new("log", "text/plain", "later")]);
    assert_eq!(only_run(&sink).attachments.len(), 2);
}

#[test]
fn what_rides_along_in_extra_cannot_take_the_place_of_metadata() {
    let (sink, tracer) = tracer();
    let example = Uuid::from_u128(7);
    let run = tracer
        .run("tool")
        .extra("tool_call_id", "call-1")
        .extra("metadata", json!({"forged": true}))
        .metadata_from(JsonMap::from_iter([("a".to_owned(), json!(1))]))
        .tags(["x", "y"])
        .reference_example_id(example)
        .start();
    run.add_output("first", 1);
    run.add_output("second", 2);
    run.end();
    let run = only_run(&sink);
    assert_eq!(
        serde_json::to_value(&run.extra).expect("JSON")["metadata"],
        json!({"a": 1})
    );
    assert_eq!(run.extra.other["tool_call_id"], "call-1");
    assert_eq!(run.tags, ["x", "y"]);
    assert_eq!(run.reference_example_id, Some(example));
    assert_eq!(
        run.outputs.map(Value::Object),
        Some(json!({"first": 1, "second": 2}))
    );
}

#[test]
fn a_request_gives_the_metadata_that_prices_and_filters_need() {
    let (sink, tracer) = tracer();
    let request = json!({"model": "m", "messages": [], "temperature": 0, "max_tokens": 9,
        "stop": "END", "seed": 3, "api_key": "not a setting"});
    let answer = json!({"content": "yes", "usage": {"input_tokens": 10, "output_tokens": 2,
        "cache_read_input_tokens": 4, "cache_creation_input_tokens": 1}});
    tracer
        .run("chat")
        .llm_request(&Anthropic, &request)
        .start()
        .end_with_answer(&Anthropic, &answer);
    let run = only_run(&sink);
    let usage = Usage::tokens(15, 2).cache_read(4).cache_creation(1);
    let expected = json!({"ls_provider": "anthropic", "ls_model_type": "chat", "ls_model_name": "m",
        "ls_temperature": 0, "ls_max_tokens": 9, "ls_stop": ["END"],
        "ls_invocation_params": {"seed": 3}, "usage_metadata": Value::from(usage)});
    assert_eq!(metadata(&run), expected);
    assert_eq!(run.run_type.as_str(), "llm");
    assert!(
        run.outputs
            .is_some_and(|outputs| outputs.contains_key("usage_metadata"))
    );
}

#[test]
fn each_provider_counts_in_its_own_words() {
    let read = |provider: &dyn Fn(&Value) -> Option<Usage>, answer: Value| provider(&answer);
    let openai = |answer: &Value| OpenAi.usage(answer);
    let priority = json!({"service_tier": "priority", "usage": {"prompt_tokens": 10,
        "completion_tokens": 6, "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 1}}});
    let expected = Usage::tokens(10, 6)
        .input_detail("priority_cache_read", 4)
        .input_detail("priority", 6)
        .output_detail("priority_reasoning", 1)
        .output_detail("priority", 5);
    assert_eq!(read(&openai, priority), Some(expected));
    let gemini = json!({"usageMetadata": {"promptTokenCount": 8, "candidatesTokenCount": 2,
        "totalTokenCount": 13, "thoughtsTokenCount": 3, "cachedContentTokenCount": 5,
        "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 2}]}});
    let mut expected = Usage::tokens(8, 2)
        .cache_read(5)
        .input_detail("audio", 2)
        .reasoning(3);
    expected.total_tokens = 13;
    assert_eq!(read(&|answer| Gemini.usage(answer), gemini), Some(expected));
    for nothing in [
        json!({}),
        json!({"usage": null}),
        json!({"usage": "many"}),
        json!(7),
    ] {
        assert_eq!(OpenAi.usage(&nothing), None);
        assert_eq!(Anthropic.usage(&nothing), None);
        assert_eq!(Gemini.usage(&nothing), None);
    }
}

#[test]
fn usage_with_a_field_that_langsmith_does_not_know_is_refused() {
    let whole = Value::from(Usage::tokens(1, 2).reasoning(1).cost(0.1, 0.2));
    assert!(Usage::parse(&whole).is_ok());
    let error = Usage::parse(&json!({"tokens": 3})).expect_err("unknown field");
    assert!(error.to_string().contains("tokens"), "{error}");
    assert!(Usage::parse(&json!({"input_tokens": -1})).is_err());
}

#[test]
fn an_error_is_told_with_its_causes() {
    #[derive(Debug, thiserror::Error)]
    #[error("no answer")]
    struct Outer(#[source] std::num::ParseIntError);
    let (sink, tracer) = tracer();
    let cause = "x".parse::<u8>().expect_err("no number");
    tracer.run("ask").start().fail_with(&Outer(cause));
    let error = only_run(&sink).error;
    assert_eq!(
        error.as_deref(),
        Some("no answer\ncaused by: invalid digit found in string")
    );
}
