//! What a run tells of a model call: what it used, and the provider's id of the answer.
//!
//! ```text
//! Run ─┬─ usage: metadata, else outputs ─► Spend
//!      └─ id of the answer: metadata, else outputs ─► who else says the same
//! ```
//!
//! Start at [`spend_of`].

use serde_json::Value;

use super::Spend;
use crate::model::{JsonMap, Run, USAGE_METADATA, Usage};

/// Reads what a run says that it used: as [`Run::usage`] does, so that a run has one answer, and where that
/// finds nothing, in the forms of frameworks. The stand-in looks in the same places, in the same order.
pub(super) fn spend_of(run: &Run) -> Option<Spend> {
    if let Some(usage) = run.usage() {
        return Some(told(&usage));
    }
    let outputs = run.outputs.as_ref();
    let in_outputs = |key: &str| outputs.and_then(|outputs| outputs.get(key)?.as_object());
    let in_llm_output = || {
        let output = outputs?.get("llm_output")?;
        output.get("token_usage")?.as_object()
    };
    let in_metadata = run.extra.metadata.get(USAGE_METADATA);
    in_metadata
        .and_then(Value::as_object)
        .or_else(|| in_outputs(USAGE_METADATA))
        .or_else(|| in_outputs("usage"))
        .or_else(in_llm_output)
        .map(read)
}

fn told(usage: &Usage) -> Spend {
    let sum = usage.input_tokens.saturating_add(usage.output_tokens);
    // A usage without a total reads as one of zero.
    let total = Some(usage.total_tokens).filter(|total| *total > 0);
    let parts = [usage.input_cost, usage.output_cost];
    spend(
        (usage.input_tokens, usage.output_tokens),
        total.unwrap_or(sum),
        (usage.total_cost, parts),
    )
}

/// Reads a usage that does not keep to LangSmith's form: OpenAI's names, costs as decimal text, unknown
/// fields.
fn read(usage: &JsonMap) -> Spend {
    let count = |names: &[&str]| {
        let value = names.iter().find_map(|name| usage.get(*name));
        value.and_then(Value::as_u64)
    };
    let cost = |name: &str| match usage.get(name)? {
        Value::String(text) => text.parse().ok(),
        value => value.as_f64(),
    };
    let input = count(&["input_tokens", "prompt_tokens"]).unwrap_or(0);
    let output = count(&["output_tokens", "completion_tokens"]).unwrap_or(0);
    let total = count(&["total_tokens"]).unwrap_or_else(|| input.saturating_add(output));
    let parts = [cost("input_cost"), cost("output_cost")];
    spend((input, output), total, (cost("total_cost"), parts))
}

fn spend(
    (input, output): (u64, u64),
    total: u64,
    (cost, parts): (Option<f64>, [Option<f64>; 2]),
) -> Spend {
    let sum = parts.into_iter().flatten().reduce(|a, b| a + b);
    let cost = cost.or(sum).filter(|cost| cost.is_finite());
    Spend {
        calls: 1,
        input_tokens: input,
        output_tokens: output,
        total_tokens: total,
        cost,
        unpriced: usize::from(cost.is_none()),
    }
}

/// Returns the provider's id of an answer, from where wrappers and frameworks put it.
pub(super) fn response_id(run: &Run) -> Option<&str> {
    let metadata = &run.extra.metadata;
    let outputs = run.outputs.as_ref();
    let message = || {
        let generations = outputs?.get("generations")?;
        let first = generations.get(0)?;
        let first = first.get(0).unwrap_or(first);
        first.get("message")?.get("kwargs")
    };
    let told = metadata
        .get("gen_ai.response.id")
        .or_else(|| metadata.get("response_id"));
    let told = told
        .or_else(|| outputs?.get("id"))
        .or_else(|| message()?.get("response_metadata")?.get("id"))
        .or_else(|| message()?.get("id"));
    // LangChain makes up an id where the provider gave none.
    let is_given =
        |id: &&str| !id.is_empty() && !id.starts_with("lc_run-") && !id.starts_with("run-");
    told.and_then(Value::as_str).filter(is_given)
}
