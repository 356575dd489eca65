//! What a passage says: its sentences, and the words of each.

use std::collections::BTreeSet;

use crate::corpus::without_links;
use crate::index::Terms;

/// Returns the words of a text without their endings, about as the index does.
pub(super) fn stems(text: &str) -> BTreeSet<String> {
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

/// What a sentence refers to that is not in the answer.
const ELSEWHERE: [&str; 12] = [
    "the cell",
    "this cell",
    "the next",
    "next cell",
    "below",
    "above",
    "this page",
    "you see",
    "as follows",
    "this section",
    "the figure",
    "the picture",
];

/// Returns the first line of the first piece of code that is no comment, if it can be quoted.
pub(super) fn first_command(text: &str) -> Option<String> {
    let (_, code) = text.split_once("```")?;
    let lines = code.split("```").next()?.lines().skip(1).map(str::trim);
    let told = lines.map(|line| line.split(" #").next().unwrap_or(line).trim());
    let mut commands = told.filter(|line| !line.is_empty() && !line.starts_with(['#', '/']));
    let command = commands.next()?;
    let fits = command.len() <= 80 && !command.contains(['`', '[', ']']);
    fits.then(|| command.to_owned())
}

/// Returns true if a sentence can stand alone.
fn stands_alone(sentence: &str) -> bool {
    let words = sentence.split(|letter: char| !letter.is_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let text = format!(" {} ", words.join(" ").to_lowercase());
    !ELSEWHERE
        .iter()
        .any(|phrase| text.contains(&format!(" {phrase} ")))
}

/// Cuts the prose of a passage into sentences: no code, no tables, no Markdown of emphasis, no numbers in brackets.
pub(super) fn sentences(text: &str) -> Vec<String> {
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
    // In an answer, only citations stand in brackets.
    let prose = without_links(&prose.replace("**", ""))
        .replace('[', "(")
        .replace(']', ")");
    let mut found = Vec::new();
    for paragraph in prose.lines() {
        let mut rest = paragraph.trim();
        while !rest.is_empty() {
            let ends = |at: &usize| {
                let after = rest[at + 1..].trim_start_matches([')', '*']);
                after.starts_with(' ')
            };
            let mut marks = rest.match_indices(['.', '?', '!']).map(|(at, _)| at);
            let end = marks.find(ends);
            let end = end.map_or(rest.len(), |at| {
                at + rest[at..].find(' ').unwrap_or(rest.len() - at)
            });
            let (sentence, after) = rest.split_at(end);
            rest = after.trim_start();
            let begins =
                sentence.starts_with(|letter: char| letter.is_uppercase() || letter == '`');
            // A question answers nothing; what ends otherwise goes on in a part that is cut off.
            let tells = sentence.split(' ').count() > 3 && sentence.ends_with(['.', '!']);
            let fits = begins && tells && stands_alone(sentence);
            found.extend(fits.then(|| sentence.replace('*', "")));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_sentences_of_the_prose_are_left() {
        let text = "A **layer** reads [the header](x.md#y), `a.b` too. (It counts.) Why?\n\n\
            ```rust\nlet code = 1. + 2.;\n```\n| a | table is. No sentence |\n\
            - Each item\n  is one by itself.\nThis one has no end:";
        assert_eq!(
            sentences(text),
            [
                "A layer reads the header, `a.b` too.",
                "Each item is one by itself."
            ]
        );
    }

    #[test]
    fn a_sentence_that_refers_to_what_is_not_in_the_answer_is_left_out() {
        let text = "Run the cell and wait for it. The run is below the root, always. The belows are kept here.\n\
            In the next part we go on.";
        assert_eq!(sentences(text), ["The belows are kept here."]);
    }

    #[test]
    fn of_code_the_first_line_that_does_something_is_quoted() {
        let text = "Type:\n```sh\n# first\ncargo workbook open   # it opens\n```\n";
        assert_eq!(first_command(text).as_deref(), Some("cargo workbook open"));
        for none in ["no code", "```\nlet a = x[0];\n```"] {
            assert_eq!(first_command(none), None, "{none}");
        }
    }

    #[test]
    fn a_word_is_the_same_with_and_without_its_ending() {
        assert_eq!(stems("Spawned tasks"), stems("the spawn of a task"));
    }
}
