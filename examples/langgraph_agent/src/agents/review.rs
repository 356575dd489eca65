//! May the answer go out?

use std::collections::BTreeSet;

use common::lab::llm::Model;

use super::ask::{AgentError, ask};
use super::prompt::prompt;
use super::write::says_nothing;
use crate::state::{Review, State, Update};

const SYSTEM: &str = "You are the reviewer of a documentation assistant. Reply APPROVED if the passages say all \
    that the answer says of them. Otherwise reply REJECTED: and the reason, in one line.";

/// Judges the draft. What can be counted is counted here: each citation has to exist, and there has to be one. Only
/// what passes that is shown to the model, which judges whether the passages say it.
///
/// A draft that says that there is no answer is no claim: it is approved, and nobody is asked.
///
/// # Errors
/// If the model does not answer.
pub async fn review(model: &Model, state: &State) -> Result<Update, AgentError> {
    let passages = state.passages();
    let text = state.draft.as_ref().map_or("", |draft| draft.text.as_str());
    let mut reasons = Vec::new();
    if !passages.is_empty() && !says_nothing(text) {
        let cited = citations(text);
        if cited.is_empty() {
            reasons.push("it cites nothing".to_owned());
        }
        let unknown = cited
            .iter()
            .filter(|number| !(1..=passages.len()).contains(*number));
        reasons.extend(unknown.map(|number| format!("there is no passage [{number}]")));
        if reasons.is_empty() {
            let said = ask(
                model,
                "reviewer",
                SYSTEM,
                &prompt(&passages, &state.question, Some(text), None),
            )
            .await?;
            reasons.extend(reason(&said));
        }
    } else if text.is_empty() {
        reasons.push("there is no answer".to_owned());
    }
    let review = Review {
        approved: reasons.is_empty(),
        reasons,
    };
    Ok(Update {
        review: Some(review),
        ..Update::default()
    })
}

/// Reads a verdict: none if it approves, else why not. Models write `Approved.` and `**APPROVED**` as well.
fn reason(said: &str) -> Option<String> {
    let said = said.trim_start_matches(|letter: char| !letter.is_alphanumeric());
    let after = |verdict: &str| {
        let word = said.get(..verdict.len())?;
        let rest = &said[verdict.len()..];
        let ends = !rest.starts_with(char::is_alphanumeric);
        (ends && word.eq_ignore_ascii_case(verdict)).then_some(rest)
    };
    if after("APPROVED").is_some() {
        return None;
    }
    let reason = after("REJECTED").unwrap_or(said);
    let reason = reason.trim_matches([':', ' ', '*', '_', '\n']);
    Some(match reason {
        "" => "the reviewer gives no reason".to_owned(),
        reason => reason.to_owned(),
    })
}

/// Returns the numbers in brackets, such as `[2]` and `[1, 2]`, each once and in order. What stands in code, such as
/// `args[0]`, cites nothing.
pub fn citations(text: &str) -> BTreeSet<usize> {
    let prose = without_code(text);
    let brackets = prose.split('[').skip(1);
    let numbers = brackets.filter_map(|rest| {
        let inner = rest.split_once(']')?.0;
        let each = inner.split(',').map(|number| number.trim().parse().ok());
        each.collect::<Option<Vec<usize>>>()
    });
    numbers.flatten().collect()
}

/// Leaves out code: what stands between two rows of as many backticks.
fn without_code(text: &str) -> String {
    let mut prose = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('`') {
        let (before, code) = rest.split_at(at);
        prose.push_str(before);
        let ticks = code.len() - code.trim_start_matches('`').len();
        let (row, after) = code.split_at(ticks);
        let mut rows = after.match_indices(row).map(|(at, _)| at);
        let closes =
            |at: &usize| !after[..*at].ends_with('`') && !after[at + ticks..].starts_with('`');
        rest = match rows.find(closes) {
            Some(at) => &after[at + ticks..],
            // A backtick alone is one.
            None => after,
        };
    }
    prose + rest
}
