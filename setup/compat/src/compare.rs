//! Two captures → the fields in which they differ.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

/// The names on the way to a field: `runs`, `leaf`, `extra`, `metadata`, `k`.
pub(crate) type Path = Vec<String>;

/// A field that two captures do not have in common.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Difference {
    /// Where.
    pub(crate) field: Path,
    /// What the official SDK sent; none if nothing.
    pub(crate) theirs: Option<Value>,
    /// What we sent; none if nothing.
    pub(crate) ours: Option<Value>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<Value>| match value {
            Some(value) => clipped(&value.to_string()),
            None => "not sent".to_owned(),
        };
        let (theirs, ours) = (shown(&self.theirs), shown(&self.ours));
        write!(f, "{}: theirs {theirs}, ours {ours}", self.field.join("."))
    }
}

fn clipped(text: &str) -> String {
    const MOST: usize = 160;
    match text.char_indices().nth(MOST) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}

/// Returns every field in which the two differ, in the order of their names.
///
/// A list of plain values is one field, for its order counts.
pub(crate) fn compare(theirs: &Value, ours: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    walk(Some(theirs), Some(ours), &mut Vec::new(), &mut found);
    found.sort_by(|a, b| a.field.cmp(&b.field));
    found
}

fn walk(
    theirs: Option<&Value>,
    ours: Option<&Value>,
    path: &mut Path,
    found: &mut Vec<Difference>,
) {
    if theirs == ours {
        return;
    }
    match (theirs.and_then(parts), ours.and_then(parts)) {
        (Some(theirs), Some(ours)) => {
            let names: BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
            for name in names {
                path.push(name.clone());
                walk(
                    theirs.get(name).copied(),
                    ours.get(name).copied(),
                    path,
                    found,
                );
                path.pop();
            }
        }
        _ => found.push(Difference {
            field: path.clone(),
            theirs: theirs.cloned(),
            ours: ours.cloned(),
        }),
    }
}

/// Takes an object apart, and a list that holds objects; anything else is one value.
fn parts(value: &Value) -> Option<BTreeMap<String, &Value>> {
    match value {
        Value::Object(map) => Some(
            map.iter()
                .map(|(key, value)| (key.clone(), value))
                .collect(),
        ),
        Value::Array(items) if items.iter().any(Value::is_object) => {
            let items = items.iter().enumerate();
            Some(
                items
                    .map(|(index, item)| (index.to_string(), item))
                    .collect(),
            )
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn equal_captures_differ_in_nothing() {
        let one = json!({"runs": {"a": {"tags": ["x"], "inputs": {"n": 1}}}});
        assert!(compare(&one, &one.clone()).is_empty());
    }

    #[test]
    fn each_field_that_differs_is_named_with_both_values() {
        let theirs = json!({"a": {"tags": ["x", "y"], "only": 1}, "same": 0});
        let ours = json!({"a": {"tags": ["y", "x"]}, "events": [{"name": "e"}], "same": 0});
        let found: Vec<String> = compare(&theirs, &ours)
            .iter()
            .map(ToString::to_string)
            .collect();
        let expected = [
            "a.only: theirs 1, ours not sent",
            "a.tags: theirs [\"x\",\"y\"], ours [\"y\",\"x\"]",
            "events: theirs not sent, ours [{\"name\":\"e\"}]",
        ];
        assert_eq!(found, expected);
    }
}
