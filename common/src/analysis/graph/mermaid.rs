//! A graph in Mermaid's language.
//!
//! ```text
//! graph TD;
//!     agent("agent")
//!     agent -. tools_condition .-> tools
//! ```
//!
//! Start at [`written`].

use std::collections::HashMap;

use super::shape::{END, GraphNodeKind, GraphShape, START};
use super::{name, names};
use crate::analysis::label::count;

/// Words that mean something to Mermaid where a node's id would stand.
const RESERVED: [&str; 12] = [
    "end",
    "graph",
    "flowchart",
    "subgraph",
    "style",
    "linkStyle",
    "class",
    "classDef",
    "click",
    "default",
    "direction",
    "call",
];

/// Writes nodes, then edges. Plain names are their own ids; all others get a number.
pub(super) fn written(shape: &GraphShape) -> String {
    let mut out = "graph TD;\n".to_owned();
    let mut ids: HashMap<&str, String> = HashMap::new();
    for (at, (node, kind)) in names(shape).into_iter().enumerate() {
        let id = match is_plain(node) {
            true => node.to_owned(),
            false => format!("node-{at}"),
        };
        let label = quoted(node);
        let drawn = match kind {
            _ if node == START || node == END => format!("{id}([{label}])"),
            GraphNodeKind::Node => format!("{id}({label})"),
            GraphNodeKind::Subgraph => format!("{id}[[{label}]]"),
            GraphNodeKind::ToolServer => format!("{id}[({label})]"),
            GraphNodeKind::Remote => format!("{id}{{{{{label}}}}}"),
            GraphNodeKind::Human => format!("{id}[/{label}/]"),
        };
        out.push_str(&format!("    {drawn}\n"));
        ids.insert(node, id);
    }
    for edge in &shape.edges {
        let (Some(from), Some(to)) = (ids.get(&*edge.from), ids.get(&*edge.to)) else {
            continue;
        };
        let label = edge.label.as_deref().map(|label| match is_plain(label) {
            true => label.to_owned(),
            false => quoted(label),
        });
        let arrow = match (edge.conditional, label) {
            (false, None) => "-->".to_owned(),
            (false, Some(label)) => format!("-- {label} -->"),
            (true, None) => "-.->".to_owned(),
            (true, Some(label)) => format!("-. {label} .->"),
        };
        out.push_str(&format!("    {from} {arrow} {to}\n"));
    }
    if shape.edges_left_out > 0 {
        let more = count(shape.edges_left_out, "more edge");
        out.push_str(&format!("    %% … {more}\n"));
    }
    out
}

fn is_plain(name: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    begins
        && name.len() <= 48
        && name.chars().all(is_word)
        && !RESERVED.iter().any(|word| word.eq_ignore_ascii_case(name))
}

/// Writes a text between quotation marks; what Mermaid or the page could take for markup becomes an
/// entity in Mermaid's notation.
fn quoted(text: &str) -> String {
    let mut out = "\"".to_owned();
    for c in name(text).chars() {
        match c {
            c if c.is_alphanumeric() => out.push(c),
            ' ' | '_' | '-' | '.' | ',' | ':' | '…' | '(' | ')' | '+' => out.push(c),
            c => out.push_str(&format!("#{};", u32::from(c))),
        }
    }
    out.push('"');
    out
}
