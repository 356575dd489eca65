//! The model calls of a capture, each once.
//!
//! ```text
//! llm runs ─┬─ of two in one another, the inner one ──┐
//!           ├─ of two with one response id, the first ├─► Calls::counted
//!           └─ all others ────────────────────────────┘   the rest: Calls::doubled
//! ```
//!
//! Start at [`Calls::of`].

use std::collections::HashMap;

use serde_json::Value;

use super::{Doubled, DoubledBy, Spend};
use crate::model::{JsonMap, Run, RunType, TraceId, TraceTree, USAGE_METADATA};

/// A model call that counts.
#[derive(Debug, Clone)]
pub(in crate::analysis) struct Call {
    /// Position of its run in [`TraceTree::nodes`].
    pub(in crate::analysis) at: usize,
    pub(in crate::analysis) spend: Spend,
}

/// What models used, and which runs say it twice.
#[derive(Debug, Default)]
pub(in crate::analysis) struct Calls {
    pub(in crate::analysis) counted: Vec<Call>,
    pub(super) doubled: Vec<Doubled>,
    /// The sum over all `llm` runs.
    pub(super) sum: Spend,
    /// Runs of other types that carry a usage; it counts nowhere.
    pub(super) echoes: usize,
}

impl Calls {
    pub(in crate::analysis) fn of(tree: &TraceTree) -> Self {
        let nodes = tree.nodes();
        let mut found = Self::default();
        let mut own: HashMap<usize, Spend> = HashMap::new();
        // For each run the innermost call above it, and for each call the calls directly below it.
        let mut above: Vec<Option<usize>> = vec![None; nodes.len()];
        let mut inner: HashMap<usize, Vec<usize>> = HashMap::new();
        let mut calls = Vec::new();
        for at in tree.walk() {
            let run = &nodes[at].run;
            let parent = nodes[at].parent;
            let outer = parent.and_then(|parent| match own.contains_key(&parent) {
                true => Some(parent),
                false => above[parent],
            });
            above[at] = outer;
            let Some(spend) = spend_of(run) else { continue };
            if run.run_type != RunType::Llm {
                found.echoes += 1;
                continue;
            }
            found.sum.add(&spend);
            own.insert(at, spend);
            calls.push(at);
            if let Some(outer) = outer {
                inner.entry(outer).or_default().push(at);
            }
        }
        let mut by_response: HashMap<(TraceId, &str), Vec<usize>> = HashMap::new();
        for at in calls {
            let (run, spend) = (&nodes[at].run, &own[&at]);
            let mut doubled = |counted: usize, evidence| {
                found.doubled.push(Doubled {
                    counted: nodes[counted].run.id,
                    counted_name: nodes[counted].run.name.clone(),
                    repeat: run.id,
                    repeat_name: run.name.clone(),
                    evidence,
                    spend: spend.clone(),
                });
            };
            if let Some(below) = inner.get(&at) {
                let mut sum = Spend::default();
                below.iter().for_each(|call| sum.add(&own[call]));
                let id = response_id(run);
                let same_id = |call: &&usize| id.is_some() && response_id(&nodes[**call].run) == id;
                let evidence = match (below.iter().find(same_id), id) {
                    (Some(_), Some(id)) => DoubledBy::ResponseId(id.to_owned()),
                    _ if sum.has_tokens_of(spend) => DoubledBy::SameUsage,
                    _ => DoubledBy::Nesting,
                };
                let mut counted = below[0];
                while let Some(further) = inner.get(&counted) {
                    counted = further[0];
                }
                doubled(counted, evidence);
                continue;
            }
            if let Some(id) = response_id(run) {
                let same = by_response.entry((run.trace_id, id)).or_default();
                // One after the other are two calls, whatever their ids say.
                let earlier = same.iter().find(|call| overlap(&nodes[**call].run, run));
                if let Some(earlier) = earlier {
                    doubled(*earlier, DoubledBy::ResponseId(id.to_owned()));
                    continue;
                }
                same.push(at);
            }
            let spend = spend.clone();
            found.counted.push(Call { at, spend });
        }
        found
    }
}

fn overlap(a: &Run, b: &Run) -> bool {
    let before = |a: &Run, b: &Run| a.end_time.is_some_and(|end| end <= b.start_time);
    !before(a, b) && !before(b, a)
}

/// Reads what a run says that it used, from the places and in the order in which the stand-in does.
fn spend_of(run: &Run) -> Option<Spend> {
    let outputs = run.outputs.as_ref();
    let in_outputs = |key: &str| outputs.and_then(|outputs| outputs.get(key)?.as_object());
    let in_llm_output = || {
        let output = outputs?.get("llm_output")?;
        output.get("token_usage")?.as_object()
    };
    in_outputs(USAGE_METADATA)
        .or_else(|| run.extra.metadata.get(USAGE_METADATA)?.as_object())
        .or_else(|| in_outputs("usage"))
        .or_else(in_llm_output)
        .map(read)
}

fn read(usage: &JsonMap) -> Spend {
    let count = |names: &[&str]| {
        let value = names.iter().find_map(|name| usage.get(*name));
        value.and_then(Value::as_u64)
    };
    // Costs come as numbers and as decimal text.
    let cost = |name: &str| match usage.get(name)? {
        Value::String(text) => text.parse().ok(),
        value => value.as_f64(),
    };
    let input = count(&["input_tokens", "prompt_tokens"]).unwrap_or(0);
    let output = count(&["output_tokens", "completion_tokens"]).unwrap_or(0);
    let parts = [cost("input_cost"), cost("output_cost")]
        .into_iter()
        .flatten();
    let sum = parts.reduce(|a, b| a + b);
    let total = cost("total_cost")
        .or(sum)
        .filter(|cost: &f64| cost.is_finite());
    Spend {
        calls: 1,
        input_tokens: input,
        output_tokens: output,
        total_tokens: count(&["total_tokens"]).unwrap_or_else(|| input.saturating_add(output)),
        cost: total,
        unpriced: usize::from(total.is_none()),
    }
}

/// Returns the provider's id of an answer, from where wrappers and frameworks put it.
fn response_id(run: &Run) -> Option<&str> {
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
