//! What the agents know together, and what each of them adds to it.
//!
//! ```text
//! State ──► router · retriever · grader · writer · reviewer · approval ──► Update ──reducers──► State
//! ```
//!
//! Both are plain values: as JSON, an [`Update`] has the channels that it changes and no others. Start at [`State`].

use common::lab::graph::message;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::approve::Decision;
use crate::corpus::Source;
use crate::index::Hit;

/// Most passages that the writer is given.
pub const MOST_PASSAGES: usize = 5;

/// What is known so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// What the user asked.
    pub question: String,
    /// Where the router wants to look.
    pub sources: Vec<Source>,
    /// What the retrievers found, good and bad, in the order in which they came.
    pub found: Vec<Hit>,
    /// Where the passages stand that the writer is given, in the order of their numbers.
    pub documents: Vec<String>,
    /// What the writer wrote.
    pub draft: Option<Draft>,
    /// What the reviewer thinks of it.
    pub review: Option<Review>,
    /// How often the reviewer has sent a draft back, since somebody last looked at one.
    pub sent_back: usize,
    /// What an agent in another process says, if one is asked.
    pub second_opinion: Option<String>,
    /// How long the draft is, if a tool counts.
    pub words: Option<u64>,
    /// What a helper in another process did not do, a sentence each: the answer does without it.
    pub without: Vec<String>,
    /// What a human, or who stands in for one, said of the draft.
    pub decision: Option<Decision>,
    /// What goes out.
    pub answer: Option<String>,
    /// The conversation of the thread, as of LangChain: questions, and the answers that went out.
    pub messages: Vec<Value>,
}

/// What one agent adds: `found` and `messages` are appended, all else takes the place of what was there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Update {
    /// See [`State::sources`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sources: Option<Vec<Source>>,
    /// See [`State::found`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub found: Vec<Hit>,
    /// See [`State::draft`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draft: Option<Draft>,
    /// See [`State::review`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
}

/// An answer with citations such as `[1]`: the number of a passage in [`State::passages`], from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// The answer.
    pub text: String,
    /// Where each cited passage is found, by number; what does not exist is not in it.
    pub citations: Vec<(usize, String)>,
}

/// A verdict on a draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Whether it may go out.
    pub approved: bool,
    /// Why not; empty if it may.
    pub reasons: Vec<String>,
}

impl State {
    /// Begins with a question. It becomes one line, so that it cannot pose as another part of a prompt.
    pub fn asked(question: &str) -> Self {
        let question = one_line(question);
        Self {
            messages: vec![message::human(&question)],
            question,
            ..Self::default()
        }
    }

    /// Returns what the graph is invoked with: the question, and no more.
    pub fn input(&self) -> Value {
        json!({"question": self.question, "messages": self.messages})
    }

    /// Takes up what an agent adds.
    pub fn merge(&mut self, update: Update) {
        let Update {
            sources,
            found,
            draft,
            review,
        } = update;
        self.found.extend(found);
        self.sources = sources.unwrap_or(std::mem::take(&mut self.sources));
        self.draft = draft.or(self.draft.take());
        self.review = review.or(self.review.take());
    }

    /// Returns the good passages of all retrievers, the best first, as the writer numbers them. None is an outcome
    /// of its own: there is nothing to write from.
    pub fn passages(&self) -> Vec<&Hit> {
        let mut good: Vec<&Hit> = self.found.iter().filter(|hit| hit.is_good()).collect();
        // The numbers in the answer must not depend on which retriever came first.
        good.sort_by(|a, b| {
            let same =
                || (&a.passage.file, &a.passage.text).cmp(&(&b.passage.file, &b.passage.text));
            b.score.total_cmp(&a.score).then_with(same)
        });
        good.truncate(MOST_PASSAGES);
        good
    }

    /// Returns what the writer has to mind when it writes again: a human's comment, else the reviewer's reasons.
    /// None the first time.
    pub fn notes(&self) -> Option<String> {
        let rejected = self.review.as_ref().filter(|review| !review.approved);
        let reasons = rejected.map(|review| review.reasons.join("; "));
        let comment = self.decision.as_ref().and_then(|it| it.comment.clone());
        let notes: Vec<String> = comment.into_iter().chain(reasons).collect();
        (!notes.is_empty()).then(|| one_line(&notes.join("; ")))
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
