//! Values that are credentials because of the name they go by, whatever they look like.

use std::sync::LazyLock;

use regex::RegexSet;
use serde_json::Value;

use super::glance::names_a_credential;
use super::secrets::{NAMES, SECRET_PLACEHOLDER};
use crate::model::JsonMap;
use crate::trace::secret::SECRET_MASK;

// The patterns are constants; a test compiles them.
static NAMED: LazyLock<Option<RegexSet>> = LazyLock::new(|| RegexSet::new(patterns()).ok());

/// Which of the patterns knows the headers.
const HEADERS: usize = 2;

fn patterns() -> [String; 3] {
    // `token` alone is also what language models are made of.
    let names = NAMES.replace("token|", "");
    [
        format!(
            "(?i)(?:(?:{names})s?(?:[_-]?(?:hash|pem|base|base64))?|\
             (?:access|refresh|auth|id|api|bearer|session|csrf|xsrf|bot|security)[_-]?token)$"
        ),
        "(?i)(?:^|[_.-])(?:pass|pwd|passcode|cookies)$".to_owned(),
        "(?i)^(?:(?:proxy-)?authorization|(?:set-)?cookie|x-auth-token|(?:x-)?api-key)$".to_owned(),
    ]
}

/// Knows the names whose value is masked for the name's sake.
#[derive(Debug, Clone, Copy)]
pub(super) struct SensitiveKeys;

impl SensitiveKeys {
    /// Masks the texts and numbers of a map under such a key, also where there is a list of them, and
    /// where the map is a pair as `{"name": "DB_PASSWORD", "value": …}`.
    pub(super) fn mask_map(self, map: &mut JsonMap) {
        for (key, value) in map.iter_mut() {
            if key.eq_ignore_ascii_case("cookies")
                && let Value::Object(cookies) = value
            {
                cookies.values_mut().for_each(mask);
            }
            if holds_something(value) && is_sensitive(key) {
                mask(value);
            }
        }
        if !map.contains_key("value") {
            return;
        }
        let name = ["name", "key", "header"]
            .iter()
            .find_map(|key| map.get(*key));
        if name.and_then(Value::as_str).is_some_and(is_sensitive)
            && let Some(value) = map.get_mut("value")
        {
            mask(value);
        }
    }

    /// Masks the second of two texts if the first is the name of a header, as in a list of headers.
    pub(super) fn mask_pair(self, items: &mut [Value]) {
        if let [Value::String(name), value] = items
            && names_a_credential(name)
            && NAMED
                .as_ref()
                .is_some_and(|names| names.matches(name).matched(HEADERS))
        {
            mask(value);
        }
    }
}

fn is_sensitive(name: &str) -> bool {
    names_a_credential(name) && NAMED.as_ref().is_some_and(|names| names.is_match(name))
}

/// Returns true if there is anything to mask; most values are asked no further.
fn holds_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Object(_) => false,
        Value::String(_) | Value::Number(_) | Value::Array(_) => true,
    }
}

/// Masks a text or a number, and those in a list. A map under such a name may be a schema that describes
/// it, so its values go by their own keys.
fn mask(value: &mut Value) {
    match value {
        Value::String(text) if says_nothing(text) => {}
        Value::String(_) | Value::Number(_) => *value = SECRET_PLACEHOLDER.into(),
        Value::Array(items) => items
            .iter_mut()
            .filter(|item| item.is_string() || item.is_number())
            .for_each(mask),
        Value::Null | Value::Bool(_) | Value::Object(_) => {}
    }
}

fn says_nothing(text: &str) -> bool {
    text.is_empty() || text == SECRET_MASK || text == SECRET_PLACEHOLDER
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_patterns_compile() {
        assert!(NAMED.is_some());
    }
}
