//! Which calls are the same, and which need the answer of another.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::Value;

use crate::model::{JsonMap, Run, RunType};

/// Shortest text whose appearance in an input is no chance.
const TELLING: usize = 3;
/// Most texts of one output that are looked for; what is larger counts as needed.
const MAX_TEXTS: usize = 2_000;

/// Returns true for work that leaves the process: what is worth doing at once, or only once.
pub(super) fn is_call(run: &Run) -> bool {
    matches!(
        run.run_type,
        RunType::Llm | RunType::Tool | RunType::Retriever | RunType::Embedding
    )
}

/// Returns a number that is the same for equal values, whatever the order of their keys.
pub(super) fn fingerprint(map: Option<&JsonMap>) -> Option<u64> {
    let map = map.filter(|map| !map.is_empty())?;
    let mut hasher = DefaultHasher::new();
    let mut keys: Vec<&String> = map.keys().collect();
    keys.sort_unstable();
    for key in keys {
        key.hash(&mut hasher);
        hash(&map[key], &mut hasher);
    }
    Some(hasher.finish())
}

fn hash(value: &Value, hasher: &mut DefaultHasher) {
    match value {
        Value::Object(map) => fingerprint(Some(map)).hash(hasher),
        Value::Array(items) => {
            items.len().hash(hasher);
            items.iter().for_each(|item| hash(item, hasher));
        }
        other => other.to_string().hash(hasher),
    }
}

/// Returns true if a later call was given something that only an earlier one had said: then it could not
/// have begun before.
pub(super) fn needs(later: &JsonMap, earlier_inputs: &JsonMap, outputs: &JsonMap) -> bool {
    let (mut said, mut known, mut given) = (HashSet::new(), HashSet::new(), HashSet::new());
    texts(outputs, &mut said);
    texts(earlier_inputs, &mut known);
    texts(later, &mut given);
    if said.len() > MAX_TEXTS {
        return true;
    }
    said.iter()
        .filter(|text| !known.contains(*text))
        .any(|text| given.iter().any(|given| given.contains(text.as_str())))
}

/// Gathers the texts and numbers of a value that are long enough to tell something.
fn texts(map: &JsonMap, found: &mut HashSet<String>) {
    let mut open: Vec<&Value> = map.values().collect();
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) if text.chars().count() >= TELLING => {
                found.insert(text.clone());
            }
            Value::Number(number) if number.to_string().len() >= TELLING => {
                found.insert(number.to_string());
            }
            Value::Array(items) => open.extend(items),
            Value::Object(map) => open.extend(map.values()),
            _ => {}
        }
    }
}
