//! Spans as OpenTelemetry has them, whatever they say of runs.

use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

use super::decode::ReadSpan;
use super::placing::padded;
use crate::model::{DottedOrder, JsonMap, Run, RunId, RunType, Segment, TraceId};

/// Writes a span as a run whose ids are the span's own: so that it can be drawn with what draws runs.
pub(super) fn as_sent(span: &ReadSpan, run_type: RunType) -> Run {
    let id = RunId(padded(span.id.span));
    // Only the order of siblings is taken from it; parents are found by their ids.
    let order = DottedOrder::root(Segment {
        start: span.start,
        id,
    });
    let mut run = Run::begin(order, span.name.clone(), run_type, span.start);
    run.trace_id = TraceId(Uuid::from_bytes(span.id.trace));
    run.parent_run_id = span.parent.map(|parent| RunId(padded(parent.span)));
    run.end_time = span.end;
    run.error = span.failed.as_ref().map(|told| match told.is_empty() {
        true => "the span's status is an error".to_owned(),
        false => told.clone(),
    });
    let service = ["service", "service.name"].iter();
    let mut service = service.filter_map(|key| span.resource.get(*key));
    if let Some(Value::String(service)) = service.next() {
        let named = ("service".to_owned(), service.clone().into());
        run.extra.metadata = Arc::new(JsonMap::from_iter([named]));
    }
    run
}
