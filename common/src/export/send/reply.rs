//! What a server says of the runs that it took.

use serde_json::{Map, Value};
use uuid::Uuid;

/// Where a server may list what failed. None of LangSmith's is known to do it; proxies and servers that
/// speak its protocol may.
const LISTS: [&str; 2] = ["errors", "failed"];

/// Returns the ids that the body of a success names as failed: `{"errors": [{"id": "…"}]}`, with `run_id`
/// in the place of `id`, ids alone, or an object of them. Anything else names none.
pub(super) fn failed(body: &[u8]) -> Vec<Uuid> {
    // Most answers are an empty object, or words.
    if !LISTS.iter().any(|name| contains(body, name.as_bytes())) {
        return Vec::new();
    }
    let said: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
    let lists = LISTS.iter().filter_map(|name| said.get(*name));
    lists.flat_map(ids).collect()
}

fn ids(list: &Value) -> Vec<Uuid> {
    let id = |text: &str| Uuid::parse_str(text).ok();
    match list {
        Value::Array(items) => {
            let named = items.iter().filter_map(|item| match item {
                Value::Object(fields) => fields.get("id").or(fields.get("run_id"))?.as_str(),
                item => item.as_str(),
            });
            named.filter_map(id).collect()
        }
        Value::Object(fields) => fields.keys().filter_map(|key| id(key)).collect(),
        _ => Vec::new(),
    }
}

fn contains(body: &[u8], word: &[u8]) -> bool {
    body.windows(word.len()).any(|window| window == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_in_a_list_of_failures_are_read() {
        let id = Uuid::from_u128(7);
        let count = |text: String| failed(text.as_bytes()).len();
        assert_eq!(
            count(format!(r#"{{"errors":[{{"id":"{id}"}},{{}},7]}}"#)),
            1
        );
        assert_eq!(count(format!(r#"{{"errors":[{{"run_id":"{id}"}}]}}"#)), 1);
        assert_eq!(count(format!(r#"{{"failed":["{id}","no id"]}}"#)), 1);
        assert_eq!(count(format!(r#"{{"errors":{{"{id}":"why"}}}}"#)), 1);
        for nothing in [
            "",
            "errors",
            "[]",
            r#"{"errors":null}"#,
            r#"{"errors":[]}"#,
            r#"{"errors":"all"}"#,
            r#"{"message":"errors"}"#,
        ] {
            assert_eq!(count(nothing.to_owned()), 0, "{nothing}");
        }
        assert_eq!(count(format!(r#"{{"ids":["{id}"]}}"#)), 0);
    }
}
