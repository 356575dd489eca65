//! Figures over many runs.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::scene::Seen;
use super::tally::Tally;
use crate::model::{JsonMap, RunId};

/// Returns what `/runs/stats` says of these runs, and a project of its own.
pub(in crate::langsmith_mock) fn stats(runs: &[&Seen<'_>]) -> JsonMap {
    let total = total(runs).unwrap_or_default();
    let latency = sorted(runs.iter().filter_map(|seen| seen.latency()));
    let wait = sorted(runs.iter().filter_map(|seen| seen.wait()));
    let each = |read: fn(&Tally) -> Option<f64>| {
        sorted(
            runs.iter()
                .filter_map(|seen| seen.tally.as_ref().and_then(read)),
        )
    };
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let tokens = [
        each(|tally| Some(tally.total_tokens as f64)),
        each(|tally| Some(tally.prompt_tokens as f64)),
        each(|tally| Some(tally.completion_tokens as f64)),
    ];
    let costs = [
        each(|tally| tally.total_cost),
        each(|tally| tally.prompt_cost),
        each(|tally| tally.completion_cost),
    ];
    let failed = runs.iter().filter(|seen| seen.run.error.is_some()).count();
    let streamed = runs
        .iter()
        .filter(|seen| seen.first_token.is_some())
        .count();
    let feedback: Vec<&Value> = runs
        .iter()
        .flat_map(|seen| seen.feedback.iter().copied())
        .collect();
    let mut stats = json!({
        "run_count": runs.len(),
        "latency_p50": percentile(&latency, 0.5),
        "latency_p99": percentile(&latency, 0.99),
        "first_token_p50": percentile(&wait, 0.5),
        "first_token_p99": percentile(&wait, 0.99),
        "total_tokens": total.total_tokens,
        "prompt_tokens": total.prompt_tokens,
        "completion_tokens": total.completion_tokens,
        "median_tokens": percentile(&tokens[0], 0.5),
        "tokens_p99": percentile(&tokens[0], 0.99),
        "prompt_token_details": total.prompt_token_details,
        "completion_token_details": total.completion_token_details,
        "total_cost": total.total_cost,
        "prompt_cost": total.prompt_cost,
        "completion_cost": total.completion_cost,
        "prompt_cost_details": total.prompt_cost_details,
        "completion_cost_details": total.completion_cost_details,
    });
    stats["error_rate"] = json!(share(failed, runs.len()));
    stats["streaming_rate"] = json!(share(streamed, runs.len()));
    stats["last_run_start_time"] = json!(runs.iter().map(|seen| seen.run.start_time).max());
    stats["feedback_stats"] = feedback_stats(&feedback);
    stats["run_facets"] = json!([]);
    for (name, at) in [("total", 0), ("prompt", 1), ("completion", 2)] {
        for (suffix, rank) in [("p50", 0.5), ("p99", 0.99)] {
            stats[format!("{name}_tokens_{suffix}")] = json!(percentile(&tokens[at], rank));
            let kind = if at == 0 { "cost" } else { name };
            let key = if at == 0 {
                format!("{kind}_{suffix}")
            } else {
                format!("{kind}_cost_{suffix}")
            };
            stats[key] = json!(percentile(&costs[at], rank));
        }
    }
    match stats {
        Value::Object(stats) => stats,
        _ => JsonMap::new(),
    }
}

/// Returns what runs used together; none if no model was called.
pub(in crate::langsmith_mock) fn total(runs: &[&Seen<'_>]) -> Option<Tally> {
    let among: HashSet<RunId> = runs.iter().map(|seen| seen.run.id).collect();
    let below_another = |seen: &Seen<'_>| {
        let segments = seen.run.dotted_order.segments();
        let mut above = segments.iter().map(|segment| segment.id);
        above.any(|id| id != seen.run.id && among.contains(&id))
    };
    // A run's figures hold those of the runs below it, so only the topmost are added.
    let mut total: Option<Tally> = None;
    for seen in runs.iter().filter(|seen| !below_another(seen)) {
        if let Some(tally) = &seen.tally {
            total.get_or_insert_with(Tally::default).add(tally);
        }
    }
    total
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// The nearest rank.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rank among what is in memory"
)]
fn percentile(sorted: &[f64], rank: f64) -> Option<f64> {
    let at = (sorted.len() as f64 * rank).ceil() as usize;
    sorted.get(at.saturating_sub(1)).copied()
}

#[expect(clippy::cast_precision_loss, reason = "a share for people")]
fn share(part: usize, of: usize) -> Option<f64> {
    (of > 0).then(|| part as f64 / of as f64)
}

/// Returns what was said of a run or of many, by key; null if nothing was.
pub(in crate::langsmith_mock) fn feedback_stats(feedback: &[&Value]) -> Value {
    let mut stats = JsonMap::new();
    for key in feedback.iter().filter_map(|entry| entry["key"].as_str()) {
        if stats.contains_key(key) {
            continue;
        }
        let of_key: Vec<&&Value> = feedback
            .iter()
            .filter(|entry| entry["key"] == key)
            .collect();
        stats.insert(key.to_owned(), stats_of_key(&of_key));
    }
    if stats.is_empty() {
        return Value::Null;
    }
    Value::Object(stats)
}

#[expect(clippy::cast_precision_loss, reason = "a mean for people")]
fn stats_of_key(entries: &[&&Value]) -> Value {
    let score = |entry: &&&Value| match &entry["score"] {
        Value::Bool(good) => Some(f64::from(u8::from(*good))),
        other => other.as_f64(),
    };
    let scores = sorted(entries.iter().filter_map(score));
    let n = scores.len() as f64;
    let mean = (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / n);
    let spread = mean.filter(|_| scores.len() > 1).map(|mean| {
        let squares: f64 = scores.iter().map(|score| (score - mean).powi(2)).sum();
        (squares / (n - 1.0)).sqrt()
    });
    let mut values = JsonMap::new();
    for value in entries.iter().filter_map(|entry| entry["value"].as_str()) {
        let count = values.get(value).and_then(Value::as_u64).unwrap_or(0);
        values.insert(value.to_owned(), json!(count + 1));
    }
    let texts = |read: fn(&Value) -> Option<&str>| {
        let mut list: Vec<&str> = entries.iter().filter_map(|entry| read(entry)).collect();
        list.dedup();
        list
    };
    json!({
        "n": entries.len(),
        "avg": mean,
        "stdev": spread,
        "min": scores.first(),
        "max": scores.last(),
        "errors": entries.iter().filter(|entry| entry["error"] == true).count(),
        "values": values,
        "comments": texts(|entry| entry["comment"].as_str()),
        "sources": texts(|entry| entry["feedback_source"]["type"].as_str()),
        "contains_thread_feedback": false,
    })
}
