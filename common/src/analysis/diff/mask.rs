//! What differs each time, replaced by a word.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use crate::model::JsonMap;

/// Longest text that is compared, and written: traces hold whole documents.
const MAX_TEXT: usize = 4_000;

/// What differs each time, and its word; the order counts: a time may stand before an id.
static VOLATILE: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let patterns = [
        (r"\d{8}T\d{12}Z", "<time>"),
        (
            r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?",
            "<time>",
        ),
        (
            r"(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            "<id>",
        ),
        (r"\b0x[0-9a-fA-F]{6,16}\b", "<address>"),
        (r"\b(127\.0\.0\.1|localhost|\[::1\]):\d{2,5}\b", "$1:<port>"),
    ];
    let compiled = patterns.into_iter().filter_map(|(pattern, word)| {
        // Each is read by a test below.
        Some((Regex::new(pattern).ok()?, word))
    });
    compiled.collect()
});

/// Returns the text with ids, times, addresses in memory and ports replaced.
pub(super) fn masked(text: &str) -> String {
    let end = text.char_indices().nth(MAX_TEXT);
    let (mut out, cut) = match end {
        Some((at, _)) => (text[..at].to_owned(), "…"),
        None => (text.to_owned(), ""),
    };
    // Nearly all that is masked has digits; a text without is done.
    if out.bytes().any(|byte| byte.is_ascii_digit()) || out.contains("0x") {
        for (pattern, word) in VOLATILE.iter() {
            if pattern.is_match(&out) {
                out = pattern.replace_all(&out, *word).into_owned();
            }
        }
    }
    out + cut
}

/// Writes a map with its keys in order, masked; none if there is nothing in it.
pub(super) fn content(map: Option<&JsonMap>) -> Option<String> {
    let map = map.filter(|map| !map.is_empty())?;
    let mut text = String::new();
    write_map(map, &mut text);
    Some(masked(&text))
}

fn write_map(map: &JsonMap, out: &mut String) {
    let mut keys: Vec<&String> = map.keys().collect();
    keys.sort_unstable();
    out.push('{');
    for (at, key) in keys.into_iter().enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        out.push_str(&Value::from(key.as_str()).to_string());
        out.push_str(": ");
        write(&map[key], out);
    }
    out.push('}');
}

fn write(value: &Value, out: &mut String) {
    match value {
        // What is far beyond the cut need not be written.
        _ if out.len() > 4 * MAX_TEXT => {}
        Value::Object(map) => write_map(map, out),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                write(item, out);
            }
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_each_time_has_a_word_instead() {
        assert_eq!(VOLATILE.len(), 5, "all patterns can be read");
        assert_eq!(
            masked(
                "run 01a202b7-f0ee-7646-9e7b-a245c1fc89c2 at 20261122T100538926531Z, 2026-11-22T10:05:38.9Z, \
                 0x7f00deadbeef, http://127.0.0.1:40123/x, 12 pages"
            ),
            "run <id> at <time>, <time>, <address>, http://127.0.0.1:<port>/x, 12 pages"
        );
    }
}
