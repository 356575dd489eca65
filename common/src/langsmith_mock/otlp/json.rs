//! OTLP in JSON: ids in hexadecimal, 64-bit numbers as text.

use serde_json::Value;

use super::wire::{
    AnyValue, Event, KeyValue, Kind, List, Map, Request, Resource, ResourceSpans, ScopeSpans, Span,
    Status,
};

/// Reads a request. A field of another type counts as absent, as a decoder of messages would skip it.
pub(super) fn request(body: &Value) -> Request {
    Request {
        resource_spans: each(body, "resourceSpans", |entry| ResourceSpans {
            resource: entry.get("resource").map(|resource| Resource {
                attributes: attributes(resource),
            }),
            scope_spans: each(entry, "scopeSpans", |entry| ScopeSpans {
                spans: each(entry, "spans", span),
            }),
        }),
    }
}

fn each<T>(of: &Value, key: &str, read: impl Fn(&Value) -> T) -> Vec<T> {
    let list = of.get(key).and_then(Value::as_array);
    list.into_iter().flatten().map(read).collect()
}

fn span(span: &Value) -> Span {
    Span {
        trace_id: hex(&span["traceId"]),
        span_id: hex(&span["spanId"]),
        parent_span_id: hex(&span["parentSpanId"]),
        name: text(&span["name"]),
        start_time_unix_nano: nanos(&span["startTimeUnixNano"]),
        end_time_unix_nano: nanos(&span["endTimeUnixNano"]),
        attributes: attributes(span),
        events: each(span, "events", |event| Event {
            time_unix_nano: nanos(&event["timeUnixNano"]),
            name: text(&event["name"]),
            attributes: attributes(event),
        }),
        status: span.get("status").map(|status| Status {
            message: text(&status["message"]),
            code: match &status["code"] {
                Value::String(name) => i32::from(name == "STATUS_CODE_ERROR") * 2,
                code => code
                    .as_i64()
                    .map_or(0, |code| i32::try_from(code).unwrap_or(0)),
            },
        }),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn nanos(value: &Value) -> u64 {
    let read = value.as_u64().or_else(|| value.as_str()?.parse().ok());
    read.unwrap_or(0)
}

/// What is no hexadecimal becomes one byte, which no id is.
fn hex(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap_or_default().as_bytes();
    let pair = |pair: &[u8]| {
        let text = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(text, 16)
            .ok()
            .filter(|_| pair.len() == 2)
    };
    let read: Option<Vec<u8>> = digits.chunks(2).map(pair).collect();
    read.unwrap_or_else(|| vec![0])
}

fn attributes(of: &Value) -> Vec<KeyValue> {
    each(of, "attributes", key_value)
}

fn key_value(entry: &Value) -> KeyValue {
    KeyValue {
        key: text(&entry["key"]),
        value: entry.get("value").map(any_value),
    }
}

fn any_value(value: &Value) -> AnyValue {
    let get = |key: &str| value.get(key);
    let int = |value: &Value| value.as_i64().or_else(|| value.as_str()?.parse().ok());
    let read = get("stringValue")
        .and_then(Value::as_str)
        .map(|text| Kind::Text(text.to_owned()))
        .or_else(|| Some(Kind::Flag(get("boolValue")?.as_bool()?)))
        .or_else(|| Some(Kind::Int(int(get("intValue")?)?)))
        .or_else(|| Some(Kind::Double(get("doubleValue")?.as_f64()?)))
        .or_else(|| {
            let values = each(get("arrayValue")?, "values", any_value);
            Some(Kind::List(List { values }))
        })
        .or_else(|| {
            let values = each(get("kvlistValue")?, "values", key_value);
            Some(Kind::Map(Map { values }))
        })
        .or_else(|| Some(Kind::Text(get("bytesValue")?.as_str()?.to_owned())));
    AnyValue { value: read }
}
