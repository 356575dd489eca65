//! A run as the server tells it.

use chrono::TimeDelta;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use uuid::Uuid;

use super::fields::{Fields, mend_times};
use crate::model::{
    DottedOrder, Extra, JsonMap, Run, RunEvent, RunId, RunStatus, RunType, Segment, Timestamp,
    TraceId,
};

/// A run as LangSmith stored it: what was sent, and what the server made of it.
///
/// It is tolerant in what it reads: costs may be numbers or decimal text, times may lack their offset,
/// anything but the id and the start time may be missing. Unknown fields are kept in
/// [`other`](Self::other).
///
/// ```
/// use common::client::StoredRun;
///
/// let stored: StoredRun = serde_json::from_value(serde_json::json!({
///     "id": "01990000-0000-7000-8000-000000000001",
///     "name": "answer", "run_type": "llm", "status": "success",
///     "start_time": "2026-10-21T07:28:00.250000", "end_time": "2026-10-21T07:28:01",
///     "total_tokens": 12, "total_cost": "0.00042",
/// }))?;
/// assert_eq!(stored.run.name, "answer");
/// assert_eq!(stored.total_cost, Some(0.00042));
/// assert_eq!(stored.latency().map(|took| took.num_milliseconds()), Some(750));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRun {
    /// The run as it was sent. Its `project` is the name, which most answers leave out; see
    /// [`project_id`](Self::project_id).
    pub run: Run,
    /// How the run stands, in the server's words; derived if it did not say.
    pub status: RunStatus,
    /// The project's id (`session_id` on the wire).
    pub project_id: Option<Uuid>,
    /// The path of its page in the web app.
    pub app_path: Option<String>,
    /// The conversation that it belongs to.
    pub thread_id: Option<String>,
    /// When the first token of a stream arrived.
    pub first_token_time: Option<Timestamp>,
    /// Tokens in all, of this run and those below it.
    pub total_tokens: Option<u64>,
    /// Tokens of the prompts.
    pub prompt_tokens: Option<u64>,
    /// Tokens of the completions.
    pub completion_tokens: Option<u64>,
    /// Cost in all, in US dollars, of this run and those below it.
    pub total_cost: Option<f64>,
    /// Cost of the prompts.
    pub prompt_cost: Option<f64>,
    /// Cost of the completions.
    pub completion_cost: Option<f64>,
    /// What was said of the run, by key: counts and averages.
    pub feedback_stats: Option<JsonMap>,
    /// The runs above it, the root first.
    pub parent_run_ids: Vec<RunId>,
    /// The runs right below it, if the server told.
    pub direct_child_run_ids: Vec<RunId>,
    /// All runs below it, if the server told.
    pub child_run_ids: Vec<RunId>,
    /// What else the server said.
    pub other: JsonMap,
    took: Option<TimeDelta>,
}

impl StoredRun {
    /// Returns how long the work took: what the server says, else the time from start to end.
    pub fn latency(&self) -> Option<TimeDelta> {
        self.took.or_else(|| self.run.latency())
    }

    /// Returns how long the first token took; none if nothing was streamed.
    pub fn time_to_first_token(&self) -> Option<TimeDelta> {
        self.first_token_time.map(|at| at - self.run.start_time)
    }

    /// Reads the fields of an answer; the text of the error says what is missing.
    pub(super) fn read(fields: JsonMap) -> Result<Self, String> {
        let mut fields = Fields(fields);
        let id = fields.id("id").map(RunId);
        let id = id.ok_or("a run without an id")?;
        let run = read_run(&mut fields, id)?;
        let status = fields.text("status");
        let status = status.and_then(|text| serde_json::from_value(Value::from(text)).ok());
        let ids = |fields: &mut Fields, name: &str| -> Vec<RunId> {
            fields.ids(name).into_iter().map(RunId).collect()
        };
        Ok(Self {
            status: status.unwrap_or_else(|| run.status()),
            run,
            project_id: fields.id("session_id").or_else(|| fields.id("project_id")),
            app_path: fields.text("app_path"),
            thread_id: fields.text("thread_id"),
            first_token_time: fields.time("first_token_time"),
            total_tokens: fields.whole("total_tokens"),
            prompt_tokens: fields.whole("prompt_tokens"),
            completion_tokens: fields.whole("completion_tokens"),
            total_cost: fields.number("total_cost"),
            prompt_cost: fields.number("prompt_cost"),
            completion_cost: fields.number("completion_cost"),
            feedback_stats: fields.object("feedback_stats"),
            parent_run_ids: ids(&mut fields, "parent_run_ids"),
            direct_child_run_ids: ids(&mut fields, "direct_child_run_ids"),
            child_run_ids: ids(&mut fields, "child_run_ids"),
            took: fields
                .seconds("latency_seconds")
                .or_else(|| fields.seconds("latency")),
            other: fields.0,
        })
    }
}

fn read_run(fields: &mut Fields, id: RunId) -> Result<Run, String> {
    let start = fields.time("start_time");
    let start = start.ok_or_else(|| format!("run {id} has no start time"))?;
    let order = fields.text("dotted_order");
    let order: Option<DottedOrder> = order.and_then(|text| text.parse().ok());
    // A query may have left it out; alone, a run stands at the top.
    let order = order.unwrap_or_else(|| DottedOrder::root(Segment { start, id }));
    let name = fields.text("name").unwrap_or_else(|| "Unnamed".to_owned());
    let run_type = fields.text("run_type").unwrap_or_default();
    let run_type = match run_type.as_str() {
        "" => RunType::default(),
        name => RunType::from(name),
    };
    let mut run = Run::begin(order, name, run_type, start);
    run.id = id;
    if let Some(trace) = fields.id("trace_id") {
        run.trace_id = TraceId(trace);
    }
    if let Some(parent) = fields.id("parent_run_id") {
        run.parent_run_id = Some(RunId(parent));
    }
    run.end_time = fields.time("end_time");
    run.project = fields.text("session_name");
    run.tags = fields
        .list("tags")
        .into_iter()
        .filter_map(|tag| tag.as_str().map(str::to_owned))
        .collect();
    run.inputs = fields.object("inputs");
    run.outputs = fields.object("outputs");
    run.events = fields
        .list("events")
        .into_iter()
        .filter_map(|event| read_event(event, start))
        .collect();
    let mut extra = fields.object("extra").unwrap_or_default();
    extra.retain(|name, value| match name.as_str() {
        "metadata" | "runtime" => value.is_object(),
        _ => true,
    });
    run.extra = serde_json::from_value::<Extra>(Value::Object(extra)).unwrap_or_default();
    run.error = fields.text("error");
    run.reference_example_id = fields.id("reference_example_id");
    Ok(run)
}

/// Reads an event; one without a time is taken to be of the run's start, so that its name is not lost.
fn read_event(event: Value, start: Timestamp) -> Option<RunEvent> {
    let Value::Object(mut fields) = event else {
        return None;
    };
    mend_times(&mut fields, &["time"]);
    fields
        .entry("time")
        .or_insert_with(|| Value::from(start.to_rfc3339()));
    fields.entry("name").or_insert_with(|| Value::from(""));
    serde_json::from_value(Value::Object(fields)).ok()
}

impl<'de> Deserialize<'de> for StoredRun {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(JsonMap::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl From<StoredRun> for Run {
    /// Leaves what the server added behind: `TraceTree::build(stored.into_iter().map(Run::from))`.
    fn from(stored: StoredRun) -> Self {
        stored.run
    }
}
