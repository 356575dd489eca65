//! The first thing in a stream of messages: a WebSocket's first frame, an SSE stream's first event.

use serde::Deserialize;

use super::Entries;

/// Names the entries of a context among other members of JSON, and the event that holds them.
pub const TRACE_CONTEXT: &str = "trace_context";

/// Writes the first text frame of a WebSocket: `{"trace_context":{…}}`.
///
/// A browser cannot set headers on the upgrade, so its context comes in the first frame. Where headers
/// can be set, they are better: a server knows the parent before the first frame.
///
/// ```
/// use common::propagation::{Entries, carrier::stream};
///
/// let entries = Entries::from_iter([("langsmith-trace", "…")]);
/// let frame = stream::first_frame(&entries);
/// assert_eq!(frame, r#"{"trace_context":{"langsmith-trace":"…"}}"#);
/// assert_eq!(stream::read_first_frame(&frame), Some(entries));
/// // Whatever else comes first is a message, and stays one.
/// assert_eq!(stream::read_first_frame(r#"{"question":"why?"}"#), None);
/// ```
pub fn first_frame(entries: &Entries) -> String {
    format!(r#"{{"{TRACE_CONTEXT}":{}}}"#, json(entries))
}

/// Reads the first text frame of a WebSocket. None if it is no frame of this kind: then it is the first
/// message, and has to be handled as one; so is one that says something else as well, such as a
/// [`Job`](super::Job). A frame that is of this kind and broken has no entries.
pub fn read_first_frame(text: &str) -> Option<Entries> {
    // Messages of others may be long; nothing of them is parsed.
    let start = text.trim_ascii_start().strip_prefix('{')?;
    let name = start.trim_ascii_start().strip_prefix('"')?;
    let behind = name.strip_prefix(TRACE_CONTEXT)?.strip_prefix('"')?;
    if !behind.trim_ascii_start().starts_with(':') {
        return None;
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Frame {
        trace_context: Entries,
    }
    match serde_json::from_str::<Frame>(text) {
        Ok(frame) => Some(frame.trace_context),
        // JSON, with another member.
        Err(error) if error.is_data() => None,
        Err(_) => Some(Entries::new()),
    }
}

/// Writes an event of server-sent events, for a reader that is to go on below the run that answers it.
///
/// The request of a stream has headers, and they say where the **server's** run belongs; this is the
/// other direction. A client that knows nothing of it ignores an event of a name that it does not listen
/// to.
///
/// ```
/// use common::propagation::{Entries, carrier::stream};
///
/// let entries = Entries::from_iter([("langsmith-trace", "…")]);
/// let event = stream::event(&entries);
/// assert_eq!(event, "event: trace_context\ndata: {\"langsmith-trace\":\"…\"}\n\n");
/// // A client of server-sent events has taken the text apart.
/// let read = stream::read_event("trace_context", r#"{"langsmith-trace":"…"}"#);
/// assert_eq!(read, Some(entries));
/// assert_eq!(stream::read_event("message", "The"), None);
/// ```
pub fn event(entries: &Entries) -> String {
    format!("event: {TRACE_CONTEXT}\ndata: {}\n\n", json(entries))
}

/// Reads the name and the data of an event. None if it is another one; if it is of this kind and broken,
/// there are no entries.
pub fn read_event(name: &str, data: &str) -> Option<Entries> {
    (name == TRACE_CONTEXT).then(|| serde_json::from_str(data).unwrap_or_default())
}

/// Reads `{"trace_context": {…}}`.
pub(super) fn read_wrapped(text: &str) -> serde_json::Result<Entries> {
    #[derive(Deserialize)]
    struct Wrapped {
        trace_context: Entries,
    }
    let wrapped: Wrapped = serde_json::from_str(text)?;
    Ok(wrapped.trace_context)
}

fn json(entries: &Entries) -> String {
    // Texts under texts: there is nothing in it that JSON cannot say.
    serde_json::to_string(entries).unwrap_or_else(|_| "{}".to_owned())
}
