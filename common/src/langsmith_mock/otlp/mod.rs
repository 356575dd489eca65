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
mod extra;
mod json;
mod kind;
mod map;
mod mapping;
mod orphans;
mod placing;
mod reading;
mod sent;
mod usage;
mod wire;

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;
use uuid::Uuid;

use self::decode::{Form, ReadSpan};
use self::orphans::Placeless;
use self::placing::{Place, where_it_stands};
use super::core::{Core, State};
use super::decode::{Refusal, read_id, weight};
use super::request::{MockRequest, MockResponse};
use super::violation::{Violation, ViolationCode};
use crate::model::Timestamp;

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
        let sent = sent::as_sent(span, reading.run_type.clone());
        self.waiting.keep_span(sent, READINGS);
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
}
