//! A request to the scripted model, read as far as the answer depends on it.

use serde_json::Value;

use super::tokens;
use super::wire::ApiError;

/// What was asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Request {
    pub(super) model: String,
    /// The text of the last message of the user.
    pub(super) prompt: String,
    pub(super) stream: bool,
    pub(super) include_usage: bool,
    pub(super) most_tokens: Option<usize>,
    pub(super) tools: Vec<String>,
    /// The tokens of all messages.
    pub(super) prompt_tokens: u64,
}

impl Request {
    /// Reads a body, and refuses what the API refuses.
    pub(super) fn read(body: &Value) -> Result<Self, ApiError> {
        let model = body["model"].as_str().ok_or_else(ApiError::no_model)?;
        let messages = body["messages"].as_array();
        let messages = messages.ok_or_else(|| ApiError::missing("messages"))?;
        let stream = body["stream"] == true;
        if !stream && !body["stream_options"].is_null() {
            return Err(ApiError::stream_options());
        }
        let of_user = messages
            .iter()
            .rev()
            .find(|message| message["role"] == "user");
        let limit = [&body["max_completion_tokens"], &body["max_tokens"]];
        let tools = body["tools"].as_array().into_iter().flatten();
        Ok(Self {
            model: model.to_owned(),
            prompt: of_user.map(text_of).unwrap_or_default(),
            stream,
            include_usage: body["stream_options"]["include_usage"] == true,
            most_tokens: limit
                .iter()
                .find_map(|limit| usize::try_from(limit.as_u64()?).ok()),
            tools: tools
                .filter_map(|tool| Some(tool["function"]["name"].as_str()?.to_owned()))
                .collect(),
            prompt_tokens: prompt_tokens(messages),
        })
    }
}

/// Returns a message's text, also where it is given in parts.
fn text_of(message: &Value) -> String {
    match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect(),
        _ => String::new(),
    }
}

/// Counts as OpenAI's cookbook does: three tokens around each message, three before the answer.
fn prompt_tokens(messages: &[Value]) -> u64 {
    let message = |message| 3 + tokens::count(&text_of(message));
    messages.iter().map(message).sum::<u64>() + 3
}
