//! Attributes of a span into fields of a run.

use serde_json::{Value, json};

use super::decode::ReadSpan;
use crate::model::JsonMap;

/// Returns all fields but those that say where the run stands in its trace.
pub(super) fn fields(span: &ReadSpan, project_of_header: Option<&str>) -> JsonMap {
    let attribute = |key: &str| span.attributes.get(key).filter(|value| !value.is_null());
    let text = |keys: &[&str]| {
        let mut found = keys.iter().filter_map(|key| attribute(key)?.as_str());
        found.find(|text| !text.is_empty()).map(str::to_owned)
    };
    let run_type = run_type(span);
    let name = text(&["langsmith.trace.name", "traceloop.entity.name"]);
    let project = text(&["langsmith.trace.session_name"]);
    let project = project.or_else(|| project_of_header.map(str::to_owned));
    let project_id = text(&["langsmith.trace.session_id"]);
    let project = project.or_else(|| project_id.is_none().then(|| "default".to_owned()));
    let mut outputs = outputs(span);
    if let (Some(outputs), Some(usage)) = (&mut outputs, usage(span)) {
        outputs.entry("usage_metadata").or_insert(usage);
    }
    let fields = json!({
        "name": name.unwrap_or_else(|| span.name.clone()),
        "run_type": run_type,
        "start_time": span.start,
        "end_time": span.end,
        "session_name": project,
        "tags": tags(span),
        "inputs": inputs(span),
        "outputs": outputs,
        "error": error(span),
        "events": events(span),
        "extra": { "metadata": metadata(span), "invocation_params": parameters(span) },
        "reference_example_id": text(&["langsmith.reference_example_id"]),
        "session_id": project_id,
    });
    match fields {
        Value::Object(mut fields) => {
            fields.retain(|_, value| !value.is_null());
            fields
        }
        _ => JsonMap::new(),
    }
}

const KINDS: [&str; 7] = [
    "llm",
    "chain",
    "tool",
    "retriever",
    "embedding",
    "prompt",
    "parser",
];

fn run_type(span: &ReadSpan) -> String {
    let text = |key: &str| {
        let value = span.attributes.get(key)?.as_str()?;
        Some(value.to_ascii_lowercase())
    };
    let known = |kind: String| {
        let kind = KINDS.into_iter().find(|known| *known == kind);
        kind.unwrap_or("chain").to_owned()
    };
    if let Some(kind) = text("langsmith.span.kind") {
        return known(kind);
    }
    if span.attributes.contains_key("gen_ai.tool.name") {
        return "tool".to_owned();
    }
    let operation = text("gen_ai.operation.name").map(|operation| {
        match operation.as_str() {
            "chat" | "completion" => "llm",
            "embedding" => "embedding",
            _ => "chain",
        }
        .to_owned()
    });
    let requested = || {
        text("llm.request.type").map(|kind| {
            match kind.as_str() {
                "embedding" => "embedding",
                _ => "llm",
            }
            .to_owned()
        })
    };
    operation
        .or_else(requested)
        .or_else(|| text("openinference.span.kind").map(known))
        .or_else(|| text("traceloop.span.kind").map(known))
        .unwrap_or_else(|| "chain".to_owned())
}

/// A whole value: a JSON object is taken as it is, anything else under `key`.
fn whole(span: &ReadSpan, names: &[&str], key: &str) -> Option<JsonMap> {
    let value = names.iter().find_map(|name| span.attributes.get(*name))?;
    let parsed = match value {
        Value::String(text) => serde_json::from_str(text).ok(),
        value => Some(value.clone()),
    };
    Some(match parsed {
        Some(Value::Object(object)) => object,
        _ => JsonMap::from_iter([(key.to_owned(), value.clone())]),
    })
}

/// Messages in JSON under one attribute, as the present conventions have them.
fn messages(span: &ReadSpan, name: &str) -> Option<JsonMap> {
    let parsed = match span.attributes.get(name)? {
        Value::String(text) => serde_json::from_str(text).ok()?,
        value => value.clone(),
    };
    Some(JsonMap::from_iter([("messages".to_owned(), parsed)]))
}

/// Messages with a number each: `gen_ai.prompt.0.role`.
fn numbered(span: &ReadSpan, families: &[&str]) -> Option<JsonMap> {
    for family in families {
        let mut list: Vec<Value> = Vec::new();
        loop {
            let part = |part: &str| {
                let at = list.len();
                let plain = format!("{family}.{at}.{part}");
                let within = format!("{family}.{at}.message.{part}");
                let found = span.attributes.get(&plain);
                found.or_else(|| span.attributes.get(&within)).cloned()
            };
            let (role, content) = (part("role"), part("content"));
            if role.is_none() && content.is_none() {
                break;
            }
            list.push(json!({ "role": role, "content": content }));
        }
        if !list.is_empty() {
            return Some(JsonMap::from_iter([("messages".to_owned(), list.into())]));
        }
    }
    None
}

