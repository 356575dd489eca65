//! Messages, in the JSON of the conventions and in that of LangSmith.

use serde_json::{Value, json};

/// One message to or from a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Who speaks: `system`, `user`, `assistant`, `tool`.
    pub role: String,
    /// What is said, in order.
    pub parts: Vec<Part>,
    /// Why it ended; of answers only.
    pub finish_reason: Option<String>,
}

/// A part of a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Words.
    Text(String),
    /// A model wants a tool to be called.
    ToolCall {
        /// The id of the call.
        id: String,
        /// The tool.
        name: String,
        /// What it is given.
        arguments: Value,
    },
    /// What a tool said.
    ToolCallResponse {
        /// The id of the call.
        id: String,
        /// What came back.
        result: Value,
    },
}

impl Message {
    /// Makes a message of words.
    pub fn text(role: impl Into<String>, words: impl Into<String>) -> Self {
        Self {
            role: role.into(),
            parts: vec![Part::Text(words.into())],
            finish_reason: None,
        }
    }

    /// Adds a part.
    #[must_use]
    pub fn part(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }

    /// Says why the message ended, such as `stop`.
    #[must_use]
    pub fn finish_reason(mut self, reason: impl Into<String>) -> Self {
        self.finish_reason = Some(reason.into());
        self
    }

    /// Returns the message as the conventions have it.
    fn conventional(&self) -> Value {
        let part = |part: &Part| match part {
            Part::Text(text) => json!({ "type": "text", "content": text }),
            Part::ToolCall {
                id,
                name,
                arguments,
            } => json!({ "type": "tool_call", "id": id, "name": name, "arguments": arguments }),
            Part::ToolCallResponse { id, result } => {
                json!({ "type": "tool_call_response", "id": id, "result": result })
            }
        };
        let parts: Vec<Value> = self.parts.iter().map(part).collect();
        let mut message = json!({ "role": self.role, "parts": parts });
        if let Some(reason) = &self.finish_reason {
            message["finish_reason"] = json!(reason);
        }
        message
    }

    /// Returns the message as LangSmith shows it: words under `content`, calls beside them.
    fn of_langsmith(&self) -> Value {
        let mut message = json!({ "role": self.role });
        let mut words: Vec<&str> = Vec::new();
        let mut calls: Vec<Value> = Vec::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => words.push(text),
                Part::ToolCall {
                    id,
                    name,
                    arguments,
                } => calls.push(json!({
                    "id": id,
                    "type": "function",
                    "function": { "name": name, "arguments": arguments.to_string() },
                })),
                Part::ToolCallResponse { id, result } => {
                    message["tool_call_id"] = json!(id);
                    message["content"] = match result {
                        Value::String(text) => json!(text),
                        other => json!(other.to_string()),
                    };
                }
            }
        }
        if !words.is_empty() {
            message["content"] = json!(words.join("\n"));
        }
        if !calls.is_empty() {
            message["tool_calls"] = Value::Array(calls);
        }
        message
    }
}

/// Returns messages as the text of `gen_ai.input.messages` or `gen_ai.output.messages`.
pub(super) fn conventional(messages: &[Message]) -> String {
    let all = messages.iter().map(Message::conventional);
    Value::Array(all.collect()).to_string()
}

/// Returns messages as the text of `gen_ai.prompt` or `gen_ai.completion`: an object, which LangSmith
/// takes as it is.
pub(super) fn of_langsmith(messages: &[Message]) -> String {
    let all: Vec<Value> = messages.iter().map(Message::of_langsmith).collect();
    json!({ "messages": all }).to_string()
}
