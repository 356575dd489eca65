//! Bodies in JSON: for servers without multipart, and for runs sent one by one.

use serde::Serialize;

use super::parts::{FeedbackRoute, WholeRun, feedback};
use super::{EncodedBody, Encoder};
use crate::export::batch::Batch;
use crate::model::RunOp;

/// The lists of `POST /runs/batch`; one without entries is left out, as the Python SDK does.
#[derive(Serialize)]
struct Lists<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    post: Vec<WholeRun<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    patch: Vec<WholeRun<'a>>,
}

impl Encoder {
    /// Writes the body of `POST /runs/batch`, for servers that have no multipart.
    ///
    /// It has no place for attachments and feedback: the exporter counts the former as
    /// [`AttachmentLoss`](crate::export::AttachmentLoss) and sends the latter by itself.
    ///
    /// # Errors
    /// Only if a value cannot be written as JSON, which plain values always can.
    pub fn json_batch(&mut self, batch: &Batch) -> serde_json::Result<EncodedBody> {
        let mut lists = Lists {
            post: Vec::new(),
            patch: Vec::new(),
        };
        for group in batch.groups() {
            match &group.op {
                RunOp::Post(run) => lists.post.push(WholeRun::of(run, true)),
                RunOp::Patch(run) => lists.patch.push(WholeRun::of(run, false)),
                RunOp::Feedback(_) => {}
            }
        }
        Ok(EncodedBody::json(serde_json::to_vec(&lists)?))
    }

    /// Writes the body of a request that carries one operation: `POST /runs`, `PATCH /runs/{id}` or
    /// `POST /feedback`.
    ///
    /// A patch says everything but the inputs, which left with the post: the official SDKs do the same
    /// unless `LANGSMITH_EXCLUDE_INPUTS_ON_PATCH` is `false`.
    ///
    /// # Errors
    /// As for [`json_batch`](Self::json_batch).
    pub fn json_one(&mut self, op: &RunOp) -> serde_json::Result<EncodedBody> {
        let text = match op {
            RunOp::Post(run) => serde_json::to_vec(&WholeRun::of(run, true))?,
            RunOp::Patch(run) => serde_json::to_vec(&WholeRun::of(run, false))?,
            RunOp::Feedback(judged) => {
                serde_json::to_vec(&feedback(judged, FeedbackRoute::Request)?)?
            }
        };
        Ok(EncodedBody::json(text))
    }
}
