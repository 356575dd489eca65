//! One operation as the payload of a record, and back.
//!
//! ```text
//! payload   length 4 │ JSON │ attachments 4 │ { name 4 │ type 4 │ data 4 │ name │ type │ data } …
//! ```
//!
//! What comes back equals what went in, fields that never travel on the wire included: the same
//! operation is merged, isolated or written as JSON later, with the same ids. Start at [`encode`].

use std::borrow::Cow;
use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::model::{
    Attachment, DottedOrder, Extra, Feedback, JsonMap, MAX_VALUE_DEPTH, Run, RunEvent, RunId,
    RunOp, RunType, Timestamp, TraceId,
};

/// The kinds of payload.
const POST: u8 = 1;
const PATCH: u8 = 2;
const FEEDBACK: u8 = 3;

/// How deep the JSON of a payload is nested at most: a value, and what it stands in.
const MAX_DEPTH: usize = MAX_VALUE_DEPTH + 8;

/// Why a payload cannot be read although its checksum is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an operation that this version knows")]
pub struct Unreadable;

/// Appends the payload of an operation; returns its kind.
///
/// # Errors
/// If a value cannot be written as JSON, or is larger than a record may be.
pub fn encode(op: &RunOp, out: &mut Vec<u8>) -> Result<u8, Unreadable> {
    let length_at = out.len();
    out.extend_from_slice(&[0; 4]);
    let (kind, written) = match op {
        RunOp::Post(run) => (POST, serde_json::to_writer(&mut *out, &StoredRun::of(run))),
        RunOp::Patch(run) => (PATCH, serde_json::to_writer(&mut *out, &StoredRun::of(run))),
        RunOp::Feedback(said) => {
            let stored = StoredFeedback::of(said);
            (FEEDBACK, serde_json::to_writer(&mut *out, &stored))
        }
    };
    written.map_err(|_| Unreadable)?;
    let length = length_of(out.len() - length_at - 4)?;
    out[length_at..length_at + 4].copy_from_slice(&length);
    let attachments = op.run().map_or(&[][..], |run| &run.attachments);
    out.extend_from_slice(&length_of(attachments.len())?);
    for Attachment {
        name,
        mime_type,
        data,
    } in attachments
    {
        let pieces = [name.as_bytes(), mime_type.as_bytes(), &data[..]];
        for piece in pieces {
            out.extend_from_slice(&length_of(piece.len())?);
        }
        for piece in pieces {
            out.extend_from_slice(piece);
        }
    }
    Ok(kind)
}

/// Returns what an operation says as JSON, without its attachments.
pub(super) fn json(op: &RunOp) -> Option<Vec<u8>> {
    let written = match op {
        RunOp::Post(run) | RunOp::Patch(run) => serde_json::to_vec(&StoredRun::of(run)),
        RunOp::Feedback(said) => serde_json::to_vec(&StoredFeedback::of(said)),
    };
    written.ok()
}

/// Reads JSON as deep as a payload's may be.
pub(super) fn parse<T: serde::de::DeserializeOwned>(json: impl AsRef<[u8]>) -> Option<T> {
    read(json.as_ref()).ok()
}

fn length_of(length: usize) -> Result<[u8; 4], Unreadable> {
    let length = u32::try_from(length).map_err(|_| Unreadable)?;
    Ok(length.to_le_bytes())
}

