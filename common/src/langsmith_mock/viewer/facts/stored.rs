//! What stands in a stored run, read without its inputs, outputs and events.

use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

use super::SHORT;
use crate::langsmith_mock::core::State;
use crate::langsmith_mock::decode::{read_id, run as decode_run};
use crate::langsmith_mock::merge::StoredRun;
use crate::langsmith_mock::viewer::text::cut;
use crate::model::{DottedOrder, JsonMap, Run, RunId, RunStatus, RunType, Timestamp, TraceId};

pub(super) fn light(stored: &StoredRun, state: &State) -> Option<Run> {
    let text = |key: &str| stored.field(key).and_then(Value::as_str);
    let short = |text: &str| state.scrub(cut(text, SHORT).0);
    let time = |key: &str| decode_run::time_of(stored.field(key));
    let order: DottedOrder = text("dotted_order")?.parse().ok()?;
    let start = time("start_time").or(order.start_time())?;
    let run_type = RunType::from(text("run_type").unwrap_or_default());
    let mut run = Run::begin(
        order,
        short(text("name").unwrap_or("Unnamed")),
        run_type,
        start,
    );
    run.id = RunId(stored.field("id").and_then(id_of)?);
    run.trace_id = TraceId(stored.field("trace_id").and_then(id_of)?);
    run.parent_run_id = stored.field("parent_run_id").and_then(id_of).map(RunId);
    run.end_time = time("end_time");
    run.project = text("session_name").map(short);
    run.error = stored.field("error").map(|error| match error {
        Value::String(text) => short(text),
        other => short(&other.to_string()),
    });
    let mut metadata = JsonMap::new();
    if let Some(service) = stored.metadata("service").and_then(Value::as_str) {
        metadata.insert("service".to_owned(), short(service).into());
    }
    if let Some(interrupt) = stored.metadata("ls_is_error_interrupt") {
        metadata.insert("ls_is_error_interrupt".to_owned(), interrupt.clone());
    }
    run.extra.metadata = Arc::new(metadata);
    if let Some(sdk) = sdk_of(stored) {
        let runtime = JsonMap::from_iter([("sdk".to_owned(), short(sdk).into())]);
        run.extra.runtime = Some(Arc::new(runtime));
    }
    Some(run)
}

pub(super) fn position(stored: &StoredRun) -> Option<(Uuid, Uuid, Timestamp)> {
    let id = |key: &str| stored.field(key).and_then(id_of);
    let start = decode_run::time_of(stored.field("start_time"));
    // Rarely missing, and then told by the run's place.
    let start = start.or_else(|| Some(stored.run()?.start_time));
    Some((id("id")?, id("trace_id")?, start?))
}

pub(super) fn status_of(stored: &StoredRun) -> RunStatus {
    let interrupted = || stored.metadata("ls_is_error_interrupt")?.as_bool();
    match (stored.field("error"), stored.field("end_time")) {
        (Some(_), _) if interrupted() == Some(true) => RunStatus::Interrupted,
        (Some(_), _) => RunStatus::Error,
        (None, Some(_)) => RunStatus::Success,
        (None, None) => RunStatus::Pending,
    }
}

pub(super) fn sender_of(stored: &StoredRun) -> Option<&str> {
    let service = stored.metadata("service").and_then(Value::as_str);
    service.or_else(|| sdk_of(stored))
}

fn sdk_of(stored: &StoredRun) -> Option<&str> {
    stored.field("extra")?.get("runtime")?.get("sdk")?.as_str()
}

pub(super) fn is_call(stored: &StoredRun) -> bool {
    let run_type = stored.field("run_type").and_then(Value::as_str);
    run_type.is_some_and(|run_type| RunType::from(run_type) == RunType::Llm)
}

pub(super) fn id_of(value: &Value) -> Option<Uuid> {
    value.as_str().and_then(read_id)
}
