//! Bodies into the store: the routes that bring runs.

use bytes::Bytes;
use http::StatusCode;
use serde_json::json;

use super::core::{Core, State};
use super::decode::{self, Decoded, OpKind};
use super::request::{MockRequest, MockResponse};
use super::route::Route;
use super::store::{IngestOutcome, Sender};
use super::violation::{Violation, cut_name};
use crate::model::Timestamp;

impl Core {
    /// Answers one of the four routes that take runs.
    pub(super) fn ingest(
        &self,
        request: &MockRequest,
        route: Route,
        ids: Vec<String>,
        body: Bytes,
        at: Timestamp,
    ) -> MockResponse {
        let content_type = request.header("content-type");
        let strict = self.settings().strict;
        let decoded = match route {
            Route::Multipart => decode::multipart(content_type, body, strict),
            Route::Batch => decode::batch(content_type, &body, strict),
            Route::UpdateRun => {
                let id = ids.into_iter().next();
                decode::one_run(OpKind::Patch, id, content_type, &body, strict)
            }
            _ => decode::one_run(OpKind::Post, None, content_type, &body, strict),
        };
        let sender = Sender {
            batched: matches!(route, Route::Multipart | Route::Batch),
            spans: false,
            tenant: request.header("x-tenant-id").map(str::to_owned),
            at,
        };
        match decoded {
            Ok(decoded) => self.store(decoded, &sender),
            Err(refusal) => self.refuse(&refusal),
        }
    }

    fn store(&self, decoded: Decoded, sender: &Sender) -> MockResponse {
        let mut state = self.state();
        let State { store, keys, .. } = &mut *state;
        let request = store.request_count;
        for violation in decoded.violations {
            store.object(violation.tidied(keys));
        }
        let (mut repeated, mut reason) = (!decoded.ops.is_empty(), None);
        for mut op in decoded.ops {
            op.id = cut_name(keys.scrub(&op.id));
            let (outcome, violations) = store.apply(op, sender, request, keys);
            repeated &= outcome == IngestOutcome::Repeated;
            if outcome == IngestOutcome::Rejected {
                let error = violations.into_iter().find(Violation::is_error);
                reason = reason.or(error.map(|violation| violation.message));
            }
        }
        for (run, attachment) in decoded.attachments {
            repeated = false;
            store.attach(run, attachment, keys);
        }
        for feedback in decoded.feedback {
            repeated = false;
            store.feedback.receive(feedback, sender.at);
        }
        store.forget_oldest();
        state.release_spans(sender.at);
        drop(state);
        let conflict = self.settings().conflict_on_repeat;
        if repeated && conflict.unwrap_or(self.settings().strict) {
            return MockResponse::detail(StatusCode::CONFLICT, "payload already received");
        }
        match reason {
            // The real batch routes answer before they look: "202 now, rejected later".
            Some(reason) if !sender.batched => {
                MockResponse::detail(StatusCode::BAD_REQUEST, &reason)
            }
            _ if sender.batched => MockResponse::json(
                StatusCode::ACCEPTED,
                &json!({ "message": "Runs batch ingested" }),
            ),
            _ => MockResponse::json(StatusCode::OK, &json!({})),
        }
    }
}
