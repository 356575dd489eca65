//! Bytes into operations: decompression, multipart, JSON.
//!
//! ```text
//! body ──Content-Encoding──► encoding ──► multipart ──► parts ──┐
//!                               │                               ├──► Decoded: operations, attachments
//!                               └───────► json ─────────────────┘
//! ```
//!
//! Written from the description of the wire, and apart from the crate's encoder: a decoder that
//! shared its code would forgive its mistakes. Start at [`Decoded`].

mod encoding;
mod json;
mod multipart;
mod numbers;
mod parts;
pub(super) mod run;
mod time;

use std::fmt;

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;
use uuid::Uuid;

use super::violation::{Violation, ViolationCode};
use crate::model::JsonMap;

pub(super) use encoding::decompress;
pub(super) use json::{batch, one_run, weight};

/// Whether an operation creates or updates its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OpKind {
    /// Creates the run.
    Post,
    /// Updates the run.
    Patch,
}

impl fmt::Display for OpKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Post => "post",
            Self::Patch => "patch",
        })
    }
}

/// An operation as it was sent, its parts put together.
#[derive(Debug, Clone)]
pub(super) struct ReceivedOp {
    pub(super) kind: OpKind,
    /// The id that the part's name or the path gives; for JSON batches that of the body.
    pub(super) id: String,
    pub(super) fields: JsonMap,
    /// What decoding found wrong with it.
    pub(super) violations: Vec<Violation>,
    pub(super) bytes: usize,
}

/// A file that came with a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Its name within the run.
    pub name: String,
    /// Its media type, as sent, without parameters.
    pub content_type: String,
    /// Its content.
    pub data: Bytes,
}

/// What a body held.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    pub(super) ops: Vec<ReceivedOp>,
    pub(super) attachments: Vec<(Uuid, Attachment)>,
    pub(super) feedback: Vec<Value>,
    /// What is wrong with the body rather than with one operation.
    pub(super) violations: Vec<Violation>,
}

/// Why a body was refused as a whole.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: ViolationCode,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: ViolationCode, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    pub(super) fn too_large(limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            ViolationCode::BodyTooLarge,
            format!("the body is larger than {limit} bytes"),
        )
    }
}

/// Refuses JSON with an integer that LangSmith cannot hold; a lenient stand-in reads it as a float.
fn check_numbers(json: &[u8], strict: bool) -> Result<(), Refusal> {
    match numbers::too_big(json).filter(|_| strict) {
        None => Ok(()),
        Some(number) => Err(Refusal::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            ViolationCode::IntTooBig,
            format!("int too big to convert: {number}"),
        )),
    }
}

/// Reads a multipart body.
pub(super) fn multipart(
    content_type: Option<&str>,
    body: Bytes,
    strict: bool,
) -> Result<Decoded, Refusal> {
    let mut decoded = Decoded::default();
    let read = multipart::read(content_type, body, &mut decoded.violations)?;
    for part in &read {
        if !part.name.starts_with("attachment.") {
            check_numbers(&part.data, strict)?;
        }
    }
    parts::assemble(read, &mut decoded);
    Ok(decoded)
}

/// Reads an id as LangSmith's own clients write it: hyphenated.
pub(super) fn read_id(text: &str) -> Option<Uuid> {
    (text.len() == 36)
        .then(|| Uuid::try_parse(text).ok())
        .flatten()
        .filter(|id| !id.is_nil())
}
