//! Passages and a question as a prompt, and read back from it.
//!
//! ```text
//! === [1] docs/client.md#files · The client › Files
//! text of the passage, each line indented by one blank
//!
//! Question: in one line, the last of its kind
//! ```
//!
//! No text of a passage begins a line without a blank, so none can pose as a head or as the question. Who reads it
//! back is the scripted model: it knows nothing but its prompt. Start at [`Given`].

use std::fmt::Write as _;

use crate::index::Hit;

const HEAD: &str = "=== [";
const QUESTION: &str = "\nQuestion: ";
const ANSWER: &str = "\nAnswer: ";

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
    /// The answer that is to be judged, if there is one, in one line.
    pub answer: Option<String>,
}

/// Writes passages and a question, and below them the answer that is to be judged.
pub(super) fn prompt(passages: &[&Hit], question: &str, answer: Option<&str>) -> String {
    let mut prompt = String::new();
    for (number, hit) in (1..).zip(passages) {
        let (place, title) = (hit.passage.citation(), hit.passage.title());
        let text = hit.passage.text.replace('\n', "\n ");
        let _ = writeln!(prompt, "{HEAD}{number}] {place} · {title}\n {text}\n");
    }
    let _ = write!(prompt, "{QUESTION}{question}");
    if let Some(answer) = answer {
        let answer = answer.split_whitespace().collect::<Vec<_>>().join(" ");
        let _ = write!(prompt, "{ANSWER}{answer}");
    }
    prompt
}

impl Asked {
    /// Takes a prompt apart; what is not there is empty.
    pub fn read(prompt: &str) -> Self {
        let (passages, rest) = prompt.rsplit_once(QUESTION).unwrap_or(("", prompt));
        let (question, answer) = match rest.split_once(ANSWER) {
            Some((question, answer)) => (question, Some(answer.to_owned())),
            None => (rest, None),
        };
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
            question: question.to_owned(),
            answer,
        }
    }
}
