//! What describes a run: metadata, invocation parameters, and what nothing else reads.

use serde_json::{Value, json};

use super::mapping::SpanMapping;
use super::reading::Reader;
use crate::model::JsonMap;

pub(super) fn metadata(reader: &Reader<'_>) -> JsonMap {
    let span = reader.span;
    let mut metadata = match reader.mapping {
        SpanMapping::Hosted => (*span.resource).clone(),
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

pub(super) fn parameters(reader: &Reader<'_>) -> JsonMap {
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

/// Puts what nothing read into `extra`, as the proxy does when it is told to.
pub(super) fn put_rest(reader: &Reader<'_>, extra: &mut Value) {
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
