//! Tokens and costs, read where SDKs put them and added up.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::langsmith_mock::merge::StoredRun;
use crate::model::JsonMap;

/// What model calls used.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in crate::langsmith_mock) struct Tally {
    pub(in crate::langsmith_mock) prompt_tokens: u64,
    pub(in crate::langsmith_mock) completion_tokens: u64,
    pub(in crate::langsmith_mock) total_tokens: u64,
    pub(super) prompt_token_details: BTreeMap<String, u64>,
    pub(super) completion_token_details: BTreeMap<String, u64>,
    pub(in crate::langsmith_mock) prompt_cost: Option<f64>,
    pub(in crate::langsmith_mock) completion_cost: Option<f64>,
    pub(in crate::langsmith_mock) total_cost: Option<f64>,
    pub(super) prompt_cost_details: BTreeMap<String, f64>,
    pub(super) completion_cost_details: BTreeMap<String, f64>,
}

impl Tally {
    /// Reads what one run says it used: `usage_metadata` in its metadata, else in its outputs, as
    /// [`Run::usage`](crate::model::Run::usage) does; else the usage within an answer in OpenAI's form.
    pub(super) fn of(run: &StoredRun) -> Option<Self> {
        let outputs = run.field("outputs");
        let in_outputs = |key: &str| outputs.and_then(|outputs| outputs.get(key)?.as_object());
        run.metadata("usage_metadata")
            .and_then(Value::as_object)
            .or_else(|| in_outputs("usage_metadata"))
            .map(Self::read)
            .or_else(|| {
                let usage = in_outputs("usage").or_else(|| {
                    let output = outputs?.get("llm_output")?;
                    output.get("token_usage")?.as_object()
                })?;
                Some(Self::read(usage))
            })
    }

    fn read(usage: &JsonMap) -> Self {
        let count = |names: [&str; 2]| {
            let value = names.into_iter().find_map(|name| usage.get(name));
            value.and_then(Value::as_u64)
        };
        let cost = |name: &str| usage.get(name).and_then(number);
        let prompt = count(["input_tokens", "prompt_tokens"]).unwrap_or(0);
        let completion = count(["output_tokens", "completion_tokens"]).unwrap_or(0);
        let (prompt_cost, completion_cost) = (cost("input_cost"), cost("output_cost"));
        let parts = [prompt_cost, completion_cost].into_iter().flatten();
        let sum = parts.reduce(|a, b| a + b);
        Self {
            prompt_tokens: prompt,
            completion_tokens: completion,
            total_tokens: count(["total_tokens", "total_tokens"])
                .unwrap_or_else(|| prompt.saturating_add(completion)),
            prompt_token_details: details(usage, "input_token_details", Value::as_u64),
            completion_token_details: details(usage, "output_token_details", Value::as_u64),
            prompt_cost,
            completion_cost,
            total_cost: cost("total_cost").or(sum),
            prompt_cost_details: details(usage, "input_cost_details", number),
            completion_cost_details: details(usage, "output_cost_details", number),
        }
    }

    pub(super) fn has_tokens_of(&self, other: &Self) -> bool {
        let tokens = |tally: &Self| {
            let Self {
                prompt_tokens,
                completion_tokens,
                total_tokens,
                ..
            } = tally;
            (*prompt_tokens, *completion_tokens, *total_tokens)
        };
        tokens(self) == tokens(other)
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (sum, more) in [
            (&mut self.prompt_tokens, other.prompt_tokens),
            (&mut self.completion_tokens, other.completion_tokens),
            (&mut self.total_tokens, other.total_tokens),
        ] {
            *sum = sum.saturating_add(more);
        }
        for (sums, more) in [
            (&mut self.prompt_token_details, &other.prompt_token_details),
            (
                &mut self.completion_token_details,
                &other.completion_token_details,
            ),
        ] {
            for (name, more) in more {
                let sum = sums.entry(name.clone()).or_default();
                *sum = sum.saturating_add(*more);
            }
        }
        for (sum, more) in [
            (&mut self.prompt_cost, other.prompt_cost),
            (&mut self.completion_cost, other.completion_cost),
            (&mut self.total_cost, other.total_cost),
        ] {
            *sum = match (*sum, more) {
                (Some(a), Some(b)) => Some(a + b),
                (a, b) => a.or(b),
            };
        }
        for (sums, more) in [
            (&mut self.prompt_cost_details, &other.prompt_cost_details),
            (
                &mut self.completion_cost_details,
                &other.completion_cost_details,
            ),
        ] {
            for (name, more) in more {
                *sums.entry(name.clone()).or_default() += more;
            }
        }
    }
}

/// Costs come as numbers and as decimal text.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_f64(),
    }
}

fn details<T>(
    usage: &JsonMap,
    key: &str,
    read: impl Fn(&Value) -> Option<T>,
) -> BTreeMap<String, T> {
    let given = usage.get(key).and_then(Value::as_object);
    given
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), read(value)?)))
        .collect()
}
