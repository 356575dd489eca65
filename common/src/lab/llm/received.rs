//! What the scripted model was asked, and how that ended.

use serde_json::Value;

/// One request to the scripted model.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LlmRequest {
    /// Which model was asked for.
    pub model: String,
    /// The last message of the user.
    pub prompt: String,
    /// How often the same prompt had been asked before.
    pub before: usize,
    /// Whether the answer was to be streamed.
    pub stream: bool,
    /// Whether the usage of a streamed answer was asked for.
    pub include_usage: bool,
    /// The names of the tools that were offered.
    pub tools: Vec<String>,
    /// The tracing headers that came along. No other header is kept: one of them is the key.
    pub headers: Vec<(String, String)>,
    /// The body as it came.
    pub body: Value,
    /// How many tokens were sent.
    pub sent: usize,
    /// How it ended.
    pub outcome: Outcome,
}

/// How an answer of the scripted model ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It has not: tokens are still to come.
    Answering,
    /// With its last byte.
    Answered,
    /// With an error of this status, in place of an answer.
    Failed(u16),
    /// The model broke it off, as its script says.
    BrokenOff,
    /// The caller left before the last byte.
    CallerLeft,
}
