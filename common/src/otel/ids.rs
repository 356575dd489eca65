//! The ids of spans, and the ids of runs.
//!
//! ```text
//! trace id, 16 bytes ──► UUID of the trace, if it can be one          TraceIds makes such
//! span id,   8 bytes ──► 00000000-0000-0000-ssss-ssssssssssss          what LangSmith makes of a span alone
//! run id,   16 bytes ──✗ no span id: runs of one millisecond share their first 8 bytes
//! ```

use std::time::{Duration, SystemTime};

use opentelemetry::{SpanId, TraceId as OtelTraceId};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};
use uuid::Uuid;

use crate::model::{
    Clock as _, IdGenerator as _, RandomIds, RunContext, RunId, SystemClock, Timestamp, TraceId,
};

/// How far the time within a UUIDv7 may be from a run's start: farther apart, LangSmith lists a run and
/// cannot open it.
const TOLERATED: Duration = Duration::from_secs(1);

/// Makes trace ids that are run ids as well: UUIDs of version 7. Span ids stay random.
///
/// With it the trace has one id in LangSmith and in every other backend. A sampler of OpenTelemetry's
/// own must not be used with it: `TraceIdRatioBased` reads bits that every UUID has alike, and keeps
/// nothing below a half and all above three quarters. [`WholeTraces`](super::WholeTraces) reads them all.
#[derive(Debug, Clone, Default)]
pub struct TraceIds(RandomIdGenerator);

impl IdGenerator for TraceIds {
    fn new_trace_id(&self) -> OtelTraceId {
        let id = RandomIds.run_id(SystemClock.now());
        OtelTraceId::from_bytes(id.0.into_bytes())
    }

    fn new_span_id(&self) -> SpanId {
        self.0.new_span_id()
    }
}

/// Returns the run id that LangSmith gives a span which names none: eight zero bytes, then the span's
/// id. None for the span id zero. The Python SDK calls it `langsmith_run_id_from_otel_span_id`.
///
/// ```
/// use common::otel::{opentelemetry::SpanId, run_id_of_span};
///
/// let run = run_id_of_span(SpanId::from(1)).map(|id| id.to_string());
/// assert_eq!(run.as_deref(), Some("00000000-0000-0000-0000-000000000001"));
/// assert_eq!(run_id_of_span(SpanId::INVALID), None);
/// ```
pub fn run_id_of_span(span: SpanId) -> Option<RunId> {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&span.to_bytes());
    (span != SpanId::INVALID).then(|| RunId(Uuid::from_bytes(bytes)))
}

/// Returns a time in whole microseconds; for one that no calendar has, the beginning of 1970. The conversion of
/// `chrono` panics there.
pub(super) fn whole_micros(time: SystemTime) -> Timestamp {
    let since = match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_micros()),
        Err(before) => i64::try_from(before.duration().as_micros()).map(|micros| -micros),
    };
    let time = since.ok().and_then(Timestamp::from_timestamp_micros);
    time.unwrap_or_default()
}

/// Returns the id of the trace that a root span begins at `start`: that of OpenTelemetry, as [`marked`] has it.
/// None if that is of another time than the span, which may have begun long before it was told of.
pub(super) fn trace_of(id: OtelTraceId, start: SystemTime) -> Option<TraceId> {
    let marked = marked(id);
    let Some(told) = marked.0.get_timestamp().map(|told| told.to_unix()) else {
        return Some(marked);
    };
    let told = SystemTime::UNIX_EPOCH.checked_add(Duration::new(told.0, told.1))?;
    let apart = match start.duration_since(told) {
        Ok(after) => after,
        Err(before) => before.duration(),
    };
    (apart < TOLERATED).then_some(marked)
}

/// Returns the id of a trace of OpenTelemetry as a UUID: itself if it is one of version 7, else marked as version
/// 8. It does not depend on time, so that the sampler, which knows none, looks at the same id.
pub(super) fn marked(id: OtelTraceId) -> TraceId {
    let bytes = id.to_bytes();
    let uuid = Uuid::from_bytes(bytes);
    let is_ours = uuid.get_version_num() == 7 && uuid.get_variant() == uuid::Variant::RFC4122;
    match is_ours {
        true => TraceId(uuid),
        false => TraceId(uuid::Builder::from_custom_bytes(bytes).into_uuid()),
    }
}

/// Returns ids of OpenTelemetry that stand for a run elsewhere: the trace's whole id, and the first half
/// of the run's. The second never names a span that was recorded.
pub(super) fn remote_of(run: &RunContext) -> (OtelTraceId, SpanId) {
    let mut half = [0; 8];
    half.copy_from_slice(&run.run_id().0.as_bytes()[..8]);
    let trace = OtelTraceId::from_bytes(run.trace_id().0.into_bytes());
    (trace, SpanId::from_bytes(half))
}
