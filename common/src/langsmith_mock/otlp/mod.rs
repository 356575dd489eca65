//! Spans in, runs out: what OpenTelemetry sends to LangSmith.
//!
//! ```text
//! protobuf (wire) ─┐
//!                  ├─► decode: spans ─► map: fields ─► place ──known──► store
//! JSON ────────────┘                                     └─not yet─► orphans ──parent came──► store
//!                                                                       └──window over──► dropped
//! ```
//!
//! The answer is 200 whatever becomes of a span, as at LangSmith: one whose parent never comes is
//! dropped without a word, and shows in the ingest log alone. Start at [`Core::take_spans`].

mod decode;
mod json;
mod map;
mod orphans;
mod wire;

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use self::decode::{Form, ReadSpan};
use self::orphans::{Parent, Placeless};
use super::core::{Core, State};
use super::decode::{OpKind, ReceivedOp, Refusal, read_id, weight};
use super::request::{MockRequest, MockResponse};
use super::store::Sender;
use super::violation::{Violation, ViolationCode};
use crate::model::{DottedOrder, RunId, Segment, Timestamp};

pub(super) use orphans::Waiting;

impl Core {
    /// Answers `POST /otel/v1/traces`.
    pub(super) fn take_spans(
        &self,
        request: &MockRequest,
        body: &Bytes,
        at: Timestamp,
    ) -> MockResponse {
        let Some(form) = Form::of(request.header("content-type")) else {
            return self.refuse(&Refusal::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                ViolationCode::ContentTypeWrong,
                "Content-Type is neither application/x-protobuf nor application/json",
            ));
        };
        let spans = match decode::spans(form, body) {
            Ok(spans) => spans,
            Err(why) => {
                return self.refuse(&Refusal::new(
                    StatusCode::BAD_REQUEST,
                    ViolationCode::BodyUnreadable,
                    format!("the body is no OTLP: {why}"),
                ));
            }
        };
        let project = request.header("langsmith-project");
        let tenant = request.header("x-tenant-id").map(str::to_owned);
        let mut state = self.state();
        let (mut rejected, mut first) = (0, String::new());
        for span in spans {
            match span {
                Ok(span) => state.receive(&span, project, tenant.clone(), at),
                Err(why) => {
                    let violation = Violation::new(ViolationCode::SpanMalformed, None, why);
                    let violation = violation.tidied(&state.keys);
                    if rejected == 0 {
                        first.clone_from(&violation.message);
                    }
                    rejected += 1;
                    state.store.object(violation);
                }
            }
        }
        let answer = form.answer(rejected, &first);
        MockResponse::text(StatusCode::OK, form.content_type(), answer)
    }
}

/// Where a span stands.
enum Place {
    Known(DottedOrder),
    Below(Parent),
}

impl State {
    fn receive(
        &mut self,
        span: &ReadSpan,
        project: Option<&str>,
        tenant: Option<String>,
        at: Timestamp,
    ) {
        let (id, place) = self.place(span);
        let fields = map::fields(span, project);
        let run = Placeless {
            span: span.id,
            id,
            start: span.start,
            bytes: fields.values().map(weight).sum(),
            fields,
            tenant,
            request: self.store.request_count,
        };
        match place {
            Place::Known(order) => self.settle(run, order, at),
            Place::Below(parent) => {
                self.store.log_waiting(id.to_string(), run.request);
                for oldest in self.waiting.wait(parent, run, at) {
                    self.drop_orphan(&oldest, "too many spans wait for their parents");
                }
            }
        }
    }

