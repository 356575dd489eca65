//! Many runs in a few figures.

use chrono::TimeDelta;

use super::fields::Fields;
use crate::model::{JsonMap, Timestamp};

/// What LangSmith counts and sums up over runs. A figure that it did not give is none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunStats {
    /// How many runs.
    pub run_count: Option<u64>,
    /// The middle of their latencies.
    pub latency_p50: Option<TimeDelta>,
    /// The latency that one in a hundred exceeds.
    pub latency_p99: Option<TimeDelta>,
    /// The middle of their times to the first token.
    pub first_token_p50: Option<TimeDelta>,
    /// The time to the first token that one in a hundred exceeds.
    pub first_token_p99: Option<TimeDelta>,
    /// Tokens in all.
    pub total_tokens: Option<u64>,
    /// Tokens of the prompts.
    pub prompt_tokens: Option<u64>,
    /// Tokens of the completions.
    pub completion_tokens: Option<u64>,
    /// Cost in all, in US dollars.
    pub total_cost: Option<f64>,
    /// Cost of the prompts.
    pub prompt_cost: Option<f64>,
    /// Cost of the completions.
    pub completion_cost: Option<f64>,
    /// The share that failed, 0 to 1.
    pub error_rate: Option<f64>,
    /// The share that streamed, 0 to 1.
    pub streaming_rate: Option<f64>,
    /// When the last one started.
    pub last_run_start_time: Option<Timestamp>,
    /// What was said of them, by key: counts and averages.
    pub feedback_stats: Option<JsonMap>,
}

impl RunStats {
    /// Takes the figures out of an answer.
    pub(super) fn take(fields: &mut Fields) -> Self {
        Self {
            run_count: fields.whole("run_count"),
            latency_p50: fields.seconds("latency_p50"),
            latency_p99: fields.seconds("latency_p99"),
            first_token_p50: fields.seconds("first_token_p50"),
            first_token_p99: fields.seconds("first_token_p99"),
            total_tokens: fields.whole("total_tokens"),
            prompt_tokens: fields.whole("prompt_tokens"),
            completion_tokens: fields.whole("completion_tokens"),
            total_cost: fields.number("total_cost"),
            prompt_cost: fields.number("prompt_cost"),
            completion_cost: fields.number("completion_cost"),
            error_rate: fields.number("error_rate"),
            streaming_rate: fields.number("streaming_rate"),
            last_run_start_time: fields.time("last_run_start_time"),
            feedback_stats: fields.object("feedback_stats"),
        }
    }

    pub(super) fn read(fields: JsonMap) -> Self {
        Self::take(&mut Fields(fields))
    }
}
