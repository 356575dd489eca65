//! What was given and what came back: inputs and outputs of a run.
//!
//! ```text
//! span events ─► prompt template ─► retriever ─► numbered messages ─► messages in JSON ─► whole values
//!                                     the first that is there is taken
//! ```

use serde_json::{Value, json};

use super::decode::SpanEvent;
use super::reading::{Fate, Reader};
use crate::model::JsonMap;

pub(super) fn inputs(reader: &Reader<'_>, run_type: &str) -> Option<JsonMap> {
    let found = event_inputs(reader)
        .or_else(|| prompt_template(reader))
        .or_else(|| query(reader, run_type))
        .or_else(|| numbered(reader, &["gen_ai.prompt", "llm.input_messages"], "inputs"))
        .or_else(|| messages(reader, "gen_ai.input.messages", "inputs"))
        .or_else(|| {
            let names = [
                "input.value",
                "traceloop.entity.input",
                "gen_ai.prompt",
                "prompt",
            ];
            whole(reader, &names, "input", "inputs")
        })
        .or_else(|| logfire_inputs(reader));
    let shadowed = [
        "gen_ai.input.messages",
        "input.value",
        "traceloop.entity.input",
        "gen_ai.prompt",
        "prompt",
    ];
    lose_rest(reader, &shadowed, found.is_some(), "inputs");
    found
}

pub(super) fn outputs(reader: &Reader<'_>, run_type: &str) -> Option<JsonMap> {
    let found = event_outputs(reader)
        .or_else(|| documents(reader, run_type))
        .or_else(|| {
            let families = ["gen_ai.completion", "llm.output_messages"];
            numbered(reader, &families, "outputs")
        })
        .or_else(|| messages(reader, "gen_ai.output.messages", "outputs"))
        .or_else(|| {
            let names = [
                "output.value",
                "traceloop.entity.output",
                "gen_ai.completion",
                "all_messages_events",
            ];
            whole(reader, &names, "text", "outputs")
        })
        .or_else(|| logfire_outputs(reader));
    let shadowed = [
        "gen_ai.output.messages",
        "output.value",
        "traceloop.entity.output",
        "gen_ai.completion",
        "all_messages_events",
    ];
    lose_rest(reader, &shadowed, found.is_some(), "outputs");
    found
}

/// Notes of content that was not taken why it was not.
fn lose_rest(reader: &Reader<'_>, keys: &[&str], found: bool, side: &str) {
    for key in keys {
        if found {
            reader.lose(key, &format!("the {side} are taken from elsewhere"));
        } else if key.ends_with(".messages") && reader.mapping.is_proxy() {
            reader.lose(
                key,
                "the proxy does not read it; send gen_ai.prompt, gen_ai.completion",
            );
        }
    }
}

fn parsed(value: &Value) -> Option<Value> {
    match value {
        Value::String(text) => serde_json::from_str(text).ok(),
        value => Some(value.clone()),
    }
}

/// Returns a JSON object as it is, anything else under `key`.
fn object(value: &Value, key: &str) -> JsonMap {
    match parsed(value) {
        Some(Value::Object(object)) => object,
        _ => JsonMap::from_iter([(key.to_owned(), value.clone())]),
    }
}

fn whole(reader: &Reader<'_>, names: &[&str], key: &str, side: &str) -> Option<JsonMap> {
    let names = names.iter().copied();
    let found: Vec<&str> = names.filter(|name| reader.peek(name).is_some()).collect();
    let value = reader.take(found.first()?, side)?;
    Some(object(value, key))
}

/// Messages in JSON under one attribute, as the present conventions have them.
fn messages(reader: &Reader<'_>, name: &str, side: &str) -> Option<JsonMap> {
    if reader.mapping.is_proxy() {
        return None;
    }
    let Some(list) = parsed(reader.peek(name)?) else {
        reader.lose(name, "not JSON");
        return None;
    };
    reader.took(name, &format!("{side}.messages"));
    Some(JsonMap::from_iter([("messages".to_owned(), list)]))
}