    /// Finds a span's run id, and where it stands.
    ///
    /// A trace's id becomes the UUID of the same 16 bytes, which is its root run's id; a span's id
    /// becomes a UUID with zeros before it. `langsmith.trace.id`, `langsmith.span.id`,
    /// `langsmith.span.parent_id` and `langsmith.span.dotted_order` say otherwise.
    fn place(&self, span: &ReadSpan) -> (RunId, Place) {
        let given = |key: &str| {
            let text = span.attributes.get(key).and_then(Value::as_str);
            text.and_then(read_id)
        };
        let order = span.attributes.get("langsmith.span.dotted_order");
        let order: Option<DottedOrder> = order.and_then(|text| text.as_str()?.parse().ok());
        let own = given("langsmith.span.id");
        if let Some(order) = order {
            return (own.map_or(order.run_id(), RunId), Place::Known(order));
        }
        let detached = span.attributes.get("langsmith.is_root") == Some(&Value::Bool(true));
        let parent = given("langsmith.span.parent_id")
            .map(Parent::Run)
            .or(span.parent.map(Parent::Span))
            .filter(|_| !detached);
        let Some(parent) = parent else {
            // One OpenTelemetry trace holds several detached roots, but one without a parent.
            let of_trace = match span.parent {
                Some(_) => padded(span.id.span),
                None => Uuid::from_bytes(span.id.trace),
            };
            let id = RunId(own.or(given("langsmith.trace.id")).unwrap_or(of_trace));
            let start = span.start;
            return (id, Place::Known(DottedOrder::root(Segment { start, id })));
        };
        let id = RunId(own.unwrap_or_else(|| padded(span.id.span)));
        let above = match parent {
            Parent::Span(span) => self.waiting.place_of(span).cloned(),
            Parent::Run(run) => self.place_of_run(run),
        };
        let start = span.start;
        let place = match above {
            Some(above) => Place::Known(above.child(Segment { start, id })),
            None => Place::Below(parent),
        };
        (id, place)
    }

    fn place_of_run(&self, id: Uuid) -> Option<DottedOrder> {
        Some(self.store.get(id)?.run()?.dotted_order)
    }

    /// Stores a run whose place is known, and all that waited for it.
    fn settle(&mut self, run: Placeless, order: DottedOrder, at: Timestamp) {
        let mut ready = vec![(run, order)];
        while let Some((run, order)) = ready.pop() {
            let (span, id) = (run.span, run.id);
            self.waiting.place(span, order.clone());
            self.store_span(run, &order, at);
            for parent in [Parent::Span(span), Parent::Run(id.0)] {
                for below in self.waiting.released_by(parent) {
                    let segment = Segment {
                        start: below.start,
                        id: below.id,
                    };
                    let place = order.child(segment);
                    ready.push((below, place));
                }
            }
        }
    }

    fn store_span(&mut self, run: Placeless, order: &DottedOrder, at: Timestamp) {
        let mut fields = run.fields;
        fields.insert("id".to_owned(), json!(run.id));
        fields.insert("trace_id".to_owned(), json!(order.trace_id()));
        fields.insert("dotted_order".to_owned(), json!(order.as_str()));
        if let Some(parent) = order.parent_run_id() {
            fields.insert("parent_run_id".to_owned(), json!(parent));
        }
        let op = ReceivedOp {
            kind: OpKind::Post,
            id: run.id.to_string(),
            bytes: fields.values().map(weight).sum(),
            fields,
            violations: Vec::new(),
        };
        let sender = Sender {
            batched: true,
            spans: true,
            tenant: run.tenant,
            at,
        };
        self.store.apply(op, &sender, run.request, &self.keys);
    }

    /// Stores the spans whose parents came by another way.
    pub(super) fn release_spans(&mut self, at: Timestamp) {
        for id in self.waiting.awaited_runs() {
            let Some(above) = self.place_of_run(id) else {
                continue;
            };
            for run in self.waiting.released_by(Parent::Run(id)) {
                let segment = Segment {
                    start: run.start,
                    id: run.id,
                };
                let place = above.child(segment);
                self.settle(run, place, at);
            }
        }
    }

    /// Drops the spans that have waited too long by `now`; without it, all that wait.
    pub(super) fn expire_orphans(&mut self, now: Option<Timestamp>) -> usize {
        let expired = self.waiting.expired(now);
        for run in &expired {
            self.drop_orphan(run, "its parent never came");
        }
        expired.len()
    }

    fn drop_orphan(&mut self, run: &Placeless, why: &str) {
        let name = run.fields.get("name").unwrap_or(&Value::Null);
        let message = format!("the span {name} was dropped after its 200: {why}");
        let violation = Violation::new(ViolationCode::SpanOrphan, Some(run.id), message);
        self.store.object(violation.tidied(&self.keys));
        self.store.log_drop(run.id.to_string(), run.request);
    }
}

/// The UUID that the official SDKs name a span's run by: eight zero bytes, then the span's id.
fn padded(span: [u8; 8]) -> Uuid {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&span);
    Uuid::from_bytes(bytes)
}
