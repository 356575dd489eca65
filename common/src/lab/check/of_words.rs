//! What is demanded of all that was said: that something is nowhere in it.

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::capture::Capture;
use super::wrong::Wrong;
use crate::model::Run;

/// Looks for words that must not have left, and tells the first place where they stand; never the words.
pub(super) fn said(words: &str, capture: &Capture) -> Option<Wrong> {
    let nodes = capture.tree().walk().into_iter();
    let runs = nodes.map(|at| &capture.tree().nodes()[at].run);
    let mut fields = runs.filter_map(|run| Some((run, field(words, run)?)));
    if let Some((run, field)) = fields.next() {
        let sentence = format!(
            "run `{}` says in its {field} what must not leave",
            run.name.replace(words, "…")
        );
        return Some(Wrong::at(&run.name, "says it", "", sentence));
    }
    capture.arrivals().iter().find_map(|arrival| {
        let (header, _) = arrival.headers.iter().find(|(_, value)| {
            let decoded = percent_decode_str(value).decode_utf8_lossy();
            decoded.contains(words)
        })?;
        let sentence = format!(
            "a request to `{}` says in its header `{header}` what must not leave",
            arrival.service
        );
        Some(Wrong::of(sentence))
    })
}

/// Returns the first field of a run in which the words stand.
fn field(words: &str, run: &Run) -> Option<&'static str> {
    let said: [(&'static str, Value); 7] = [
        ("name", json!(run.name)),
        ("inputs", json!(run.inputs)),
        ("outputs", json!(run.outputs)),
        ("error", json!(run.error)),
        ("tags", json!(run.tags)),
        ("metadata", json!(*run.extra.metadata)),
        ("events", json!(run.events)),
    ];
    let stands = |value: &Value| value.to_string().contains(words);
    let found = said.into_iter().find(|(_, value)| stands(value));
    found.map(|(field, _)| field)
}
