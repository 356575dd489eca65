//! Messages of a conversation as LangChain writes them, for the channel `messages`.

use serde_json::{Value, json};

/// Writes what a person says.
pub fn human(text: impl Into<String>) -> Value {
    message("human", text.into())
}

/// Writes what the program tells the model about its task.
pub fn system(text: impl Into<String>) -> Value {
    message("system", text.into())
}

/// Writes what a model says.
pub fn ai(text: impl Into<String>) -> Value {
    let mut said = message("ai", text.into());
    said["tool_calls"] = json!([]);
    said["invalid_tool_calls"] = json!([]);
    said
}

/// Writes what a tool gives back; the id is that of the call.
pub fn tool(name: &str, call_id: &str, text: impl Into<String>) -> Value {
    let mut said = message("tool", text.into());
    said["name"] = name.into();
    said["tool_call_id"] = call_id.into();
    said["status"] = "success".into();
    said
}

/// Writes what a model wants called, for a message's `tool_calls`.
pub fn tool_call(name: &str, call_id: &str, args: impl Into<Value>) -> Value {
    json!({"name": name, "args": args.into(), "id": call_id, "type": "tool_call"})
}

fn message(kind: &str, text: String) -> Value {
    json!({"content": text, "additional_kwargs": {}, "response_metadata": {}, "type": kind})
}

/// Writes a message as LangChain serializes it for a model's run.
pub(super) fn constructor(message: &Value) -> Value {
    let class = match message["type"].as_str() {
        Some("human") => "HumanMessage",
        Some("system") => "SystemMessage",
        Some("ai") => "AIMessage",
        Some("tool") => "ToolMessage",
        _ => "ChatMessage",
    };
    let mut said = message.clone();
    if let Some(fields) = said.as_object_mut() {
        // The serializer leaves out what is empty.
        fields.retain(|key, value| key == "content" || *value != json!({}));
    }
    json!({
        "lc": 1, "type": "constructor",
        "id": ["langchain", "schema", "messages", class],
        "kwargs": said,
    })
}
