//! Which calls are the same, and which need the answer of another.
//!
//! ```text
//! answers of the calls so far ─ what their callers knew ──► Answers: texts by how they begin, and words
//! inputs of the next call ────── every place is looked up ──► holds one? then it could not have begun before
//! ```

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::Value;

use crate::model::{JsonMap, Run, RunType};

/// Shortest text whose appearance in an input is no chance.
const TELLING: usize = 3;
/// Fewest characters of a word whose appearance in an input is no chance: a shorter one is in every sentence.
const WORD: usize = 4;
/// As many bytes of a text are looked up at once; shorter texts are looked up whole.
const HEAD: usize = 8;
/// Most bytes of answers that are kept, and of inputs that are searched, for one row of calls.
const MAX_BYTES: usize = 4 << 20;
/// Most texts that are compared for one row of calls: many may begin alike.
const MAX_COMPARED: usize = 4 << 20;

/// Returns true for work that leaves the process: what is worth doing at once, or only once.
pub(super) fn is_call(run: &Run) -> bool {
    matches!(
        run.run_type,
        RunType::Llm | RunType::Tool | RunType::Retriever | RunType::Embedding
    )
}

/// Returns a number that is the same for equal values, whatever the order of their keys.
pub(super) fn fingerprint(map: Option<&JsonMap>) -> Option<u64> {
    let map = map.filter(|map| !map.is_empty())?;
    let mut hasher = DefaultHasher::new();
    let mut keys: Vec<&String> = map.keys().collect();
    keys.sort_unstable();
    for key in keys {
        key.hash(&mut hasher);
        hash(&map[key], &mut hasher);
    }
    Some(hasher.finish())
}

fn hash(value: &Value, hasher: &mut DefaultHasher) {
    match value {
        Value::Object(map) => fingerprint(Some(map)).hash(hasher),
        Value::Array(items) => {
            items.len().hash(hasher);
            items.iter().for_each(|item| hash(item, hasher));
        }
        other => other.to_string().hash(hasher),
    }
}

/// What calls have answered so far that nobody had told them.
#[derive(Debug, Default)]
pub(super) struct Answers<'a> {
    by_head: HashMap<Vec<u8>, Vec<Cow<'a, str>>>,
    seen: HashSet<Cow<'a, str>>,
    /// Hashes of the words of answers that no call of the row had been given before.
    words: HashSet<u64>,
    /// Hashes of the words that calls of the row were given: their callers knew them.
    told: HashSet<u64>,
    /// Lengths of texts shorter than a head.
    short: [bool; HEAD],
    /// By the first two bytes: whether a text begins so. Most places of an input are done with that.
    begins: Vec<bool>,
    bytes: usize,
    compared: usize,
}

impl<'a> Answers<'a> {
    /// Takes in what a call said and was not given itself.
    pub(super) fn add(&mut self, inputs: &JsonMap, outputs: &'a JsonMap) {
        let mut known = HashSet::new();
        texts(inputs, |text| {
            self.told.extend(words(&text));
            known.insert(text.into_owned());
        });
        texts(outputs, |text| {
            if self.bytes > MAX_BYTES || known.contains(&*text) || self.seen.contains(&*text) {
                return;
            }
            self.bytes += text.len();
            let told = &self.told;
            self.words
                .extend(words(&text).filter(|word| !told.contains(word)));
            let head = &text.as_bytes()[..text.len().min(HEAD)];
            if head.len() < HEAD {
                self.short[head.len()] = true;
            }
            self.begins.resize(1 << 16, false);
            if let [first, second, ..] = head {
                self.begins[pair(*first, *second)] = true;
            }
            let alike = self.by_head.entry(head.to_vec()).or_default();
            alike.push(text.clone());
            self.seen.insert(text);
        });
    }

    /// Returns true if a later call was given something that only an earlier one had said, be it one word of
    /// its answer: then it could not have begun before. True as well if it would take too long to find out.
    pub(super) fn are_needed_by(&mut self, inputs: &JsonMap) -> bool {
        let mut is_needed = false;
        texts(inputs, |given| {
            is_needed = is_needed
                || self.are_in(&given)
                || words(&given).any(|word| self.words.contains(&word));
        });
        is_needed || self.bytes > MAX_BYTES
    }

    fn are_in(&mut self, given: &str) -> bool {
        self.bytes = self.bytes.saturating_add(given.len());
        if self.bytes > MAX_BYTES {
            return true;
        }
        let given = given.as_bytes();
        for from in 0..given.len() {
            let rest = &given[from..];
            let [first, second, ..] = rest else { break };
            if !self.begins.get(pair(*first, *second)).is_some_and(|it| *it) {
                continue;
            }
            let shorter = (TELLING..HEAD).filter(|length| self.short[*length]);
            for length in shorter.chain([HEAD]) {
                let alike = rest.get(..length).and_then(|head| self.by_head.get(head));
                let Some(alike) = alike else { continue };
                self.compared += alike.len();
                if self.compared > MAX_COMPARED
                    || alike.iter().any(|text| rest.starts_with(text.as_bytes()))
                {
                    return true;
                }
            }
        }
        false
    }
}

