//! How many tokens a span counts.

use serde_json::Value;

use super::reading::Reader;
use crate::model::JsonMap;

/// What the hosted service reads of parts of the counts: its documentation names the first spelling, the Go SDK
/// writes the second.
const DETAILS: [(&str, &str, [&str; 2]); 3] = [
    (
        "input_token_details",
        "cache_read",
        [
            "gen_ai.usage.details.cache_read_input_tokens",
            "gen_ai.usage.cache_read_input_tokens",
        ],
    ),
    (
        "input_token_details",
        "cache_creation",
        [
            "gen_ai.usage.details.cache_creation_input_tokens",
            "gen_ai.usage.cache_creation_input_tokens",
        ],
    ),
    (
        "output_token_details",
        "reasoning",
        [
            "gen_ai.usage.details.reasoning_tokens",
            "gen_ai.usage.reasoning_tokens",
        ],
    ),
];

/// Puts the usage into outputs: whole as JSON, else of single counts.
pub(super) fn with_usage(reader: &Reader<'_>, outputs: Option<JsonMap>) -> Option<JsonMap> {
    const USAGE: &str = "langsmith.usage_metadata";
    const INPUT: [&str; 3] = [
        "gen_ai.usage.prompt_tokens",
        "gen_ai.usage.input_tokens",
        "llm.token_count.prompt",
    ];
    const OUTPUT: [&str; 3] = [
        "gen_ai.usage.completion_tokens",
        "gen_ai.usage.output_tokens",
        "llm.token_count.completion",
    ];
    const TOTAL: [&str; 3] = [
        "gen_ai.usage.total_tokens",
        "llm.usage.total_tokens",
        "llm.token_count.total",
    ];
    let counts = [
        ("input_tokens", INPUT),
        ("output_tokens", OUTPUT),
        ("total_tokens", TOTAL),
    ];
    let lose_counts = |why: &str| {
        for key in counts.iter().flat_map(|(_, keys)| keys) {
            reader.lose(key, why);
        }
    };
    if let Some(Value::String(text)) = reader.peek(USAGE)
        && let Ok(usage) = serde_json::from_str::<Value>(text)
        && (outputs.is_some() || !reader.mapping.is_proxy())
    {
        reader.took(USAGE, "outputs.usage_metadata");
        lose_counts("langsmith.usage_metadata comes first");
        let mut outputs = outputs.unwrap_or_default();
        outputs.entry("usage_metadata").or_insert(usage);
        return Some(outputs);
    }
    if outputs.is_some() {
        reader.lose(USAGE, "not JSON");
    }
    let Some(mut outputs) = outputs else {
        lose_counts("a run without outputs has no place for it; send langsmith.usage_metadata");
        reader.lose(USAGE, "a run without outputs has no place for it");
        return None;
    };
    let mut usage = JsonMap::new();
    for (name, keys) in counts {
        let is_count = |key: &&&str| reader.peek(key).is_some_and(Value::is_u64);
        if let Some(key) = keys.iter().find(is_count)
            && let Some(count) = reader.take(key, &format!("outputs.usage_metadata.{name}"))
        {
            usage.insert(name.to_owned(), count.clone());
            for other in keys {
                reader.lose(other, &format!("{key} comes first"));
            }
        }
    }
    if !reader.mapping.is_proxy() {
        for (details, name, keys) in DETAILS {
            let is_count = |key: &&&str| reader.peek(key).is_some_and(Value::is_u64);
            if let Some(key) = keys.iter().find(is_count)
                && let Some(count) =
                    reader.take(key, &format!("outputs.usage_metadata.{details}.{name}"))
            {
                let entry = usage
                    .entry(details)
                    .or_insert_with(|| JsonMap::new().into());
                entry[name] = count.clone();
            }
        }
    }
    if !usage.is_empty() {
        outputs.entry("usage_metadata").or_insert(usage.into());
    }
    Some(outputs)
}
