//! What the program prints. Start at [`answer`].

use std::fmt::Write as _;
use std::io::Write as _;

use common::analysis::text_tree;
use common::model::{RunType, TraceTree};

use crate::approve::Decision;
use crate::state::State;

/// Writes the answer, what it cites, and who let it out.
pub fn answer(state: &State, decision: &Decision) -> String {
    let mut text = String::new();
    let reasons = state
        .review
        .as_ref()
        .map(|review| review.reasons.join("; "))
        .unwrap_or_default();
    match &state.draft {
        Some(draft) if decision.approved => {
            let _ = writeln!(text, "{}\n", draft.text);
            for (number, citation) in &draft.citations {
                let _ = writeln!(text, "  [{number}] {citation}");
            }
        }
        _ => {
            let _ = writeln!(text, "No answer goes out. {reasons}");
        }
    }
    let _ = write!(text, "\n{}", decision.told);
    text
}

/// Writes the trace, and the tokens of all model runs in it.
pub fn trace(tree: &TraceTree) -> String {
    let models = tree
        .nodes()
        .iter()
        .map(|node| &node.run)
        .filter(|run| run.run_type == RunType::Llm);
    let used: Vec<_> = models.filter_map(|run| run.usage()).collect();
    let input: u64 = used.iter().map(|usage| usage.input_tokens).sum();
    let output: u64 = used.iter().map(|usage| usage.output_tokens).sum();
    format!(
        "{}\n{} {} of a model: {input} tokens in, {output} out",
        text_tree(tree),
        used.len(),
        if used.len() == 1 { "call" } else { "calls" }
    )
}

/// Prints on standard output; a reader who has gone (`| head`) is no failure.
pub fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}");
    let _ = out.flush();
}

/// Prints on standard error.
pub fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
