//! JSON bodies: a batch of operations, or a single one.

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

use super::{Decoded, OpKind, ReceivedOp, Refusal, check_numbers};
use crate::langsmith_mock::violation::{Violation, ViolationCode};
use crate::model::JsonMap;

/// Reads `{"post": […], "patch": […]}`; either list may be absent.
pub(in crate::langsmith_mock) fn batch(
    content_type: Option<&str>,
    body: &Bytes,
    strict: bool,
) -> Result<Decoded, Refusal> {
    let mut object = object(content_type, body, strict)?;
    let mut decoded = Decoded::default();
    for kind in [OpKind::Post, OpKind::Patch] {
        let list = match object.remove(&kind.to_string()) {
            None | Some(Value::Null) => continue,
            Some(Value::Array(list)) => list,
            Some(_) => return Err(unprocessable(format!("{:?} is no list", kind.to_string()))),
        };
        for item in list {
            let Value::Object(fields) = item else {
                decoded.violations.push(Violation::new(
                    ViolationCode::FieldMalformed,
                    None,
                    format!("an entry of {:?} is no JSON object", kind.to_string()),
                ));
                continue;
            };
            decoded.ops.push(op(kind, None, fields));
        }
    }
    Ok(decoded)
}

/// Reads the body of `POST /runs` or, with the id from the path, of `PATCH /runs/{id}`.
pub(in crate::langsmith_mock) fn one_run(
    kind: OpKind,
    path_id: Option<String>,
    content_type: Option<&str>,
    body: &Bytes,
    strict: bool,
) -> Result<Decoded, Refusal> {
    let fields = object(content_type, body, strict)?;
    Ok(Decoded {
        ops: vec![op(kind, path_id, fields)],
        ..Decoded::default()
    })
}

fn op(kind: OpKind, path_id: Option<String>, fields: JsonMap) -> ReceivedOp {
    let own = fields.get("id").and_then(Value::as_str).map(str::to_owned);
    ReceivedOp {
        kind,
        id: path_id.or(own).unwrap_or_default(),
        bytes: fields.values().map(weight).sum(),
        fields,
        violations: Vec::new(),
    }
}

/// Estimates the memory that a value takes; the store's limits need no more.
pub(in crate::langsmith_mock) fn weight(value: &Value) -> usize {
    // Two bytes of text, such as "0," in a list, become a whole value.
    let inside = match value {
        Value::String(text) => text.len(),
        Value::Array(list) => list.iter().map(weight).sum(),
        Value::Object(map) => map.iter().map(|(k, v)| 48 + k.len() + weight(v)).sum(),
        _ => 0,
    };
    size_of::<Value>() + inside
}

fn object(content_type: Option<&str>, body: &Bytes, strict: bool) -> Result<JsonMap, Refusal> {
    let media_type = content_type.and_then(|value| value.split(';').next());
    if !media_type.is_some_and(|value| value.trim().eq_ignore_ascii_case("application/json")) {
        return Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ViolationCode::ContentTypeWrong,
            "Content-Type is not application/json",
        ));
    }
    check_numbers(body, strict)?;
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(unprocessable("the body is no JSON object")),
        Err(error) => Err(unprocessable(format!("the body is no JSON: {error}"))),
    }
}

fn unprocessable(message: impl Into<String>) -> Refusal {
    Refusal::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        ViolationCode::BodyUnreadable,
        message,
    )
}
