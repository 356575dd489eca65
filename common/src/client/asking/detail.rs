//! The words of a server, as they may be shown.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

/// Most characters of a server's words that are kept.
const MAX_DETAIL: usize = 300;

/// What keys of LangSmith begin with.
const KEY_PREFIXES: [&str; 2] = ["lsv2_", "ls__"];

/// A secret shorter than this is no secret; to blank it would garble the words around.
const SHORTEST_SECRET: usize = 6;

/// Reads what a server says about a refusal: the field that explains, never the body as it is. A body
/// that is no JSON is a proxy's page, and only its length is told.
pub(super) fn detail(body: &[u8], secrets: &[SecretString]) -> String {
    let words = match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(fields)) => ["detail", "error", "message"]
            .into_iter()
            .find_map(|name| fields.get(name))
            .map_or_else(|| "no reason given".to_owned(), words_of),
        Ok(Value::String(text)) => text,
        _ if body.is_empty() => "no reason given".to_owned(),
        _ => format!("{} bytes that are no explanation", body.len()),
    };
    shown(&without_secrets(words, secrets))
}

/// A text, or the list of places and messages that validation errors come as.
fn words_of(detail: &Value) -> String {
    match detail {
        Value::String(text) => text.clone(),
        Value::Array(problems) => {
            let problem = |problem: &Value| {
                let message = problem.get("msg").and_then(Value::as_str)?;
                let place = problem.get("loc").and_then(Value::as_array)?;
                let place: Vec<String> = place.iter().map(words_of).collect();
                Some(format!("{}: {message}", place.join(".")))
            };
            let words: Vec<String> = problems.iter().filter_map(problem).collect();
            words.join("; ")
        }
        other => other.to_string(),
    }
}

fn without_secrets(mut words: String, secrets: &[SecretString]) -> String {
    const BLANK: &str = "[redacted]";
    for secret in secrets {
        let secret = secret.expose_secret();
        if secret.len() >= SHORTEST_SECRET {
            words = words.replace(secret, BLANK);
        }
    }
    for prefix in KEY_PREFIXES {
        while let Some(at) = words.find(prefix) {
            let key = &words[at..];
            let end = key.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-');
            let end = at + end.unwrap_or(key.len());
            words.replace_range(at..end, BLANK);
        }
    }
    words
}

/// Cuts a text, and makes visible what would move a terminal's cursor or turn its direction round.
pub(super) fn shown(words: &str) -> String {
    let unsafe_to_show = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let mut safe = String::new();
    for (count, c) in words.chars().enumerate() {
        if count == MAX_DETAIL {
            safe.push('…');
            break;
        }
        if unsafe_to_show(c) {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_reason_is_told_and_it_is_safe_to_show() {
        let secrets = [SecretString::from("a-key-for-tests-only-0001")];
        let read = |body: &str| detail(body.as_bytes(), &secrets);
        assert_eq!(
            read(r#"{"detail":"no\u001b[31m \u202e way","trace":"/x"}"#),
            "no\\u{1b}[31m \\u{202e} way"
        );
        assert_eq!(
            read(r#"{"detail":[{"loc":["body","limit"],"msg":"too large"}]}"#),
            "body.limit: too large"
        );
        assert_eq!(
            read(r#"{"error":"key a-key-for-tests-only-0001 or lsv2_x_1, ls__"}"#),
            "key [redacted] or [redacted], [redacted]"
        );
        assert_eq!(
            read("<html>a page</html>"),
            "19 bytes that are no explanation"
        );
        assert_eq!(read("{}"), "no reason given");
        let long = format!(r#"{{"detail":"{}"}}"#, "é".repeat(5_000));
        assert_eq!(read(&long).chars().count(), MAX_DETAIL + 1);
    }
}
