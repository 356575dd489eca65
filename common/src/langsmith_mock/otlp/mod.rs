//! Spans in, runs out: what OpenTelemetry sends to LangSmith.
//!
//! ```text
//! protobuf (wire) ─┐
//!                  ├─► decode: spans ─► map: fields ─► place ──known──► store
//! JSON ────────────┘              │                      └─not yet─► orphans ──parent came──► store
//!                                 └─► reading: each attribute's fate     └──window over──► dropped
//! ```
//!
//! The answer is 200 whatever becomes of a span, as at LangSmith: one whose parent never comes is
//! dropped without a word, and shows in the ingest log alone. [`SpanMapping`] says whose converter the
//! stand-in is. Start at [`Core::take_spans`].

mod content;
mod decode;
mod json;
mod map;
mod mapping;
mod orphans;
mod reading;
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

pub use mapping::SpanMapping;
pub(super) use orphans::Waiting;
pub use reading::{Fate, SpanReading};

/// How many readings a stand-in keeps, the latest.
const READINGS: usize = 1_000;

/// Says of each span in a body of OTLP what LangSmith would read of it, what it would ignore, and what it
/// would lose, and why. `content_type` is that of the request: `application/x-protobuf` or
/// `application/json`.
///
/// ```
/// use common::langsmith_mock::{Fate, SpanMapping, read_spans};
///
/// let body = br#"{"resourceSpans": [{"scopeSpans": [{"spans": [{
///     "traceId": "0102030405060708090a0b0c0d0e0f10", "spanId": "0102030405060708",
///     "name": "chat", "startTimeUnixNano": "1795342674000000000",
///     "attributes": [{"key": "gen_ai.provider.name", "value": {"stringValue": "openai"}}]
/// }]}]}]}"#;
/// let readings = read_spans("application/json", body, SpanMapping::Hosted)?;
/// println!("{}", readings[0]);
/// assert!(matches!(readings[0].fate("gen_ai.provider.name"), Some(Fate::Lost(_))));
/// # Ok::<(), common::langsmith_mock::ReadSpansError>(())
/// ```
///
/// # Errors
/// If the body is no OTLP, or one of its spans is none.
pub fn read_spans(
    content_type: &str,
    body: &[u8],
    mapping: SpanMapping,
) -> Result<Vec<SpanReading>, ReadSpansError> {
    let form = Form::of(Some(content_type)).ok_or(ReadSpansError::ContentType)?;
    let body = Bytes::copy_from_slice(body);
    let spans = decode::spans(form, &body).map_err(ReadSpansError::NotOtlp)?;
    let read = |span: Result<ReadSpan, String>| {
        let span = span.map_err(ReadSpansError::NotOtlp)?;
        Ok(map::fields(&span, None, mapping, where_it_stands(&span)).1)
    };
    spans.into_iter().map(read).collect()
}

