//! What of a run and of a judgement goes where.

use serde_json::{Value, json};

use super::text::JsonText as _;
use crate::model::{Feedback, FieldsView, JsonMap, RunEvent, RunView};

/// Writes the fields that stay together, without the brace that closes them; the order is the Python
/// SDK's.
fn main_fields(text: &mut Vec<u8>, run: &RunView<'_>) {
    text.raw("{\"id\":");
    text.id(run.id.0);
    text.raw(",\"start_time\":");
    text.time(run.start_time);
    if let Some(parent) = run.parent_run_id {
        text.raw(",\"parent_run_id\":");
        text.id(parent.0);
    }
    text.raw(",\"tags\":");
    text.list(run.tags, |text, tag| text.text(tag));
    text.raw(",\"dotted_order\":");
    text.order(run.order);
    text.raw(",\"trace_id\":");
    text.id(run.trace_id.0);
    if let Some(project) = run.project {
        text.raw(",\"session_name\":");
        text.text(project);
    }
    text.raw(",\"name\":");
    text.text(run.name);
    text.raw(",\"run_type\":");
    text.text(run.run_type.as_str());
    if let Some(end) = run.end_time {
        text.raw(",\"end_time\":");
        text.time(end);
    }
    if let Some(example) = run.reference_example_id {
        text.raw(",\"reference_example_id\":");
        text.id(example);
    }
}

/// Writes the first part of a run.
pub(super) fn main_part(text: &mut Vec<u8>, run: &RunView<'_>) {
    main_fields(text, run);
    text.raw("}");
}

/// Writes a run in one piece: everything but its attachments, which JSON has no place for.
pub(super) fn whole_run(text: &mut Vec<u8>, run: &RunView<'_>, created: bool) {
    main_fields(text, run);
    if let Some(inputs) = run.inputs {
        text.raw(",\"inputs\":");
        fields(text, inputs);
    }
    if has_outputs(run, created) {
        text.raw(",\"outputs\":");
        outputs(text, run);
    }
    text.raw(",\"events\":");
    events(text, run.events);
    text.raw(",\"extra\":");
    extra(text, run);
    if let Some(error) = run.error {
        text.raw(",\"error\":");
        text.text(error);
    }
    text.raw("}");
}

/// Returns false for an update without outputs, which says nothing of them.
pub(super) fn has_outputs(run: &RunView<'_>, created: bool) -> bool {
    created || run.outputs.is_some()
}

/// Writes what the work gave back, or an empty object: the Python SDK creates each run with one.
pub(super) fn outputs(text: &mut Vec<u8>, run: &RunView<'_>) {
    match run.outputs {
        Some(outputs) => fields(text, outputs),
        None => text.raw("{}"),
    }
}

/// Writes what the work was given or gave back.
pub(super) fn fields(text: &mut Vec<u8>, fields: FieldsView<'_>) {
    match fields {
        FieldsView::Map(map) => text.map(map),
        FieldsView::Text(key, value) => {
            text.raw("{");
            text.text(key);
            text.raw(":");
            text.text(value);
            text.raw("}");
        }
    }
}

/// Writes what happened on the way.
pub(super) fn events(text: &mut Vec<u8>, events: &[RunEvent]) {
    text.list(events, |text, event| {
        text.raw("{\"name\":");
        text.text(&event.name);
        text.raw(",\"time\":");
        text.time(event.time);
        if let Some(message) = &event.message {
            text.raw(",\"message\":");
            text.text(message);
        }
        if let Some(kwargs) = &event.kwargs {
            text.raw(",\"kwargs\":");
            text.value(kwargs);
        }
        text.raw("}");
    });
}

/// Writes metadata, the sender's description, and what rides along.
pub(super) fn extra(text: &mut Vec<u8>, run: &RunView<'_>) {
    text.raw("{\"metadata\":");
    text.map(run.metadata);
    if let Some(runtime) = run.runtime {
        text.raw(",\"runtime\":");
        text.map(runtime);
    }
    if let Some(other) = run.other {
        text.entries(other, false);
    }
    text.raw("}");
}

/// The fields of a judgement, in the order of the Python SDK.
const FEEDBACK: [&str; 18] = [
    "id",
    "created_at",
    "modified_at",
    "run_id",
    "trace_id",
    "key",
    "score",
    "value",
    "comment",
    "correction",
    "feedback_source",
    "session_id",
    "start_time",
    "comparative_experiment_id",
    "feedback_group_id",
    "extra",
    "feedback_config",
    "error",
];

/// Which way a judgement goes; the Python SDK writes it differently on each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FeedbackRoute {
    /// Among the runs, as a part: what is not there is `null`.
    Part,
    /// By itself, to `POST /feedback`: what is not there is left out, and whether the trace is to be
    /// kept for longer is said.
    Request,
}

/// Writes a judgement for one of its ways. Fields that the list does not name follow at the end.
pub(super) fn feedback(feedback: &Feedback, route: FeedbackRoute) -> serde_json::Result<JsonMap> {
    let Value::Object(mut said) = serde_json::to_value(feedback)? else {
        return Ok(JsonMap::new());
    };
    if let Some(Value::Object(source)) = said.get_mut("feedback_source") {
        source.entry("metadata").or_insert_with(|| json!({}));
        if route == FeedbackRoute::Part {
            source.entry("user_id").or_insert(Value::Null);
            source.entry("user_name").or_insert(Value::Null);
        }
    }
    let mut fields = JsonMap::new();
    for name in FEEDBACK {
        match said.shift_remove(name) {
            Some(value) => fields.insert(name.to_owned(), value),
            None if route == FeedbackRoute::Part => fields.insert(name.to_owned(), Value::Null),
            None => None,
        };
    }
    fields.append(&mut said);
    match route {
        FeedbackRoute::Part => fields.shift_remove("extend_trace_retention"),
        FeedbackRoute::Request => {
            fields.retain(|_, value| !value.is_null());
            let extends = Value::Bool(feedback.extend_trace_retention);
            fields.insert("extend_trace_retention".to_owned(), extends);
            None
        }
    };
    Ok(fields)
}

/// Returns true if an attachment can travel under that name.
///
/// LangSmith takes no name with a `.`; the Python SDK warns and leaves such an attachment out. A quote,
/// a backslash or a control character would end the header of the part that carries the name.
pub(in crate::export) fn is_usable_name(name: &str) -> bool {
    let breaks = |c: char| matches!(c, '.' | '"' | '\\') || c.is_control();
    !name.is_empty() && !name.contains(breaks)
}

/// Returns a media type as it may stand in the header of a part: one that could end the header is
/// replaced.
pub(super) fn media_type(given: &str) -> &str {
    let fits = !given.is_empty() && given.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if fits {
        given
    } else {
        "application/octet-stream"
    }
}
