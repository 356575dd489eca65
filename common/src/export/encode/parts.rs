//! What of a run and of a judgement goes where.

use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::model::{
    DottedOrder, Extra, Feedback, JsonMap, Run, RunEvent, RunId, SmolStr, Timestamp, TraceId,
};

/// The fields that stay together; the order is the Python SDK's.
#[derive(Serialize)]
pub(super) struct MainPart<'a> {
    id: RunId,
    start_time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_run_id: Option<RunId>,
    tags: &'a [SmolStr],
    dotted_order: &'a DottedOrder,
    trace_id: TraceId,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_name: Option<&'a str>,
    name: &'a str,
    run_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference_example_id: Option<Uuid>,
}

impl<'a> MainPart<'a> {
    pub(super) fn of(run: &'a Run) -> Self {
        Self {
            id: run.id,
            start_time: run.start_time,
            parent_run_id: run.parent_run_id,
            tags: &run.tags,
            dotted_order: &run.dotted_order,
            trace_id: run.trace_id,
            session_name: run.project.as_deref(),
            name: &run.name,
            run_type: run.run_type.as_str(),
            end_time: run.end_time,
            reference_example_id: run.reference_example_id,
        }
    }
}

/// A run in one piece of JSON: everything but its attachments, which JSON has no place for.
#[derive(Serialize)]
pub(super) struct WholeRun<'a> {
    #[serde(flatten)]
    main: MainPart<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inputs: Option<&'a JsonMap>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outputs: Option<Outputs<'a>>,
    events: &'a [RunEvent],
    extra: &'a Extra,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

impl<'a> WholeRun<'a> {
    pub(super) fn of(run: &'a Run, created: bool) -> Self {
        Self {
            main: MainPart::of(run),
            inputs: run.inputs.as_ref(),
            outputs: Outputs::of(run, created),
            events: &run.events,
            extra: &run.extra,
            error: run.error.as_deref(),
        }
    }
}

/// What the work gave back, or an empty object: the Python SDK creates each run with one.
pub(super) struct Outputs<'a>(Option<&'a JsonMap>);

impl<'a> Outputs<'a> {
    /// Returns nothing for an update without outputs, which says nothing of them.
    pub(super) fn of(run: &'a Run, created: bool) -> Option<Self> {
        (created || run.outputs.is_some()).then_some(Self(run.outputs.as_ref()))
    }
}

impl Serialize for Outputs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(outputs) => outputs.serialize(serializer),
            None => JsonMap::new().serialize(serializer),
        }
    }
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
    /// By itself, to `POST /feedback`: what is not there is left out, and the trace is to be kept for
    /// longer.
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
            fields
                .entry("extend_trace_retention")
                .or_insert(Value::Bool(true));
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
