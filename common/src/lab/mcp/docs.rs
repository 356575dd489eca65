//! The tools of the docs assistant.

use std::time::Duration;

use serde_json::{Value, json};

use super::server::{McpServer, ToolError};
use crate::lab::story;
use crate::model::RunType;
use crate::trace::{TraceFutureExt as _, child};

/// Gives a server the tools of the docs assistant: `search_docs`, `read_page` and `count_words`, over the few
/// pages of [`story`]. Each takes `pause` longer than it needs, so that there is time to lose patience with it,
/// or to kill its server.
///
/// The search is a run of its own below the call's; the others are too small to be worth one.
#[must_use]
pub fn docs_tools(server: McpServer, pause: Duration) -> McpServer {
    server
        .tool(
            "search_docs",
            "Finds the passages of the documentation that share a word with a question.",
            text_argument("question", "what to look for"),
            move |arguments| async move {
                let question = text(&arguments, "question")?;
                tokio::time::sleep(pause).await;
                let search = child("search docs").run_type(RunType::Retriever);
                let search = search.inputs(json!({"query": question}));
                let found = async { json!({"documents": story::retrieve(&question).await}) };
                Ok(found.traced_value(search).await)
            },
        )
        .tool(
            "read_page",
            "Returns the text of a page of the documentation.",
            text_argument("page", "its name, as `search_docs` gives it under `source`"),
            move |arguments| async move {
                let page = text(&arguments, "page")?;
                tokio::time::sleep(pause).await;
                let text = story::page(&page).map(Value::from);
                text.ok_or_else(|| {
                    let known: Vec<&str> = story::pages().collect();
                    ToolError::new(format_args!(
                        "there is no page `{page}`; there are {}",
                        known.join(", ")
                    ))
                })
            },
        )
        .tool(
            "count_words",
            "Counts the words of a text.",
            text_argument("text", "the text"),
            move |arguments| async move {
                let text = text(&arguments, "text")?;
                tokio::time::sleep(pause).await;
                Ok(json!({"words": text.split_whitespace().count()}))
            },
        )
}

/// The schema of an object with one text in it.
fn text_argument(name: &str, description: &str) -> Value {
    json!({
        "type": "object",
        "properties": {name: {"type": "string", "description": description}},
        "required": [name],
    })
}

fn text(arguments: &Value, name: &str) -> Result<String, ToolError> {
    let text = arguments[name].as_str().map(str::to_owned);
    text.ok_or_else(|| ToolError::new(format_args!("the argument `{name}` is a text")))
}
