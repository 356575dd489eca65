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