fn pair(first: u8, second: u8) -> usize {
    (usize::from(first) << 8) | usize::from(second)
}

/// Reads the words of a text that are long enough to tell something, as hashes, whatever their case. What is
/// joined by hyphens or underscores is one word, as ids are.
fn words(text: &str) -> impl Iterator<Item = u64> + '_ {
    let is_apart = |letter: char| !(letter.is_alphanumeric() || matches!(letter, '-' | '_'));
    let words = text.split(is_apart);
    let telling = words.filter(|word| word.chars().nth(WORD - 1).is_some());
    telling.map(|word| {
        let mut hasher = DefaultHasher::new();
        for letter in word.chars().flat_map(char::to_lowercase) {
            letter.hash(&mut hasher);
        }
        hasher.finish()
    })
}

/// Reads the texts and numbers of a value that are long enough to tell something, texts without the blanks
/// around them.
fn texts<'a>(map: &'a JsonMap, mut found: impl FnMut(Cow<'a, str>)) {
    let mut open: Vec<&Value> = map.values().collect();
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) => {
                let text = text.trim();
                if text.chars().nth(TELLING - 1).is_some() {
                    found(Cow::Borrowed(text));
                }
            }
            Value::Number(number) => {
                let number = number.to_string();
                if number.len() >= TELLING {
                    found(Cow::Owned(number));
                }
            }
            Value::Array(items) => open.extend(items),
            Value::Object(map) => open.extend(map.values()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> JsonMap {
        match value {
            Value::Object(map) => map,
            _ => JsonMap::new(),
        }
    }

    #[test]
    fn what_was_answered_is_found_wherever_it_stands_and_however_long_it_is() {
        let given = map(json!({"q": "which pages on baggage"}));
        let said = map(json!({"ids": ["p42", "page-of-seven", 1234, "pages"], "ok": true}));
        let mut answers = Answers::default();
        answers.add(&given, &said);
        for (later, is_needed) in [
            (json!({"q": "read p42"}), true),
            (json!({"q": "read page-of-seven, please"}), true),
            (json!({"deep": [{"id": 1234}]}), true),
            (json!({"q": "p4", "n": 12}), false),
            (json!({"q": "page-of-six"}), false),
            (json!({}), false),
        ] {
            assert_eq!(
                answers.are_needed_by(&map(later.clone())),
                is_needed,
                "{later}"
            );
        }
        let mut answers = Answers::default();
        let (known, echo) = (map(json!({"q": "p42"})), map(json!({"echo": "p42"})));
        answers.add(&known, &echo);
        assert!(!answers.are_needed_by(&known), "who asked knew it");
    }

    #[test]
    fn a_word_of_an_answer_is_found_unless_somebody_who_asked_knew_it() {
        let one = (
            map(json!({"q": "capital of France"})),
            map(json!({"answer": "The capital of France is Paris.\n"})),
        );
        let two = (
            map(json!({"q": "capital of Spain"})),
            map(json!({"answer": "madrid, as France has another"})),
        );
        let mut answers = Answers::default();
        answers.add(&one.0, &one.1);
        assert!(answers.are_needed_by(&map(json!({"q": "people in Paris"}))));
        assert!(!answers.are_needed_by(&two.0));
        answers.add(&two.0, &two.1);
        for (later, is_needed) in [
            (json!({"q": "MADRID: how many people?"}), true),
            (json!({"q": "capital of Italy, not France"}), false),
            (json!({"q": "Madrids"}), false),
            (json!({"q": "is the"}), false),
        ] {
            let later = map(later);
            assert_eq!(answers.are_needed_by(&later), is_needed, "{later:?}");
        }
        // Blanks around an answer are no part of it.
        let (none, said) = (JsonMap::new(), map(json!({"id": " p42\n"})));
        let mut answers = Answers::default();
        answers.add(&none, &said);
        assert!(answers.are_needed_by(&map(json!({"path": "/p42/"}))));
    }

    #[test]
    fn what_would_take_too_long_to_find_out_counts_as_needed() {
        let none = JsonMap::new();
        let long = |letter: &str| map(json!({ "text": letter.repeat(MAX_BYTES / 2 + 1) }));
        let mut answers = Answers::default();
        let (first, second) = (long("a"), long("b"));
        answers.add(&none, &first);
        assert!(!answers.are_needed_by(&map(json!({"q": "short"}))));
        answers.add(&none, &second);
        assert!(answers.are_needed_by(&map(json!({"q": "short"}))));
        // All begin alike, at every place.
        let many: Vec<String> = (0..4_000)
            .map(|number| format!("aaaaaaaa{number}"))
            .collect();
        let many = map(json!({ "texts": many }));
        let mut answers = Answers::default();
        answers.add(&none, &many);
        assert!(!answers.are_needed_by(&map(json!({"q": "aaaaaaaa"}))));
        assert!(answers.are_needed_by(&map(json!({ "q": "a".repeat(2_000) }))));
    }
}
