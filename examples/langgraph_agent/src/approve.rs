//! The human who has the last word. Start at [`Decision::said`].

use serde::{Deserialize, Serialize};

/// Words that are a no and nothing else, also of people who fall back into their own language.
const NO: [&str; 7] = ["n", "no", "nope", "nein", "nee", "non", "never"];
/// Words that are a yes and nothing else.
const YES: [&str; 8] = ["", "y", "yes", "yep", "yeah", "ok", "okay", "ja"];

/// Who lets an answer out where no human is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approver {
    /// The program, because it was told to: `--yes`.
    Flag,
    /// The program, because nobody was asked.
    Nobody,
}

impl Approver {
    /// Lets the answer out, and says by whose word.
    pub fn decision(self) -> Decision {
        Decision::new(
            true,
            match self {
                Self::Flag => "approved by --yes",
                Self::Nobody => {
                    "approved by itself: nobody was asked (--interactive, at a terminal, asks you)"
                }
            },
        )
    }
}

/// What was said of a draft: it goes out, it does not, or the writer shall mind a comment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Whether the answer goes out.
    pub approved: bool,
    /// What the writer shall mind; then there is another draft.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// How it came about, for people.
    pub told: String,
}

impl Decision {
    /// Lets the answer out, or not.
    pub fn new(approved: bool, told: &str) -> Self {
        Self {
            approved,
            comment: None,
            told: told.to_owned(),
        }
    }

    /// Sends it back to the writer.
    pub fn comment(comment: &str) -> Self {
        Self {
            approved: false,
            comment: Some(comment.trim().to_owned()),
            told: format!("sent back to the writer: {}", comment.trim()),
        }
    }

    /// Reads what a human types: `y` or an empty line is a yes, `n` a no, anything else a comment. Who has gone says
    /// no.
    pub fn said(line: Option<&str>) -> Self {
        let Some(line) = line else {
            return Self::new(false, "rejected by you");
        };
        let word = line.trim().trim_end_matches(['.', '!']).to_lowercase();
        if YES.contains(&&*word) {
            Self::new(true, "approved by you")
        } else if NO.contains(&&*word) {
            Self::new(false, "rejected by you")
        } else {
            Self::comment(line)
        }
    }
}

/// Returns what a human is asked; what goes out beside the answer is named.
pub fn question(with_second_opinion: bool) -> &'static str {
    match with_second_opinion {
        true => {
            "Let this answer out, with the second opinion beside it? \
             [Y/n, or what the writer shall mind] "
        }
        false => "Let this answer out? [Y/n, or what the writer shall mind] ",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_human_says_yes_by_return_and_no_by_a_word_or_by_leaving() {
        for yes in ["", "Yes", " y ", "ok."] {
            assert!(Decision::said(Some(yes)).approved, "{yes:?}");
        }
        for no in [Some("n"), Some("NO"), Some("nein"), Some("Nope!"), None] {
            let decision = Decision::said(no);
            assert!(!decision.approved && decision.comment.is_none(), "{no:?}");
        }
    }

    #[test]
    fn anything_else_is_a_comment_and_lets_nothing_out() {
        let decision = Decision::said(Some(" no numbers, please "));
        assert_eq!(decision.comment.as_deref(), Some("no numbers, please"));
        assert!(!decision.approved);
    }

    #[test]
    fn what_goes_out_beside_the_answer_is_in_the_question() {
        assert!(question(true).contains("second opinion"));
        assert!(!question(false).contains("second opinion"));
    }
}
