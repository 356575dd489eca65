//! Passages and a question as a prompt, and read back from it.
//!
//! ```text
//! === [1] docs/client.md#files · The client › Files
//! text of the passage, each line indented by one blank
//!
//! Question: in one line, the last of its kind
//! Answer: in one line, where there is one to be judged or to be written again
//! Notes: in one line, what is wrong with it
//! ```
//!
//! No text of a passage begins a line without a blank, so none can pose as a head or as the question. Who reads it
//! back is the scripted model: it knows nothing but its prompt. Start at [`Given`].

use std::fmt::Write as _;

use crate::index::Hit;

const HEAD: &str = "=== [";
const QUESTION: &str = "\nQuestion: ";
const ANSWER: &str = "\nAnswer: ";
const NOTES: &str = "\nNotes: ";

/// A passage in a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Its number.
    pub number: usize,
    /// Where it is found.
    pub citation: String,
    /// What it says.
    pub text: String,
}

/// A prompt, taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// The passages.
    pub given: Vec<Given>,
    /// The question.
    pub question: String,
    /// The answer that is to be judged or written again, if there is one, in one line.
    pub answer: Option<String>,
    /// What is wrong with it, if it is to be written again, in one line.
    pub notes: Option<String>,
}

/// Writes passages and a question, and below them the answer that is to be judged, or to be written again with these
/// notes.
pub(super) fn prompt(
    passages: &[&Hit],
    question: &str,
    answer: Option<&str>,
    notes: Option<&str>,
) -> String {
    let mut prompt = String::new();
    for (number, hit) in (1..).zip(passages) {
        let (place, title) = (hit.passage.citation(), hit.passage.title());
        let text = hit.passage.text.replace('\n', "\n ");
        let _ = writeln!(prompt, "{HEAD}{number}] {place} · {title}\n {text}\n");
    }
    let _ = write!(prompt, "{QUESTION}{question}");
    for (head, text) in [(ANSWER, answer), (NOTES, notes)] {
        if let Some(text) = text {
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let _ = write!(prompt, "{head}{text}");
        }
    }
    prompt
}

impl Asked {
    /// Takes a prompt apart; what is not there is empty.
    pub fn read(prompt: &str) -> Self {
        let (passages, rest) = prompt.rsplit_once(QUESTION).unwrap_or(("", prompt));
        let cut = |text: &'_ str, head: &str| match text.split_once(head) {
            Some((before, after)) => (before.to_owned(), Some(after.to_owned())),
            None => (text.to_owned(), None),
        };
        let (rest, notes) = cut(rest, NOTES);
        let (question, answer) = cut(&rest, ANSWER);
        let mut given: Vec<Given> = Vec::new();
        for line in passages.lines() {
            if let Some((number, after)) = line
                .strip_prefix(HEAD)
                .and_then(|head| head.split_once("] "))
            {
                given.push(Given {
                    number: number.parse().unwrap_or(0),
                    citation: after.split(" · ").next().unwrap_or(after).to_owned(),
                    text: String::new(),
                });
            } else if let Some(open) = given.last_mut() {
                open.text.push_str(line.strip_prefix(' ').unwrap_or(line));
                open.text.push('\n');
            }
        }
        Self {
            given,
            question,
            answer,
            notes,
        }
    }
}
