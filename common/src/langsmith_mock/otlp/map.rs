//! Attributes of a span into fields of a run.

use serde_json::{Value, json};

use super::content::{inputs, outputs};
use super::decode::ReadSpan;
use super::mapping::SpanMapping;
use super::reading::{Fate, Reader, STATUS, SpanReading};
use crate::model::{JsonMap, RunType};

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
        } else if reader.peek(key).is_some() {
            reader.took(key, "the run's place");
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

/// What says where a run stands.
const PLACE: [&str; 5] = [
    "langsmith.trace.id",
    "langsmith.span.id",
    "langsmith.span.parent_id",
    "langsmith.span.dotted_order",
    "langsmith.is_root",
];

const KINDS: [&str; 7] = [
    "llm",
    "chain",
    "tool",
    "retriever",
    "embedding",
    "prompt",
    "parser",
];

/// Returns the run type, and the rule that decided it. The first that applies does; two win over all.
fn run_type(reader: &Reader<'_>) -> (String, String) {
    let text = |key: &str| {
        let value = reader.peek(key)?.as_str()?;
        Some(value.to_ascii_lowercase())
    };
    let decided = decided_type(reader, &text);
    for (key, kind) in [
        ("gen_ai.tool.name", "tool"),
        ("llm.prompt_template.variables", "prompt"),
    ] {
        if reader.peek(key).is_some() {
            reader.took(key, "the run type");
            return (kind.to_owned(), format!("{key} is there"));
        }
    }
    decided
}

fn decided_type(reader: &Reader<'_>, text: &dyn Fn(&str) -> Option<String>) -> (String, String) {
    const KIND: &str = "langsmith.span.kind";
    const OPERATION: &str = "gen_ai.operation.name";
    const REQUEST: &str = "llm.request.type";
    let by = |key: &str, kind: &str| {
        reader.took(key, "the run type");
        (kind.to_owned(), format!("by {key}"))
    };
    if let Some(kind) = text(KIND) {
        return match KINDS.iter().find(|known| **known == kind) {
            Some(known) => by(KIND, known),
            None => {
                reader.lose(KIND, "no run type of LangSmith's; it stops all other rules");
                ("chain".to_owned(), format!("{KIND} is unknown"))
            }
        };
    }
    if let Some(operation) = text(OPERATION) {
        return match operation.as_str() {
            "chat" | "completion" => by(OPERATION, "llm"),
            "embedding" => by(OPERATION, "embedding"),
            _ => {
                reader.lose(
                    OPERATION,
                    "not a value that is known; add langsmith.span.kind",
                );
                ("chain".to_owned(), format!("{OPERATION} is unknown"))
            }
        };
    }
    if let Some(kind) = text(REQUEST) {
        return by(
            REQUEST,
            if kind == "embedding" {
                "embedding"
            } else {
                "llm"
            },
        );
    }
    for key in ["openinference.span.kind", "traceloop.span.kind"] {
        if let Some(kind) = text(key) {
            return match kind.as_str() {
                "tool" | "retriever" | "llm" | "embedding" => by(key, &kind),
                _ => by(key, "chain"),
            };
        }
    }
    ("chain".to_owned(), "nothing says more".to_owned())
}

fn name(reader: &Reader<'_>) -> String {
    let told = reader.text(
        &["langsmith.trace.name", "traceloop.entity.name"],
        "the name",
    );
    let of_tool = || {
        let kind = reader.peek("openinference.span.kind")?;
        reader
            .text(&["tool.name"], "the name")
            .filter(|_| kind == "TOOL")
    };
    told.or_else(of_tool)
        .unwrap_or(&reader.span.name)
        .to_owned()
}

fn project(reader: &Reader<'_>, of_header: Option<&str>) -> Option<String> {
    const PROJECT: &str = "langsmith.trace.session_name";
    if let (true, Some(header)) = (reader.mapping.is_proxy(), of_header) {
        reader.lose(PROJECT, "the proxy's header Langsmith-Project comes first");
        return Some(header.to_owned());
    }
    let own = reader.text(&[PROJECT], "the project");
    own.or(of_header).map(str::to_owned)
}

fn with_usage(reader: &Reader<'_>, outputs: Option<JsonMap>) -> Option<JsonMap> {
    const USAGE: &str = "langsmith.usage_metadata";
    const INPUT: [&str; 3] = [
        "gen_ai.usage.prompt_tokens",
        "gen_ai.usage.input_tokens",
        "llm.token_count.prompt",
    ];
    const OUTPUT: [&str; 3] = [
        "gen_ai.usage.completion_tokens",
        "gen_ai.usage.output_tokens",
        "llm.token_count.completion",
    ];
    const TOTAL: [&str; 3] = [
        "gen_ai.usage.total_tokens",
        "llm.usage.total_tokens",
        "llm.token_count.total",
    ];
    let counts = [
        ("input_tokens", INPUT),
        ("output_tokens", OUTPUT),
        ("total_tokens", TOTAL),
    ];
    let lose_counts = |why: &str| {
        for key in counts.iter().flat_map(|(_, keys)| keys) {
            reader.lose(key, why);
        }
    };
    if let Some(Value::String(text)) = reader.peek(USAGE)
        && let Ok(usage) = serde_json::from_str::<Value>(text)
        && (outputs.is_some() || !reader.mapping.is_proxy())
    {
        reader.took(USAGE, "outputs.usage_metadata");
        lose_counts("langsmith.usage_metadata comes first");
        let mut outputs = outputs.unwrap_or_default();
        outputs.entry("usage_metadata").or_insert(usage);
        return Some(outputs);
    }
    let Some(mut outputs) = outputs else {
        lose_counts("a run without outputs has no place for it; send langsmith.usage_metadata");
        reader.lose(USAGE, "a run without outputs has no place for it");
        return None;
    };
    let mut usage = JsonMap::new();
    for (name, keys) in counts {
        let is_count = |key: &&&str| reader.peek(key).is_some_and(Value::is_u64);
        if let Some(key) = keys.iter().find(is_count)
            && let Some(count) = reader.take(key, &format!("outputs.usage_metadata.{name}"))
        {
            usage.insert(name.to_owned(), count.clone());
            for other in keys {
                reader.lose(other, &format!("{key} comes first"));
            }
        }
    }
    if !usage.is_empty() {
        outputs.entry("usage_metadata").or_insert(usage.into());
    }
    Some(outputs)
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

fn metadata(reader: &Reader<'_>) -> JsonMap {
    let span = reader.span;
    let mut metadata = match reader.mapping {
        SpanMapping::Hosted => span.resource.clone(),
        SpanMapping::CollectorProxy { .. } => JsonMap::new(),
    };
    metadata.remove("langsmith.internal_provider");
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
    metadata.insert("OTEL_TRACE_ID".to_owned(), json!(hex(&span.id.trace)));
    metadata.insert("OTEL_SPAN_ID".to_owned(), json!(hex(&span.id.span)));
    let provider = reader.first(&["gen_ai.system", "llm.system"], "metadata.ls_provider");
    let models = [
        "gen_ai.request.model",
        "gen_ai.response.model",
        "model",
        "llm.model_name",
    ];
    let model = reader.first(&models, "metadata.ls_model_name");
    for (name, found) in [("ls_provider", provider), ("ls_model_name", model)] {
        if let Some((_, value)) = found {
            metadata.insert(name.to_owned(), value.clone());
        }
    }
    if let Some(Value::String(text)) = reader.peek("metadata") {
        match serde_json::from_str(text) {
            Ok(Value::Object(more)) => {
                reader.took("metadata", "metadata");
                metadata.extend(more);
            }
            _ => reader.lose("metadata", "not a JSON object"),
        }
    }
    for (key, value) in &span.attributes {
        let own = key
            .strip_prefix("langsmith.metadata.")
            .or_else(|| key.strip_prefix("traceloop.association.properties."));
        if let Some(own) = own {
            reader.took(key, &format!("metadata.{own}"));
            metadata.insert(own.to_owned(), written(reader, value));
        }
    }
    metadata
}

/// Parameters of a request, each under the last part of its name.
const PARAMETERS: [&str; 13] = [
    "gen_ai.request.model",
    "gen_ai.request.temperature",
    "gen_ai.request.top_p",
    "gen_ai.request.max_tokens",
    "gen_ai.request.frequency_penalty",
    "gen_ai.request.presence_penalty",
    "gen_ai.request.seed",
    "gen_ai.request.stop_sequences",
    "gen_ai.request.top_k",
    "gen_ai.request.encoding_formats",
    "llm.presence_penalty",
    "llm.frequency_penalty",
    "llm.request.functions",
];

fn parameters(reader: &Reader<'_>) -> JsonMap {
    let mut parameters = JsonMap::new();
    let mut put = |key: &str, name: &str, value: Value| {
        reader.took(key, &format!("invocation_params.{name}"));
        parameters.insert(name.to_owned(), value);
    };
    for key in PARAMETERS {
        if let Some(value) = reader.peek(key) {
            let name = match key.rsplit('.').next() {
                Some("stop_sequences") if !reader.mapping.is_proxy() => "stop",
                name => name.unwrap_or(key),
            };
            put(key, name, written(reader, value));
        }
    }
    // It wins over the model that was asked for.
    if let Some(value) = reader.peek("gen_ai.response.model") {
        put("gen_ai.response.model", "model", value.clone());
    }
    for (key, name) in [("tools", "tools"), ("tool_arguments", "tool_arguments")] {
        if let Some(value) = reader.peek(key) {
            let read = match value {
                Value::String(text) => serde_json::from_str(text).unwrap_or_else(|_| value.clone()),
                value => value.clone(),
            };
            put(key, name, read);
        }
    }
    if let Some(value) = reader.peek("gen_ai.tool.name") {
        put("gen_ai.tool.name", "tool_name", value.clone());
    }
    if let Some(Value::String(text)) = reader.peek("llm.invocation_parameters")
        && let Ok(Value::Object(more)) = serde_json::from_str(text)
    {
        reader.took("llm.invocation_parameters", "invocation_params");
        parameters.extend(more);
    }
    parameters
}

/// Notes what LangSmith would want and does not know by that name.
fn lose_what_is_elsewhere(reader: &Reader<'_>) {
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
        (
            "langsmith.attachments",
            "a native run: the stand-in keeps no files of spans",
        ),
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

/// Puts what nothing read into `extra`, as the proxy does when it is told to.
fn put_rest(reader: &Reader<'_>, extra: &mut Value) {
    for (key, value) in &reader.span.attributes {
        let ours = key.starts_with("langsmith.") || key.starts_with("gen_ai.");
        if !ours && extra.get(key).is_none() {
            extra[key] = written(reader, value);
            reader.took(key, "extra");
        }
    }
}

/// Returns a value as the converter writes it: the proxy writes lists as the structures of the wire.
fn written(reader: &Reader<'_>, value: &Value) -> Value {
    match value {
        Value::Array(list) if reader.mapping.is_proxy() => {
            let values: Vec<Value> = list.iter().map(wire_form).collect();
            json!({ "values": values })
        }
        value => value.clone(),
    }
}

fn wire_form(value: &Value) -> Value {
    let kind = match value {
        Value::String(_) => "StringValue",
        Value::Bool(_) => "BoolValue",
        Value::Number(number) if number.is_i64() => "IntValue",
        Value::Number(_) => "DoubleValue",
        _ => return json!({ "Value": null }),
    };
    json!({ "Value": { kind: value } })
}
