//! The chunks of OpenAI's chat completions, added up to the answer that would have come at once.

use std::any::Any;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::budget::{Budget, CAPTURE_BYTES};
use super::reduce::Reduce;
use crate::model::{JsonMap, USAGE_METADATA, Usage};
use crate::trace::builder::serialized;

/// Adds up the chunks of a streamed chat completion, as the Python SDK 0.15 does for OpenAI's client: the
/// text joined, tool calls put together from their pieces, the usage from the last chunk.
///
/// It takes the provider's JSON, or a type of a client crate that serializes to it. OpenAI reports the
/// usage of a stream only when asked by `stream_options: {"include_usage": true}`. Unlike Python's, it joins
/// refusals too, and says nothing of a usage that did not come. A stream that is dropped when all choices
/// have their `finish_reason` was not broken off. Of texts and arguments it keeps [`CAPTURE_BYTES`].
///
/// ```
/// use std::convert::Infallible;
/// use std::sync::Arc;
/// use common::trace::{MemorySink, OpenAi, OpenAiChat, TraceStreamExt as _, Tracer};
/// use futures_util::{FutureExt as _, StreamExt as _, stream};
/// use serde_json::json;
///
/// let sink = Arc::new(MemorySink::new());
/// let tracer = Tracer::builder(sink.clone()).build();
/// let request = json!({"model": "gpt-4o-mini", "stream": true, "messages": []});
/// let run = tracer.run("chat").llm_request(&OpenAi, &request);
/// let delta = |text| json!({"choices": [{"index": 0, "delta": {"content": text}}]});
/// let usage = json!({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}});
/// let chunks = [delta("Be"), delta("cause."), usage].map(Ok::<_, Infallible>);
///
/// let chunks = stream::iter(chunks).traced_by(run, OpenAiChat::new());
/// assert_eq!(chunks.count().now_or_never(), Some(3));
/// let run = &sink.runs()[0];
/// let answer = run.outputs.as_ref().unwrap();
/// assert_eq!(answer["choices"][0]["message"]["content"], "Because.");
/// assert_eq!(run.usage().unwrap().total_tokens, 11);
/// ```
#[derive(Debug, Clone)]
pub struct OpenAiChat {
    // What the last chunk says beside its choices.
    envelope: JsonMap,
    choices: BTreeMap<u64, Choice>,
    usage: Option<Usage>,
    budget: Budget,
}

#[derive(Debug, Clone, Default)]
struct Choice {
    role: Option<String>,
    content: String,
    refusal: Option<String>,
    function_call: Option<Function>,
    tool_calls: BTreeMap<u64, ToolCall>,
    finish_reason: Option<String>,
}

#[derive(Debug, Clone, Default)]
struct ToolCall {
    id: Option<String>,
    kind: Option<String>,
    function: Function,
}

#[derive(Debug, Clone, Default)]
struct Function {
    name: String,
    arguments: String,
}

/// More choices, calls or fields than any model gives are of no use to anybody.
const MOST: usize = 128;

impl OpenAiChat {
    /// Makes a reducer that has seen no chunk.
    pub fn new() -> Self {
        Self::keep(CAPTURE_BYTES)
    }

    /// Makes a reducer that keeps so many bytes of texts and arguments.
    pub fn keep(bytes: usize) -> Self {
        Self {
            envelope: JsonMap::new(),
            choices: BTreeMap::new(),
            usage: None,
            budget: Budget::new(bytes),
        }
    }

    fn take_value(&mut self, chunk: &Value) {
        let Value::Object(fields) = chunk else { return };
        if let Some(usage) = Usage::from_openai(chunk) {
            self.usage = Some(usage);
        }
        let said = |(key, _): &(&String, &Value)| !matches!(key.as_str(), "choices" | "usage");
        // As a rule it says the same as the one before, and then nothing is copied.
        for (key, value) in fields.iter().filter(said) {
            let known = self.envelope.get(key);
            let has_room = known.is_some() || self.envelope.len() < MOST;
            if known != Some(value) && has_room {
                self.envelope.insert(key.clone(), value.clone());
            }
        }
        for choice in list(chunk, "choices") {
            let index = choice.get("index").and_then(Value::as_u64).unwrap_or(0);
            if self.choices.len() < MOST || self.choices.contains_key(&index) {
                let known = self.choices.entry(index).or_default();
                known.take(choice, &mut self.budget);
            }
        }
    }
}

