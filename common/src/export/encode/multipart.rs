//! The body that carries runs, their files and judgements of them.
//!
//! ```text
//! --B                                                    one group of a batch:
//! Content-Disposition: form-data; name="post.<id>"         post.<id>          ids, names, times
//! Content-Type: application/json                           post.<id>.inputs   ┐
//! Content-Length: 346                                      post.<id>.outputs  │ large or free-form
//!                                                          post.<id>.events   │ fields, each a
//! {"id":"<id>","start_time":…}                             post.<id>.extra    │ part of its own
//! --B …                                                    post.<id>.error    ┘
//! --B--                                                    attachment.<id>.<name>   its bytes
//!                                                        feedback.<id>        a judgement
//! ```
//!
//! `Content-Length` in a part's headers is the way of the Python and Go SDKs. The boundary is drawn at
//! random for each body, after everything that goes in is known: data cannot contain it but by a chance
//! of 2⁻¹²⁸, and nobody can prepare data for it. Start at [`Encoder::multipart`].

use std::ops::Range;

use bytes::Bytes;
use uuid::Uuid;

use super::parts::{
    FeedbackRoute, events, extra, feedback, fields, has_outputs, is_usable_name, main_part,
    media_type, outputs,
};
use super::text::JsonText as _;
use super::{EncodedBody, Encoder, Encoding};
use crate::export::batch::{Batch, Group};
use crate::model::{Attachment, FieldsView, JsonMap, OpView, RunView};

/// A smaller attachment is copied: a chunk of its own would cost more.
const MIN_CHUNK: usize = 16 * 1024;

/// A part of which nothing is known has about so many bytes; what counts is that there are three digits.
const USUAL: usize = 500;

/// Returns about how many bytes it takes to write that.
fn about(fields: Option<FieldsView<'_>>) -> usize {
    match fields {
        None => 2,
        Some(FieldsView::Text(key, text)) => key.len() + text.len() + 7,
        Some(FieldsView::Map(map)) if map.is_empty() => 2,
        Some(FieldsView::Map(map)) => map.iter().fold(USUAL / 4, |bytes, (key, value)| {
            bytes + key.len() + value.as_str().map_or(0, str::len)
        }),
    }
}

/// What stands between the boundary and the name of a part.
const DISPOSITION: &str = "\r\nContent-Disposition: form-data; name=\"";

/// What a run said in `extra`, and where that is in the text: the next run nearly always shares it, and says
/// the same.
struct Said<'a> {
    metadata: &'a JsonMap,
    runtime: Option<&'a JsonMap>,
    nothing_else: bool,
    at: Range<usize>,
}

impl<'a> Said<'a> {
    fn of(run: &RunView<'a>, at: Range<usize>) -> Self {
        Self {
            metadata: run.metadata,
            runtime: run.runtime,
            nothing_else: run.other.is_none_or(JsonMap::is_empty),
            at,
        }
    }

    /// Returns true if that run says it in the very same maps.
    fn is_of(&self, run: &RunView<'_>) -> bool {
        let same_runtime = match (self.runtime, run.runtime) {
            (Some(own), Some(other)) => std::ptr::eq(own, other),
            (None, None) => true,
            _ => false,
        };
        same_runtime
            && std::ptr::eq(self.metadata, run.metadata)
            && self.nothing_else
            && run.other.is_none_or(JsonMap::is_empty)
    }
}

impl Encoder {
    /// Writes the body of `POST /runs/multipart`.
    ///
    /// An attachment whose name cannot travel is left out (see
    /// [`AttachmentLoss`](crate::export::AttachmentLoss)). A large one is not copied: it becomes a chunk
    /// of the body.
    ///
    /// ```
    /// use common::export::{Batch, Encoder};
    /// use common::model::{Attachment, RunOp};
    /// use common::trace::{MemorySink, Tracer};
    ///
    /// let sink = std::sync::Arc::new(MemorySink::new());
    /// Tracer::builder(sink.clone()).build().run("draw").start().end();
    /// let mut ops = sink.ops();
    /// if let RunOp::Post(run) = &mut ops[0] {
    ///     run.attachments.push(Attachment::new("picture", "image/png", vec![0; 100_000]));
    /// }
    /// let body = Encoder::new().multipart(&Batch::merge(ops))?;
    /// assert_eq!(body.chunks.len(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Only if a value cannot be written as JSON, which plain values always can.
    pub fn multipart(&mut self, batch: &Batch) -> serde_json::Result<EncodedBody> {
        let boundary = Uuid::from_u128(rand::random()).simple().to_string();
        self.text.clear();
        self.inserts.clear();
        self.data_size = 0;
        let mut said = None;
        for group in batch.groups() {
            self.group(&boundary, group, &mut said)?;
        }
        self.put(&["--", &boundary, "--\r\n"]);
        Ok(EncodedBody {
            content_type: format!("multipart/form-data; boundary={boundary}"),
            encoding: Encoding::Identity,
            chunks: self.chunks(),
            data_size: self.data_size,
        })
    }