/// Why a body has no spans to read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadSpansError {
    /// Name `application/x-protobuf` or `application/json`.
    #[error("spans come as application/x-protobuf or application/json")]
    ContentType,
    /// It is not what its type says; the text tells where.
    #[error("the body is no OTLP: {0}")]
    NotOtlp(String),
}

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
        let mapping = self.settings().span_mapping;
        let packed = request.header("content-encoding");
        if mapping.is_proxy() && packed.is_some_and(|packed| packed.eq_ignore_ascii_case("zstd")) {
            return self.refuse(&Refusal::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                ViolationCode::EncodingUnknown,
                "the collector-proxy takes gzip alone",
            ));
        }
        let project = request.header("langsmith-project");
        let tenant = request.header("x-tenant-id").map(str::to_owned);
        let mut state = self.state();
        let (mut rejected, mut first) = (0, String::new());
        for span in spans {
            match span {
                Ok(span) if mapping.drops(&span.name) => {
                    let why = format!("the span {:?} was dropped by the proxy's filter", span.name);
                    let violation = Violation::new(ViolationCode::SpanFiltered, None, why);
                    let violation = violation.tidied(&state.keys);
                    state.store.object(violation);
                }
                Ok(span) => state.receive(&span, project, tenant.clone(), at, mapping),
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
        if mapping.is_proxy() {
            return MockResponse::text(StatusCode::ACCEPTED, form.content_type(), Bytes::new());
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
        mapping: SpanMapping,
    ) {
        let (id, place) = match mapping {
            SpanMapping::Hosted => self.place(span),
            SpanMapping::CollectorProxy { .. } => self.place_by_proxy(span, at),
        };
        let told = match &place {
            Place::Known(_) => where_it_stands(span),
            Place::Below(_) => "it waits for its parent; if that never comes, the run never does",
        };
        let (fields, reading) = map::fields(span, project, mapping, told);
        self.waiting.keep_reading(reading, READINGS);
        let run = Placeless {
            span: span.id,
            id,
            start: span.start,
            bytes: fields.values().map(weight).sum(),
            fields,
            tenant,
            request: self.store.request_count,
            rehung: mapping.is_proxy().then(|| {
                let told = span.attributes.get("langsmith.trace.id");
                let told = told.and_then(Value::as_str).and_then(read_id);
                told.unwrap_or(Uuid::from_bytes(span.id.trace))
            }),
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
    /// A span's id becomes a UUID with zeros before it, and a root's is the trace's too: so the JavaScript
    /// SDK 0.12 computes both. `langsmith.trace.id`, `langsmith.span.id`, `langsmith.span.parent_id` and
    /// `langsmith.span.dotted_order` say otherwise.
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
            let given = own.or(given("langsmith.trace.id"));
            let id = RunId(given.unwrap_or_else(|| padded(span.id.span)));
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

    /// Finds the same as the collector-proxy does. Its times are those of arrival, and of what a span says
    /// of its place it keeps the ids of runs below others.
    fn place_by_proxy(&mut self, span: &ReadSpan, at: Timestamp) -> (RunId, Place) {
        let given = |key: &str| {
            let text = span.attributes.get(key).and_then(Value::as_str);
            text.and_then(read_id)
        };
        let start = self.waiting.next_arrival(at);
        let detached = span.attributes.get("langsmith.is_root") == Some(&Value::Bool(true));
        let otel_trace = Uuid::from_bytes(span.id.trace);
        let named = given("langsmith.span.parent_id").map(Parent::Run);
        if named.is_none() && (detached || span.parent.is_none()) {
            let id = RunId(otel_trace);
            let order = DottedOrder::root(Segment { start, id });
            return (id, Place::Known(order));
        }
        let own = match span.parent {
            Some(_) => given("langsmith.span.id").unwrap_or_else(|| padded(span.id.span)),
            None => otel_trace,
        };
        let id = RunId(own);
        let Some(parent) = named.or(span.parent.map(Parent::Span)) else {
            return (id, Place::Known(DottedOrder::root(Segment { start, id })));
        };
        let above = match parent {
            Parent::Span(span) => self.waiting.place_of(span).cloned(),
            // It knows the runs of its own making alone.
            Parent::Run(_) => None,
        };
        match above {
            Some(above) => (id, Place::Known(above.child(Segment { start, id }))),
            None => (id, Place::Below(parent)),
        }
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
                    // The proxy's times are those of arrival.
                    let start = match below.rehung {
                        Some(_) => self.waiting.next_arrival(at),
                        None => below.start,
                    };
                    let segment = Segment {
                        start,
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
        let count = expired.len();
        for run in expired {
            match (run.rehung, now) {
                (Some(trace), at) => self.hang_below_trace(run, trace, at),
                (None, _) => self.drop_orphan(&run, "its parent never came"),
            }
        }
        count
    }

    /// Stores a run below the id of its trace, whether such a run is there or not: what the proxy does
    /// after its five minutes.
    fn hang_below_trace(&mut self, run: Placeless, trace: Uuid, at: Option<Timestamp>) {
        let at = at.unwrap_or(run.start);
        let start = self.waiting.next_arrival(at);
        let root = DottedOrder::root(Segment {
            start,
            id: RunId(trace),
        });
        let start = self.waiting.next_arrival(at);
        let order = root.child(Segment { start, id: run.id });
        self.settle(run, order, at);
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

/// Says in words where a span stands by what it says itself.
fn where_it_stands(span: &ReadSpan) -> &'static str {
    let has = |key: &str| span.attributes.contains_key(key);
    let detached = span.attributes.get("langsmith.is_root") == Some(&Value::Bool(true));
    if has("langsmith.span.dotted_order") {
        "in the place that its dotted order names"
    } else if detached || span.parent.is_none() && !has("langsmith.span.parent_id") {
        "a root"
    } else if has("langsmith.span.parent_id") {
        "below the run that it names"
    } else {
        "below a span: if that never comes, the run never does"
    }
}
