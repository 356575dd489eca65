//! What is known when a call ends.

use std::time::Duration;

use opentelemetry::trace::Span;
use opentelemetry::{Array, KeyValue, StringValue, Value};

use super::capture::{ContentCapture, ContentSide};
use super::message::{Message, conventional, of_langsmith};
use crate::model::Usage;
use crate::otel::attributes::{gen_ai, langsmith, legacy};

/// What came of a call. [`Call`](super::Call) has an example.
#[derive(Debug, Clone, Default)]
#[must_use = "an answer goes onto a span with `.record(…)`"]
pub struct Answer {
    attributes: Vec<KeyValue>,
    messages: Vec<Message>,
    result: Option<String>,
}

impl Answer {
    /// Makes an answer that says nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn with(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.attributes.push(KeyValue::new(key, value));
        self
    }

    /// Names the answer's id.
    pub fn id(self, id: impl Into<String>) -> Self {
        self.with(gen_ai::RESPONSE_ID, id.into())
    }

    /// Names the model that answered; LangSmith shows it in the place of the one asked for.
    pub fn model(self, model: impl Into<String>) -> Self {
        self.with(gen_ai::RESPONSE_MODEL, model.into())
    }

    /// Says how long the first part of a streamed answer took.
    pub fn first_chunk_after(self, time: Duration) -> Self {
        self.with(gen_ai::TIME_TO_FIRST_CHUNK, time.as_secs_f64())
    }

    /// Says what the call used up: single counts for all, and all of it, costs included, as LangSmith
    /// reads it.
    pub fn usage(self, usage: Usage) -> Self {
        let count = |tokens: u64| i64::try_from(tokens).unwrap_or(i64::MAX);
        let mut counts = vec![
            (gen_ai::INPUT_TOKENS, usage.input_tokens),
            (gen_ai::OUTPUT_TOKENS, usage.output_tokens),
            (legacy::TOTAL_TOKENS, usage.total_tokens),
        ];
        for (key, details, kind) in [
            (
                gen_ai::CACHE_READ_TOKENS,
                &usage.input_token_details,
                "cache_read",
            ),
            (
                gen_ai::CACHE_CREATION_TOKENS,
                &usage.input_token_details,
                "cache_creation",
            ),
            (
                gen_ai::REASONING_TOKENS,
                &usage.output_token_details,
                "reasoning",
            ),
        ] {
            counts.extend(details.get(kind).map(|tokens| (key, *tokens)));
        }
        let all = counts.into_iter();
        let with_counts = all.fold(self, |answer, (key, tokens)| {
            answer.with(key, count(tokens))
        });
        let whole = serde_json::Value::from(usage).to_string();
        with_counts.with(langsmith::USAGE, whole)
    }

    /// Sets the messages answered. They are content; why they ended is not.
    pub fn messages(mut self, messages: impl IntoIterator<Item = Message>) -> Self {
        self.messages = messages.into_iter().collect();
        self
    }

    /// Sets what a tool gave back. It is content.
    pub fn result(mut self, result: &serde_json::Value) -> Self {
        self.result = Some(result.to_string());
        self
    }

    /// Returns what a span has of the answer.
    pub fn attributes(&self, capture: &ContentCapture) -> Vec<KeyValue> {
        let mut attributes = self.attributes.clone();
        let reasons = self.messages.iter();
        let reasons = reasons.filter_map(|message| message.finish_reason.clone());
        let reasons: Vec<StringValue> = reasons.map(StringValue::from).collect();
        if !reasons.is_empty() {
            let reasons = Value::Array(Array::String(reasons));
            attributes.push(KeyValue::new(gen_ai::FINISH_REASONS, reasons));
        }
        let mut content = Vec::new();
        if let Some(result) = &self.result {
            content.push((gen_ai::TOOL_RESULT, result.clone()));
            content.push((legacy::COMPLETION, result.clone()));
        } else if !self.messages.is_empty() {
            content.push((gen_ai::OUTPUT_MESSAGES, conventional(&self.messages)));
            content.push((legacy::COMPLETION, of_langsmith(&self.messages)));
        }
        capture.add(ContentSide::Outputs, &content, &mut attributes);
        attributes
    }

    /// Puts the answer onto a span.
    pub fn record(&self, span: &mut impl Span, capture: &ContentCapture) {
        span.set_attributes(self.attributes(capture));
    }
}
