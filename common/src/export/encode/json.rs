//! Bodies in JSON: for servers without multipart, and for runs sent one by one.

use super::parts::{FeedbackRoute, feedback, whole_run};
use super::text::JsonText as _;
use super::{EncodedBody, Encoder};
use crate::export::batch::{Batch, Group};
use crate::model::{OpView, RunOp};

impl Encoder {
    /// Writes the body of `POST /runs/batch`, for servers that have no multipart.
    ///
    /// It has no place for attachments and feedback: the exporter counts the former as
    /// [`AttachmentLoss`](crate::export::AttachmentLoss) and sends the latter by itself.
    ///
    /// # Errors
    /// Only if a value cannot be written as JSON, which plain values always can.
    pub fn json_batch(&mut self, batch: &Batch) -> serde_json::Result<EncodedBody> {
        let groups = batch.groups().iter().map(Group::view);
        let posts = groups.clone().filter_map(|op| match op {
            OpView::Post(run) => Some(run),
            OpView::Patch(_) | OpView::Feedback(_) => None,
        });
        let patches = groups.filter_map(|op| match op {
            OpView::Patch(run) => Some(run),
            OpView::Post(_) | OpView::Feedback(_) => None,
        });
        let mut text = Vec::new();
        text.raw("{");
        // A list without entries is left out, as the Python SDK does.
        if posts.clone().next().is_some() {
            text.raw("\"post\":");
            text.list(posts, |text, run| whole_run(text, &run, true));
        }
        if patches.clone().next().is_some() {
            text.raw(if text.len() > 1 {
                ",\"patch\":"
            } else {
                "\"patch\":"
            });
            text.list(patches, |text, run| whole_run(text, &run, false));
        }
        text.raw("}");
        Ok(EncodedBody::json(text))
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
        self.json_of(&op.view())
    }

    pub(in crate::export) fn json_of(
        &mut self,
        op: &OpView<'_>,
    ) -> serde_json::Result<EncodedBody> {
        let mut text = Vec::new();
        match op {
            OpView::Post(run) => whole_run(&mut text, run, true),
            OpView::Patch(run) => whole_run(&mut text, run, false),
            OpView::Feedback(judged) => text.map(&feedback(judged, FeedbackRoute::Request)?),
        }
        Ok(EncodedBody::json(text))
    }
}
