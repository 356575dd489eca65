//! What LangSmith reads, added to what a span says in other words.
//!
//! ```text
//! gen_ai.provider.name ──► gen_ai.system           gen_ai.conversation.id ──► langsmith.metadata.thread_id
//! gen_ai.operation.name ─► langsmith.span.kind      gen_ai.usage.* ──────────► langsmith.usage_metadata
//! gen_ai.tool.call.* ────► gen_ai.prompt, …completion    status ERROR, an event with exception.*
//! …time_to_first_chunk ──► event `new_token`                 └────────────────► event `exception`
//! ```
//!
//! Nothing is taken away and nothing that LangSmith reads is replaced, so other backends lose nothing. Of an
//! attribute that was set twice, which the SDK sends twice, the last value counts.
//! Start at [`complete`].

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{Event, SpanId, Status};
use opentelemetry::{Array, KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;

use super::attributes::{exception, gen_ai, langsmith, legacy};
use super::genai::Operation;
use crate::model::{DottedOrder, NEW_TOKEN, RunType, Usage};
use crate::trace::CLOCK_SKEW;

/// Adds to a span what LangSmith reads of it. The exporter to LangSmith does so with each span.
pub fn complete(span: &mut SpanData) {
    keep_last(&mut span.attributes);
    begin_after_parent(span);
    let operation = text(&span.attributes, gen_ai::OPERATION).and_then(Operation::of);
    let is_tool = text(&span.attributes, gen_ai::TOOL_NAME).is_some();
    let kind = match operation {
        Some(operation) => Some(operation.run_type()),
        None => is_tool.then_some(RunType::Tool),
    };
    let usage = usage(&span.attributes).map(|usage| serde_json::Value::from(usage).to_string());
    let copied = |from: &str| find(&span.attributes, from).cloned();
    let additions = [
        (langsmith::KIND, kind.map(|kind| kind.to_string().into())),
        (langsmith::USAGE, usage.map(Value::from)),
        (legacy::SYSTEM, copied(gen_ai::PROVIDER)),
        (legacy::PROMPT, copied(gen_ai::TOOL_ARGUMENTS)),
        (legacy::COMPLETION, copied(gen_ai::TOOL_RESULT)),
        (THREAD_ID, copied(gen_ai::CONVERSATION_ID)),
    ];
    for (key, value) in additions {
        if let (Some(value), None) = (value, find(&span.attributes, key)) {
            span.attributes.push(KeyValue::new(key, value));
        }
    }
    for event in &mut span.events.events {
        flatten_stacktrace(event);
    }
    show_error(span);
    show_first_token(span);
}

/// Keeps the last value of each attribute: who sets one again means to replace it.
fn keep_last(attributes: &mut Vec<KeyValue>) {
    let mut seen = HashSet::with_capacity(attributes.len());
    let is_last = |one: &KeyValue| seen.insert(one.key.clone());
    let mut kept: Vec<bool> = attributes.iter().rev().map(is_last).collect();
    attributes.retain(|_| kept.pop().unwrap_or(true));
}

/// How much later than the end of its span a first token may be: clocks differ.
const TOLERATED: Duration = Duration::from_secs(1);

/// Adds the event of which a run's time to the first token is computed.
fn show_first_token(span: &mut SpanData) {
    let Some(Value::F64(seconds)) = find(&span.attributes, gen_ai::TIME_TO_FIRST_CHUNK) else {
        return;
    };
    let after = Duration::try_from_secs_f64(*seconds).ok();
    let time = after.and_then(|after| span.start_time.checked_add(after));
    // Who tells of milliseconds would have an answer that began after it had ended.
    let time = time.filter(|time| match time.duration_since(span.end_time) {
        Ok(late) => late < TOLERATED,
        Err(_) => true,
    });
    if let Some(time) = time
        && !span.events.iter().any(|event| event.name == NEW_TOKEN)
    {
        let event = Event::new(NEW_TOKEN, time, Vec::new(), 0);
        span.events.events.push(event);
    }
}

const THREAD_ID: &str = "langsmith.metadata.thread_id";

fn find<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    let found = attributes.iter().find(|one| one.key.as_str() == key)?;
    Some(&found.value)
}

fn text<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    match find(attributes, key)? {
        Value::String(text) => Some(text.as_str()),
        _ => None,
    }
}