/// Messages with a number each: `gen_ai.prompt.0.role`.
fn numbered(reader: &Reader<'_>, families: &[&str], side: &str) -> Option<JsonMap> {
    for family in families {
        let mut list: Vec<Value> = Vec::new();
        loop {
            let part = |part: &str| {
                let at = list.len();
                let becomes = format!("{side}.messages[{at}].{part}");
                let plain = format!("{family}.{at}.{part}");
                let within = format!("{family}.{at}.message.{part}");
                let found = reader.take(&plain, &becomes);
                found.or_else(|| reader.take(&within, &becomes)).cloned()
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

fn prompt_template(reader: &Reader<'_>) -> Option<JsonMap> {
    const VARIABLES: &str = "llm.prompt_template.variables";
    let Some(Value::Object(variables)) = parsed(reader.peek(VARIABLES)?) else {
        return None;
    };
    reader.took(VARIABLES, "inputs");
    Some(variables)
}

fn query(reader: &Reader<'_>, run_type: &str) -> Option<JsonMap> {
    let asked = reader
        .peek("input.value")
        .filter(|_| run_type == "retriever")?;
    reader.took("input.value", "inputs.query");
    Some(JsonMap::from_iter([("query".to_owned(), asked.clone())]))
}

/// Documents with a number each; one without content or metadata ends the list.
fn documents(reader: &Reader<'_>, run_type: &str) -> Option<JsonMap> {
    if run_type != "retriever" {
        return None;
    }
    let mut list: Vec<Value> = Vec::new();
    loop {
        let at = list.len();
        let key = |part: &str| format!("retrieval.documents.{at}.document.{part}");
        let (content, metadata) = (key("content"), key("metadata"));
        let Some(text) = reader.peek(&content) else {
            break;
        };
        let Some(Value::Object(about)) = reader.peek(&metadata).and_then(parsed) else {
            reader.lose(
                &content,
                "a document needs metadata, a JSON object, beside it",
            );
            break;
        };
        reader.took(&content, &format!("outputs.documents[{at}].page_content"));
        reader.took(&metadata, &format!("outputs.documents[{at}].metadata"));
        list.push(json!({ "page_content": text, "metadata": about, "type": "Document" }));
    }
    (!list.is_empty()).then(|| JsonMap::from_iter([("documents".to_owned(), list.into())]))
}

/// Returns the list of events that Logfire keeps in one attribute.
fn logfire(reader: &Reader<'_>) -> Option<Vec<Value>> {
    match parsed(reader.peek("events")?)? {
        Value::Array(events) => Some(events),
        _ => None,
    }
}

fn is_choice(event: &Value) -> bool {
    event["event.name"] == "gen_ai.choice"
}

fn logfire_inputs(reader: &Reader<'_>) -> Option<JsonMap> {
    let events = logfire(reader)?.into_iter();
    let given: Vec<Value> = events.filter(|event| !is_choice(event)).collect();
    reader.took("events", "inputs and outputs");
    (!given.is_empty()).then(|| JsonMap::from_iter([("input".to_owned(), given.into())]))
}

fn logfire_outputs(reader: &Reader<'_>) -> Option<JsonMap> {
    let choice = logfire(reader)?.into_iter().find(is_choice)?;
    reader.took("events", "inputs and outputs");
    choice.as_object().cloned()
}

fn took_event(reader: &Reader<'_>, event: &SpanEvent, becomes: &str) {
    reader.note(
        &format!("event {}", event.name),
        Fate::Read(becomes.to_owned()),
    );
}

/// Returns the message of an event: `gen_ai.event.content` is one in JSON.
fn message(event: &SpanEvent, role: &str) -> JsonMap {
    let whole = event.attributes.get("gen_ai.event.content");
    if let Some(Value::Object(message)) = whole.and_then(parsed) {
        return message;
    }
    let mut message = JsonMap::new();
    for (key, value) in &event.attributes {
        match key.as_str() {
            "id" => message.insert("tool_call_id".to_owned(), value.clone()),
            "role" | "content" | "name" => message.insert(key.clone(), value.clone()),
            _ => None,
        };
    }
    message.entry("role").or_insert_with(|| role.into());
    message
}

fn event_inputs(reader: &Reader<'_>) -> Option<JsonMap> {
    let mut list: Vec<Value> = Vec::new();
    for event in &reader.span.events {
        let role = match event.name.as_str() {
            "gen_ai.content.prompt" => {
                let given = event.attributes.get("gen_ai.prompt")?;
                took_event(reader, event, "inputs");
                return Some(object(given, "input"));
            }
            "gen_ai.system.message" => "system",
            "gen_ai.user.message" => "user",
            _ => continue,
        };
        took_event(reader, event, "inputs.messages");
        list.push(message(event, role).into());
    }
    (!list.is_empty()).then(|| JsonMap::from_iter([("messages".to_owned(), list.into())]))
}

fn event_outputs(reader: &Reader<'_>) -> Option<JsonMap> {
    let mut outputs = JsonMap::new();
    let mut list: Vec<Value> = Vec::new();
    for event in &reader.span.events {
        let role = match event.name.as_str() {
            "gen_ai.content.completion" => {
                let answered = event.attributes.get("gen_ai.completion")?;
                took_event(reader, event, "outputs");
                return Some(object(answered, "output"));
            }
            "gen_ai.choice" => {
                took_event(reader, event, "outputs.choices");
                outputs.insert("choices".to_owned(), json!([choice(event)]));
                continue;
            }
            "gen_ai.assistant.message" => "assistant",
            "gen_ai.tool.message" => "tool",
            _ => continue,
        };
        took_event(reader, event, "outputs.messages");
        list.push(message(event, role).into());
    }
    if !list.is_empty() {
        outputs.insert("messages".to_owned(), list.into());
    }
    (!outputs.is_empty()).then_some(outputs)
}

fn choice(event: &SpanEvent) -> Value {
    let get = |key: &str| event.attributes.get(key);
    let mut message = JsonMap::new();
    for part in ["role", "content"] {
        if let Some(value) = get(&format!("message.{part}")).or_else(|| get(part)) {
            message.insert(part.to_owned(), value.clone());
        }
    }
    let mut calls: Vec<Value> = Vec::new();
    loop {
        let at = calls.len();
        let part = |name: &str| get(&format!("tool_calls.{at}.{name}"));
        let Some(name) = part("function.name") else {
            break;
        };
        calls.push(json!({
            "id": part("id"),
            "type": part("type"),
            "function": { "name": name, "arguments": part("function.arguments") },
        }));
    }
    let mut choice = json!({ "message": message });
    if let Some(reason) = get("finish_reason") {
        choice["finish_reason"] = reason.clone();
    }
    if !calls.is_empty() {
        choice["tool_calls"] = calls.into();
    }
    choice
}
