//! What calls were given and gave back, as far as memory allows: whether a call needed another's answer
//! cannot be told from a hash.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::model::JsonMap;

/// Bytes of the contents of all calls together. Those beyond are left out, and the report says where that mattered.
const BYTES: usize = 32 * 1024 * 1024;
/// Most bytes of one input or output; what is larger costs too much to look through.
const LONGEST: usize = 8 * 1024;
/// What an entry costs beside its letters, in bytes.
const OVERHEAD: usize = 96;

/// Inputs and outputs as JSON text, by run.
#[derive(Debug, Default)]
pub(in crate::analysis::doctor) struct Contents {
    texts: HashMap<u128, [Option<Box<str>>; 2]>,
    bytes: usize,
}

impl Contents {
    /// Keeps what a message says of a call: its inputs, its outputs, or both.
    pub(in crate::analysis::doctor) fn keep(&mut self, id: u128, map: &Map<String, Value>) {
        for (place, key) in ["inputs", "outputs"].into_iter().enumerate() {
            let Some(value @ Value::Object(object)) = map.get(key) else {
                continue;
            };
            if object.is_empty() {
                continue;
            }
            // What was said before is over, also if the new text is too long to keep.
            let before = self
                .texts
                .get_mut(&id)
                .and_then(|known| known[place].take());
            self.bytes -= before.map_or(0, |text| text.len() + OVERHEAD);
            let text = value.to_string();
            if text.len() > LONGEST || self.bytes + text.len() + OVERHEAD > BYTES {
                continue;
            }
            self.bytes += text.len() + OVERHEAD;
            self.texts.entry(id).or_default()[place] = Some(text.into_boxed_str());
        }
    }

    /// Returns true if inputs and outputs of a call are kept.
    pub(in crate::analysis::doctor) fn has(&self, id: u128) -> bool {
        let texts = self.texts.get(&id);
        texts.is_some_and(|texts| texts.iter().all(Option::is_some))
    }

    /// Returns inputs and outputs of a call, if both are kept.
    pub(in crate::analysis::doctor) fn of(&self, id: u128) -> Option<(JsonMap, JsonMap)> {
        let [Some(inputs), Some(outputs)] = self.texts.get(&id)? else {
            return None;
        };
        let read = |text: &str| serde_json::from_str(text).ok();
        Some((read(inputs)?, read(outputs)?))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_said_again_is_counted_once_and_what_is_too_long_takes_the_place_of_what_was() {
        let mut contents = Contents::default();
        let mut keep = |said: Value| {
            if let Value::Object(map) = said {
                contents.keep(1, &map);
            }
            (contents.bytes, contents.has(1))
        };
        let said = json!({"inputs": {"q": 1}, "outputs": {"a": 1}});
        let once = 2 * (7 + OVERHEAD);
        assert_eq!(keep(said.clone()), (once, true));
        assert_eq!(keep(said), (once, true));
        assert_eq!(keep(json!({"outputs": {"a": 12}})), (once + 1, true));
        let long = json!({"outputs": {"a": "x".repeat(LONGEST)}});
        assert_eq!(keep(long), (7 + OVERHEAD, false));
    }
}