    fn group<'a>(
        &mut self,
        boundary: &str,
        group: &'a Group,
        said: &mut Option<Said<'a>>,
    ) -> serde_json::Result<()> {
        let mut id_buffer = Uuid::encode_buffer();
        let id = group.content.id();
        let id: &str = id.hyphenated().encode_lower(&mut id_buffer);
        let view = group.view();
        let (event, created, run) = match &view {
            OpView::Post(run) => ("post.", true, run),
            OpView::Patch(run) => ("patch.", false, run),
            OpView::Feedback(judged) => {
                let fields = feedback(judged, FeedbackRoute::Part)?;
                self.begin_group(boundary, "feedback.", id);
                self.part("", USUAL, |text| text.map(&fields));
                return Ok(());
            }
        };
        self.begin_group(boundary, event, id);
        self.part("", USUAL, |text| main_part(text, run));
        if let Some(inputs) = run.inputs {
            let about = about(Some(inputs));
            self.part(".inputs", about, |text| fields(text, inputs));
        }
        if has_outputs(run, created) {
            let about = about(run.outputs);
            self.part(".outputs", about, |text| outputs(text, run));
        }
        let about = if run.events.is_empty() { 2 } else { USUAL };
        self.part(".events", about, |text| events(text, run.events));
        match said.as_ref().filter(|said| said.is_of(run)) {
            Some(Said { at, .. }) => {
                let at = at.clone();
                self.part(".extra", at.len(), |text| text.extend_from_within(at));
            }
            None => {
                let at = self.part(".extra", USUAL, |text| extra(text, run));
                *said = Some(Said::of(run, at));
            }
        }
        if let Some(error) = run.error {
            let about = error.len() + 2;
            self.part(".error", about, |text| text.text(error));
        }
        for attachment in run.attachments {
            if is_usable_name(&attachment.name) {
                self.attachment(boundary, id, attachment);
            }
        }
        Ok(())
    }

    /// Prepares what the heads of a group's parts begin with.
    fn begin_group(&mut self, boundary: &str, event: &str, id: &str) {
        self.prefix.clear();
        for piece in ["--", boundary, DISPOSITION, event, id] {
            self.prefix.extend_from_slice(piece.as_bytes());
        }
    }

    /// Writes a part of the group that takes about so many bytes; returns where it is.
    ///
    /// Its length stands before it, and is known after it: there is room for as many digits as it is likely
    /// to have. So nearly always the part need not be moved.
    fn part(
        &mut self,
        field: &str,
        about: usize,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Range<usize> {
        let mut digits = [0_u8; 20];
        self.text.reserve(about + 256);
        self.text.extend_from_slice(&self.prefix);
        self.put(&[
            field,
            "\"\r\nContent-Type: application/json\r\nContent-Length: ",
        ]);
        let at = self.text.len();
        self.put(&[decimal(about, &mut digits), "\r\n\r\n"]);
        let begin = self.text.len();
        write(&mut self.text);
        let length = self.text.len() - begin;
        let digits = decimal(length, &mut digits).as_bytes();
        match self.text.get_mut(at..begin - 4) {
            Some(room) if room.len() == digits.len() => room.copy_from_slice(digits),
            _ => drop(self.text.splice(at..begin - 4, digits.iter().copied())),
        }
        self.data_size += length;
        let end = self.text.len();
        self.put(&["\r\n"]);
        end - length..end
    }

    fn attachment(&mut self, boundary: &str, id: &str, attachment: &Attachment) {
        let Attachment {
            name,
            mime_type,
            data,
        } = attachment;
        let mut digits = [0_u8; 20];
        self.text.reserve(data.len().min(MIN_CHUNK) + 256);
        self.put(&[
            "--",
            boundary,
            DISPOSITION,
            "attachment.",
            id,
            ".",
            name,
            "\"\r\nContent-Type: ",
            media_type(mime_type),
            "\r\nContent-Length: ",
            decimal(data.len(), &mut digits),
            "\r\n\r\n",
        ]);
        self.data_size += data.len();
        if data.len() < MIN_CHUNK {
            self.text.extend_from_slice(data);
        } else {
            self.inserts.push((self.text.len(), data.clone()));
        }
        self.put(&["\r\n"]);
    }

    fn put(&mut self, pieces: &[&str]) {
        for piece in pieces {
            self.text.extend_from_slice(piece.as_bytes());
        }
    }

    /// Cuts the text where an attachment goes in. Nothing is copied.
    fn chunks(&mut self) -> Vec<Bytes> {
        let mut rest = Bytes::from(std::mem::take(&mut self.text));
        let mut chunks = Vec::with_capacity(2 * self.inserts.len() + 1);
        let mut cut = 0;
        for (at, data) in self.inserts.drain(..) {
            chunks.push(rest.split_to(at - cut));
            chunks.push(data);
            cut = at;
        }
        chunks.push(rest);
        chunks
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
