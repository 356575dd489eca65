//! What is known of a body that is sent piece by piece.

use std::io::IoSlice;

use bytes::Buf;
use http::response::Parts;
use http::{HeaderMap, StatusCode, header};
use http_body::Body;
use serde_json::{Value, json};

use super::grpc::{GrpcStatus, is_grpc};
use crate::trace::{CHUNK_COUNT, RunTree};

/// A body as far as it was sent.
#[derive(Debug)]
pub(super) struct Streamed {
    status: StatusCode,
    // What the head promises.
    length: Option<u64>,
    bytes: u64,
    chunks: u64,
    is_grpc: bool,
    // In the trailers, or in a head without a body.
    grpc: Option<GrpcStatus>,
    // The beginning, if it is to be recorded.
    kept: Vec<u8>,
    keep: usize,
}

/// Returns true if a body is there: it is sent in one piece, or it is empty.
pub(super) fn is_there(body: &impl Body) -> bool {
    body.is_end_stream() || body.size_hint().exact().is_some()
}

impl Streamed {
    pub(super) fn new(head: &Parts, keep: usize) -> Self {
        let length = head.headers.get(header::CONTENT_LENGTH);
        Self {
            status: head.status,
            length: length.and_then(|length| length.to_str().ok()?.parse().ok()),
            bytes: 0,
            chunks: 0,
            is_grpc: is_grpc(&head.headers),
            grpc: GrpcStatus::of_head(&head.headers),
            kept: Vec::new(),
            keep: if is_text(&head.headers) { keep } else { 0 },
        }
    }

    /// Returns true if a response with that status has no body, whatever the service says.
    pub(super) fn sends_none(status: StatusCode) -> bool {
        let none = [
            StatusCode::NO_CONTENT,
            StatusCode::RESET_CONTENT,
            StatusCode::NOT_MODIFIED,
        ];
        status.is_informational() || none.contains(&status)
    }

    /// Takes a piece in.
    pub(super) fn take(&mut self, run: &RunTree, data: &impl Buf) {
        self.bytes += data.remaining() as u64;
        if !run.is_recording() {
            return;
        }
        self.chunks += 1;
        if self.chunks == 1 {
            run.new_token();
        }
        if self.kept.len() < self.keep {
            let mut parts = [IoSlice::new(&[]); 16];
            let count = data.chunks_vectored(&mut parts);
            for part in parts.iter().take(count) {
                let room = self.keep - self.kept.len();
                self.kept.extend(part.iter().take(room));
            }
        }
        // What is kept has no gaps: some types of data hold more pieces than they show at once.
        if (self.kept.len() as u64) < self.bytes {
            self.keep = self.keep.min(self.kept.len());
        }
        run.update_with(|| self.outputs());
    }

    /// Reads what stands behind a body.
    pub(super) fn read(&mut self, trailers: &HeaderMap) {
        if self.is_grpc {
            self.grpc = GrpcStatus::of(trailers).or(self.grpc);
        }
    }

    /// Returns true if all that the head promised was sent.
    pub(super) fn is_whole(&self) -> bool {
        self.length.is_some_and(|length| self.bytes >= length)
    }

    fn outputs(&self) -> Value {
        let mut outputs = json!({ "status": self.status.as_u16(), "bytes": self.bytes });
        if let Some(status) = self.grpc {
            outputs["grpc_status"] = status.code().into();
        }
        if self.keep > 0 {
            outputs["body"] = self.text().into();
        }
        outputs
    }

    fn text(&self) -> String {
        let whole = self.kept.len() as u64 == self.bytes;
        let kept = match std::str::from_utf8(&self.kept) {
            // A character was cut at the end.
            Err(error) if error.error_len().is_none() => &self.kept[..error.valid_up_to()],
            _ => &self.kept,
        };
        let text = String::from_utf8_lossy(kept);
        match whole {
            true => text.into_owned(),
            false => {
                let left_out = self.bytes - kept.len() as u64;
                format!("{text} [left out: {left_out} more bytes]")
            }
        }
    }

    /// Ends the run of a response that has no body to wait for.
    pub(super) fn end_with_head(&mut self, run: &RunTree) {
        let mut outputs = json!({ "status": self.status.as_u16() });
        if let Some(status) = self.grpc {
            outputs["grpc_status"] = status.code().into();
        }
        run.end_with(outputs);
    }

    /// Ends the run of a body that has ended.
    pub(super) fn end(&mut self, run: &RunTree) {
        if let Some(why) = self.grpc.and_then(GrpcStatus::failure) {
            return self.break_off(run, why);
        }
        run.add_metadata(CHUNK_COUNT, self.chunks);
        run.end_with(self.outputs());
    }

    /// Ends the run of a body that came to no good end.
    pub(super) fn break_off(&mut self, run: &RunTree, error: String) {
        run.add_metadata(CHUNK_COUNT, self.chunks);
        run.set_outputs(self.outputs());
        run.fail(error);
    }
}

/// Returns true if a body is of a kind that people read.
fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let kind = kind.to_ascii_lowercase();
    kind.starts_with("text/") || kind.ends_with("json")
}