/// Returns the usage that single counts say, in the names of the conventions and of those before.
fn usage(attributes: &[KeyValue]) -> Option<Usage> {
    let count = |keys: &[&str]| {
        let mut found = keys.iter().filter_map(|key| match find(attributes, key) {
            Some(Value::I64(count)) => u64::try_from(*count).ok(),
            _ => None,
        });
        found.next()
    };
    let input = count(&[gen_ai::INPUT_TOKENS, "gen_ai.usage.prompt_tokens"]);
    let output = count(&[gen_ai::OUTPUT_TOKENS, "gen_ai.usage.completion_tokens"]);
    input.or(output)?;
    let mut usage = Usage::tokens(input.unwrap_or(0), output.unwrap_or(0));
    if let Some(total) = count(&[legacy::TOTAL_TOKENS]) {
        usage.total_tokens = total;
    }
    // The second names are those that LangSmith reads; the whole usage comes before them.
    let kinds = [
        (
            [
                gen_ai::CACHE_READ_TOKENS,
                "gen_ai.usage.cache_read_input_tokens",
            ],
            Usage::cache_read as fn(_, _) -> _,
        ),
        (
            [
                gen_ai::CACHE_CREATION_TOKENS,
                "gen_ai.usage.cache_creation_input_tokens",
            ],
            Usage::cache_creation,
        ),
        (
            [
                gen_ai::REASONING_TOKENS,
                "gen_ai.usage.details.reasoning_tokens",
            ],
            Usage::reasoning,
        ),
    ];
    for (keys, add) in kinds {
        if let Some(tokens) = count(&keys) {
            usage = add(usage, tokens);
        }
    }
    Some(usage)
}

/// Clocks that are synchronized well still differ by so much.
const TOLERATED_SKEW: Duration = Duration::from_millis(1);

/// Moves a start that a clock put before the parent's to the time that the dotted order says, and says by
/// how much.
fn begin_after_parent(span: &mut SpanData) {
    let order = text(&span.attributes, langsmith::DOTTED_ORDER);
    let order = order.and_then(|order| order.parse::<DottedOrder>().ok());
    if let Some(start) = order
        .and_then(|order| order.start_time())
        .map(SystemTime::from)
        && let Ok(behind) = start.duration_since(span.start_time)
        && !behind.is_zero()
    {
        // Below a run of another process that is its clock's doing; within one, whoever gave the time.
        let is_remote = span.parent_span_is_remote || span.parent_span_id == SpanId::INVALID;
        if is_remote && behind > TOLERATED_SKEW {
            let key = format!("{}{CLOCK_SKEW}", langsmith::METADATA);
            let millis = i64::try_from(behind.as_millis()).unwrap_or(i64::MAX);
            span.attributes.push(KeyValue::new(key, millis));
        }
        span.start_time = start;
        span.end_time = span.end_time.max(start);
    }
}

/// Writes a stack trace as one text: the layer for `tracing` writes a list, which shows nowhere.
fn flatten_stacktrace(event: &mut Event) {
    for attribute in &mut event.attributes {
        if attribute.key.as_str() == exception::STACKTRACE
            && let Value::Array(Array::String(lines)) = &attribute.value
        {
            let lines: Vec<&str> = lines.iter().map(|line| line.as_str()).collect();
            attribute.value = lines.join("\n").into();
        }
    }
}

/// Adds an event of the one name that LangSmith shows errors of.
fn show_error(span: &mut SpanData) {
    let is_shown = |event: &Event| event.name == exception::EVENT;
    if span.events.iter().any(is_shown) {
        return;
    }
    let tells = |event: &&Event| find(&event.attributes, exception::MESSAGE).is_some();
    if let Some(event) = span.events.iter().find(tells) {
        let mut event = event.clone();
        event.name = exception::EVENT.into();
        return span.events.events.push(event);
    }
    let Status::Error { description } = &span.status else {
        return;
    };
    let kind = text(&span.attributes, gen_ai::ERROR_TYPE);
    // The layer for `tracing` names an event after its message, and says the level.
    let is_error = |event: &&Event| text(&event.attributes, "level") == Some("ERROR");
    let said = span.events.iter().find(is_error).map(|event| &*event.name);
    let message = match (description.is_empty(), said.or(kind)) {
        (false, _) => description.to_string(),
        (true, Some(told)) => told.to_owned(),
        (true, None) => "the span's status is an error".to_owned(),
    };
    let attributes = vec![KeyValue::new(exception::MESSAGE, message)];
    let event = Event::new(exception::EVENT, span.end_time, attributes, 0);
    span.events.events.push(event);
}
