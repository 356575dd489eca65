//! What the scripted model says in place of a real one: a function of its prompt, and of nothing else.
//!
//! It cannot know answers. As *router* it goes by words, as *writer* it puts an answer together from sentences of
//! the passages that it is given (a shorter one if it is sent back), as *reviewer* it holds the words of each sentence
//! against the passage that the sentence cites. The program says so. Start at [`scripted`].

mod sentences;

use std::collections::BTreeSet;

use common::lab::llm::{Answer, LlmRequest, ScriptedLlm, TokenTiming};

use self::sentences::{first_command, sentences, stems};
use crate::agents::{Asked, Given, NOTHING, citations};
use crate::index::Terms;

/// What the program says of answers from the script.
pub const NOTE: &str =
    "The model is scripted: its answers are put together from sentences of the passages.";

/// The question at which the writer slips once, so that there is something for the reviewer to find: its first draft
/// says what no passage says.
pub const SLIPS_AT: &str = "What does a token of a stream cost?";
const SLIP: &str = "Penguins pay nothing at weekends.";

/// Words by which the router goes, each the beginning of a word of the question. A shelf without words is chosen
/// always.
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
/// How the sections beside an answer begin.
const SEE_ALSO: &str = " See also ";
/// Most passages that are named beside an answer.
const MOST_SEE_ALSO: usize = 2;
/// The least score of a sentence, as a share of the best one's.
const LEAST_OF_BEST: f64 = 0.65;
/// The least share of a sentence's words that the cited passage must have.
const LEAST_SHARE: f64 = 0.8;

/// What a sentence says that points at a passage, and needs no support by it.
const POINTS: &str = "explained shown begins see";

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
        .filter(|(_, starts)| starts.is_empty() || starts.iter().any(begins));
    wanted.map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

fn write(asked: &Asked) -> String {
    let Some(first) = asked.given.first() else {
        return NOTHING.to_owned();
    };
    let notes = asked.notes.as_deref();
    // It cannot understand a note. What is quoted in it is left out, and the answer gets shorter.
    let is_quoted = |sentence: &str| notes.is_some_and(|notes| notes.contains(sentence));
    let earlier = asked.answer.as_deref().unwrap_or_default();
    let earlier = earlier.split(SEE_ALSO).next().unwrap_or_default();
    let earlier = earlier.matches('[').count();
    let most = match notes {
        Some(_) => earlier.saturating_sub(1).clamp(1, MOST_SENTENCES),
        None => MOST_SENTENCES,
    };
    let mut chosen = best_sentences(asked, most, is_quoted);
    // The first passage is the answer; what others say stands beside it, never in its place.
    let pointer = pointer(first);
    if chosen.iter().all(|(number, _)| *number != first.number) && !is_quoted(&pointer) {
        chosen = vec![(first.number, pointer)];
    }
    let cited = chosen
        .iter()
        .map(|(number, sentence)| format!("{sentence} [{number}]"));
    let mut answer = cited.collect::<Vec<_>>().join(" ");
    if notes.is_none() && asked.question == SLIPS_AT {
        answer.push_str(&format!(" {SLIP} [{}]", first.number));
    }
    // Who wants it shorter does not want to read on elsewhere.
    if notes.is_none() {
        answer.push_str(&see_also(asked, &chosen));
    }
    match answer.is_empty() {
        true => NOTHING.to_owned(),
        false => answer,
    }
}

/// Names the sections that were found beside those of an answer, each once: a long one is several passages.
fn see_also(asked: &Asked, chosen: &[(usize, String)]) -> String {
    let is_cited = |given: &&Given| chosen.iter().any(|(number, _)| *number == given.number);
    let cited = asked.given.iter().filter(is_cited);
    let mut told: Vec<&str> = cited.map(|given| &*given.citation).collect();
    let mut others = Vec::new();
    for given in &asked.given {
        if others.len() < MOST_SEE_ALSO && !told.contains(&&*given.citation) {
            told.push(&given.citation);
            others.push(format!("`{}` [{}]", given.citation, given.number));
        }
    }
    match others.is_empty() {
        true => String::new(),
        false => format!("{SEE_ALSO}{}.", others.join(" and ")),
    }
}

/// Chooses the sentences that share most with the question, in the order of the passages.
fn best_sentences(
    asked: &Asked,
    most: usize,
    is_quoted: impl Fn(&str) -> bool,
) -> Vec<(usize, String)> {
    let wanted = stems(&asked.question);
    let mut found = Vec::new();
    for given in &asked.given {
        let said = sentences(&given.text).into_iter().enumerate();
        let said = said.filter(|(_, sentence)| !is_quoted(sentence));
        found.extend(said.map(|(place, text)| (given.number, place, stems(&text), text)));
    }
    // A word counts for how rare it is in what was given: `spawn` tells more than `trace`.
    let weight = |word: &String| {
        let having = found
            .iter()
            .filter(|(_, _, words, _)| words.contains(word))
            .count();
        (1.0 + found.len() as f64 / (having as f64 + 0.5)).ln()
    };
    let score = |number: usize, words: &BTreeSet<String>| {
        let shared: f64 = words.intersection(&wanted).map(weight).sum();
        // A long sentence has any word sooner or later; a passage that was found later fits less.
        shared / (8.0 + words.len() as f64).sqrt() / number.max(1) as f64
    };
    let mut scored: Vec<_> = found
        .iter()
        .map(|(number, place, words, text)| (score(*number, words), *number, *place, text))
        .collect();
    scored.sort_by(|a, b| {
        b.0.total_cmp(&a.0)
            .then_with(|| (a.1, a.2).cmp(&(b.1, b.2)))
    });
    let best = scored.first().map_or(0.0, |scored| scored.0);
    let mut chosen: Vec<(usize, usize, &String)> = Vec::new();
    for (score, number, place, text) in scored {
        let of_one = chosen.iter().filter(|(other, ..)| *other == number).count();
        let fits = score > 0.0 && score >= best * LEAST_OF_BEST;
        if fits && chosen.len() < most && of_one < MOST_OF_ONE {
            chosen.push((number, place, text));
        }
    }
    chosen.sort();
    let texts = chosen.into_iter();
    texts
        .map(|(number, _, text)| (number, text.clone()))
        .collect()
}

/// Says where the answer is, for a passage without a sentence for it: it is a table, a list, or code, of which the
/// first line is quoted.
fn pointer(given: &Given) -> String {
    let place = &given.citation;
    match first_command(&given.text) {
        Some(code) => format!("This is shown in `{place}`, which begins with `{code}`."),
        None => format!("This is explained in `{place}`."),
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
            .map(|given| stems(&format!("{POINTS} {} {}", given.text, given.citation)))
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
