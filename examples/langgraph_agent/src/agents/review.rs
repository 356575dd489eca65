//! May the answer go out?

use std::collections::BTreeSet;

use common::lab::llm::Model;

use super::ask::{AgentError, ask};
use super::prompt::prompt;
use crate::state::{Review, State, Update};

const SYSTEM: &str = "You are the reviewer of a documentation assistant. Reply APPROVED if the passages say all \
    that the answer says of them. Otherwise reply REJECTED: and the reason, in one line.";

/// Judges the draft. What can be counted is counted here: each citation has to exist, and there has to be one. Only
/// what passes that is shown to the model, which judges whether the passages say it.
///
/// A draft that says that there is no answer is approved if there was no good passage.
///
/// # Errors
/// If the model does not answer.
pub async fn review(model: &Model, state: &State) -> Result<Update, AgentError> {
    let passages = state.passages();
    let text = state.draft.as_ref().map_or("", |draft| draft.text.as_str());
    let mut reasons = Vec::new();
    if !passages.is_empty() {
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
            let approved = said.trim_start().starts_with("APPROVED");
            let reason = said
                .trim()
                .trim_start_matches("REJECTED")
                .trim_start_matches([':', ' ']);
            reasons.extend((!approved).then(|| reason.to_owned()));
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

/// Returns the numbers in brackets, such as `[2]`, each once and in order.
pub fn citations(text: &str) -> BTreeSet<usize> {
    let brackets = text.split('[').skip(1);
    brackets
        .filter_map(|rest| rest.split_once(']')?.0.parse().ok())
        .collect()
}
