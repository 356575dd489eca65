//! What the scripted model says in place of a real one: a function of its prompt, and of nothing else.
//!
//! It cannot know answers. As *router* it goes by words, as *writer* it puts an answer together from sentences of
//! the passages that it is given, as *reviewer* it holds the words of each sentence against the passage that the
//! sentence cites. The program says so. Start at [`scripted`].

use std::collections::BTreeSet;

use common::lab::llm::{Answer, LlmRequest, ScriptedLlm, TokenTiming};

use crate::agents::{Asked, Given, citations};
use crate::index::Terms;

/// What the program says of answers from the script.
pub const NOTE: &str =
    "The model is scripted: its answers are put together from sentences of the passages.";

/// Words by which the router goes, each the beginning of a word of the question.
const ROUTES: [(&str, &[&str]); 3] = [
    ("docs", &[]),
    ("notebooks", &[]),
    (
        "packages",
        &[
            "crate",
            "module",
            "import",
            "feature",
            "example",
            "fastapi",
            "express",
            "middleware",
            "cargo",
            "run",
        ],
    ),
];
/// Most sentences of an answer.
const MOST_SENTENCES: usize = 3;
/// Most that come from one passage.
const MOST_OF_ONE: usize = 2;
/// The least share of a sentence's words that the cited passage must have.
const LEAST_SHARE: f64 = 0.8;

/// Starts a model with this script.
pub fn scripted(timing: TokenTiming) -> ScriptedLlm {
    ScriptedLlm::builder().timing(timing).choose(answer).start()
}

/// Answers a request of one of the agents; of anybody else's, nothing.
fn answer(request: &LlmRequest) -> Option<Answer> {
    let system = request.body["messages"][0]["content"].as_str()?;
    let asked = Asked::read(&request.prompt);
    let agent = system.strip_prefix("You are the ")?.split(' ').next()?;
    let text = match agent {
        "router" => route(&asked),
        "writer" => write(&asked),
        "reviewer" => review(&asked),
        _ => return None,
    };
    Some(Answer::text(text))
}

fn route(asked: &Asked) -> String {
    let terms = Terms::of(&asked.question);
    let begins = |start: &&str| terms.words().iter().any(|word| word.starts_with(*start));
    let wanted = ROUTES
        .iter()
        .filter(|(_, starts)| starts.is_empty() || starts.iter().any(|start| begins(&start)));
    wanted.map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

fn write(asked: &Asked) -> String {
    let wanted = stems(&asked.question);
    let mut scored = Vec::new();
    for given in &asked.given {
        for (place, sentence) in sentences(&given.text).into_iter().enumerate() {
            let shared = stems(&sentence).intersection(&wanted).count();
            scored.push((shared, given.number, place, sentence));
        }
    }
    // The most words of the question first; of equal ones, the better passage, and what it says first.
    scored.sort_by_key(|(shared, number, place, _)| (usize::MAX - shared, *number, *place));
    let mut chosen: Vec<(usize, usize, String)> = Vec::new();
    for (shared, number, place, sentence) in scored {
        let of_one = chosen.iter().filter(|(other, ..)| *other == number).count();
        if shared > 0 && chosen.len() < MOST_SENTENCES && of_one < MOST_OF_ONE {
            chosen.push((number, place, sentence));
        }
    }
    chosen.sort();
    match chosen.is_empty() {
        true => match asked.given.first() {
            Some(Given {
                number, citation, ..
            }) => format!("This is explained in {citation} [{number}]."),
            None => "The passages do not answer the question.".to_owned(),
        },
        false => {
            let cited = chosen
                .iter()
                .map(|(number, _, sentence)| format!("{sentence} [{number}]"));
            cited.collect::<Vec<_>>().join(" ")
        }
    }
}

fn review(asked: &Asked) -> String {
    let answer = asked.answer.as_deref().unwrap_or_default();
    // Each piece ends where its citation begins: `sentence [1] sentence [2]`.
    let mut rest = answer;
    while let Some((sentence, after)) = rest.split_once('[') {
        let (number, after) = after.split_once(']').unwrap_or((after, ""));
        rest = after;
        let words = stems(sentence);
        let Some(number) = number.parse::<usize>().ok().filter(|_| !words.is_empty()) else {
            continue;
        };
        let given = asked.given.iter().find(|given| given.number == number);
        let known = given
            .map(|given| stems(&format!("{} {}", given.text, given.citation)))
            .unwrap_or_default();
        let share = words.intersection(&known).count() as f64 / words.len() as f64;
        if share < LEAST_SHARE {
            return format!(
                "REJECTED: passage [{number}] does not say: {}",
                sentence.trim()
            );
        }
    }
    match citations(answer).is_empty() {
        true => "REJECTED: it cites nothing".to_owned(),
        false => "APPROVED".to_owned(),
    }
}

/// Returns the words of a text without their endings, about as the index does.
fn stems(text: &str) -> BTreeSet<String> {
    let words: Vec<String> = text
        .split(|letter: char| !letter.is_alphanumeric())
        .flat_map(|word| Terms::of(word).words().to_vec())
        .collect();
    words.iter().map(|word| stem(word)).collect()
}

fn stem(word: &str) -> String {
    let endings = ["ing", "ed", "es", "s"];
    let cut = endings
        .iter()
        .find_map(|ending| word.strip_suffix(ending).filter(|rest| rest.len() > 2));
    cut.unwrap_or(word).to_owned()
}

/// Cuts the prose of a passage into sentences: no code, no tables, no Markdown of emphasis, no numbers in brackets.
fn sentences(text: &str) -> Vec<String> {
    let mut prose = String::new();
    let mut in_fence = false;
    for line in text.lines() {
        let start = line.trim_start();
        if start.starts_with("```") || start.starts_with("~~~") {
            in_fence = !in_fence;
            prose.push('\n');
        } else if !in_fence && start.starts_with('|') {
            prose.push('\n');
        } else if !in_fence {
            let item = start.trim_start_matches(['-', '>', '*', ' ']);
            // An item of a list is a sentence by itself.
            prose.push(if start.is_empty() || item.len() < start.len() {
                '\n'
            } else {
                ' '
            });
            prose.push_str(item);
        }
    }
    let prose = prose.replace("**", "").replace('[', "(").replace(']', ")");
    let mut found = Vec::new();
    for paragraph in prose.lines() {
        let mut rest = paragraph.trim();
        while !rest.is_empty() {
            let end = rest
                .match_indices(['.', '?', '!'])
                .find(|(at, _)| rest[at + 1..].starts_with(' '));
            let (sentence, after) = rest.split_at(end.map_or(rest.len(), |(at, _)| at + 1));
            rest = after.trim_start();
            // A question answers nothing; what ends with a colon introduces what is cut off here.
            let tells = sentence.split(' ').count() > 3 && !sentence.ends_with(['?', ':']);
            found.extend(tells.then(|| sentence.to_owned()));
        }
    }
    found
}
