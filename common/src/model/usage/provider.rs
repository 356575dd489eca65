//! Usage as the providers of language models report it.

use serde_json::Value;

use super::Usage;

impl Usage {
    /// Reads the `usage` of OpenAI's answers, of Chat Completions or of Responses.
    ///
    /// None if there is nothing to read. With the service tiers `priority` and `flex` the kinds are
    /// named after the tier, because their tokens have prices of their own; as the Python SDK 0.15 does.
    ///
    /// ```
    /// use common::model::Usage;
    /// use serde_json::json;
    ///
    /// let answer = json!({"usage": {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14,
    ///     "prompt_tokens_details": {"cached_tokens": 5}}});
    /// assert_eq!(Usage::from_openai(&answer), Some(Usage::tokens(11, 3).cache_read(5)));
    /// ```
    pub fn from_openai(answer: &Value) -> Option<Self> {
        let usage = answer.get("usage").filter(|usage| usage.is_object())?;
        let input = count(usage, &["prompt_tokens", "input_tokens"]).unwrap_or(0);
        let output = count(usage, &["completion_tokens", "output_tokens"]).unwrap_or(0);
        let mut read = Self::tokens(input, output);
        if let Some(total) = count(usage, &["total_tokens"]) {
            read.total_tokens = total;
        }
        let tier = answer.get("service_tier").and_then(Value::as_str);
        let tier = tier.filter(|tier| matches!(*tier, "priority" | "flex"));
        let named =
            |kind: &str| tier.map_or_else(|| kind.to_owned(), |tier| format!("{tier}_{kind}"));
        let given = either(usage, &["prompt_tokens_details", "input_tokens_details"]);
        let made = either(
            usage,
            &["completion_tokens_details", "output_tokens_details"],
        );
        let cached = count(given, &["cached_tokens"]);
        let reasoning = count(made, &["reasoning_tokens"]);
        let input_details = &mut read.input_token_details;
        insert(
            input_details,
            "audio".to_owned(),
            count(given, &["audio_tokens"]),
        );
        insert(input_details, named("cache_read"), cached);
        let output_details = &mut read.output_token_details;
        insert(
            output_details,
            "audio".to_owned(),
            count(made, &["audio_tokens"]),
        );
        insert(output_details, named("reasoning"), reasoning);
        if let Some(tier) = tier {
            let left = |all: u64, apart: Option<u64>| all.saturating_sub(apart.unwrap_or(0));
            read = read
                .input_detail(tier, left(input, cached))
                .output_detail(tier, left(output, reasoning));
        }
        Some(read)
    }

    /// Reads the `usage` of Anthropic's answers; none if there is nothing to read.
    ///
    /// Anthropic counts cached tokens apart from `input_tokens`; LangSmith's total has them inside.
    pub fn from_anthropic(answer: &Value) -> Option<Self> {
        let usage = answer.get("usage").filter(|usage| usage.is_object())?;
        let mut details = std::collections::BTreeMap::new();
        let present = |count: Option<u64>| count.filter(|count| *count > 0);
        let read = present(count(usage, &["cache_read_input_tokens"]));
        insert(&mut details, "cache_read".to_owned(), read);
        let made = &usage["cache_creation"];
        if made.as_object().is_some_and(|made| !made.is_empty()) {
            for kind in ["ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"] {
                insert(&mut details, kind.to_owned(), present(count(made, &[kind])));
            }
        } else {
            let made = present(count(usage, &["cache_creation_input_tokens"]));
            insert(&mut details, "cache_creation".to_owned(), made);
        }
        let apart = details
            .values()
            .fold(0, |sum: u64, count| sum.saturating_add(*count));
        let input = count(usage, &["input_tokens"]).unwrap_or(0);
        let output = count(usage, &["output_tokens"]).unwrap_or(0);
        Some(Self {
            input_token_details: details,
            ..Self::tokens(input.saturating_add(apart), output)
        })
    }

    /// Reads the `usageMetadata` of Gemini's answers; none if there is nothing to read.
    pub fn from_gemini(answer: &Value) -> Option<Self> {
        let usage = either(answer, &["usageMetadata", "usage_metadata"]);
        let usage = Some(usage).filter(|usage| usage.is_object())?;
        let input = count(usage, &["promptTokenCount"]).unwrap_or(0);
        let output = count(usage, &["candidatesTokenCount", "responseTokenCount"]).unwrap_or(0);
        let mut read = Self::tokens(input, output);
        if let Some(total) = count(usage, &["totalTokenCount"]) {
            read.total_tokens = total;
        }
        let audio = |details: &Value| {
            let is_audio = |entry: &&Value| entry["modality"] == "AUDIO";
            let entries = details.as_array()?.iter().filter(is_audio);
            entries
                .filter_map(|entry| count(entry, &["tokenCount"]))
                .reduce(u64::saturating_add)
        };
        let input_details = &mut read.input_token_details;
        insert(
            input_details,
            "audio".to_owned(),
            audio(&usage["promptTokensDetails"]),
        );
        let cached = count(usage, &["cachedContentTokenCount"]);
        insert(input_details, "cache_read".to_owned(), cached);
        let output_details = &mut read.output_token_details;
        let made = either(usage, &["responseTokensDetails", "candidatesTokensDetails"]);
        insert(output_details, "audio".to_owned(), audio(made));
        let thoughts = count(usage, &["thoughtsTokenCount"]);
        insert(output_details, "reasoning".to_owned(), thoughts);
        Some(read)
    }
}

/// Returns the first of the fields that is a number of tokens other than zero, else one that is zero.
fn count(of: &Value, names: &[&str]) -> Option<u64> {
    let counts = || names.iter().filter_map(|name| of.get(name)?.as_u64());
    counts()
        .find(|count| *count > 0)
        .or_else(|| counts().next())
}

fn either<'a>(of: &'a Value, names: &[&str]) -> &'a Value {
    let found = names
        .iter()
        .find_map(|name| of.get(name).filter(|value| !value.is_null()));
    found.unwrap_or(&Value::Null)
}

fn insert(into: &mut std::collections::BTreeMap<String, u64>, kind: String, count: Option<u64>) {
    into.extend(count.map(|count| (kind, count)));
}
