//! Spans of OTLP JSON as runs, as far as the doctor looks at them.

use serde_json::{Map, Value, json};

use super::run;
use crate::analysis::doctor::evidence::Evidence;

/// Takes one element of `resourceSpans`.
pub(super) fn take(evidence: &mut Evidence, resource: &Value) {
    let about = attributes(resource.get("resource"));
    let scopes = list(
        resource,
        &["scopeSpans", "scope_spans", "instrumentationLibrarySpans"],
    );
    for scope in scopes {
        for span in list(scope, &["spans"]) {
            let Some(run) = as_run(span, &about) else {
                evidence.unreadable += 1;
                continue;
            };
            if run::take(evidence, &run) {
                evidence.taken_entries += 1;
            }
        }
    }
}

fn list<'a>(value: &'a Value, keys: &[&str]) -> impl Iterator<Item = &'a Value> {
    let found = keys.iter().find_map(|key| value.get(key)?.as_array());
    found.into_iter().flatten()
}

fn as_run(span: &Value, about: &Map<String, Value>) -> Option<Map<String, Value>> {
    let said = attributes(Some(span));
    let id = |keys: [&str; 2]| {
        let text = keys.iter().find_map(|key| span.get(key)?.as_str())?;
        (!text.is_empty()).then(|| padded(text))
    };
    // What a span says of its run goes before its own ids.
    let stamped = |key: &str| said.get(key).and_then(Value::as_str).map(str::to_owned);
    let own = stamped("langsmith.span.id").or(id(["spanId", "span_id"]))?;
    let trace = stamped("langsmith.trace.id").or(id(["traceId", "trace_id"]))?;
    let parent = stamped("langsmith.span.parent_id").or(id(["parentSpanId", "parent_span_id"]));
    // Zero says that there is no time yet: a span that has not ended.
    let is_zero = |time: &&Value| time.as_i64() == Some(0) || time.as_str() == Some("0");
    let time = |keys: [&str; 2]| {
        let time = keys.iter().find_map(|key| span.get(key));
        time.filter(|time| !is_zero(time)).cloned()
    };
    let operation = [
        "gen_ai.operation.name",
        "langsmith.span.kind",
        "openinference.span.kind",
    ];
    let operation = operation.iter().find_map(|key| said.get(*key)?.as_str());
    let kind = match operation.map(str::to_lowercase).as_deref() {
        Some("chat" | "text_completion" | "generate_content" | "llm") => "llm",
        Some("execute_tool" | "tool") => "tool",
        Some("retriever") => "retriever",
        Some("embeddings" | "embedding") => "embedding",
        _ => "chain",
    };
    let told = |words: &[&str]| {
        let told = said
            .iter()
            .filter(|(key, _)| words.iter().any(|word| key.starts_with(word)));
        told.map(|(key, value)| (key.clone(), value.clone()))
            .collect::<Map<String, Value>>()
    };
    let failed = span
        .pointer("/status/code")
        .is_some_and(|code| code.as_i64() == Some(2) || code.as_str() == Some("STATUS_CODE_ERROR"));
    let mut metadata = about.clone();
    for (key, value) in &said {
        let key = key.strip_prefix("langsmith.metadata.").unwrap_or(key);
        metadata.insert(key.to_owned(), value.clone());
    }
    let tokens = ["gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"];
    let tokens: i64 = tokens
        .iter()
        .filter_map(|key| number(said.get(*key)?))
        .fold(0, i64::saturating_add);
    let mut run = json!({
        "id": own,
        "trace_id": trace,
        "name": span.get("name").and_then(Value::as_str).unwrap_or("Unnamed"),
        "run_type": kind,
        "start_time": time(["startTimeUnixNano", "start_time_unix_nano"]),
        "end_time": time(["endTimeUnixNano", "end_time_unix_nano"]),
        "error": failed.then_some("the span's status is an error"),
        "extra": { "metadata": metadata },
    });
    if let Some(parent) = parent {
        run["parent_run_id"] = json!(parent);
    }
    if tokens > 0 {
        run["total_tokens"] = json!(tokens);
    }
    if let Some(order) = stamped("langsmith.span.dotted_order") {
        run["dotted_order"] = json!(order);
    }
    if let Some(project) = stamped("langsmith.trace.session_name") {
        run["session_name"] = json!(project);
    }
    let given = [
        "gen_ai.prompt",
        "gen_ai.input",
        "input.value",
        "llm.input_messages",
        "traceloop.entity.input",
        "gen_ai.tool.call.arguments",
        "langsmith.span.inputs",
        "inputs",
    ];
    let answered = [
        "gen_ai.completion",
        "gen_ai.output",
        "output.value",
        "llm.output_messages",
        "traceloop.entity.output",
        "gen_ai.tool.call.result",
        "langsmith.span.outputs",
        "outputs",
    ];
    let (mut inputs, mut outputs) = (told(&given), told(&answered));
    // Older conventions have what was said in events, one of each message.
    for (at, event) in list(span, &["events"]).enumerate() {
        let name = event.get("name").and_then(Value::as_str);
        let Some(name) = name.filter(|name| name.starts_with("gen_ai.")) else {
            continue;
        };
        let is_answer = ["choice", "completion", "output"]
            .iter()
            .any(|word| name.contains(word));
        let side = if is_answer { &mut outputs } else { &mut inputs };
        side.insert(
            format!("{name} {at}"),
            Value::Object(attributes(Some(event))),
        );
    }
    for (key, told) in [("inputs", inputs), ("outputs", outputs)] {
        if !told.is_empty() {
            run[key] = Value::Object(told);
        }
    }
    match run {
        Value::Object(run) => Some(run),
        _ => None,
    }
}

/// Writes an id of hexadecimal digits as that of a run: 8 bytes are padded in front.
fn padded(hex: &str) -> String {
    match hex.len() {
        16 => format!(
            "00000000-0000-0000-{}-{}",
            &hex.get(..4).unwrap_or(hex),
            hex.get(4..).unwrap_or(hex)
        ),
        _ => hex.to_owned(),
    }
}

fn attributes(of: Option<&Value>) -> Map<String, Value> {
    let list = of
        .and_then(|of| of.get("attributes"))
        .and_then(Value::as_array);
    let pairs = list.into_iter().flatten().filter_map(|pair| {
        let value = pair.get("value")?;
        let value = [
            "stringValue",
            "string_value",
            "intValue",
            "int_value",
            "boolValue",
            "doubleValue",
            "arrayValue",
            "kvlistValue",
            "bytesValue",
        ]
        .iter()
        .find_map(|key| value.get(key))?;
        Some((pair.get("key")?.as_str()?.to_owned(), value.clone()))
    });
    pairs.collect()
}

fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}
