//! What the scripted model says, and how it ends.

use std::time::Duration;

use serde_json::Value;

use super::wire::ApiError;

/// An answer of the scripted model.
///
/// ```
/// use std::time::Duration;
/// use common::lab::llm::Answer;
/// use serde_json::json;
///
/// let plain = Answer::text("The header is langsmith-trace.");
/// let calls = Answer::tool_call("search_docs", json!({"query": "header"}))
///     .and_tool_call("search_docs", json!({"query": "baggage"}));
/// let broken = Answer::text("This sentence is never").cut_after(2);
/// let busy = Answer::rate_limited(Duration::from_secs(20));
/// # let _ = (plain, calls, broken, busy);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub(super) says: Says,
    pub(super) end: End,
    pub(super) finish: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Says {
    Text(String),
    Refusal(String),
    /// Name and arguments of each call.
    Calls(Vec<(String, Value)>),
    Error(ApiError),
}

/// How an answer ends; the number is that of tokens before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Whole,
    Cut(usize),
    Stall(usize),
    Fail(usize),
    Short(usize),
}

impl Answer {
    fn new(says: Says) -> Self {
        Self {
            says,
            end: End::Whole,
            finish: None,
        }
    }

    /// Says a text; the finish reason is `stop`.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(Says::Text(text.into()))
    }

    /// Wants a tool to be called; the finish reason is `tool_calls`. Streamed, the arguments come in pieces that
    /// are no JSON by themselves.
    pub fn tool_call(name: impl Into<String>, arguments: Value) -> Self {
        Self::new(Says::Calls(vec![(name.into(), arguments)]))
    }

    /// Wants another tool to be called beside those named so far. A text before it is not said.
    #[must_use]
    pub fn and_tool_call(mut self, name: impl Into<String>, arguments: Value) -> Self {
        let call = (name.into(), arguments);
        match &mut self.says {
            Says::Calls(calls) => calls.push(call),
            other => *other = Says::Calls(vec![call]),
        }
        self
    }

    /// Declines, in the field `refusal` that the API has for it; the content is null.
    pub fn refusal(text: impl Into<String>) -> Self {
        Self::new(Says::Refusal(text.into()))
    }

    /// Answers 429 with `Retry-After` (in whole seconds, rounded up) and `retry-after-ms`.
    pub fn rate_limited(retry_after: Duration) -> Self {
        Self::new(Says::Error(ApiError::rate_limited(retry_after)))
    }

    /// Answers 500, as the API does on a bad day.
    pub fn server_error() -> Self {
        Self::new(Says::Error(ApiError::server_error()))
    }

    /// Breaks the connection after so many tokens: no finish reason, no usage, no `[DONE]`.
    ///
    /// An answer that is not streamed breaks in the middle of its JSON.
    #[must_use]
    pub fn cut_after(mut self, tokens: usize) -> Self {
        self.end = End::Cut(tokens);
        self
    }

    /// Ends the stream in an orderly way after so many tokens, but without finish reason and `[DONE]`, as a
    /// gateway with a time limit does.
    #[must_use]
    pub fn ends_short_after(mut self, tokens: usize) -> Self {
        self.end = End::Short(tokens);
        self
    }

    /// Says nothing more after so many tokens, and keeps the connection open until the caller leaves.
    #[must_use]
    pub fn stalls_after(mut self, tokens: usize) -> Self {
        self.end = End::Stall(tokens);
        self
    }

    /// Sends an error event after so many tokens: the status was 200 long before.
    #[must_use]
    pub fn fails_after(mut self, tokens: usize) -> Self {
        self.end = End::Fail(tokens);
        self
    }

    /// Sets the finish reason, such as `content_filter`, in place of the one that belongs to the answer.
    #[must_use]
    pub fn finish_reason(mut self, reason: impl Into<String>) -> Self {
        self.finish = Some(reason.into());
        self
    }

    /// Returns the finish reason of an answer that ends by itself.
    pub(super) fn reason(&self, cut_by_limit: bool) -> &str {
        match (&self.finish, &self.says) {
            (Some(reason), _) => reason,
            _ if cut_by_limit => "length",
            (None, Says::Calls(_)) => "tool_calls",
            (None, _) => "stop",
        }
    }
}