/// Reads the operation of a payload; its attachments share the payload's bytes.
///
/// # Errors
/// If it is none.
pub fn decode(kind: u8, mut payload: Bytes) -> Result<RunOp, Unreadable> {
    let json = piece(&mut payload)?;
    let mut op = match kind {
        POST => RunOp::Post(Box::new(read::<StoredRun<'_>>(&json)?.into_run())),
        PATCH => RunOp::Patch(Box::new(read::<StoredRun<'_>>(&json)?.into_run())),
        FEEDBACK => RunOp::Feedback(Box::new(read::<StoredFeedback<'_>>(&json)?.into_feedback())),
        _ => return Err(Unreadable),
    };
    for _ in 0..length(&mut payload)? {
        let lengths = [
            length(&mut payload)?,
            length(&mut payload)?,
            length(&mut payload)?,
        ];
        let [name, mime_type, data] = [
            take(&mut payload, lengths[0])?,
            take(&mut payload, lengths[1])?,
            take(&mut payload, lengths[2])?,
        ];
        let text = |bytes: Bytes| String::from_utf8(bytes.into()).map_err(|_| Unreadable);
        let attachment = Attachment::new(text(name)?, text(mime_type)?, data);
        match &mut op {
            RunOp::Post(run) | RunOp::Patch(run) => run.attachments.push(attachment),
            RunOp::Feedback(_) => return Err(Unreadable),
        }
    }
    match payload.is_empty() {
        true => Ok(op),
        false => Err(Unreadable),
    }
}

fn read<T: serde::de::DeserializeOwned>(json: &[u8]) -> Result<T, Unreadable> {
    if !is_shallow(json) {
        return Err(Unreadable);
    }
    let mut reader = serde_json::Deserializer::from_slice(json);
    // Values may be nested deeper than its own limit; `is_shallow` has looked.
    reader.disable_recursion_limit();
    let value = T::deserialize(&mut reader).map_err(|_| Unreadable)?;
    reader.end().map_err(|_| Unreadable)?;
    Ok(value)
}

fn length(payload: &mut Bytes) -> Result<usize, Unreadable> {
    let length = payload.try_get_u32_le().map_err(|_| Unreadable)?;
    Ok(length as usize)
}

fn piece(payload: &mut Bytes) -> Result<Bytes, Unreadable> {
    let length = length(payload)?;
    take(payload, length)
}

fn take(payload: &mut Bytes, length: usize) -> Result<Bytes, Unreadable> {
    match payload.len() >= length {
        true => Ok(payload.split_to(length)),
        false => Err(Unreadable),
    }
}

/// Returns true if reading the JSON will not need more of the stack than there is.
fn is_shallow(json: &[u8]) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return false;
                }
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    true
}

#[derive(Serialize, Deserialize)]
struct StoredRun<'a> {
    id: RunId,
    trace_id: TraceId,
    parent_run_id: Option<RunId>,
    dotted_order: Cow<'a, DottedOrder>,
    name: String,
    run_type: Cow<'a, RunType>,
    start_time: Timestamp,
    end_time: Option<Timestamp>,
    project: Option<String>,
    tags: Cow<'a, [String]>,
    inputs: Option<Cow<'a, JsonMap>>,
    outputs: Option<Cow<'a, JsonMap>>,
    events: Vec<StoredEvent<'a>>,
    metadata: Cow<'a, JsonMap>,
    runtime: Option<Cow<'a, JsonMap>>,
    // Beside the other two, not among them: it may hold keys of the same names.
    other: Cow<'a, JsonMap>,
    error: Option<Cow<'a, str>>,
    reference_example_id: Option<Uuid>,
}

#[derive(Serialize, Deserialize)]
struct StoredEvent<'a> {
    name: Cow<'a, str>,
    time: Timestamp,
    message: Option<Cow<'a, str>>,
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    kwargs: Option<Cow<'a, Value>>,
}

impl<'a> StoredRun<'a> {
    fn of(run: &'a Run) -> Self {
        // Named one by one, so that no field is ever forgotten.
        let Run {
            id,
            trace_id,
            parent_run_id,
            dotted_order,
            name,
            run_type,
            start_time,
            end_time,
            project,
            tags,
            inputs,
            outputs,
            events,
            extra:
                Extra {
                    metadata,
                    runtime,
                    other,
                },
            error,
            reference_example_id,
            attachments: _,
        } = run;
        Self {
            id: *id,
            trace_id: *trace_id,
            parent_run_id: *parent_run_id,
            dotted_order: Cow::Borrowed(dotted_order),
            name: name.clone(),
            run_type: Cow::Borrowed(run_type),
            start_time: *start_time,
            end_time: *end_time,
            project: project.clone(),
            tags: Cow::Borrowed(tags),
            inputs: inputs.as_ref().map(Cow::Borrowed),
            outputs: outputs.as_ref().map(Cow::Borrowed),
            events: events.iter().map(StoredEvent::of).collect(),
            metadata: Cow::Borrowed(metadata),
            runtime: runtime.as_deref().map(Cow::Borrowed),
            other: Cow::Borrowed(other),
            error: error.as_deref().map(Cow::Borrowed),
            reference_example_id: *reference_example_id,
        }
    }

    fn into_run(self) -> Run {
        Run {
            id: self.id,
            trace_id: self.trace_id,
            parent_run_id: self.parent_run_id,
            dotted_order: self.dotted_order.into_owned(),
            name: self.name,
            run_type: self.run_type.into_owned(),
            start_time: self.start_time,
            end_time: self.end_time,
            project: self.project,
            tags: self.tags.into_owned(),
            inputs: self.inputs.map(Cow::into_owned),
            outputs: self.outputs.map(Cow::into_owned),
            events: self
                .events
                .into_iter()
                .map(StoredEvent::into_event)
                .collect(),
            extra: Extra {
                metadata: Arc::new(self.metadata.into_owned()),
                runtime: self.runtime.map(|runtime| Arc::new(runtime.into_owned())),
                other: self.other.into_owned(),
            },
            error: self.error.map(Cow::into_owned),
            reference_example_id: self.reference_example_id,
            attachments: Vec::new(),
        }
    }
}

impl<'a> StoredEvent<'a> {
    fn of(event: &'a RunEvent) -> Self {
        let RunEvent {
            name,
            time,
            message,
            kwargs,
        } = event;
        Self {
            name: Cow::Borrowed(name),
            time: *time,
            message: message.as_deref().map(Cow::Borrowed),
            kwargs: kwargs.as_ref().map(Cow::Borrowed),
        }
    }

    fn into_event(self) -> RunEvent {
        RunEvent {
            name: self.name.into_owned(),
            time: self.time,
            message: self.message.map(Cow::into_owned),
            kwargs: self.kwargs.map(Cow::into_owned),
        }
    }
}

/// Feedback with what the wire leaves out.
#[derive(Serialize, Deserialize)]
struct StoredFeedback<'a> {
    said: Cow<'a, Feedback>,
    project: Option<Cow<'a, str>>,
    extend_trace_retention: bool,
    // Which of score, value and correction is a null that was said: on the wire it is one, read back
    // it would be nothing said.
    nulls: [bool; 3],
}

impl<'a> StoredFeedback<'a> {
    fn of(said: &'a Feedback) -> Self {
        Self {
            said: Cow::Borrowed(said),
            project: said.project.as_deref().map(Cow::Borrowed),
            extend_trace_retention: said.extend_trace_retention,
            nulls: [&said.score, &said.value, &said.correction].map(|it| *it == Some(Value::Null)),
        }
    }

    fn into_feedback(self) -> Feedback {
        let mut said = self.said.into_owned();
        said.project = self.project.map(Cow::into_owned);
        said.extend_trace_retention = self.extend_trace_retention;
        let values = [&mut said.score, &mut said.value, &mut said.correction];
        for (value, null) in values.into_iter().zip(self.nulls) {
            if null {
                *value = Some(Value::Null);
            }
        }
        said
    }
}

/// Reads what is there, a null included.
fn given<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Cow<'static, Value>>, D::Error> {
    Value::deserialize(deserializer).map(|value| Some(Cow::Owned(value)))
}
