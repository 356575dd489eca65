//! What a span is: its run type, by the first rule that applies, and its name.

use super::reading::Reader;

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
pub(super) fn run_type(reader: &Reader<'_>) -> (String, String) {
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

pub(super) fn name(reader: &Reader<'_>) -> String {
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
