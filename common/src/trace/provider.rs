//! Calls of language models, read as LangSmith shows them.

use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};

use super::builder::{RunBuilder, serialized};
use super::run_tree::RunTree;
use crate::model::{RunType, USAGE_METADATA, Usage};

/// How the requests and answers of one provider of language models read.
///
/// Implemented for the JSON of [`OpenAi`], [`Anthropic`] and [`Gemini`]; a program with another
/// provider, or a client crate whose types are not the provider's JSON, implements it itself.
pub trait Provider {
    /// Returns the provider's name in LangSmith's price list: `ls_provider`.
    fn name(&self) -> &str;

    /// Returns the model that a request asks for: `ls_model_name`.
    fn model<'a>(&self, request: &'a Value) -> Option<&'a str> {
        request.get("model").and_then(Value::as_str)
    }

    /// Returns the usage that an answer reports.
    fn usage(&self, answer: &Value) -> Option<Usage>;
}

/// OpenAI and what speaks like it: Chat Completions and Responses.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenAi;

impl Provider for OpenAi {
    fn name(&self) -> &str {
        "openai"
    }

    fn usage(&self, answer: &Value) -> Option<Usage> {
        Usage::from_openai(answer)
    }
}

/// Anthropic: Messages.
#[derive(Debug, Clone, Copy, Default)]
pub struct Anthropic;

impl Provider for Anthropic {
    fn name(&self) -> &str {
        "anthropic"
    }

    fn usage(&self, answer: &Value) -> Option<Usage> {
        Usage::from_anthropic(answer)
    }
}

/// Google's Gemini: `generateContent`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gemini;

impl Provider for Gemini {
    fn name(&self) -> &str {
        "google"
    }

    fn usage(&self, answer: &Value) -> Option<Usage> {
        Usage::from_gemini(answer)
    }
}

/// Settings of a request that LangSmith has a key of its own for, by their names in the wild.
const SETTINGS: [(&str, &[&str]); 3] = [
    ("ls_temperature", &["temperature"]),
    (
        "ls_max_tokens",
        &["max_tokens", "max_completion_tokens", "max_output_tokens"],
    ),
    ("ls_stop", &["stop", "stop_sequences"]),
];

/// Other settings, which go to `ls_invocation_params`. What a user wrote is never among them.
const PARAMS: [&str; 8] = [
    "top_p",
    "top_k",
    "seed",
    "n",
    "frequency_penalty",
    "presence_penalty",
    "reasoning_effort",
    "service_tier",
];

impl RunBuilder {
    /// Makes the run a call of a language model: type, inputs, and the `ls_…` metadata that LangSmith
    /// prices and filters by are read from the request.
    ///
    /// The request is the provider's JSON, or a type of a client crate that serializes to it. One that
    /// cannot be written as JSON leaves a marker in its place.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use common::trace::{MemorySink, OpenAi, Tracer};
    /// use serde_json::json;
    ///
    /// let sink = Arc::new(MemorySink::new());
    /// let tracer = Tracer::builder(sink.clone()).build();
    /// let request = json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Why?"}]});
    /// let run = tracer.run("chat").llm_request(&OpenAi, &request).start();
    /// // … send it, with whatever client …
    /// let answer = json!({"choices": [{"message": {"role": "assistant", "content": "Because."}}],
    ///     "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}});
    /// run.end_with_answer(&OpenAi, &answer);
    ///
    /// let run = &sink.runs()[0];
    /// assert_eq!(run.extra.metadata["ls_model_name"], "gpt-4o-mini");
    /// assert_eq!(run.usage().unwrap().total_tokens, 11);
    /// ```
    pub fn llm_request(self, provider: &impl Provider, request: &impl Serialize) -> Self {
        let request = serialized(request);
        let mut builder = self
            .run_type(RunType::Llm)
            .metadata("ls_provider", provider.name())
            .metadata("ls_model_type", "chat");
        if let Some(model) = provider.model(&request) {
            builder = builder.metadata("ls_model_name", model);
        }
        for (key, names) in SETTINGS {
            let given = names.iter().find_map(|name| request.get(name));
            if let Some(value) = given.filter(|value| !value.is_null()) {
                let listed = key == "ls_stop" && value.is_string();
                let value = if listed {
                    json!([value])
                } else {
                    value.clone()
                };
                builder = builder.metadata(key, value);
            }
        }
        let given = |name: &&str| Some(((*name).to_owned(), request.get(name)?.clone()));
        let params: crate::model::JsonMap = PARAMS.iter().filter_map(given).collect();
        if !params.is_empty() {
            builder = builder.metadata("ls_invocation_params", params);
        }
        builder.inputs(request)
    }
}

impl RunTree {
    /// Ends a call of a language model with the provider's answer, and its usage.
    ///
    /// In place of an answer that cannot be written as JSON stands a marker.
    pub fn end_with_answer(&self, provider: &impl Provider, answer: &impl Serialize) {
        if !self.is_recording() {
            return;
        }
        let mut answer = serialized(answer);
        if let Some(usage) = provider.usage(&answer) {
            if let Value::Object(answer) = &mut answer {
                answer.insert(USAGE_METADATA.to_owned(), usage.clone().into());
            }
            self.set_usage(usage);
        }
        self.end_with(answer);
    }

    /// Ends the run with an error and the errors that caused it, one a line.
    pub fn fail_with(&self, error: &(dyn std::error::Error + '_)) {
        self.fail(Chain(error));
    }
}

/// Writes an error and its causes.
struct Chain<'a>(&'a (dyn std::error::Error + 'a));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, "\ncaused by: {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
