//! What LangSmith would object to in one operation.

use serde_json::Value;

use super::decode::{OpKind, ReceivedOp, run};
use super::violation::{Violation, ViolationCode, cut};
use crate::model::{Run, RunId, RunType, Segment, Timestamp};

/// Metadata beyond this many bytes of JSON is reported.
pub(super) const METADATA_BYTES: usize = 64 * 1024;

/// What the store knows that bears on an operation.
#[derive(Debug, Default)]
pub(super) struct Context {
    /// True for the batch and multipart routes, where a run must say its place in the trace itself.
    pub(super) batched: bool,
    /// True for spans, whose ids carry no time.
    pub(super) spans: bool,
    /// What other operations on the same run gave.
    pub(super) start: Option<Timestamp>,
    pub(super) end: Option<Timestamp>,
    pub(super) dotted_order: Option<String>,
    /// When the parent started, if it is there.
    pub(super) parent_start: Option<Timestamp>,
    /// The project that an earlier run of the same trace named.
    pub(super) project_of_trace: Option<String>,
    /// The workspaces of an earlier run of the same trace and of this one, if they differ.
    pub(super) tenants: Option<(String, String)>,
    /// The number of runs that a trace may have, if this one is over it.
    pub(super) over: Option<usize>,
}

/// Checks an operation; what decoding found wrong with it comes first in the list.
///
/// The run is there if the operation alone can be read as one.
pub(super) fn check(op: &ReceivedOp, context: &Context) -> (Option<Run>, Vec<Violation>) {
    let (read, problems) = run::read(&op.fields);
    let id = read.as_ref().map(|run| run.id);
    let mut list = op.violations.clone();
    list.extend(
        problems
            .into_iter()
            .map(|(code, message)| Violation::new(code, id, message)),
    );
    let mut object = |code, message: String| list.push(Violation::new(code, id, message));
    required(op, context, &mut object);
    if let Some(run) = &read {
        place_in_trace(op, run, context, &mut object);
        times(run, context, &mut object);
        description(op, run, context, &mut object);
    }
    (read, list)
}

type Object<'a> = dyn FnMut(ViolationCode, String) + 'a;

fn required(op: &ReceivedOp, context: &Context, object: &mut Object<'_>) {
    let mut needed = Vec::new();
    if context.batched {
        needed.extend(["id", "trace_id", "dotted_order"]);
    }
    if op.kind == OpKind::Post {
        needed.extend(["name", "run_type"]);
        needed.extend(context.batched.then_some("start_time"));
    }
    for key in needed {
        if op.fields.get(key).is_none_or(Value::is_null) {
            object(
                ViolationCode::FieldMissing,
                format!("{} {} has no {key:?}", op.kind, op.id),
            );
        }
    }
}

fn place_in_trace(op: &ReceivedOp, run: &Run, context: &Context, object: &mut Object<'_>) {
    let order = &run.dotted_order;
    let parent = run.parent_run_id;
    // The wording is LangSmith's own.
    let place = format!(
        "for run_id:{} trace_id:{} dotted_order:{} parent_run_id:{}",
        run.id,
        run.trace_id,
        shown(order.as_str()),
        parent.map_or_else(|| "None".to_owned(), |id| id.to_string())
    );
    if !op.id.eq_ignore_ascii_case(&run.id.to_string()) {
        object(
            ViolationCode::IdMismatch,
            format!("{} {:?} carries the id {}", op.kind, op.id, run.id),
        );
    }
    if order.run_id() != run.id {
        object(
            ViolationCode::DottedOrderId,
            format!("run_id does not match last part of dotted_order {place}"),
        );
    }
    if order.trace_id() != run.trace_id {
        object(
            ViolationCode::TraceIdMismatch,
            format!("trace_id does not match first part of dotted_order {place}"),
        );
    }
    // An update need not repeat the parent.
    let parent_said = op.kind == OpKind::Post || op.fields.contains_key("parent_run_id");
    match (parent, order.parent_run_id()) {
        (None, Some(_)) if parent_said => object(
            ViolationCode::RootWithAncestors,
            format!("dotted_order must contain a single part for root runs {place}"),
        ),
        (Some(_), None) => object(
            ViolationCode::ChildWithoutAncestors,
            format!("dotted_order must contain at least two parts for child runs {place}"),
        ),
        (Some(parent), Some(above)) if parent != above => object(
            ViolationCode::ParentMismatch,
            format!("parent_run_id does not match second to last part of dotted_order {place}"),
        ),
        _ => {}
    }
    if let Some(earlier) = context.dotted_order.as_deref()
        && earlier != order.as_str()
    {
        object(
            ViolationCode::DottedOrderChanged,
            format!("dotted_order was {} before {place}", shown(earlier)),
        );
    }
    let segments = || order.as_str().split('.');
    let mut odd = segments().filter(|segment| segment.len() != Segment::LEN);
    if let Some(first) = odd.next() {
        object(
            ViolationCode::SegmentLength,
            format!(
                "segment {first} has {} bytes, not {}; {} segments of {} are so",
                first.len(),
                Segment::LEN,
                1 + odd.count(),
                segments().count()
            ),
        );
    }
}

/// A dotted order as a message shows it: the first four segments.
fn shown(order: &str) -> String {
    cut(order.to_owned(), 4 * (Segment::LEN + 1) - 1)
}

