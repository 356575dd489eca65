//! What was recorded of streams, for `stream_vectors.rs`.

pub(crate) mod generators;
pub(crate) mod graph;

use common::model::{JsonMap, Run};
use serde_json::Value;

pub(crate) fn event_names(run: &Run) -> Vec<&str> {
    run.events.iter().map(|event| &*event.name).collect()
}

pub(crate) fn map(map: Option<&JsonMap>) -> Value {
    Value::Object(map.cloned().unwrap_or_default())
}
