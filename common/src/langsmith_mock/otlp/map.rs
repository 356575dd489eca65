//! Attributes of a span into fields of a run.

use serde_json::{Value, json};

use super::content::{inputs, outputs};
use super::decode::ReadSpan;
use super::extra::{metadata, parameters, put_rest};
use super::kind::{name, run_type};
use super::mapping::SpanMapping;
use super::reading::{Fate, Reader, STATUS, SpanReading};
use super::usage::with_usage;
use crate::langsmith_mock::decode::read_id;
use crate::model::{DottedOrder, JsonMap, RunType};

/// Returns all fields but those that say where the run stands in its trace, and what became of each
/// attribute.
pub(super) fn fields(
    span: &ReadSpan,
    project_of_header: Option<&str>,
    mapping: SpanMapping,
    place: &str,
) -> (JsonMap, SpanReading) {
    let reader = Reader::new(span, mapping);
    for key in PLACE {
        if mapping.is_proxy() && key != "langsmith.is_root" {
            reader.lose(key, "the proxy overwrites it where it can");
        } else if let Some(value) = reader.peek(key) {
            match says_a_place(key, value) {
                true => reader.took(key, "the run's place"),
                false => reader.lose(
                    key,
                    "not what it should be: whole UUIDs, a dotted order, true",
                ),
            }
        }
    }
    let (run_type, rule) = run_type(&reader);
    let name = name(&reader);
    let project = project(&reader, project_of_header);
    let project_id = reader.text(&["langsmith.trace.session_id"], "the project's id");
    let project = project.or_else(|| project_id.is_none().then(|| "default".to_owned()));
    let inputs = inputs(&reader, &run_type);
    let outputs = with_usage(&reader, outputs(&reader, &run_type));
    let mut extra = json!({ "metadata": metadata(&reader) });
    let parameters = parameters(&reader);
    if !parameters.is_empty() {
        extra["invocation_params"] = Value::Object(parameters);
    }
    let example = reader.text(&["langsmith.reference_example_id"], "reference_example_id");
    let fields = json!({
        "name": name,
        "run_type": run_type,
        "start_time": span.start,
        "end_time": span.end,
        "session_name": project,
        "tags": tags(&reader),
        "inputs": inputs,
        "outputs": outputs,
        "error": error(&reader),
        "events": events(&reader),
        "reference_example_id": example,
        "session_id": project_id,
    });
    lose_what_is_elsewhere(&reader);
    if let SpanMapping::CollectorProxy { generic: true, .. } = mapping {
        put_rest(&reader, &mut extra);
    }
    let mut fields = match fields {
        Value::Object(fields) => fields,
        _ => JsonMap::new(),
    };
    fields.insert("extra".to_owned(), extra);
    fields.retain(|_, value| !value.is_null());
    let reading = SpanReading {
        span: span.name.clone(),
        run_type: RunType::from(run_type.as_str()),
        rule,
        place: place.to_owned(),
        rows: reader.finish(),
    };
    (fields, reading)
}

/// Returns true if the value can say what its attribute is for.
fn says_a_place(key: &str, value: &Value) -> bool {
    let text = value.as_str();
    match key {
        "langsmith.is_root" => value.is_boolean(),
        DOTTED_ORDER => text.is_some_and(|text| text.parse::<DottedOrder>().is_ok()),
        _ => text.and_then(read_id).is_some(),
    }
}

const DOTTED_ORDER: &str = "langsmith.span.dotted_order";

/// What says where a run stands.
const PLACE: [&str; 5] = [
    "langsmith.trace.id",
    "langsmith.span.id",
    "langsmith.span.parent_id",
    DOTTED_ORDER,
    "langsmith.is_root",
];

fn project(reader: &Reader<'_>, of_header: Option<&str>) -> Option<String> {
    const PROJECT: &str = "langsmith.trace.session_name";
    if let (true, Some(header)) = (reader.mapping.is_proxy(), of_header) {
        reader.lose(PROJECT, "the proxy's header Langsmith-Project comes first");
        return Some(header.to_owned());
    }
    let own = reader.text(&[PROJECT], "the project");
    own.or(of_header).map(str::to_owned)
}

