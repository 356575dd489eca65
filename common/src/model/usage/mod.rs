//! What a call of a language model used up, in tokens and money.

mod provider;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The key under which metadata, or outputs, hold the usage of a run.
pub const USAGE_METADATA: &str = "usage_metadata";

/// What a call of a language model used up.
///
/// The fields are those of LangSmith's `usage_metadata`, which has the same shape for every provider.
/// LangSmith counts it on runs of type `llm` only, computes missing costs from its price list
/// (`ls_provider` and `ls_model_name`), and adds up the tree.
///
/// ```
/// use common::model::Usage;
///
/// let usage = Usage::tokens(1_200, 80).cache_read(1_000).reasoning(32).cost(0.0012, 0.0008);
/// assert_eq!(usage.total_tokens, 1_280);
/// assert_eq!(usage.total_cost, Some(0.002));
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// Tokens of the request, all kinds together.
    #[serde(default)]
    pub input_tokens: u64,
    /// Tokens of the answer, all kinds together.
    #[serde(default)]
    pub output_tokens: u64,
    /// Tokens in all.
    #[serde(default)]
    pub total_tokens: u64,
    /// Of the request's tokens, how many were of which kind: `cache_read`, `cache_creation`, `audio`, …
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub input_token_details: BTreeMap<String, u64>,
    /// Of the answer's tokens, how many were of which kind: `reasoning`, `audio`, …
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub output_token_details: BTreeMap<String, u64>,
    /// What the request cost, in US dollars; without it LangSmith computes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_cost: Option<f64>,
    /// What the answer cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_cost: Option<f64>,
    /// What the call cost in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_cost: Option<f64>,
    /// Of the request's cost, how much was for which kind of token.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub input_cost_details: BTreeMap<String, f64>,
    /// Of the answer's cost, how much was for which kind of token.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub output_cost_details: BTreeMap<String, f64>,
}

/// Why a JSON value is no usage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a usage_metadata: {0}")]
pub struct ParseUsageError(
    /// Which field is wrong, and how.
    String,
);

impl Usage {
    /// Counts the tokens of a request and of its answer.
    pub fn tokens(input: u64, output: u64) -> Self {
        Self {
            input_tokens: input,
            output_tokens: output,
            total_tokens: input.saturating_add(output),
            ..Self::default()
        }
    }

    /// Says how many of the request's tokens were read from a cache.
    #[must_use]
    pub fn cache_read(self, tokens: u64) -> Self {
        self.input_detail("cache_read", tokens)
    }

    /// Says how many of the request's tokens were written to a cache.
    #[must_use]
    pub fn cache_creation(self, tokens: u64) -> Self {
        self.input_detail("cache_creation", tokens)
    }

    /// Says how many of the answer's tokens were spent on reasoning.
    #[must_use]
    pub fn reasoning(self, tokens: u64) -> Self {
        self.output_detail("reasoning", tokens)
    }

    /// Says how many of the request's tokens were of a kind, such as `audio` or `image`.
    #[must_use]
    pub fn input_detail(mut self, kind: impl Into<String>, tokens: u64) -> Self {
        self.input_token_details.insert(kind.into(), tokens);
        self
    }

    /// Says how many of the answer's tokens were of a kind.
    #[must_use]
    pub fn output_detail(mut self, kind: impl Into<String>, tokens: u64) -> Self {
        self.output_token_details.insert(kind.into(), tokens);
        self
    }

    /// Says what request and answer cost, in US dollars.
    #[must_use]
    pub fn cost(mut self, input: f64, output: f64) -> Self {
        self.input_cost = Some(input);
        self.output_cost = Some(output);
        self.total_cost = Some(input + output);
        self
    }

    /// Reads a `usage_metadata` object.
    ///
    /// # Errors
    /// If it has a field that LangSmith does not know, or a value of the wrong kind: the Python SDK
    /// rejects unknown fields as well.
    pub fn parse(value: &Value) -> Result<Self, ParseUsageError> {
        Self::deserialize(value).map_err(|error| ParseUsageError(error.to_string()))
    }
}

impl From<Usage> for Value {
    fn from(usage: Usage) -> Self {
        // Plain numbers under text keys: writing them cannot fail.
        serde_json::to_value(usage).unwrap_or_default()
    }
}
