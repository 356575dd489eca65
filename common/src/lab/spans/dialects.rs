//! One call of a model, in the words of six vocabularies.
//!
//! ```text
//! the same call ──► gen_ai now · gen_ai before · OpenInference · Traceloop · Vercel · langsmith.*
//! ```
//!
//! The attributes are those that the instrumentations of each vocabulary set on the span of a chat. Start
//! at [`dialects`].

use opentelemetry::KeyValue;
use serde_json::{Value, json};

use crate::otel::opentelemetry;

/// A vocabulary, and the attributes that a span has in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Dialect {
    /// What it is called.
    pub name: &'static str,
    /// What the span of the call says.
    pub attributes: Vec<KeyValue>,
}

const ASKED: &str = "How do I keep the trace?";
const ANSWERED: &str = "Send the header.";
const MODEL: &str = "gpt-4o-mini";
const THREAD: &str = "chat-7";

/// Returns one chat, asked and answered in the same words with 11 and 7 tokens, in each vocabulary.
pub fn dialects() -> Vec<Dialect> {
    let of = |name, attributes: Value| Dialect {
        name,
        attributes: attributes
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| attribute(key, value))
            .collect(),
    };
    vec![
        of("gen_ai, present", present()),
        of("gen_ai, before", before()),
        of("OpenInference", open_inference()),
        of("Traceloop", traceloop()),
        of("Vercel AI SDK", vercel()),
        of("langsmith.*", langsmith()),
    ]
}

fn attribute(key: &str, value: &Value) -> KeyValue {
    let key = key.to_owned();
    match value {
        Value::Number(number) => match number.as_i64() {
            Some(whole) => KeyValue::new(key, whole),
            None => KeyValue::new(key, number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => KeyValue::new(key, text.clone()),
        // Structures are texts of JSON in all of them.
        other => KeyValue::new(key, other.to_string()),
    }
}

/// The conventions of schema 1.42: what an instrumentation of today sends.
fn present() -> Value {
    let part = |text: &str| json!([{"type": "text", "content": text}]);
    json!({
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": MODEL,
        "gen_ai.conversation.id": THREAD,
        "gen_ai.input.messages": [{"role": "user", "parts": part(ASKED)}],
        "gen_ai.output.messages": [{"role": "assistant", "parts": part(ANSWERED), "finish_reason": "stop"}],
        "gen_ai.usage.input_tokens": 11,
        "gen_ai.usage.output_tokens": 7,
    })
}

/// The conventions up to 1.36: deprecated, and what LangSmith's converter was written for.
fn before() -> Value {
    json!({
        "gen_ai.operation.name": "chat",
        "gen_ai.system": "openai",
        "gen_ai.request.model": MODEL,
        "gen_ai.prompt": {"messages": [{"role": "user", "content": ASKED}]},
        "gen_ai.completion": {"messages": [{"role": "assistant", "content": ANSWERED}]},
        "gen_ai.usage.prompt_tokens": 11,
        "gen_ai.usage.completion_tokens": 7,
        "session.id": THREAD,
    })
}

fn open_inference() -> Value {
    json!({
        "openinference.span.kind": "LLM",
        "llm.system": "openai",
        "llm.model_name": MODEL,
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": ASKED,
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": ANSWERED,
        "llm.token_count.prompt": 11,
        "llm.token_count.completion": 7,
        "llm.token_count.total": 18,
        "session.id": THREAD,
    })
}

fn traceloop() -> Value {
    json!({
        "llm.request.type": "chat",
        "gen_ai.system": "openai",
        "gen_ai.request.model": MODEL,
        "gen_ai.prompt.0.role": "user",
        "gen_ai.prompt.0.content": ASKED,
        "gen_ai.completion.0.role": "assistant",
        "gen_ai.completion.0.content": ANSWERED,
        "gen_ai.usage.prompt_tokens": 11,
        "gen_ai.usage.completion_tokens": 7,
        "llm.usage.total_tokens": 18,
        "traceloop.association.properties.thread_id": THREAD,
    })
}

/// As the span leaves the program: LangSmith's own JavaScript exporter would rewrite it first.
fn vercel() -> Value {
    json!({
        "ai.operationId": "ai.generateText.doGenerate",
        "ai.model.provider": "openai",
        "ai.model.id": MODEL,
        "ai.prompt.messages": [{"role": "user", "content": ASKED}],
        "ai.response.text": ANSWERED,
        "ai.usage.promptTokens": 11,
        "ai.usage.completionTokens": 7,
        "ai.telemetry.metadata.thread_id": THREAD,
    })
}

fn langsmith() -> Value {
    json!({
        "langsmith.span.kind": "llm",
        "langsmith.metadata.ls_provider": "openai",
        "langsmith.metadata.ls_model_name": MODEL,
        "langsmith.metadata.thread_id": THREAD,
        "gen_ai.prompt": {"messages": [{"role": "user", "content": ASKED}]},
        "gen_ai.completion": {"messages": [{"role": "assistant", "content": ANSWERED}]},
        "langsmith.usage_metadata": {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18},
    })
}