/// One text with commas.
fn tags(reader: &Reader<'_>) -> Vec<String> {
    const TAGS: &str = "langsmith.span.tags";
    let Some(text) = reader.peek(TAGS).and_then(Value::as_str) else {
        reader.lose(TAGS, "not a text with commas");
        return Vec::new();
    };
    reader.took(TAGS, "tags");
    let tags = text.split(',').map(str::trim);
    tags.filter(|tag| !tag.is_empty())
        .map(str::to_owned)
        .collect()
}

fn error(reader: &Reader<'_>) -> Option<String> {
    let span = reader.span;
    let exception = span.events.iter().find(|event| event.name == "exception");
    if let Some(exception) = exception {
        reader.note("event exception", Fate::Read("the error".to_owned()));
        reader.note(
            STATUS,
            Fate::Read("told by the event `exception`".to_owned()),
        );
        let text = |key: &str| exception.attributes.get(key).and_then(Value::as_str);
        let message = text("exception.message").or_else(|| text("exception.type"));
        let message = message.unwrap_or("exception").to_owned();
        return Some(match text("exception.stacktrace") {
            Some(stack) => format!("{message}\n\nStacktrace:\n{stack}"),
            None => message,
        });
    }
    for event in &span.events {
        if event.attributes.contains_key("exception.message") {
            let why = "an error shows of an event named `exception` only";
            reader.note(&format!("event {}", event.name), Fate::Lost(why.to_owned()));
        }
    }
    let failed = span.failed.clone()?;
    if reader.mapping.is_proxy() {
        let why = "the proxy sees an event `exception` only; the run is a success";
        reader.note(STATUS, Fate::Lost(why.to_owned()));
        return None;
    }
    reader.note(STATUS, Fate::Read("the error".to_owned()));
    Some(if failed.is_empty() {
        "the span's status is an error".to_owned()
    } else {
        failed
    })
}

fn events(reader: &Reader<'_>) -> Vec<Value> {
    if reader.mapping.is_proxy() {
        return Vec::new();
    }
    let event = |event: &super::decode::SpanEvent| {
        let lost = reader.span.failed.is_some()
            && event.attributes.contains_key("exception.message")
            && event.name != "exception";
        if !lost {
            let key = format!("event {}", event.name);
            reader.note(&key, Fate::Read("an event of the run".to_owned()));
        }
        let mut written = json!({ "name": event.name, "time": event.time });
        if !event.attributes.is_empty() {
            written["kwargs"] = Value::Object(event.attributes.clone());
        }
        written
    };
    reader.span.events.iter().map(event).collect()
}

/// Notes what LangSmith would want and does not know by that name.
fn lose_what_is_elsewhere(reader: &Reader<'_>) {
    const ATTACHMENTS: &str = "langsmith.attachments";
    if reader.mapping.is_proxy() {
        reader.lose(ATTACHMENTS, "the hosted service alone reads it");
    } else if reader.peek(ATTACHMENTS).is_some() {
        reader.took(ATTACHMENTS, "attachments, which the stand-in does not keep");
    }
    for (key, instead) in [
        ("gen_ai.provider.name", "gen_ai.system"),
        ("gen_ai.conversation.id", "langsmith.metadata.thread_id"),
        ("session.id", "langsmith.metadata.session_id"),
        ("user.id", "langsmith.metadata.user_id"),
        ("gen_ai.tool.call.arguments", "gen_ai.prompt"),
        ("gen_ai.tool.call.result", "gen_ai.completion"),
        (
            "gen_ai.system_instructions",
            "a system message in gen_ai.prompt",
        ),
        (
            "gen_ai.usage.cache_read.input_tokens",
            "langsmith.usage_metadata",
        ),
        (
            "gen_ai.usage.cache_creation.input_tokens",
            "langsmith.usage_metadata",
        ),
        (
            "gen_ai.usage.reasoning.output_tokens",
            "langsmith.usage_metadata",
        ),
        ("ai.prompt", "gen_ai.prompt"),
        ("ai.response.text", "gen_ai.completion"),
        ("ai.model.id", "gen_ai.request.model"),
    ] {
        let first = instead.split(' ').next().unwrap_or(instead);
        if reader.peek(first).is_some() {
            if reader.peek(key).is_some() {
                reader.note(key, Fate::Ignored(format!("{first} says it")));
            }
        } else {
            reader.lose(key, &format!("unknown to LangSmith; send {instead}"));
        }
    }
}
