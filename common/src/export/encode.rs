//! Batches become request bodies.
//!
//! ```text
//! --B                                                    one group of a batch:
//! Content-Disposition: form-data; name="post.<id>"         post.<id>          ids, names, times
//! Content-Type: application/json                           post.<id>.inputs   ┐
//! Content-Length: 346                                      post.<id>.outputs  │ large or free-form
//!                                                          post.<id>.events   │ fields, each a
//! {"id":"<id>","start_time":…}                             post.<id>.extra    │ part of its own
//! --B …                                                    post.<id>.error    ┘
//! --B--
//! ```
//!
//! Layout and order are those of the official SDKs; `Content-Length` in the part's headers is the way
//! of the Python and Go ones. JSON has no raw line break, so a boundary line cannot occur in a part.
//! Start at [`Encoder::multipart`].

use bytes::{Bytes, BytesMut};
use serde::Serialize;
use uuid::Uuid;

use super::batch::{Batch, Group};
use crate::model::{DottedOrder, JsonMap, Run, RunId, RunOp, Timestamp, TraceId};

/// How the bytes of a body are packed as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Encoding {
    /// As they are.
    #[default]
    Identity,
}

impl Encoding {
    /// Returns the value of `Content-Encoding`, if one is needed.
    pub fn header(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
        }
    }
}

/// The body of a request, ready to send; a clone shares the bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct EncodedBody {
    /// The value of `Content-Type`.
    pub content_type: String,
    /// How the bytes are packed.
    pub encoding: Encoding,
    /// The bytes.
    pub bytes: Bytes,
}

impl EncodedBody {
    /// Makes a body of JSON text.
    pub fn json(text: impl Into<Bytes>) -> Self {
        Self {
            content_type: "application/json".to_owned(),
            encoding: Encoding::Identity,
            bytes: text.into(),
        }
    }
}

/// Writes bodies; keeps its buffers from one to the next.
#[derive(Debug, Default)]
pub struct Encoder {
    body: BytesMut,
    // A part's length goes in front of it, so each part is written here first.
    part: Vec<u8>,
}

/// A buffer that one huge batch has grown is not kept for the many small ones.
const MAX_KEPT_BUFFER: usize = 4 * 1024 * 1024;

impl Encoder {
    /// Makes an encoder.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes the body of `POST /runs/multipart`.
    ///
    /// # Errors
    /// Only if a value cannot be written as JSON, which plain values always can.
    pub fn multipart(&mut self, batch: &Batch) -> serde_json::Result<EncodedBody> {
        let boundary = Uuid::from_u128(rand::random()).simple().to_string();
        self.body.clear();
        for group in batch.groups() {
            self.group(&boundary, group)?;
        }
        self.put(&["--", &boundary, "--\r\n"]);
        Ok(EncodedBody {
            content_type: format!("multipart/form-data; boundary={boundary}"),
            encoding: Encoding::Identity,
            bytes: self.body.split().freeze(),
        })
    }

    /// Writes the body of `POST /runs/batch`, for servers that have no multipart.
    ///
    /// # Errors
    /// As for [`multipart`](Self::multipart).
    pub fn json_batch(&mut self, batch: &Batch) -> serde_json::Result<EncodedBody> {
        #[derive(Serialize)]
        struct Body<'a> {
            #[serde(skip_serializing_if = "Vec::is_empty")]
            post: Vec<&'a Run>,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            patch: Vec<&'a Run>,
        }
        let (post, patch): (Vec<&RunOp>, Vec<&RunOp>) = batch
            .groups()
            .iter()
            .map(|group| &group.op)
            .partition(|op| matches!(op, RunOp::Post(_)));
        let body = Body {
            post: post.into_iter().filter_map(RunOp::run).collect(),
            patch: patch.into_iter().filter_map(RunOp::run).collect(),
        };
        Ok(EncodedBody {
            content_type: "application/json".to_owned(),
            encoding: Encoding::Identity,
            bytes: serde_json::to_vec(&body)?.into(),
        })
    }

    /// Takes the bytes of a body back once it is sent, to write the next one there.
    pub(super) fn recycle(&mut self, body: EncodedBody) {
        if let Ok(buffer) = body.bytes.try_into_mut()
            && buffer.capacity() <= MAX_KEPT_BUFFER
        {
            self.body = buffer;
        }
    }

    fn group(&mut self, boundary: &str, group: &Group) -> serde_json::Result<()> {
        let mut id_buffer = Uuid::encode_buffer();
        let id: &str = group.op.id().hyphenated().encode_lower(&mut id_buffer);
        let (event, created, run) = match &group.op {
            RunOp::Post(run) => ("post.", true, run),
            RunOp::Patch(run) => ("patch.", false, run),
            RunOp::Feedback(feedback) => {
                return self.part([boundary, "feedback.", id], "", feedback);
            }
        };
        let name = [boundary, event, id];
        self.part(name, "", &MainPart::of(run))?;
        if let Some(inputs) = &run.inputs {
            self.part(name, ".inputs", inputs)?;
        }
        match &run.outputs {
            Some(outputs) => self.part(name, ".outputs", outputs)?,
            // The Python SDK 0.15 creates a run with `{}`; an update without outputs says nothing.
            None if created => self.part(name, ".outputs", &JsonMap::new())?,
            None => {}
        }
        self.part(name, ".events", &run.events)?;
        self.part(name, ".extra", &run.extra)?;
        if let Some(error) = &run.error {
            self.part(name, ".error", error)?;
        }
        Ok(())
    }

    fn part(
        &mut self,
        [boundary, event, id]: [&str; 3],
        field: &str,
        value: &impl Serialize,
    ) -> serde_json::Result<()> {
        self.part.clear();
        serde_json::to_writer(&mut self.part, value)?;
        let mut digits = [0_u8; 20];
        let length = decimal(self.part.len(), &mut digits);
        self.body.reserve(self.part.len() + 256);
        self.put(&[
            "--",
            boundary,
            "\r\nContent-Disposition: form-data; name=\"",
            event,
            id,
            field,
            "\"\r\nContent-Type: application/json\r\nContent-Length: ",
            length,
            "\r\n\r\n",
        ]);
        self.body.extend_from_slice(&self.part);
        self.put(&["\r\n"]);
        Ok(())
    }

    fn put(&mut self, pieces: &[&str]) {
        for piece in pieces {
            self.body.extend_from_slice(piece.as_bytes());
        }
    }
}

/// The fields that stay together; the order is the Python SDK's.
#[derive(Serialize)]
struct MainPart<'a> {
    id: RunId,
    start_time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_run_id: Option<RunId>,
    tags: &'a [String],
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
    fn of(run: &'a Run) -> Self {
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

/// Writes a number in decimal without allocating.
fn decimal(mut number: usize, digits: &mut [u8; 20]) -> &str {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    std::str::from_utf8(&digits[at..]).unwrap_or("0")
}
