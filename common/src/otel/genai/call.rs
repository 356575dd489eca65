//! What is known when a call begins.

use opentelemetry::trace::{SpanBuilder, SpanKind, Tracer};
use opentelemetry::{Array, KeyValue, StringValue, Value};

use super::capture::{ContentCapture, ContentSide};
use super::message::{Message, conventional, of_langsmith};
use super::operation::Operation;
use crate::otel::attributes::{gen_ai, langsmith, legacy};

/// A call of a model, a tool or an agent that is about to begin.
///
/// ```
/// use common::otel::{Answer, Call, ContentCapture, Message};
/// use common::otel::opentelemetry::trace::{Span as _, TracerProvider as _};
/// use common::otel::opentelemetry_sdk::trace::SdkTracerProvider;
/// use common::model::Usage;
///
/// let tracer = SdkTracerProvider::builder().build().tracer("docs");
/// let capture = ContentCapture::Attributes;
/// let call = Call::chat("openai", "gpt-4o-mini")
///     .temperature(0.2)
///     .messages([Message::text("user", "What is a dotted order?")]);
/// assert_eq!(call.span_name(), "chat gpt-4o-mini");
/// let mut span = call.start(&tracer, &capture);
/// // … the model is called …
/// Answer::new()
///     .model("gpt-4o-mini-2024-07-18")
///     .usage(Usage::tokens(12, 30))
///     .messages([Message::text("assistant", "A run's place.").finish_reason("stop")])
///     .record(&mut span, &capture);
/// span.end();
/// ```
#[derive(Debug, Clone)]
#[must_use = "a call begins with `.start(…)`, or its attributes go onto a span"]
pub struct Call {
    operation: Operation,
    subject: String,
    attributes: Vec<KeyValue>,
    messages: Vec<Message>,
    arguments: Option<String>,
}

impl Call {
    /// Names a call by what it does and to what: a model, a tool, an agent, a data source.
    pub fn new(operation: Operation, subject: impl Into<String>) -> Self {
        let kind = operation.run_type();
        Self {
            operation,
            subject: subject.into(),
            attributes: vec![
                KeyValue::new(gen_ai::OPERATION, operation.as_str()),
                KeyValue::new(langsmith::KIND, kind.to_string()),
            ],
            messages: Vec::new(),
            arguments: None,
        }
    }

    /// Names a chat with a model of a provider: `openai`, `anthropic`, `gcp.gemini`, `aws.bedrock`, ….
    pub fn chat(provider: impl Into<String>, model: impl Into<String>) -> Self {
        let model = model.into();
        Self::new(Operation::Chat, model.clone())
            .provider(provider)
            .with(gen_ai::REQUEST_MODEL, model)
    }

    /// Names a computation of embeddings.
    pub fn embeddings(provider: impl Into<String>, model: impl Into<String>) -> Self {
        let model = model.into();
        Self::new(Operation::Embeddings, model.clone())
            .provider(provider)
            .with(gen_ai::REQUEST_MODEL, model)
    }

    /// Names a call of a tool.
    pub fn tool(name: impl Into<String>) -> Self {
        let name = name.into();
        Self::new(Operation::ExecuteTool, name.clone()).with(gen_ai::TOOL_NAME, name)
    }

    /// Names a call of an agent in this program.
    pub fn agent(name: impl Into<String>) -> Self {
        let name = name.into();
        Self::new(Operation::InvokeAgent, name.clone()).with(gen_ai::AGENT_NAME, name)
    }

    fn with(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.attributes.push(KeyValue::new(key, value));
        self
    }

    /// Names the provider, in both vocabularies.
    pub fn provider(self, provider: impl Into<String>) -> Self {
        let provider = provider.into();
        self.with(gen_ai::PROVIDER, provider.clone())
            .with(legacy::SYSTEM, provider)
    }

    /// Sets how random the answer may be.
    pub fn temperature(self, temperature: f64) -> Self {
        self.with(gen_ai::TEMPERATURE, temperature)
    }

    /// Sets the part of the probability mass that tokens are taken from.
    pub fn top_p(self, top_p: f64) -> Self {
        self.with(gen_ai::TOP_P, top_p)
    }

    /// Sets the most tokens of an answer.
    pub fn max_tokens(self, tokens: i64) -> Self {
        self.with(gen_ai::MAX_TOKENS, tokens)
    }

    /// Sets the seed.
    pub fn seed(self, seed: i64) -> Self {
        self.with(gen_ai::SEED, seed)
    }

    /// Sets the texts that end an answer.
    pub fn stop_sequences<T: Into<String>>(self, texts: impl IntoIterator<Item = T>) -> Self {
        let texts = texts.into_iter().map(|text| StringValue::from(text.into()));
        let texts = Value::Array(Array::String(texts.collect()));
        self.with(gen_ai::STOP_SEQUENCES, texts)
    }

    /// Names the conversation: `gen_ai.conversation.id`, and the metadata `thread_id` that LangSmith reads.
    pub fn conversation(self, id: impl Into<String>) -> Self {
        let id = id.into();
        self.with(gen_ai::CONVERSATION_ID, id.clone())
            .with("langsmith.metadata.thread_id", id)
    }

    /// Names the id of a tool's call.
    pub fn tool_call_id(self, id: impl Into<String>) -> Self {
        self.with(gen_ai::TOOL_CALL_ID, id.into())
    }

    /// Sets the messages given. They are content: on the span only if it is captured.
    pub fn messages(mut self, messages: impl IntoIterator<Item = Message>) -> Self {
        self.messages = messages.into_iter().collect();
        self
    }

    /// Sets what a tool is given. It is content.
    pub fn arguments(mut self, arguments: &serde_json::Value) -> Self {
        self.arguments = Some(arguments.to_string());
        self
    }

    /// Returns the name of the span, as the conventions want it.
    pub fn span_name(&self) -> String {
        format!("{} {}", self.operation, self.subject)
            .trim_end()
            .to_owned()
    }

    /// Returns the kind of the span.
    pub fn span_kind(&self) -> SpanKind {
        self.operation.span_kind()
    }

    /// Returns what a span has of the call when it starts.
    pub fn attributes(&self, capture: &ContentCapture) -> Vec<KeyValue> {
        let mut attributes = self.attributes.clone();
        let mut content = Vec::new();
        if let Some(arguments) = &self.arguments {
            content.push((gen_ai::TOOL_ARGUMENTS, arguments.clone()));
            content.push((legacy::PROMPT, arguments.clone()));
        } else if !self.messages.is_empty() {
            content.push((gen_ai::INPUT_MESSAGES, conventional(&self.messages)));
            content.push((legacy::PROMPT, of_langsmith(&self.messages)));
        }
        capture.add(ContentSide::Inputs, &content, &mut attributes);
        attributes
    }

    /// Starts a span of the call, below what is current.
    pub fn start<T: Tracer>(&self, tracer: &T, capture: &ContentCapture) -> T::Span {
        let builder = SpanBuilder::from_name(self.span_name())
            .with_kind(self.span_kind())
            .with_attributes(self.attributes(capture));
        tracer.build(builder)
    }
}
