//! Bytes into spans.

use std::sync::Arc;

use bytes::Bytes;
use chrono::DateTime;
use prost::Message as _;
use serde_json::Value;

use super::json;
use super::wire::{AnyValue, Event, KeyValue, Kind, PartialSuccess, Request, Response, Span};
use crate::model::{JsonMap, Timestamp};

/// How a request is written, and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Protobuf,
    Json,
}

impl Form {
    pub(super) fn of(content_type: Option<&str>) -> Option<Self> {
        let media_type = content_type?.split(';').next()?.trim();
        if media_type.eq_ignore_ascii_case("application/x-protobuf") {
            Some(Self::Protobuf)
        } else if media_type.eq_ignore_ascii_case("application/json") {
            Some(Self::Json)
        } else {
            None
        }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }

    /// Writes an answer: empty if all went well.
    pub(super) fn answer(self, rejected: usize, why: &str) -> Bytes {
        if rejected == 0 {
            return match self {
                Self::Protobuf => Bytes::new(),
                Self::Json => Bytes::from_static(b"{}"),
            };
        }
        match self {
            Self::Protobuf => Response {
                partial_success: Some(PartialSuccess {
                    rejected_spans: i64::try_from(rejected).unwrap_or(i64::MAX),
                    error_message: why.to_owned(),
                }),
            }
            .encode_to_vec()
            .into(),
            Self::Json => serde_json::json!({
                "partialSuccess": {
                    "rejectedSpans": rejected.to_string(),
                    "errorMessage": why,
                },
            })
            .to_string()
            .into(),
        }
    }
}

/// The id of a span, which is unique within its trace only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct SpanId {
    pub(super) trace: [u8; 16],
    pub(super) span: [u8; 8],
}

/// A span, its attributes as JSON.
#[derive(Debug, Clone)]
pub(super) struct ReadSpan {
    pub(super) id: SpanId,
    pub(super) parent: Option<SpanId>,
    pub(super) name: String,
    pub(super) start: Timestamp,
    pub(super) end: Option<Timestamp>,
    pub(super) attributes: JsonMap,
    // One for all spans of a resource, of which there may be many.
    pub(super) resource: Arc<JsonMap>,
    pub(super) events: Vec<SpanEvent>,
    /// The status's message, if the status is an error.
    pub(super) failed: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) struct SpanEvent {
    pub(super) name: String,
    pub(super) time: Timestamp,
    pub(super) attributes: JsonMap,
}

/// Reads the spans of a body; for each that is none, why.
pub(super) fn spans(form: Form, body: &Bytes) -> Result<Vec<Result<ReadSpan, String>>, String> {
    let request = match form {
        Form::Protobuf => Request::decode(body.clone()).map_err(|error| error.to_string())?,
        Form::Json => {
            let value: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
            json::request(&value)
        }
    };
    let mut read = Vec::new();
    for group in request.resource_spans {
        let resource = group.resource.unwrap_or_default().attributes;
        let resource = Arc::new(map(resource));
        let spans = group.scope_spans.into_iter().flat_map(|scope| scope.spans);
        read.extend(spans.map(|span| one(span, &resource)));
    }
    Ok(read)
}

fn one(span: Span, resource: &Arc<JsonMap>) -> Result<ReadSpan, String> {
    let name = span.name;
    let trace: [u8; 16] = filled(&span.trace_id)
        .ok_or_else(|| format!("span {name:?} has no trace id of 16 bytes"))?;
    let own: [u8; 8] =
        filled(&span.span_id).ok_or_else(|| format!("span {name:?} has no id of 8 bytes"))?;
    let parent = match filled::<8>(&span.parent_span_id) {
        Some(span) => Some(SpanId { trace, span }),
        None if span.parent_span_id.iter().all(|byte| *byte == 0)
            && [0, 8].contains(&span.parent_span_id.len()) =>
        {
            None
        }
        None => return Err(format!("span {name:?} has a parent id that is not 8 bytes")),
    };
    let start = time(span.start_time_unix_nano)
        .ok_or_else(|| format!("span {name:?} has no start time"))?;
    Ok(ReadSpan {
        id: SpanId { trace, span: own },
        parent,
        name,
        start,
        end: time(span.end_time_unix_nano),
        attributes: map(span.attributes),
        resource: resource.clone(),
        events: span.events.into_iter().filter_map(event).collect(),
        failed: span
            .status
            .filter(|status| status.code == 2)
            .map(|status| status.message),
    })
}

/// An id of the right length that is not all zero.
fn filled<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    let id: [u8; N] = bytes.try_into().ok()?;
    (id != [0; N]).then_some(id)
}

/// Anything finer than a microsecond is cut, as everywhere in LangSmith.
fn time(nanos: u64) -> Option<Timestamp> {
    let micros = i64::try_from(nanos / 1_000)
        .ok()
        .filter(|micros| *micros > 0)?;
    DateTime::from_timestamp_micros(micros)
}

fn event(event: Event) -> Option<SpanEvent> {
    Some(SpanEvent {
        name: event.name,
        time: time(event.time_unix_nano)?,
        attributes: map(event.attributes),
    })
}

fn map(list: Vec<KeyValue>) -> JsonMap {
    let entry = |entry: KeyValue| (entry.key, value(entry.value));
    list.into_iter().map(entry).collect()
}

fn value(any: Option<AnyValue>) -> Value {
    match any.and_then(|any| any.value) {
        None => Value::Null,
        Some(Kind::Text(text)) => Value::String(text),
        Some(Kind::Flag(flag)) => Value::Bool(flag),
        Some(Kind::Int(int)) => int.into(),
        Some(Kind::Double(double)) => double.into(),
        Some(Kind::List(list)) => {
            let values = list.values.into_iter().map(|any| value(Some(any)));
            Value::Array(values.collect())
        }
        Some(Kind::Map(list)) => Value::Object(map(list.values)),
        Some(Kind::Bytes(bytes)) => {
            Value::String(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
        }
    }
}
