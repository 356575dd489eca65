//! Write an answer from passages, and from nothing else.

use common::lab::llm::Model;

use super::ask::{AgentError, ask};
use super::prompt::prompt;
use super::review::citations;
use crate::state::{Draft, State, Update};

/// What is said where the documentation has nothing: by the program, and by a model in these very words.
pub const NOTHING: &str = "The documentation has no answer to this.";

const SYSTEM: &str = "You are the writer of a documentation assistant. Answer the question from the passages and \
    from nothing else, in at most four sentences. Behind each sentence write the number of the passage that it is \
    from, such as [1]. If the passages do not answer the question, reply with this sentence and nothing else: The \
    documentation has no answer to this. If there are notes on an earlier answer, mind them.";

/// Returns true if a draft says that there is no answer: [`NOTHING`], whatever its case and markup.
pub fn says_nothing(draft: &str) -> bool {
    let words = |text: &str| {
        let letters = text.split(|letter: char| !letter.is_alphabetic());
        let words = letters
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase);
        words.collect::<Vec<_>>()
    };
    words(draft) == words(NOTHING)
}

/// Returns what the writer says to a model: the rules, and the passages with the question. For whoever asks the model
/// in another way, such as with a stream.
pub fn first_draft(state: &State) -> (&'static str, String) {
    (
        SYSTEM,
        prompt(&state.passages(), &state.question, None, None),
    )
}

/// Writes a draft, or a draft again if somebody has sent it back. Without a good passage no model is asked, and the
/// draft says that there is no answer.
///
/// # Errors
/// If the model does not answer.
pub async fn write(model: &Model, state: &State) -> Result<Update, AgentError> {
    let passages = state.passages();
    let draft = if passages.is_empty() {
        Draft {
            text: NOTHING.to_owned(),
            citations: Vec::new(),
        }
    } else {
        let notes = state.notes();
        let earlier = state.draft.as_ref().map(|draft| draft.text.as_str());
        let earlier = earlier.filter(|_| notes.is_some());
        let text = ask(
            model,
            "writer",
            SYSTEM,
            &prompt(&passages, &state.question, earlier, notes.as_deref()),
        )
        .await?;
        let cited = citations(&text).into_iter();
        let place = |number: usize| {
            passages
                .get(number.checked_sub(1)?)
                .map(|hit| hit.passage.citation())
        };
        Draft {
            citations: cited
                .filter_map(|number| Some((number, place(number)?)))
                .collect(),
            text,
        }
    };
    Ok(Update {
        draft: Some(draft),
        ..Update::default()
    })
}