impl Default for OpenAiChat {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Serialize + 'static> Reduce<T> for OpenAiChat {
    fn take(&mut self, chunk: &T) {
        match (chunk as &dyn Any).downcast_ref::<Value>() {
            Some(chunk) => self.take_value(chunk),
            None => self.take_value(&serialized(chunk)),
        }
    }

    fn outputs(&self) -> Value {
        let mut answer = self.envelope.clone();
        let choices = self.choices.iter().map(|(index, it)| it.answer(*index));
        let mut choices: Vec<Value> = choices.collect();
        if choices.is_empty() {
            choices.push(json!({ "message": { "role": "assistant", "content": "" } }));
        }
        answer.insert("choices".to_owned(), choices.into());
        if let Some(usage) = &self.usage {
            answer.insert(USAGE_METADATA.to_owned(), usage.clone().into());
        }
        if let Some(marker) = self.budget.marker() {
            answer.insert("ls_left_out".to_owned(), marker.into());
        }
        answer.into()
    }

    fn usage(&self) -> Option<Usage> {
        self.usage.clone()
    }

    fn is_whole(&self) -> bool {
        let mut choices = self.choices.values();
        !self.choices.is_empty() && choices.all(|choice| choice.finish_reason.is_some())
    }
}

impl Choice {
    fn take(&mut self, choice: &Value, budget: &mut Budget) {
        if let Some(reason) = text(choice, "finish_reason") {
            self.finish_reason = Some(reason.to_owned());
        }
        let Some(delta) = choice.get("delta") else {
            return;
        };
        if let Some(role) = text(delta, "role").filter(|role| self.role.as_deref() != Some(role)) {
            self.role = Some(role.to_owned());
        }
        if let Some(content) = text(delta, "content") {
            budget.push(&mut self.content, content);
        }
        if let Some(refusal) = text(delta, "refusal") {
            budget.push(self.refusal.get_or_insert_default(), refusal);
        }
        if let Some(call) = delta.get("function_call").filter(|call| call.is_object()) {
            self.function_call
                .get_or_insert_default()
                .take(call, budget);
        }
        for piece in list(delta, "tool_calls") {
            let index = piece.get("index").and_then(Value::as_u64).unwrap_or(0);
            if self.tool_calls.len() < MOST || self.tool_calls.contains_key(&index) {
                self.tool_calls
                    .entry(index)
                    .or_default()
                    .take(piece, budget);
            }
        }
    }

    fn answer(&self, index: u64) -> Value {
        let role = self.role.as_deref().unwrap_or("assistant");
        let mut message = json!({ "role": role, "content": self.content });
        if let Some(refusal) = &self.refusal {
            message["refusal"] = refusal.as_str().into();
        }
        if let Some(call) = &self.function_call {
            message["function_call"] = call.answer();
        }
        if !self.tool_calls.is_empty() {
            let calls = self.tool_calls.iter().map(|(index, call)| {
                json!({
                    "index": index,
                    "id": call.id,
                    "type": call.kind,
                    "function": call.function.answer(),
                })
            });
            message["tool_calls"] = calls.collect();
        }
        json!({ "index": index, "finish_reason": self.finish_reason, "message": message })
    }
}

impl ToolCall {
    fn take(&mut self, piece: &Value, budget: &mut Budget) {
        let first = |known: &mut Option<String>, key| {
            if known.is_none() {
                *known = text(piece, key).map(str::to_owned);
            }
        };
        first(&mut self.id, "id");
        first(&mut self.kind, "type");
        if let Some(function) = piece.get("function") {
            self.function.take(function, budget);
        }
    }
}

impl Function {
    fn take(&mut self, piece: &Value, budget: &mut Budget) {
        if let Some(name) = text(piece, "name") {
            budget.push(&mut self.name, name);
        }
        if let Some(arguments) = text(piece, "arguments") {
            budget.push(&mut self.arguments, arguments);
        }
    }

    fn answer(&self) -> Value {
        json!({ "name": self.name, "arguments": self.arguments })
    }
}

/// Returns a text that is not empty.
fn text<'a>(of: &'a Value, key: &str) -> Option<&'a str> {
    of.get(key)?.as_str().filter(|text| !text.is_empty())
}

fn list<'a>(of: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    of.get(key).and_then(Value::as_array).into_iter().flatten()
}
