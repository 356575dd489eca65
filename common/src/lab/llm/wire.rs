//! OpenAI's Chat Completions on the wire, in the shapes of its reference and of what the service sends.

use std::time::Duration;

use serde_json::{Value, json};

/// What the usage counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) prompt: u64,
    pub(super) completion: u64,
}

impl Counted {
    pub(super) fn json(self) -> Value {
        json!({
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 0, "audio_tokens": 0,
                "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
            },
        })
    }
}

/// What all chunks of an answer have in common.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) id: String,
    pub(super) created: i64,
    pub(super) model: String,
    pub(super) include_usage: bool,
}

impl Head {
    fn envelope(&self, object: &str) -> Value {
        json!({
            "id": self.id, "object": object, "created": self.created, "model": self.model,
            "service_tier": "default", "system_fingerprint": "fp_scripted",
        })
    }

    /// Writes a chunk. Where usage was asked for, every chunk but the last one has a null in its place.
    pub(super) fn chunk(&self, delta: &Value, finish: Option<&str>) -> Value {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish});
        let mut chunk = self.envelope("chat.completion.chunk");
        chunk["choices"] = json!([choice]);
        if self.include_usage {
            chunk["usage"] = Value::Null;
        }
        chunk
    }

    /// Writes the chunk that has the usage and no choice.
    pub(super) fn usage(&self, counted: Counted) -> Value {
        let mut chunk = self.envelope("chat.completion.chunk");
        chunk["choices"] = json!([]);
        chunk["usage"] = counted.json();
        chunk
    }

    /// Writes an answer that is not streamed.
    pub(super) fn whole(&self, message: &Value, finish: &str, counted: Counted) -> Value {
        let mut whole = self.envelope("chat.completion");
        whole["choices"] = json!([{
            "index": 0, "message": message, "logprobs": null, "finish_reason": finish,
        }]);
        whole["usage"] = counted.json();
        whole
    }
}

/// Names the pinned version of a model, as the service does in its answers.
pub(super) fn pinned(model: &str) -> String {
    match model {
        "gpt-4o-mini" => "gpt-4o-mini-2024-07-18".to_owned(),
        other => other.to_owned(),
    }
}

/// An error of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    kind: &'static str,
    message: String,
    param: Option<&'static str>,
    code: Option<&'static str>,
}

impl ApiError {
    fn invalid(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            retry_after: None,
            kind: "invalid_request_error",
            message: message.into(),
            param: None,
            code: None,
        }
    }

    pub(super) fn rate_limited(retry_after: Duration) -> Self {
        let message = format!(
            "Rate limit reached for gpt-4o-mini in organization org-scripted on requests per min (RPM): \
             Limit 3, Used 3, Requested 1. Please try again in {}ms.",
            retry_after.as_millis()
        );
        Self {
            retry_after: Some(retry_after),
            kind: "requests",
            code: Some("rate_limit_exceeded"),
            ..Self::invalid(429, message)
        }
    }

    pub(super) fn server_error() -> Self {
        let message = "The server had an error while processing your request. Sorry about that!";
        Self {
            kind: "server_error",
            ..Self::invalid(500, message)
        }
    }

    pub(super) fn no_key() -> Self {
        let message = "You didn't provide an API key. You need to provide your API key in an \
                       Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).";
        Self::invalid(401, message)
    }

    pub(super) fn no_such_model(model: &str) -> Self {
        let message =
            format!("The model `{model}` does not exist or you do not have access to it.");
        Self {
            code: Some("model_not_found"),
            ..Self::invalid(404, message)
        }
    }

    pub(super) fn no_such_address(method: &str, path: &str) -> Self {
        Self::invalid(404, format!("Invalid URL ({method} {path})"))
    }

    pub(super) fn no_json() -> Self {
        let message = "We could not parse the JSON body of your request. The OpenAI API expects a JSON \
                       payload, but what was sent was not valid JSON.";
        Self::invalid(400, message)
    }

    pub(super) fn no_model() -> Self {
        Self::invalid(400, "you must provide a model parameter")
    }

    pub(super) fn missing(param: &'static str) -> Self {
        Self {
            param: Some(param),
            code: Some("missing_required_parameter"),
            ..Self::invalid(400, format!("Missing required parameter: '{param}'."))
        }
    }

    pub(super) fn stream_options() -> Self {
        let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        Self {
            param: Some("stream_options"),
            ..Self::invalid(400, message)
        }
    }

    pub(super) fn json(&self) -> Value {
        json!({"error": {
            "message": self.message, "type": self.kind, "param": self.param, "code": self.code,
        }})
    }
}
