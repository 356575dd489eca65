//! The parts of a multipart body, with the lengths that they claim.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::{FutureExt as _, stream};
use http::{HeaderMap, StatusCode, header};

use super::Refusal;
use crate::langsmith_mock::violation::{Violation, ViolationCode};

/// One part: `post.<id>`, `post.<id>.inputs`, `attachment.<id>.<name>` and so on.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) content_type: String,
    pub(super) data: Bytes,
}

/// Splits a body at its boundary.
///
/// The boundary decides where a part ends. Lengths that parts claim are only compared: Python and Go
/// send a `Content-Length` part header, JavaScript appends `; length=N` to the part's type.
pub(super) fn read(
    content_type: Option<&str>,
    body: Bytes,
    violations: &mut Vec<Violation>,
) -> Result<Vec<Part>, Refusal> {
    let boundary = content_type
        .and_then(|value| multer::parse_boundary(value).ok())
        .ok_or_else(|| {
            Refusal::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                ViolationCode::ContentTypeWrong,
                "Content-Type is not multipart/form-data with a boundary",
            )
        })?;
    let memory = stream::iter([Ok::<_, Infallible>(body)]);
    let mut reader = multer::Multipart::new(memory, boundary);
    let mut parts = Vec::new();
    loop {
        // The stream is in memory, so nothing here ever waits.
        let next = reader.next_field().now_or_never();
        let field = match next {
            Some(Ok(Some(field))) => field,
            Some(Ok(None)) => return Ok(parts),
            Some(Err(error)) => return Err(unreadable(&error.to_string())),
            None => return Err(unreadable("it ends within a part")),
        };
        let name = field.name().unwrap_or_default().to_owned();
        let (content_type, claimed) = described(field.headers());
        let data = match field.bytes().now_or_never() {
            Some(Ok(data)) => data,
            Some(Err(error)) => return Err(unreadable(&error.to_string())),
            None => return Err(unreadable("it ends within a part")),
        };
        match claimed {
            None => violations.push(Violation::new(
                ViolationCode::PartLengthMissing,
                None,
                format!("part {name:?} has neither Content-Length nor `; length=`"),
            )),
            Some(claimed) if claimed.parse() != Ok(data.len()) => violations.push(Violation::new(
                ViolationCode::PartLengthMismatch,
                None,
                format!(
                    "part {name:?} claims {claimed} bytes and has {}",
                    data.len()
                ),
            )),
            Some(_) => {}
        }
        parts.push(Part {
            name,
            content_type,
            data,
        });
    }
}

fn unreadable(why: &str) -> Refusal {
    Refusal::new(
        StatusCode::BAD_REQUEST,
        ViolationCode::BodyUnreadable,
        format!("the multipart body cannot be read: {why}"),
    )
}

/// Returns a part's media type without parameters, and the length that it claims.
fn described(headers: &HeaderMap) -> (String, Option<String>) {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let mut type_parts = text(header::CONTENT_TYPE).unwrap_or_default().split(';');
    let content_type = type_parts.next().unwrap_or_default().trim().to_owned();
    let in_type = type_parts.find_map(|parameter| parameter.trim().strip_prefix("length="));
    let claimed = text(header::CONTENT_LENGTH).or(in_type);
    (content_type, claimed.map(|length| length.trim().to_owned()))
}