fn inputs(span: &ReadSpan) -> Option<JsonMap> {
    numbered(span, &["gen_ai.prompt", "llm.input_messages"])
        .or_else(|| messages(span, "gen_ai.input.messages"))
        .or_else(|| {
            let names = [
                "input.value",
                "traceloop.entity.input",
                "gen_ai.prompt",
                "prompt",
            ];
            whole(span, &names, "input")
        })
}

fn outputs(span: &ReadSpan) -> Option<JsonMap> {
    numbered(span, &["gen_ai.completion", "llm.output_messages"])
        .or_else(|| messages(span, "gen_ai.output.messages"))
        .or_else(|| {
            let names = [
                "output.value",
                "traceloop.entity.output",
                "gen_ai.completion",
            ];
            whole(span, &names, "text")
        })
}

fn usage(span: &ReadSpan) -> Option<Value> {
    if let Some(Value::String(text)) = span.attributes.get("langsmith.usage_metadata") {
        return serde_json::from_str(text).ok();
    }
    let count = |names: [&str; 3]| {
        let mut found = names
            .into_iter()
            .filter_map(|name| span.attributes.get(name));
        found.find_map(Value::as_u64)
    };
    let input = count([
        "gen_ai.usage.prompt_tokens",
        "gen_ai.usage.input_tokens",
        "llm.token_count.prompt",
    ]);
    let output = count([
        "gen_ai.usage.completion_tokens",
        "gen_ai.usage.output_tokens",
        "llm.token_count.completion",
    ]);
    let total = count([
        "gen_ai.usage.total_tokens",
        "llm.usage.total_tokens",
        "llm.token_count.total",
    ]);
    let given = [
        ("input_tokens", input),
        ("output_tokens", output),
        ("total_tokens", total),
    ];
    let usage: JsonMap = given
        .into_iter()
        .filter_map(|(name, count)| Some((name.to_owned(), json!(count?))))
        .collect();
    (!usage.is_empty()).then_some(Value::Object(usage))
}

/// One text with commas.
fn tags(span: &ReadSpan) -> Vec<String> {
    let text = span.attributes.get("langsmith.span.tags");
    let text = text.and_then(Value::as_str).unwrap_or_default();
    let tags = text.split(',').map(str::trim);
    tags.filter(|tag| !tag.is_empty())
        .map(str::to_owned)
        .collect()
}

fn error(span: &ReadSpan) -> Option<String> {
    let exception = span.events.iter().find(|event| event.name == "exception");
    if let Some(exception) = exception {
        let text = |key: &str| exception.attributes.get(key).and_then(Value::as_str);
        let message = text("exception.message").or_else(|| text("exception.type"));
        let message = message.unwrap_or("exception").to_owned();
        return Some(match text("exception.stacktrace") {
            Some(stack) => format!("{message}\n\nStacktrace:\n{stack}"),
            None => message,
        });
    }
    let failed = span.failed.clone()?;
    Some(if failed.is_empty() {
        "the span's status is an error".to_owned()
    } else {
        failed
    })
}

fn events(span: &ReadSpan) -> Vec<Value> {
    let event = |event: &super::decode::SpanEvent| {
        let mut written = json!({ "name": event.name, "time": event.time });
        if !event.attributes.is_empty() {
            written["kwargs"] = Value::Object(event.attributes.clone());
        }
        written
    };
    span.events.iter().map(event).collect()
}

fn metadata(span: &ReadSpan) -> JsonMap {
    let mut metadata = span.resource.clone();
    metadata.remove("langsmith.internal_provider");
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
    metadata.insert("OTEL_TRACE_ID".to_owned(), json!(hex(&span.id.trace)));
    metadata.insert("OTEL_SPAN_ID".to_owned(), json!(hex(&span.id.span)));
    for (name, keys) in [
        ("ls_provider", ["gen_ai.system", "llm.system", "llm.system"]),
        (
            "ls_model_name",
            [
                "gen_ai.request.model",
                "gen_ai.response.model",
                "llm.model_name",
            ],
        ),
    ] {
        if let Some(value) = keys.into_iter().find_map(|key| span.attributes.get(key)) {
            metadata.insert(name.to_owned(), value.clone());
        }
    }
    if let Some(Value::String(text)) = span.attributes.get("metadata")
        && let Ok(Value::Object(more)) = serde_json::from_str(text)
    {
        metadata.extend(more);
    }
    for (key, value) in &span.attributes {
        let own = key
            .strip_prefix("langsmith.metadata.")
            .or_else(|| key.strip_prefix("traceloop.association.properties."));
        if let Some(own) = own {
            metadata.insert(own.to_owned(), value.clone());
        }
    }
    metadata
}

fn parameters(span: &ReadSpan) -> JsonMap {
    let mut parameters = JsonMap::new();
    for (key, value) in &span.attributes {
        if let Some(name) = key.strip_prefix("gen_ai.request.") {
            parameters.insert(name.to_owned(), value.clone());
        }
    }
    if let Some(model) = span.attributes.get("gen_ai.response.model") {
        parameters.insert("model".to_owned(), model.clone());
    }
    parameters
}
