//! What must not leave, masked in spans as in runs.
//!
//! ```text
//! SpanData ──► a run: content given = inputs, content answered = outputs, the rest = metadata
//!                 └──► Redactor ──► back into the span; what the redactor took away is gone
//! ```

use std::collections::HashSet;
use std::sync::Arc;

use opentelemetry::trace::{Event, Status};
use opentelemetry::{Array, Key, KeyValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;

use super::attributes::{langsmith, legacy};
use super::ids::whole_micros;
use crate::model::{
    Clock as _, DottedOrder, IdGenerator as _, JsonMap, RandomIds, Run, RunEvent, RunOp, RunType,
    Segment, SystemClock,
};
use crate::trace::Redactor;

/// Attributes that hold what was given to a model, a tool or a function; also with more behind a dot.
const GIVEN: [&str; 17] = [
    "ai.prompt",
    "ai.toolCall.args",
    "ai.toolCall.input",
    legacy::PROMPT,
    "gen_ai.input",
    "gen_ai.retrieval.query",
    "gen_ai.system_instructions",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.definitions",
    "input",
    "llm.input_messages",
    "llm.prompt_template",
    "llm.prompts",
    "prompt",
    "tool.parameters",
    "tool_arguments",
    "traceloop.entity.input",
];

/// Attributes that hold what came back.
const ANSWERED: [&str; 13] = [
    "ai.response",
    "ai.toolCall.output",
    "ai.toolCall.result",
    "all_messages_events",
    "events",
    legacy::COMPLETION,
    "gen_ai.output",
    "gen_ai.retrieval.documents",
    "gen_ai.tool.call.result",
    "llm.output_messages",
    "output",
    "retrieval.documents",
    "traceloop.entity.output",
];

/// Attributes that become metadata of a run; also with more behind a dot.
const DESCRIBING: [&str; 4] = [
    "ai.telemetry.metadata",
    "langsmith.metadata",
    "metadata",
    "traceloop.association.properties",
];

/// Attributes that hold both: they leave only as far as either may.
const BOTH: [&str; 2] = ["all_messages_events", "events"];

/// Events that hold content, by the beginning of their names.
const GIVEN_EVENTS: [&str; 3] = [
    "gen_ai.content.prompt",
    "gen_ai.system.message",
    "gen_ai.user.message",
];
const ANSWERED_EVENTS: [&str; 4] = [
    "gen_ai.assistant.message",
    "gen_ai.choice",
    "gen_ai.content.completion",
    "gen_ai.tool.message",
];

/// Masks a span as the runs of the same program are masked.
pub(super) fn mask(redactor: &Redactor, span: &mut SpanData) {
    let mut run = blank();
    run.name = span.name.to_string();
    let (mut inputs, mut outputs, mut metadata) = (JsonMap::new(), JsonMap::new(), JsonMap::new());
    let mut kept = Vec::with_capacity(span.attributes.len());
    let lists = lists_of(&span.attributes);
    for KeyValue { key, value, .. } in std::mem::take(&mut span.attributes) {
        let name = key.as_str();
        let own = starts(name, &DESCRIBING);
        let map = if starts(name, &GIVEN) {
            &mut inputs
        } else if starts(name, &ANSWERED) {
            &mut outputs
        } else if own || matches!(value, Value::String(_) | Value::Array(_)) && !is_plain(name) {
            &mut metadata
        } else {
            kept.push(KeyValue::new(key, value));
            continue;
        };
        map.insert(name.to_owned(), to_json(&value));
    }
    // Tags of a run are masked without regard to the hiding of metadata, and so are ours.
    (run.inputs, run.outputs) = (Some(inputs), Some(outputs));
    let (own, other): (JsonMap, JsonMap) = metadata
        .into_iter()
        .partition(|(key, _)| starts(key, &DESCRIBING));
    run.extra.metadata = Arc::new(own);
    run.extra.other = other;
    // LangSmith reads no links, so what they say need not be masked to be kept.
    for link in &mut span.links.links {
        link.attributes.clear();
    }
    let events = std::mem::take(&mut span.events.events);
    run.events = events.iter().map(written).collect();
    if let Status::Error { description } = &span.status {
        run.error = Some(description.to_string());
    }
    let RunOp::Post(masked) = redactor.redact(RunOp::Post(Box::new(run))) else {
        return;
    };
    let outputs = masked.outputs.map(|outputs| given_too(redactor, outputs));
    let maps = [masked.inputs, outputs, Some(masked.extra.other)];
    let metadata = (*masked.extra.metadata).clone();
    for (key, value) in maps.into_iter().flatten().chain([metadata]).flatten() {
        let value = from_json(value, lists.contains(key.as_str()));
        kept.push(KeyValue::new(key, value));
    }
    span.attributes = kept;
    span.name = masked.name.into();
    if let (Status::Error { .. }, Some(text)) = (&span.status, masked.error) {
        span.status = Status::error(text);
    }
    let masked = events.into_iter().zip(masked.events);
    span.events.events = masked
        .map(|(event, masked)| read_back(redactor, event, masked))
        .collect();
}

/// Masks a resource, of which LangSmith makes metadata. The service keeps its name, as spans need one.
pub(super) fn mask_resource(redactor: &Redactor, resource: &Resource) -> Resource {
    let (mut kept, mut lists, mut told) = (Vec::new(), HashSet::new(), JsonMap::new());
    for (key, value) in resource {
        if key.as_str() == SERVICE_NAME {
            kept.push(KeyValue::new(key.clone(), value.clone()));
            continue;
        }
        if matches!(value, Value::Array(_)) {
            lists.insert(key.to_string());
        }
        told.insert(key.to_string(), to_json(value));
    }
    let mut run = blank();
    run.extra.metadata = Arc::new(told);
    if let RunOp::Post(masked) = redactor.redact(RunOp::Post(Box::new(run))) {
        for (key, value) in (*masked.extra.metadata).clone() {
            let value = from_json(value, lists.contains(&key));
            kept.push(KeyValue::new(key, value));
        }
    }
    let builder = Resource::builder_empty();
    match resource.schema_url() {
        Some(url) => builder.with_schema_url(kept, url.to_owned()).build(),
        None => builder.with_attributes(kept).build(),
    }
}

const SERVICE_NAME: &str = "service.name";

/// Masks as inputs, once more, what holds inputs and outputs in one.
fn given_too(redactor: &Redactor, outputs: JsonMap) -> JsonMap {
    let (both, mut outputs): (JsonMap, JsonMap) =
        (outputs.into_iter()).partition(|(name, _)| BOTH.contains(&name.as_str()));
    if !both.is_empty() {
        let mut run = blank();
        run.inputs = Some(both);
        if let RunOp::Post(masked) = redactor.redact(RunOp::Post(Box::new(run))) {
            outputs.extend(masked.inputs.unwrap_or_default());
        }
    }
    outputs
}

/// Names of numbers' and ids' kin, which a pattern could only destroy.
fn is_plain(name: &str) -> bool {
    name.starts_with("langsmith.") && name != langsmith::TAGS && name != langsmith::NAME
}

fn starts(name: &str, families: &[&str]) -> bool {
    families.iter().any(|family| {
        let rest = name.strip_prefix(family);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

fn blank() -> Run {
    let start = SystemClock.now();
    let id = RandomIds.run_id(start);
    let order = DottedOrder::root(Segment { start, id });
    Run::begin(order, "", RunType::Chain, start)
}

/// Returns a value as JSON; text that is JSON is read, so that rules for keys see them.
fn to_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Bool(flag) => (*flag).into(),
        Value::I64(number) => (*number).into(),
        Value::F64(number) => (*number).into(),
        Value::String(text) => {
            let read = serde_json::from_str::<serde_json::Value>(text.as_str()).ok();
            let read = read.filter(|read| read.is_object() || read.is_array());
            read.unwrap_or_else(|| text.as_str().into())
        }
        Value::Array(Array::Bool(list)) => list.clone().into(),
        Value::Array(Array::I64(list)) => list.clone().into(),
        Value::Array(Array::F64(list)) => list.clone().into(),
        Value::Array(Array::String(list)) => list
            .iter()
            .map(opentelemetry::StringValue::as_str)
            .collect(),
        other => other.to_string().into(),
    }
}

/// Returns the names of the attributes that are lists, and have to be lists again.
fn lists_of(attributes: &[KeyValue]) -> HashSet<String> {
    let is_list = |one: &&KeyValue| matches!(one.value, Value::Array(_));
    let lists = attributes.iter().filter(is_list);
    lists.map(|one| one.key.to_string()).collect()
}

/// Returns a list of OpenTelemetry, whose entries are all of one kind; none if these are not.
fn list(values: &[serde_json::Value]) -> Option<Array> {
    let all = |read: Option<Array>| read.filter(|_| !values.is_empty());
    let texts = || {
        values
            .iter()
            .map(|one| Some(one.as_str()?.to_owned().into()))
    };
    all(texts().collect::<Option<Vec<_>>>().map(Array::String))
        .or_else(|| {
            all(values
                .iter()
                .map(serde_json::Value::as_bool)
                .collect::<Option<_>>()
                .map(Array::Bool))
        })
        .or_else(|| {
            all(values
                .iter()
                .map(serde_json::Value::as_i64)
                .collect::<Option<_>>()
                .map(Array::I64))
        })
        .or_else(|| {
            all(values
                .iter()
                .map(serde_json::Value::as_f64)
                .collect::<Option<_>>()
                .map(Array::F64))
        })
}

fn from_json(value: serde_json::Value, was_list: bool) -> Value {
    if let (true, serde_json::Value::Array(values)) = (was_list, &value)
        && let Some(list) = list(values)
    {
        return Value::Array(list);
    }
    match value {
        serde_json::Value::String(text) => text.into(),
        serde_json::Value::Bool(flag) => flag.into(),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => whole.into(),
            (None, Some(float)) => float.into(),
            (None, None) => number.to_string().into(),
        },
        other => other.to_string().into(),
    }
}

fn written(event: &Event) -> RunEvent {
    let told = event.attributes.iter();
    let kwargs = told.map(|one| (one.key.to_string(), to_json(&one.value)));
    RunEvent {
        name: event.name.to_string(),
        time: whole_micros(event.timestamp),
        message: None,
        kwargs: Some(serde_json::Value::Object(kwargs.collect())),
    }
}

/// Returns an event as it may leave: content events go where the content goes.
fn read_back(redactor: &Redactor, mut event: Event, masked: RunEvent) -> Event {
    let mut kwargs = match masked.kwargs {
        Some(serde_json::Value::Object(kwargs)) => kwargs,
        _ => JsonMap::new(),
    };
    let of_given = GIVEN_EVENTS.contains(&&*event.name);
    let of_answered = ANSWERED_EVENTS.contains(&&*event.name);
    let is_given = |name: &str| of_given || !of_answered && starts(name, &GIVEN);
    let is_answered = |name: &str| of_answered || !of_given && starts(name, &ANSWERED);
    let holds = |name: &String| is_given(name) || is_answered(name);
    if kwargs.keys().any(holds) {
        let (mut inputs, mut outputs) = (JsonMap::new(), JsonMap::new());
        for (name, value) in std::mem::take(&mut kwargs) {
            let side = if is_given(&name) {
                &mut inputs
            } else if is_answered(&name) {
                &mut outputs
            } else {
                &mut kwargs
            };
            side.insert(name, value);
        }
        let mut run = blank();
        (run.inputs, run.outputs) = (Some(inputs), Some(outputs));
        if let RunOp::Post(masked) = redactor.redact(RunOp::Post(Box::new(run))) {
            let outputs = masked.outputs.map(|outputs| given_too(redactor, outputs));
            kwargs.extend([masked.inputs, outputs].into_iter().flatten().flatten());
        }
    }
    let lists = lists_of(&event.attributes);
    event.name = masked.name.into();
    if !kwargs.is_empty() || !event.attributes.is_empty() {
        let kept = kwargs.into_iter().map(|(key, value)| {
            let value = from_json(value, lists.contains(&key));
            KeyValue::new(Key::from(key), value)
        });
        event.attributes = kept.collect();
    }
    event
}
