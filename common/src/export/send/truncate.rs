//! A run that the server will not take becomes smaller, in steps, and says so.
//!
//! ```text
//! 413 ──► attachments ──413──► outputs ──413──► inputs ──413──► error, events, metadata ──413──► dropped
//!           left out           [truncated: 1048576 bytes, xxh3 5f0c…] and how they began
//! ```
//!
//! What is short stays, so that token counts and the like arrive. Start at [`shorten`].

use std::sync::Arc;

use serde_json::Value;
use twox_hash::XxHash3_128;

use crate::model::{JsonMap, Run, RunEvent};

/// A field that takes less, as JSON, is not worth a request.
const SMALL: usize = 2 * 1024;

/// What takes less, as JSON, stays within a field that is cut.
const KEPT: usize = 512;

/// A field that is larger with all that stays in it is cut as a whole.
const CUT_FIELD: usize = 16 * 1024;

/// How much is left to see of what is cut, in bytes of JSON. With the marker it takes less than is kept,
/// so that nothing is cut twice.
const BEGINNING: usize = 256;

/// Most events of a run that is cut.
const EVENTS: usize = 32;

/// Makes a run smaller by the next step; false if there is none.
pub(super) fn shorten(run: &mut Run) -> bool {
    run.outputs.as_mut().is_some_and(shorten_map)
        || run.inputs.as_mut().is_some_and(shorten_map)
        || shorten_rest(run)
}

fn shorten_rest(run: &mut Run) -> bool {
    let mut is_shorter = false;
    if let Some(error) = run.error.as_mut().filter(|error| error.len() > SMALL) {
        *error = marked(error, error.as_bytes());
        is_shorter = true;
    }
    let events = json(&run.events);
    if events.len() > SMALL {
        is_shorter |= run.events.len() > EVENTS;
        if let Some(first) = run.events.get(EVENTS).map(|event| event.time) {
            run.events.truncate(EVENTS - 1);
            run.events.push(RunEvent {
                name: "truncated".to_owned(),
                time: first,
                message: Some(marked("", &events)),
                kwargs: None,
            });
        }
        for event in &mut run.events {
            if let Some(message) = event.message.as_mut().filter(|it| it.len() > KEPT) {
                *message = marked(message, message.as_bytes());
                is_shorter = true;
            }
            if let Some(kwargs) = &mut event.kwargs {
                is_shorter |= shorten_value(kwargs);
            }
        }
    }
    if json(&*run.extra.metadata).len() > SMALL {
        is_shorter |= shorten_map(Arc::make_mut(&mut run.extra.metadata));
    }
    is_shorter | shorten_map(&mut run.extra.other)
}

fn shorten_map(map: &mut JsonMap) -> bool {
    let whole = json(map);
    if whole.len() <= SMALL {
        return false;
    }
    let mut is_shorter = false;
    for value in map.values_mut() {
        is_shorter |= shorten_value(value);
    }
    if json(map).len() > CUT_FIELD {
        let marked = marked(&String::from_utf8_lossy(&whole), &whole);
        *map = JsonMap::from_iter([("truncated".to_owned(), marked.into())]);
        is_shorter = true;
    }
    is_shorter
}

fn shorten_value(value: &mut Value) -> bool {
    let whole = json(value);
    if whole.len() <= KEPT {
        return false;
    }
    *value = match value {
        Value::String(text) => marked(text, text.as_bytes()),
        _ => marked(&String::from_utf8_lossy(&whole), &whole),
    }
    .into();
    true
}

/// Says how long something was and which, and how it began.
fn marked(text: &str, whole: &[u8]) -> String {
    let (bytes, hash) = (whole.len(), XxHash3_128::oneshot(whole));
    let mut room = BEGINNING;
    let fits = |c: &char| {
        let takes = match c {
            '"' | '\\' => 2,
            c if c.is_control() => 6,
            c => c.len_utf8(),
        };
        room = room.saturating_sub(takes);
        room > 0
    };
    let beginning: String = text.chars().take_while(fits).collect();
    format!("[truncated: {bytes} bytes, xxh3 {hash:032x}] {beginning}")
}

fn json(value: &impl serde::Serialize) -> Vec<u8> {
    // Plain values can always be written.
    serde_json::to_vec(value).unwrap_or_default()
}
