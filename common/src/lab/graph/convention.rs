//! How LangGraph names, tags and describes the runs of a graph, as recorded from version 1.2.22.
//!
//! ```text
//! graph            ls_integration, thread_id
//! ├─ node          graph:step:N · langgraph_step, _node, _triggers, _path, _checkpoint_ns
//! │  ├─ inner work seq:step:1   · checkpoint_ns, of the outermost node
//! │  └─ router     seq:step:3, 4, …   (2 is the write of the update, which is no run)
//! ```

use serde_json::{Value, json};
use twox_hash::XxHash3_128;
use uuid::Uuid;

use crate::model::JsonMap;

pub(super) const INTEGRATION: &str = "ls_integration";
pub(super) const LANGGRAPH: &str = "langgraph";
pub(super) const CHAT_MODEL: &str = "langchain_chat_model";
pub(super) const THREAD: &str = "thread_id";
pub(super) const CHECKPOINT_NS: &str = "checkpoint_ns";
/// The tag of what a node does itself.
pub(super) const INNER: &str = "seq:step:1";
/// The tag of what LangSmith does not show.
pub(super) const HIDDEN: &str = "langsmith:hidden";
/// The step of the first router that leaves a node.
pub(super) const FIRST_ROUTER: usize = 3;

/// Returns the metadata of a node, which all runs below have as well.
pub(super) fn of_node(
    step: u64,
    node: &str,
    triggers: &[String],
    sent: Option<usize>,
    ns: &str,
) -> JsonMap {
    let path = match sent {
        None => json!(["__pregel_pull", node]),
        Some(index) => json!(["__pregel_push", index, false]),
    };
    let triggers = match sent {
        None => json!(triggers),
        Some(_) => json!(["__pregel_push"]),
    };
    let pairs = [
        (INTEGRATION, LANGGRAPH.into()),
        ("langgraph_step", step.into()),
        ("langgraph_node", node.into()),
        ("langgraph_triggers", triggers),
        ("langgraph_path", path),
        ("langgraph_checkpoint_ns", ns.into()),
    ];
    pairs
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

/// Returns the namespace of a task within the one of its graph.
pub(super) fn namespace(outer: &str, node: &str, task: Uuid) -> String {
    let bar = if outer.is_empty() { "" } else { "|" };
    format!("{outer}{bar}{node}:{task}")
}

/// Makes a task's id, the same whenever the task is the same.
pub(super) fn task_id(seed: Uuid, ns: &str, step: u64, node: &str, sent: Option<usize>) -> Uuid {
    let text = format!("{seed}|{ns}|{step}|{node}|{sent:?}");
    Uuid::from_u128(XxHash3_128::oneshot(text.as_bytes()))
}

/// Writes the error of a run that waits for an answer.
pub(super) fn interrupt(question: &Value, ns: &str) -> String {
    let id = XxHash3_128::oneshot(ns.as_bytes());
    let question = python(question);
    format!("GraphInterrupt((Interrupt(value={question}, id='{id:032x}', response_schema=None),))")
}

/// Writes a value as Python would show it.
pub(super) fn python(value: &Value) -> String {
    let list = |items: &mut dyn Iterator<Item = String>| items.collect::<Vec<_>>().join(", ");
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => quoted(text),
        Value::Array(items) => format!("[{}]", list(&mut items.iter().map(python))),
        Value::Object(map) => {
            let pair =
                |(key, value): (&String, &Value)| format!("{}: {}", quoted(key), python(value));
            format!("{{{}}}", list(&mut map.iter().map(pair)))
        }
    }
}

fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut shown = String::from(quote);
    for letter in text.chars() {
        match letter {
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            '\r' => shown.push_str("\\r"),
            '\\' => shown.push_str("\\\\"),
            letter if letter == quote => shown.extend(['\\', letter]),
            letter => shown.push(letter),
        }
    }
    shown.push(quote);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_as_python_shows_them() {
        let value = json!({"a": [1, 2.5, null], "b": true, "it's": "x\n\\"});
        let shown = r#"{'a': [1, 2.5, None], 'b': True, "it's": 'x\n\\'}"#;
        assert_eq!(python(&value), shown);
    }
}
