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
    const BEFORE: [&str; 5] = [KIND, OPERATION, REQUEST, OPENINFERENCE, TRACELOOP];
    for (key, kind) in [
        ("gen_ai.tool.name", "tool"),
        ("llm.prompt_template.variables", "prompt"),
    ] {
        if reader.peek(key).is_some() {
            reader.took(key, "the run type");
            for other in BEFORE {
                reader.lose(other, &format!("{key} decides the run type"));
            }
            return (kind.to_owned(), format!("{key} is there"));
        }
    }
    let (key, decided) = decided_type(reader, &text);
    let later = BEFORE.iter().skip_while(|other| **other != key).skip(1);
    for other in later {
        reader.lose(other, &format!("{key} decides the run type"));
    }
    decided
}

const KIND: &str = "langsmith.span.kind";
const OPERATION: &str = "gen_ai.operation.name";
const REQUEST: &str = "llm.request.type";
const OPENINFERENCE: &str = "openinference.span.kind";
const TRACELOOP: &str = "traceloop.span.kind";

/// Returns the run type with its rule, after the attribute that decided it; none decided is no name.
fn decided_type(
    reader: &Reader<'_>,
    text: &dyn Fn(&str) -> Option<String>,
) -> (&'static str, (String, String)) {
    let by = |key: &'static str, kind: &str| {
        reader.took(key, "the run type");
        (key, (kind.to_owned(), format!("by {key}")))
    };
    let unknown = |key: &'static str, why: &str| {
        reader.lose(key, why);
        (key, ("chain".to_owned(), format!("{key} is unknown")))
    };
    if let Some(kind) = text(KIND) {
        return match KINDS.iter().find(|known| **known == kind) {
            Some(known) => by(KIND, known),
            None => unknown(KIND, "no run type of LangSmith's; it stops all other rules"),
        };
    }
    if let Some(operation) = text(OPERATION) {
        return match operation.as_str() {
            "chat" | "completion" => by(OPERATION, "llm"),
            "embedding" => by(OPERATION, "embedding"),
            _ => unknown(
                OPERATION,
                "not a value that is known; add langsmith.span.kind",
            ),
        };
    }
    if let Some(kind) = text(REQUEST) {
        let is_embedding = kind == "embedding";
        return by(REQUEST, if is_embedding { "embedding" } else { "llm" });
    }
    for key in [OPENINFERENCE, TRACELOOP] {
        if let Some(kind) = text(key) {
            return match kind.as_str() {
                "tool" | "retriever" | "llm" | "embedding" => by(key, &kind),
                _ => by(key, "chain"),
            };
        }
    }
    ("", ("chain".to_owned(), "nothing says more".to_owned()))
}

pub(super) fn name(reader: &Reader<'_>) -> String {
    let told = reader.text(
        &["langsmith.trace.name", "traceloop.entity.name"],
        "the name",
    );
    let of_tool = || {
        let is_tool = reader.peek(OPENINFERENCE)? == "TOOL";
        is_tool.then(|| reader.text(&["tool.name"], "the name"))?
    };
    told.or_else(of_tool)
        .unwrap_or(&reader.span.name)
        .to_owned()
}
