//! Two captures → the fields in which they differ.

use std::collections::BTreeMap;
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
pub(crate) fn compare(theirs: &Value, ours: &Value) -> Vec<Difference> {
    let (mut theirs, ours) = (fields(theirs), fields(ours));
    let mut found = Vec::new();
    for (field, ours) in ours {
        let theirs = theirs.remove(&field);
        if theirs.as_ref() != Some(&ours) {
            found.push(Difference { field, theirs, ours: Some(ours) });
        }
    }
    let left = theirs.into_iter().map(|(field, theirs)| Difference {
        field,
        theirs: Some(theirs),
        ours: None,
    });
    found.extend(left);
    found.sort_by(|a, b| a.field.cmp(&b.field));
    found
}

/// Takes a capture apart into its leaves. A list of plain values is one leaf, for its order counts.
fn fields(value: &Value) -> BTreeMap<Path, Value> {
    let mut found = BTreeMap::new();
    collect(value, &mut Vec::new(), &mut found);
    found
}

fn collect(value: &Value, path: &mut Path, found: &mut BTreeMap<Path, Value>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                path.push(key.clone());
                collect(value, path, found);
                path.pop();
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (index, item) in items.iter().enumerate() {
                path.push(index.to_string());
                collect(item, path, found);
                path.pop();
            }
        }
        leaf => {
            found.insert(path.clone(), leaf.clone());
        }
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
        let found: Vec<String> = compare(&theirs, &ours).iter().map(ToString::to_string).collect();
        let expected = [
            "a.only: theirs 1, ours not sent",
            "a.tags: theirs [\"x\",\"y\"], ours [\"y\",\"x\"]",
            "events.0.name: theirs not sent, ours \"e\"",
        ];
        assert_eq!(found, expected);
    }
}