/// Compares as finely as both times are written: the JavaScript SDK ends its runs in whole milliseconds,
/// and counts them in the microseconds of their starts, so a short run of its seems to end too early.
fn ends_before(end: Timestamp, start: Timestamp) -> bool {
    match end.timestamp_subsec_nanos() % 1_000_000 {
        0 => end.timestamp_millis() < start.timestamp_millis(),
        _ => end < start,
    }
}

fn times(run: &Run, context: &Context, object: &mut Object<'_>) {
    let start = run.start_time;
    if let Some(end) = run.end_time.or(context.end) {
        // A start that only the dotted order tells is no better than one the store has.
        let start = context.start.unwrap_or(start);
        if ends_before(end, start) {
            object(
                ViolationCode::EndBeforeStart,
                format!("end_time {end} is before start_time {start}"),
            );
        }
    }
    let segments = run.dotted_order.segments();
    let said = match segments.as_slice() {
        [.., parent, own] if own.start < parent.start => Some((own.start, parent.start)),
        _ => None,
    };
    // The place may be made up; what the parent itself said counts as well.
    let known = context.parent_start.map(|parent| (start, parent));
    let known = known.filter(|(own, parent)| own < parent);
    if let Some((own, parent)) = said.or(known) {
        object(
            ViolationCode::ChildBeforeParent,
            earlier_than_parent(own, parent),
        );
    }
    if run
        .dotted_order
        .start_time()
        .is_some_and(|time| time != start)
    {
        object(
            ViolationCode::StartTimeDiffers,
            format!(
                "start_time {start} is not that of the dotted_order {}",
                shown(run.dotted_order.as_str())
            ),
        );
    }
    if !context.spans && !may_be_made_at(run.id, start) {
        object(
            ViolationCode::IdTimeDiffers,
            match is_hidden(run.id, start) {
                true => format!(
                    "the UUIDv7 {} was not made from start_time {start}: opening the run gives 404",
                    run.id
                ),
                false => format!("the UUIDv7 {} was not made from start_time {start}", run.id),
            },
        );
    }
}

/// Returns the milliseconds within an id that holds a time.
fn made_at(id: RunId) -> Option<i64> {
    let made = id.0.get_timestamp().filter(|_| id.0.get_version_num() == 7);
    let (seconds, nanos) = made?.to_unix();
    let seconds = i64::try_from(seconds).ok()?;
    Some(
        seconds
            .saturating_mul(1_000)
            .saturating_add(i64::from(nanos / 1_000_000)),
    )
}

/// The SDKs' own `uuid7()`, taken just before a run begins, is the documented way to know its id
/// beforehand, and such a run opens. That of a run dated back by the length of a model's call does not.
const NEAR_MILLIS: u64 = 1_000;

/// Tells whether LangSmith looks for a run at another time than the run began at.
pub(super) fn is_hidden(id: RunId, start: Timestamp) -> bool {
    let apart = |made: i64| made.abs_diff(start.timestamp_millis()) > NEAR_MILLIS;
    made_at(id).is_some_and(apart)
}

/// Tells whether an id that holds a time holds this one.
fn may_be_made_at(id: RunId, start: Timestamp) -> bool {
    let Some(made) = made_at(id) else {
        return true;
    };
    let millis = start.timestamp_millis();
    // The Python SDK reckons in floating point: of a whole millisecond it may keep the one before.
    let is_whole = start.timestamp_subsec_micros().is_multiple_of(1_000);
    made == millis || (is_whole && made + 1 == millis)
}

pub(super) fn earlier_than_parent(own: Timestamp, parent: Timestamp) -> String {
    format!("dotted_order has a timestamp {own} earlier than parent timestamp {parent}")
}

fn description(op: &ReceivedOp, run: &Run, context: &Context, object: &mut Object<'_>) {
    if let RunType::Other(name) = &run.run_type {
        object(
            ViolationCode::RunTypeUnknown,
            format!(
                "run_type {name:?} is none of tool, chain, llm, retriever, embedding, prompt, parser"
            ),
        );
    }
    let named = |key| op.fields.get(key).is_some_and(|value| !value.is_null());
    if op.kind == OpKind::Post
        && !["session_name", "session_id", "address"]
            .into_iter()
            .any(named)
    {
        object(
            ViolationCode::ProjectMissing,
            "neither session_name nor address is given; the run goes to \"default\"".to_owned(),
        );
    }
    if let (Some(earlier), Some(now)) = (&context.project_of_trace, &run.project)
        && earlier != now
    {
        object(
            ViolationCode::ProjectChanged,
            format!("the trace belongs to project {earlier:?}, this run names {now:?}"),
        );
    }
    if let Some((earlier, now)) = &context.tenants {
        object(
            ViolationCode::WorkspaceChanged,
            format!("the trace came for workspace {earlier:?}, this run for {now:?}"),
        );
    }
    if let Some(limit) = context.over {
        object(
            ViolationCode::TraceTooLarge,
            format!(
                "the trace {} has {limit} runs already, the maximum",
                run.trace_id
            ),
        );
    }
    if !run.extra.metadata.is_empty() {
        let bytes = serde_json::to_string(&*run.extra.metadata).map_or(0, |text| text.len());
        if bytes > METADATA_BYTES {
            object(
                ViolationCode::MetadataTooLarge,
                format!("the metadata has {bytes} bytes, over {METADATA_BYTES}"),
            );
        }
    }
}

/// Returns the id that an operation is about, if it can be read.
pub(super) fn id_of(op: &ReceivedOp) -> Option<RunId> {
    super::decode::read_id(&op.id).map(RunId)
}
